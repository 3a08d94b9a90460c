/* SPDX-License-Identifier: Apache-2.0
 *
 * The start flow, shared by its files: start.c (steps), start_net.c (network and files),
 * start_child.c (the process M).
 */
#ifndef ONGGI_ENGINE_START_INT_H
#define ONGGI_ENGINE_START_INT_H

#include "engine/engine_int.h"
#include "engine/monitor.h"
#include "engine/user.h"
#include "spec/container_mode.h"

struct start {
	struct engine *eng;
	struct handle *h;
	const struct start_opt *opt;
	struct arena arena;
	const json_t *cfg, *hc;       /* of the record */
	bool tty;
	int run_fd;                   /* RUN/containers/ID */
	char *dir, *run_dir;          /* the same as paths */
	enum container_mode net;
	const char *network;          /* name, when net is CONTAINER_MODE_NETWORK */
	json_t *endpoint;             /* of network_prepare; NULL: none */
	int peer_fd[3];               /* namespaces of container:X: network, pid, ipc; -1: none */
	const char *peer_shm;
	const char *files_dir;        /* where hosts, hostname, resolv.conf lie */
	const char *hostname;
	struct mount_plan plan;
	struct user_info user;
	json_t *mounts;               /* of the user, sources ready */
	unsigned n_sub;               /* places inside volumes, mounted at RUN/containers/ID/sub-N */
	json_t *config;               /* OCI */
	struct monitor_stdio stdio;
	int listen;
	enum container_status before; /* this start */
	int64_t restart_delay_ms;     /* of the run before; kept for the next back-off */
};

int start_peers(struct start *s, struct err *e);
int start_network(struct start *s, struct err *e);
void start_network_undo(struct start *s);
int start_files(struct start *s, struct err *e);
int start_shm(struct start *s, struct err *e);
/** start_subpath - mount @m's "onggi.subpath" below its volume at a place of ours and make that its
 * source: nobody can put a link in its way later. */
int start_subpath(struct start *s, json_t *m, struct err *e);
/** start_process - fork M, which makes the container and becomes its monitor. */
int start_process(struct start *s, struct err *e);
/** run_mounts_release - take away what a start mounted below RUN/containers/ID: /dev/shm of a
 * shareable container, subpaths of volumes. Nothing when there is nothing. */
void run_mounts_release(const struct engine *eng, const char *id);

#endif
