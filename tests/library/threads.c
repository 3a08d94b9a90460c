/* SPDX-License-Identifier: Apache-2.0
 *
 * libonggi-runtime from several threads at once, with one struct onggi_runtime:
 *
 *   threads STATE-DIR BUNDLE PREFIX THREADS ROUNDS
 *
 * Every thread makes ROUNDS containers, and of each: create, start, exec, kill, wait, delete. All create
 * at once; then one after the other starts its own, while those of the others wait to be started: a
 * descriptor that went into the wrong child would make a start wait for ever. In odd rounds all start
 * at once too. Signal handlers must not run in children, SIGPIPE must not be left behind.
 */
#include <onggi/runtime.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct onggi_runtime *rt;
static pthread_barrier_t together;
static pthread_mutex_t alone = PTHREAD_MUTEX_INITIALIZER;
static atomic_int failures;
static const char *bundle, *prefix;
static int rounds;
static pid_t self;

static void handler(int sig)
{
	(void)sig;
	if (getpid() != self)
		_exit(99);
}

static int bad(const char *what, struct onggi_error *e)
{
	fprintf(stderr, "%s: %s\n", what, onggi_error_message(e));
	onggi_error_free(e);
	atomic_fetch_add(&failures, 1);
	return -1;
}

static int exec_true(const char *id)
{
	static const char *const argv[] = { "sh", "-c", "exit 7", NULL };
	struct onggi_process *p = NULL;
	struct onggi_error *e = NULL;
	struct onggi_exec *q = NULL;
	int status = -1;

	if (onggi_exec_new(id, &q, &e) < 0 || onggi_exec_set_args(q, argv) < 0 ||
	    onggi_runtime_exec(rt, q, &p, &e) < 0 || onggi_process_wait(p, &status, &e) < 0 || status != 7)
		(void)bad("exec", e);
	onggi_process_free(p);
	onggi_exec_free(q);
	return status == 7 ? 0 : -1;
}

static void one(int thread, int round)
{
	char id[128];
	struct onggi_create *q = NULL;
	struct onggi_process *p = NULL;
	struct onggi_error *e = NULL;
	int status = -1;

	snprintf(id, sizeof id, "%s-%d-%d", prefix, thread, round);
	if (onggi_create_new(id, bundle, &q, &e) < 0 || onggi_runtime_create(rt, q, &p, &e) < 0)
		(void)bad("create", e);
	/* the first process of a PID namespace does not die of a signal without a handler */
	if (p && onggi_runtime_kill(rt, id, SIGUSR1, 0, &e) < 0)
		(void)bad("kill", e);
	pthread_barrier_wait(&together);
	if (round % 2 == 0)
		pthread_mutex_lock(&alone);
	if (p && onggi_runtime_start(rt, id, &e) < 0)
		(void)bad("start", e);
	else if (p && exec_true(id) == 0) {
		if (onggi_runtime_kill(rt, id, SIGKILL, 0, &e) < 0 || onggi_process_wait(p, &status, &e) < 0 ||
		    onggi_runtime_delete(rt, id, 0, &e) < 0)
			(void)bad("end", e);
		else if (status != 128 + SIGKILL)
			(void)bad("status", NULL);
	}
	if (round % 2 == 0)
		pthread_mutex_unlock(&alone);
	pthread_barrier_wait(&together);
	onggi_process_free(p);
	onggi_create_free(q);
}

static void *work(void *arg)
{
	for (int i = 0; i < rounds; i++)
		one((int)(intptr_t)arg, i);
	return NULL;
}

int main(int argc, char **argv)
{
	struct onggi_error *e = NULL;
	pthread_t threads[64];
	sigset_t pending;

	if (argc != 6)
		return 2;
	int n = atoi(argv[4]);
	bundle = argv[2];
	prefix = argv[3];
	rounds = atoi(argv[5]);
	self = getpid();
	signal(SIGUSR1, handler);
	if (n < 1 || n > 64 || pthread_barrier_init(&together, NULL, (unsigned)n))
		return 2;
	if (onggi_runtime_new(&rt, &e) < 0 || onggi_runtime_set_root(rt, argv[1]) < 0)
		return 2;
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i))
			return 2;
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	sigpending(&pending);
	if (sigismember(&pending, SIGPIPE))
		(void)bad("a signal was left behind", NULL);
	onggi_runtime_free(rt);
	printf("%d failures\n", failures);
	return failures ? 1 : 0;
}
