/* SPDX-License-Identifier: Apache-2.0
 *
 * What a pull or push tells of its progress.
 */
#ifndef ONGGI_REGISTRY_TRANSFER_H
#define ONGGI_REGISTRY_TRANSFER_H

#include <pthread.h>
#include <stdint.h>

/* What one layer (or the whole) just reached; docker's words in front/image/progress.c. */
enum transfer_state {
	TRANSFER_NOTE,          /* text: a line about the whole */
	TRANSFER_RETRY,         /* text: "Retrying in 5 seconds", reason */
	PULL_LAYER_QUEUED,      /* "Pulling fs layer" */
	PULL_LAYER_WAITING,     /* "Waiting" */
	PULL_LAYER_DOWNLOADING, /* done_bytes of total_bytes */
	PULL_LAYER_REUSED,      /* done_bytes of total_bytes come from layers that are here */
	PULL_LAYER_WHOLE,       /* text: why parts that are here were no use */
	PULL_LAYER_DOWNLOADED,  /* "Download complete" */
	PULL_LAYER_EXTRACTING,  /* done_bytes of total_bytes (compressed) */
	PULL_LAYER_DONE,        /* "Pull complete" */
	PULL_LAYER_EXISTS,      /* "Already exists" */
	PUSH_LAYER_QUEUED,      /* "Preparing" */
	PUSH_LAYER_COMPRESSING, /* done_bytes of total_bytes (plain) */
	PUSH_LAYER_SENDING,     /* "Pushing", done_bytes of total_bytes */
	PUSH_LAYER_DONE,        /* "Pushed" */
	PUSH_LAYER_EXISTS,      /* "Layer already exists" */
	PUSH_LAYER_MOUNTED,     /* text: "Mounted from library/busybox" */
	PUSH_LAYER_SKIPPED,     /* "Skipped foreign layer" */
	TRANSFER_STATE_N,
};

struct transfer_event {
	enum transfer_state state;
	const char *layer;     /* 12 digits that name the layer; NULL for TRANSFER_NOTE */
	const char *text;
	int64_t done_bytes, total_bytes;
};

/** transfer_progress - told from any thread, one call at a time. */
typedef void transfer_progress(void *data, const struct transfer_event *ev);

/* Who is told, by many threads. */
struct transfer_teller {
	transfer_progress *progress; /* NULL: nobody */
	void *data;
	pthread_mutex_t lock;        /* PTHREAD_MUTEX_INITIALIZER */
};
/** transfer_emit - tell, one call at a time. transfer_note - a line about the whole, cut to 600 bytes. */
void transfer_emit(struct transfer_teller *t, const struct transfer_event *ev);
void transfer_note(struct transfer_teller *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
