/* SPDX-License-Identifier: Apache-2.0
 *
 * Many containers, some at a time: create, start, delete --force of each, as an engine would.
 *
 *   many COUNT JOBS BUNDLE PREFIX RUNTIME [ARG...]
 *
 * RUNTIME with its ARGs (--root ...) is a runtime with runc's command line. Prints "FAILED MS":
 * commands that failed (what they said goes to stderr) and the time of all in milliseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char **runtime;
static int runtime_n;

/* run RUNTIME with the words after it; returns whether it failed */
static int run(const char *const *words)
{
	char *argv[32];
	int n = 0, status = 0;

	for (; n < runtime_n; n++)
		argv[n] = runtime[n];
	while (*words)
		argv[n++] = (char *)(*words++);
	argv[n] = NULL;
	pid_t pid = vfork();
	if (!pid) {
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid < 0 || waitpid(pid, &status, 0) != pid || status;
}

/* every JOBS-th container from @first on; returns how many commands failed, at most 255 */
static int work(int first, int count, int jobs, const char *bundle, const char *prefix)
{
	int failed = 0;

	for (int i = first; i < count; i += jobs) {
		char id[128];
		snprintf(id, sizeof id, "%s-%d", prefix, i);
		failed += run((const char *[]){ "create", "--bundle", bundle, id, NULL });
		failed += run((const char *[]){ "start", id, NULL });
		failed += run((const char *[]){ "delete", "--force", id, NULL });
	}
	return failed > 255 ? 255 : failed;
}

int main(int argc, char **argv)
{
	struct timespec from, to;
	int failed = 0, status;

	if (argc < 6 || argc > 20) {
		fputs("usage: many COUNT JOBS BUNDLE PREFIX RUNTIME [ARG...]\n", stderr);
		return 125;
	}
	int count = atoi(argv[1]), jobs = atoi(argv[2]);
	runtime = argv + 5;
	runtime_n = argc - 5;
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < jobs; i++) {
		pid_t pid = fork();
		if (!pid)
			_exit(work(i, count, jobs, argv[3], argv[4]));
		failed += pid < 0;
	}
	while (wait(&status) > 0)
		failed += WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%d %lld\n", failed,
	       (long long)(to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
	return 0;
}
