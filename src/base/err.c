/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: see err.h. The map below is the only place that knows what a kind means outside.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/libc.h"

static const struct err_map map[E_KINDS] = {
	[E_NONE] = { "none", 200, 0, 0 },
	[E_INVALID] = { "invalid", 400, 3, 125 },
	[E_USAGE] = { "usage", 400, 3, 125 },
	[E_NOT_FOUND] = { "not-found", 404, 5, 125 },
	[E_CONFLICT] = { "conflict", 409, 6, 125 },
	[E_STATE] = { "state", 409, 9, 125 },
	[E_DENIED] = { "denied", 403, 7, 125 },
	[E_AUTH] = { "auth", 401, 16, 125 },
	[E_BUSY] = { "busy", 503, 14, 125 },
	[E_IO] = { "io", 500, 13, 125 },
	[E_NOSPACE] = { "no-space", 507, 8, 125 },
	[E_NOMEM] = { "no-memory", 500, 8, 125 },
	[E_CORRUPT] = { "corrupt", 500, 15, 125 },
	[E_UNSUPPORTED] = { "unsupported", 501, 12, 125 },
	[E_TIMEOUT] = { "timeout", 504, 4, 125 },
	[E_NETWORK] = { "network", 502, 14, 125 },
	[E_EXEC_MISSING] = { "exec-missing", 400, 9, 127 },
	[E_EXEC_DENIED] = { "exec-denied", 400, 9, 126 },
	[E_CANCELLED] = { "cancelled", 499, 1, 130 },
	[E_INTERNAL] = { "internal", 500, 13, 125 },
};

const struct err_map *err_map_of(enum err_kind kind)
{
	return &map[(unsigned)kind < E_KINDS ? kind : E_INTERNAL];
}

enum err_kind err_kind_parse(const char *name)
{
	for (int k = 1; k < E_KINDS; k++)
		if (!strcmp(map[k].name, name))
			return (enum err_kind)k;
	return E_NONE;
}

enum err_kind err_kind_of_errno(int eno)
{
	switch (eno) {
	case ENOENT:
	case ESRCH:
		return E_NOT_FOUND;
	case EEXIST:
	case EADDRINUSE:
		return E_CONFLICT;
	case EACCES:
	case EPERM:
	case EROFS:
		return E_DENIED;
	case ENOSPC:
	case EDQUOT:
		return E_NOSPACE;
	case ENOMEM:
		return E_NOMEM;
	case EBUSY:
	case EAGAIN:
		return E_BUSY;
	case EINVAL:
	case ENAMETOOLONG:
	case ERANGE:
		return E_INVALID;
	case ENOSYS:
	case EOPNOTSUPP:
	case EAFNOSUPPORT:
	case ENODEV:
		return E_UNSUPPORTED;
	case ETIMEDOUT:
		return E_TIMEOUT;
	case ECONNREFUSED:
	case ECONNRESET:
	case ENETUNREACH:
	case EHOSTUNREACH:
		return E_NETWORK;
	case ECANCELED:
		return E_CANCELLED;
	default:
		return E_IO;
	}
}

static int fill(struct err *e, enum err_kind kind, int eno, const char *fmt, va_list ap)
{
	if (eno <= 0)
		eno = EINVAL;
	if (e) {
		e->kind = kind;
		e->eno = eno;
		e->hint[0] = 0;
		(void)vsnprintf(e->chain, sizeof e->chain, fmt, ap); /* cut is fine */
	}
	return -eno;
}

int err_new(struct err *e, enum err_kind kind, int eno, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int r = fill(e, kind, eno, fmt, ap);
	va_end(ap);
	return r;
}

int err_sys(struct err *e, int eno, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int r = fill(e, err_kind_of_errno(eno), eno, fmt, ap);
	va_end(ap);
	if (e) {
		size_t n = strlen(e->chain);
		(void)snprintf(e->chain + n, sizeof e->chain - n, ": %s", libc_error_text(-r));
		/* docker's clients match these words in lower case */
		if (n + 2 < sizeof e->chain && e->chain[n + 2] >= 'A' && e->chain[n + 2] <= 'Z' &&
		    e->chain[n + 3] >= 'a' && e->chain[n + 3] <= 'z')
			e->chain[n + 2] = (char)(e->chain[n + 2] - 'A' + 'a');
	}
	return r;
}

bool err_is_damage(const struct err *e)
{
	return e->kind == E_NOT_FOUND || e->kind == E_CORRUPT || e->kind == E_INVALID;
}

int err_ctx(struct err *e, const char *fmt, ...)
{
	char old[sizeof e->chain];
	va_list ap;

	if (!e)
		return -EINVAL;
	memcpy(old, e->chain, sizeof old);
	va_start(ap, fmt);
	(void)vsnprintf(e->chain, sizeof e->chain, fmt, ap);
	va_end(ap);
	size_t n = strlen(e->chain);
	(void)snprintf(e->chain + n, sizeof e->chain - n, ": %s", old);
	return e->eno > 0 ? -e->eno : -EINVAL;
}

void err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e || e->hint[0])
		return;
	va_start(ap, fmt);
	(void)vsnprintf(e->hint, sizeof e->hint, fmt, ap);
	va_end(ap);
}

void err_clear(struct err *e)
{
	e->kind = E_NONE;
	e->eno = 0;
	e->chain[0] = e->hint[0] = 0;
}
