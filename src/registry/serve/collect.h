/* SPDX-License-Identifier: Apache-2.0
 *
 * What is taken out of the folder of a registry again, also while servers work on it: see serve_int.h for the locks.
 *
 *   collect.c  what nobody names any more, on demand (`registry gc`)
 *   shrink.c   what nobody has asked a cache for in a while, or for longest
 *   keeper.c   the thread of a server that does such things now and then
 */
#ifndef ONGGI_REGISTRY_SERVE_COLLECT_H
#define ONGGI_REGISTRY_SERVE_COLLECT_H

#include "registry/serve/serve_int.h"

struct collect_req {
	int64_t keep_s;    /* what was pushed or asked for in so many seconds stays: a push may be about to name it */
	bool untagged;     /* also manifests that no tag leads to: neither by itself, nor by an index, nor as a subject */
	bool dry_run;
	/* told of each that goes; @repo NULL: a blob and its @bytes, which no repository has any more; may be NULL */
	void (*removed)(void *data, const char *repo, const char *digest, uint64_t bytes);
	void *data;
};

struct collect_result {
	size_t manifests, links, blobs;
	uint64_t bytes;    /* of the blobs */
};

/** depot_collect - E_CORRUPT: a manifest cannot be read, so what it names is not known; nothing more is removed. */
int depot_collect(const struct depot *d, const struct collect_req *q, struct collect_result *ret, struct err *e);
/** depot_shrink - of a cache: what was not asked for in @ttl_s seconds (0: no matter), then what was not asked for
 * for longest until all is at most @max_bytes (0: no matter), nine tenths of it when it was more. *ret_bytes: what is
 * left. All of it can be fetched again. */
int depot_shrink(const struct depot *d, int64_t ttl_s, uint64_t max_bytes, uint64_t *ret_bytes, struct err *e);

/** depot_each_repo - call @each for every repository, until it fails. */
int depot_each_repo(const struct depot *d, int (*each)(void *data, const char *name, int xrepo, struct err *e),
		    void *data, struct err *e);
/** depot_sweep - remove blobs that no repository has. @spare (may be NULL): links "REPO/KEY" that do not count. @q
 * (may be NULL) and @ret as above. */
int depot_sweep(const struct depot *d, const json_t *spare, const struct collect_req *q, struct collect_result *ret,
		struct err *e);
/** depot_expire - files of @dir ("uploads", "tmp") that nobody has written to for @seconds, and that nobody works on. */
void depot_expire(const struct depot *d, const char *dir, int64_t seconds);

/* ---- keeper.c ---- */

struct keeper;
int keeper_open(struct serve *s, struct keeper **ret, struct err *e);
/** keeper_close - waits for its thread. NULL is fine. */
void keeper_close(struct keeper *k);
/** keeper_note - @bytes more are kept. */
void keeper_note(struct keeper *k, uint64_t bytes);

#endif
