/* SPDX-License-Identifier: Apache-2.0
 *
 * libonggi-runtime: errors. The numbers of kinds are part of the ABI, those inside are not.
 */
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "front/library/library.h"

struct onggi_error {
	struct err e;
	char *phrases; /* the chain with zero bytes in the places of its ": " */
	size_t n;
};

static const enum onggi_error_kind kinds[E_KINDS] = {
	[E_NONE] = ONGGI_ERROR_NONE,
	[E_INVALID] = ONGGI_ERROR_INVALID,
	[E_USAGE] = ONGGI_ERROR_INVALID,
	[E_NOT_FOUND] = ONGGI_ERROR_NOT_FOUND,
	[E_CONFLICT] = ONGGI_ERROR_CONFLICT,
	[E_STATE] = ONGGI_ERROR_STATE,
	[E_DENIED] = ONGGI_ERROR_DENIED,
	[E_AUTH] = ONGGI_ERROR_DENIED,
	[E_BUSY] = ONGGI_ERROR_BUSY,
	[E_IO] = ONGGI_ERROR_IO,
	[E_NOSPACE] = ONGGI_ERROR_NO_SPACE,
	[E_NOMEM] = ONGGI_ERROR_NO_MEMORY,
	[E_CORRUPT] = ONGGI_ERROR_CORRUPT,
	[E_UNSUPPORTED] = ONGGI_ERROR_UNSUPPORTED,
	[E_TIMEOUT] = ONGGI_ERROR_TIMEOUT,
	[E_NETWORK] = ONGGI_ERROR_NETWORK,
	[E_EXEC_MISSING] = ONGGI_ERROR_EXEC_MISSING,
	[E_EXEC_DENIED] = ONGGI_ERROR_EXEC_DENIED,
	[E_CANCELLED] = ONGGI_ERROR_CANCELLED,
	[E_INTERNAL] = ONGGI_ERROR_INTERNAL,
};

/* for which there is no memory: never freed, never written */
static const struct onggi_error out_of_memory = {
	.e = { .kind = E_NOMEM, .eno = ENOMEM, .chain = "out of memory" },
};

static void phrases_part(struct onggi_error *o)
{
	bool quoted = false;
	char *to = o->phrases;

	for (const char *p = o->e.chain; *p; p++) {
		quoted ^= *p == '"';
		if (!quoted && p[0] == ':' && p[1] == ' ') {
			*to++ = 0;
			o->n++;
			p++;
		} else
			*to++ = *p;
	}
	*to = 0;
	o->n++;
}

int error_give(const struct err *e, struct onggi_error **err)
{
	struct onggi_error *o;
	int r = e->eno > 0 ? -e->eno : -EIO;

	if (!err)
		return r;
	o = calloc(1, sizeof *o);
	if (o)
		o->phrases = malloc(strlen(e->chain) + 1);
	if (!o || !o->phrases) {
		free(o);
		*err = (struct onggi_error *)&out_of_memory;
		return r;
	}
	o->e = *e;
	phrases_part(o);
	*err = o;
	return r;
}

int error_null(const char *what, struct onggi_error **err)
{
	struct err e;

	(void)err_new(&e, E_INVALID, EINVAL, "%s is missing", what);
	return error_give(&e, err);
}

enum onggi_error_kind onggi_error_kind(const struct onggi_error *e)
{
	return !e ? ONGGI_ERROR_NONE :
	       (unsigned)e->e.kind < E_KINDS ? kinds[e->e.kind] : ONGGI_ERROR_INTERNAL;
}

const char *onggi_error_kind_name(const struct onggi_error *e)
{
	enum err_kind k = e ? e->e.kind : E_NONE;

	/* one number of the ABI, one name */
	return err_map_of(k == E_USAGE ? E_INVALID : k == E_AUTH ? E_DENIED : k)->name;
}

int onggi_error_errno(const struct onggi_error *e)
{
	return e ? e->e.eno > 0 ? e->e.eno : EIO : 0;
}

const char *onggi_error_message(const struct onggi_error *e)
{
	return e ? e->e.chain : "";
}

const char *onggi_error_phrase(const struct onggi_error *e, size_t i)
{
	if (!e)
		return NULL;
	if (!e->phrases)
		return i ? NULL : e->e.chain;
	const char *p = e->phrases;
	if (i >= e->n)
		return NULL;
	while (i--)
		p += strlen(p) + 1;
	return p;
}

const char *onggi_error_hint(const struct onggi_error *e)
{
	return e ? e->e.hint : "";
}

int onggi_error_exit_code(const struct onggi_error *e)
{
	return e ? err_map_of(e->e.kind)->exit : 0;
}

void onggi_error_free(struct onggi_error *e)
{
	if (!e || e == &out_of_memory)
		return;
	free(e->phrases);
	free(e);
}
