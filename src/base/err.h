/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: one fixed-size value that every fallible function fills.
 *
 * The kind is chosen where the error happens; each layer above adds one phrase
 * "verb object"; a hint says what the user can do. Nothing here allocates, so an
 * error crosses a clone() by one write() of the whole struct. One table maps a kind
 * to HTTP status, gRPC code and exit code. Nothing below src/front prints it.
 */
#ifndef ONGGI_BASE_ERR_H
#define ONGGI_BASE_ERR_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

enum err_kind {
	E_NONE = 0,
	E_INVALID,      /* an argument, field or file content is wrong */
	E_USAGE,        /* the command line is wrong */
	E_NOT_FOUND,    /* a named object does not exist */
	E_CONFLICT,     /* name or port taken, object in use */
	E_STATE,        /* the object is in the wrong state for this */
	E_DENIED,       /* permission denied by kernel or policy */
	E_AUTH,         /* credentials missing or refused */
	E_BUSY,         /* try again later */
	E_IO,           /* the operating system refused */
	E_NOSPACE,      /* disk, inodes, quota or address pool is full */
	E_NOMEM,        /* out of memory */
	E_CORRUPT,      /* stored or received data is not what it claims to be */
	E_UNSUPPORTED,  /* kernel, build or host lacks it */
	E_TIMEOUT,      /* no answer in time */
	E_NETWORK,      /* a peer cannot be reached or broke off */
	E_EXEC_MISSING, /* the command of a container does not exist: exit 127 */
	E_EXEC_DENIED,  /* the command of a container cannot be executed: exit 126 */
	E_CANCELLED,    /* ended on request */
	E_INTERNAL,     /* a fault of ours */
	E_KINDS
};

struct err {
	enum err_kind kind;
	int eno;         /* positive errno, never 0 in a filled error */
	char chain[768]; /* outermost phrase first, joined by ": " */
	char hint[256];  /* what the user can do; may be empty */
};

/** err_is_damage - the object is missing or is not what it should be, and will be so when it is looked at again. All
 * else says something of the host or of us (too many open files, memory, a disk that is full), nothing of the object. */
bool err_is_damage(const struct err *e);

struct err_map {
	const char *name; /* as printed in JSON: "not-found" */
	short http, grpc, exit;
};

/** err_new - fill @e with a new error
 * @kind class of the fault   @eno positive errno; 0 means EINVAL   @fmt phrase, no final dot
 * The words of @eno are not added: err_sys does that.
 * Returns -eno, always negative. CHILD_SAFE: yes (vsnprintf into fixed memory). */
int err_new(struct err *e, enum err_kind kind, int eno, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** err_sys - err_new with the kind derived from errno @eno (ENOENT: not-found, EACCES and EPERM:
 * denied, ENOSPC: no-space, ...) and ": strerror" appended. Returns -eno. */
int err_sys(struct err *e, int eno, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** err_ctx - put one phrase before the chain of a filled error. Returns -e->eno. */
int err_ctx(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** err_hint - set the hint unless a lower layer already gave one. */
void err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** err_clear - make @e an empty error again. */
void err_clear(struct err *e);

/** err_map_of - the row of a kind in the one map for every front end. Never NULL. */
const struct err_map *err_map_of(enum err_kind kind);

/** err_kind_of_errno - the kind that a bare errno stands for. */
enum err_kind err_kind_of_errno(int eno);

/** err_kind_parse - inverse of err_map_of()->name; E_NONE when unknown. */
enum err_kind err_kind_parse(const char *name);

#endif
