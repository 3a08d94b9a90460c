/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the process that shows layers: serve.c starts it, keeps it and ends it, show.c has what it shows, work.c is the
 * pull behind it.
 */
#ifndef ONGGI_REGISTRY_LAZY_SERVE_INT_H
#define ONGGI_REGISTRY_LAZY_SERVE_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "format/json.h"
#include "registry/client.h"
#include "registry/lazy/fuse.h"
#include "registry/lazy/lazy_int.h"
#include "spec/digest.h"
#include "store/lease.h"

enum { SHOW_THREADS = 8 };

/* What is shown: the layers of one image. */
struct show {
	const struct store *store;
	const json_t *record;             /* borrowed */
	struct lazy_image img;
	struct chunk_layer *spaces;       /* by layer; empty ones of layers that are here */
	struct fstree top;                /* its root has one directory per late layer, by chain ID */
	struct fuse_tree *tree;
	struct chunks *chunks;
	struct registry_config config;
	struct registry *registry;
	pthread_mutex_t lock;
	struct http *idle[SHOW_THREADS];  /* connections that nobody uses just now */
	size_t n_idle;
	struct fuse_files files;
};

/** show_open - trees and content of the late layers of @record. Zeroed, @ret may be given to show_close() in any case. */
int show_open(const struct store *s, const json_t *record, struct show *ret, struct err *e);
void show_close(struct show *v);
/** show_lowers - what the file "lowers" of store/lazy.h says. */
int show_lowers(const struct show *v, struct buf *out, struct err *e);
/** show_log - one line with the time. */
void show_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* what the keeper and the processes that it starts one after the other tell each other */
struct serve_shared {
	atomic_bool ready;     /* somebody shows the layers, and new containers may come */
	atomic_bool withdrawn; /* none may any more: the image is whole, or nobody wants it */
	atomic_bool resend;    /* the kernel gives requests again that a process was killed with */
};

struct serve {
	const struct store *store;
	char top[DIGEST_TEXT_MAX];
	json_t *record;            /* of the image whose layers are shown */
	struct serve_shared *shared;
	struct lease lease;        /* of the tables of contents: what is shown can be shown again by another process */
	int begin, served;         /* locks */
	int fuse;                  /* the connection, of keeper and process */
	int answer;                /* where this process reads: the connection, or a second one to the same file system */
	struct buf lowers;
	struct show show;
	pthread_t threads[SHOW_THREADS];
	size_t n_threads;
};

/** work_run - pull what is shown and register it, until that is done or nobody wants it any more; then no new containers. */
void work_run(struct serve *v);

#endif
