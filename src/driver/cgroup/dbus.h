/* SPDX-License-Identifier: Apache-2.0
 *
 * As much of a D-Bus client as it takes to ask systemd for a scope: method calls with their
 * replies, and waiting for one signal, over a socket. No library: it would be mapped by every
 * start, for the hosts that do not use it as well.
 */
#ifndef ONGGI_DRIVER_CGROUP_DBUS_H
#define ONGGI_DRIVER_CGROUP_DBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct dbus {
	int fd;
	uint32_t serial;
	bool bus; /* a message bus between us and systemd, not systemd itself */
};

enum dbus_type { DBUS_CALL = 1, DBUS_RETURN = 2, DBUS_ERROR = 3, DBUS_SIGNAL = 4 };

struct dbus_message {
	enum dbus_type type;
	uint32_t reply_to;
	char member[64], error[128];
	char *body; /* heap, owned */
	size_t n;
};

struct dbus_call {
	const char *destination, *path, *interface, *member, *signature;
	const struct buf *body; /* NULL: no arguments */
};

/** dbus_open - connect to the socket @path and authenticate as this user; on a @bus say Hello. */
int dbus_open(const char *path, bool bus, struct dbus *ret, struct err *e);
void dbus_close(struct dbus *d);
/** dbus_call - call and wait for the reply. An error reply becomes @e with its name and text, and
 * ret->error is set. Signals that come before are dropped. dbus_message_done in any case. */
int dbus_call(struct dbus *d, const struct dbus_call *c, struct dbus_message *ret, struct err *e);
/** dbus_next - next message of any kind, at most until @deadline_ns (clock_mono_ns). */
int dbus_next(struct dbus *d, int64_t deadline_ns, struct dbus_message *ret, struct err *e);
void dbus_message_done(struct dbus_message *m);

/* writing: alignment counts from the start of the buffer */
void dbus_put_align(struct buf *b, size_t n);
void dbus_put_u32(struct buf *b, uint32_t v);
void dbus_put_u64(struct buf *b, uint64_t v);
void dbus_put_string(struct buf *b, const char *s);
void dbus_put_signature(struct buf *b, const char *s);
/** dbus_array_begin, dbus_array_end - an array whose members are aligned to @align. */
size_t dbus_array_begin(struct buf *b, size_t align);
void dbus_array_end(struct buf *b, size_t begin, size_t align);

/** dbus_get_u32, dbus_get_string - read at *@at and go on; false when the body ends before. The
 * string is borrowed from @m. */
bool dbus_get_u32(const struct dbus_message *m, size_t *at, uint32_t *ret);
bool dbus_get_string(const struct dbus_message *m, size_t *at, const char **ret);

#endif
