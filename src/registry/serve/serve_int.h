/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the registry server: see serve.h. The folder of --root:
 *
 *   blobs/ALGO/HEX             content, shared by all repositories: layers, configs, manifests (store/blob.h)
 *   tmp/                       blobs being written (manifests)
 *   uploads/ID                 bytes of an upload; goes on after a restart
 *   lock                       shared: while a blob gets its link; exclusive: while unlinked blobs are removed
 *   repositories/NAME/         NAME with '+' for '/'
 *     lock                     exclusive: while manifests and tags change
 *     blobs/ALGO-HEX           the repository has this blob; empty, its time is that of the last use
 *     manifests/ALGO-HEX       it has this manifest; holds the media type
 *     tags/TAG                 holds the digest of a manifest
 *     referrers/SUBJECT/ALGO-HEX  descriptor of a manifest of that subject; counts when the manifest is there
 */
#ifndef ONGGI_REGISTRY_SERVE_INT_H
#define ONGGI_REGISTRY_SERVE_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"
#include "format/http_request.h"
#include "registry/serve/serve.h"
#include "spec/digest.h"
#include "spec/manifest.h"
#include "spec/reference.h"
#include "store/blob.h"
#include "store/store.h"

/* ---- depot.c: the folder ---- */

struct depot {
	struct store store; /* only its root; blobs are kept by store/blob.h */
};
int depot_open(const char *root, struct depot *ret, struct err *e);
void depot_close(struct depot *d);

enum { DEPOT_KEY_MAX = DIGEST_TEXT_MAX };
/** depot_key - "sha256-HEX" of a valid digest: a name of a file. */
void depot_key(const char *digest, char out[DEPOT_KEY_MAX]);
/** depot_key_digest - its digest; false: the file has another name. */
bool depot_key_digest(const char *key, char out[DIGEST_TEXT_MAX]);

/** repo_open - folder of repository @name, which is valid. @make: when it is missing. E_NOT_FOUND. */
int repo_open(const struct depot *d, const char *name, bool make, int *ret_fd, struct err *e);
/** repo_lock - for changes of manifests and tags; closing @ret_fd lets go. */
int repo_lock(int xrepo, int *ret_fd, struct err *e);

/** repo_has_blob - size of a blob that the repository has, else -ENOENT. */
int64_t repo_has_blob(const struct depot *d, int xrepo, const char *digest);
/** repo_link_blob - the repository has @digest from now on. 1: done | 0: there is no such blob. */
int repo_link_blob(const struct depot *d, int xrepo, const char *digest, struct err *e);
/** repo_commit_blob - give a written blob its name and link it. @w is closed in any case; E_CORRUPT when it is not
 * @digest. Bytes are on disk before the name is there. */
int repo_commit_blob(const struct depot *d, int xrepo, struct blob_writer *w, const char *digest, struct err *e);
/** repo_sync - what was removed of manifests and tags stays so: before their bytes go. */
int repo_sync(int xrepo, struct err *e);
int repo_unlink_blob(int xrepo, const char *digest, struct err *e);

/** repo_tag_get - digest that a tag names. E_NOT_FOUND. */
int repo_tag_get(int xrepo, const char *tag, char ret[DIGEST_TEXT_MAX], struct err *e);
int repo_tag_set(int xrepo, const char *tag, const char *digest, struct err *e);
int repo_tag_remove(int xrepo, const char *tag, struct err *e);
/** repo_manifest_type - media type of a manifest that the repository has. E_NOT_FOUND. */
int repo_manifest_type(int xrepo, const char *digest, char ret[128], struct err *e);

/** names_list - names of plain files below folder @dir of @xrepo, sorted, without those that begin with a dot.
 * A missing folder has none. Heap array of heap strings. */
int names_list(int xrepo, const char *dir, char ***ret, size_t *ret_n, struct err *e);
void names_sort(char **names, size_t n);
void names_free(char **names, size_t n);

/* ---- uploads ---- */

enum { UPLOAD_ID_MAX = 64, UPLOAD_HASHES = 64 };

/* the digest of an upload so far, so that its end need not read it all again; lost with the process */
struct upload_hash {
	char id[UPLOAD_ID_MAX];
	struct hash hash;
	uint64_t size_bytes;
};

/* ---- serve.c ---- */

struct conn;
struct cache;
struct keeper;
struct passwords;
struct tls;
struct ssl_st;
struct download;
struct http;

struct serve {
	const struct serve_req *req;
	struct depot depot;
	struct cache *cache;     /* NULL: the registry is no pull-through cache */
	struct keeper *keeper;   /* NULL: nothing is ever removed (--read-only) */
	struct passwords *passwords; /* NULL: anybody may ask */
	struct tls *tls;         /* NULL: plain http */
	int wake_fd;             /* eventfd: a connection has gone */
	pthread_mutex_t lock;    /* of what follows */
	struct conn *conns;
	unsigned n_conns;
	bool stopping;
	struct upload_hash hashes[UPLOAD_HASHES];
	unsigned next_hash;
};

/* ---- conn.c, body.c, reply.c ---- */

enum { CONN_BUFFER_BYTES = 64 << 10 };

enum body_kind { BODY_NONE, BODY_LENGTH, BODY_CHUNKS };

struct reply {
	int status;
	struct buf headers; /* "Name: value\r\n" each */
	struct buf body;
	int fd;             /* >= 0: the body is @n bytes of it from @from on; owned */
	uint64_t from, n;
	struct download *download; /* the same of a blob that is on its way; owned */
};

struct conn {
	struct serve *s;
	struct conn *next, **prev; /* of s->conns */
	int fd;
	struct ssl_st *tls;        /* NULL: plain http */
	struct http *http;         /* to upstream, NULL until it is needed */
	bool idle;                 /* under s->lock: waits for a request, may be shut down */
	char peer[72];             /* "127.0.0.1:40000" */
	struct http_request req;
	char *head;                /* HTTP_REQUEST_HEAD_MAX + 1 bytes: what req points into */
	char line[200];            /* method and target for the log */
	char *in;                  /* CONN_BUFFER_BYTES */
	size_t in_at, in_n;        /* unread bytes in @in: from in_at up to in_n */
	enum body_kind body;
	uint64_t body_left;        /* BODY_LENGTH */
	struct http_chunks chunks;
	bool body_broken;          /* it ended too early, or is malformed */
	uint64_t body_pace;        /* bytes of the body since body_until was set */
	int64_t body_until_ns;     /* when the next of them have to be here */
	uint64_t sent_bytes;       /* of the body of the reply */
};

/* ---- conn_io.c: bytes in and out, with the time that they may take ---- */

enum {
	IDLE_S = 75,         /* a connection between two requests */
	HEAD_S = 20,         /* a head from its first byte to its last */
	STALL_S = 60,        /* in which something has to move */
	PACE_BYTES = 4096,   /* of a body in STALL_S */
};

/** conn_secure - the handshake of TLS, where the server has it. E_NETWORK, E_TIMEOUT: there will be no requests. */
int conn_secure(struct conn *c, struct err *e);
/** conn_fill - more bytes into the empty buffer @c->in until @until_ns (clock_mono_ns). 1 | 0: the client has closed
 * | E_TIMEOUT, E_NETWORK. */
int conn_fill(struct conn *c, int64_t until_ns, struct err *e);
/** conn_send - all of @p. E_NETWORK, E_TIMEOUT: the connection is of no use any more. */
int conn_send(struct conn *c, const void *p, size_t n, struct err *e);
/** conn_send_file - @n bytes of @xfd from @from on. */
int conn_send_file(struct conn *c, int xfd, uint64_t from, uint64_t n, struct err *e);
/** conn_end - after the last reply: the client can read it all although it may be sending still. */
void conn_end(struct conn *c);

/** conn_run - all requests of one connection. */
void conn_run(struct conn *c);

/** body_next - the next bytes of the request's body: 1: *ret_n > 0 bytes at *ret, valid until the next call | 0: end
 * | E_NETWORK, E_TIMEOUT, E_CORRUPT: it will not come. */
int body_next(struct conn *c, const char **ret, size_t *ret_n, struct err *e);
/** body_read - all of it, at most @max bytes. 1: it is longer. */
int body_read(struct conn *c, size_t max, struct buf *ret, struct err *e);

/** reply_header - add one header line. reply_error - the spec's body of errors; returns 0. */
void reply_header(struct reply *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int reply_error(struct reply *r, int status, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/** reply_json - @j (taken over) as body. */
int reply_json(struct reply *r, int status, const char *type, json_t *j, struct err *e);

/* ---- route.c ---- */

struct route {
	const char *name; /* of the repository, valid; NULL: the whole registry */
	const char *ref;  /* tag, digest or ID of an upload; "" when none */
};

/** route_run - answer the request of @c. 0: @r is filled | negative: nothing can be said but that it failed. */
int route_run(struct conn *c, struct reply *r, struct err *e);

/* what answers; same results as route_run */
typedef int handler(struct conn *c, const struct route *to, struct reply *r, struct err *e);
handler blob_get, blob_delete;                                               /* blobs.c */
handler upload_start, upload_patch, upload_put, upload_status, upload_cancel; /* uploads.c */
handler manifest_get, manifest_put, manifest_delete;                         /* manifests.c */
handler tags_list, catalog_list, referrers_list;                             /* lists.c */

/** manifest_store - keep manifest @m, whose bytes are @body, under @digest and (NULL: none) @tag; what it names is not
 * looked for. Under the repository's lock. */
int manifest_store(struct conn *c, int xrepo, const char *tag, const struct buf *body, const struct manifest *m,
		   const char *digest, struct err *e);
/** manifest_remove - with the tags that name it, and out of the list of its subject. Under the repository's lock.
 * E_NOT_FOUND. */
int manifest_remove(const struct depot *d, int xrepo, const char *digest, struct err *e);
/** referrer_descriptor - what the list says of manifest @m of @n bytes. Caller owns; NULL: no memory. */
json_t *referrer_descriptor(const struct manifest *m, size_t n, const char *digest);

#endif
