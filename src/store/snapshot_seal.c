/* SPDX-License-Identifier: Apache-2.0
 *
 * Seals of archives and indexes: see snapshot_seal.h.
 */
#include "store/snapshot_seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "store/snapshot.h"
#include "store/snapshot_index.h"
#include "sys/verity.h"

enum { NAME_SPACE = SNAPSHOT_PATH_MAX + 24 };

const char *const seal_words[SEAL_WISH_N] = { [SEAL_AUTO] = "auto", [SEAL_ON] = "on", [SEAL_OFF] = "off" };

int seal_wish(enum seal_wish *ret, struct err *e)
{
	const char *text = getenv(SEAL_VARIABLE);

	*ret = SEAL_AUTO;
	if (!text || !*text)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(seal_words); i++)
		if (!strcmp(text, seal_words[i])) {
			*ret = (enum seal_wish)i;
			return 0;
		}
	return err_new(e, E_INVALID, EINVAL, SEAL_VARIABLE ": \"%s\" is none of auto, on, off", text);
}

int seal_probe(const struct store *s, struct err *e)
{
	char none[VERITY_TEXT_MAX];
	enum seal_wish wish;

	if (seal_wish(&wish, e) < 0)
		return -e->eno;
	if (wish != SEAL_ON || verity_measure(s->root_fd, none, e) >= 0)
		return 0;
	err_hint(e, SEAL_VARIABLE "=auto goes on without it");
	return err_ctx(e, SEAL_VARIABLE "=on");
}

static int name_of(const char *chain_id, const char *name, const char *what, char out[NAME_SPACE], struct err *e)
{
	char path[SNAPSHOT_PATH_MAX];

	if (snapshot_path(chain_id, path, e) < 0)
		return -e->eno;
	(void)snprintf(out, NAME_SPACE, "%s/%s%s", path, name, what);
	return 0;
}

/* "" when there is no note */
static int note_read(const struct store *s, const char *chain_id, const char *name, char out[VERITY_TEXT_MAX],
		     struct err *e)
{
	char path[NAME_SPACE];
	OWN_STR text = NULL;
	struct err own = { 0 };

	*out = 0;
	if (name_of(chain_id, name, ".verity", path, e) < 0)
		return -e->eno;
	if (io_read_file(s->root_fd, path, VERITY_TEXT_MAX, &text, NULL, &own) < 0) {
		if (own.eno == ENOENT)
			return 0;
		*e = own;
		return -e->eno;
	}
	text[strcspn(text, "\n")] = 0;
	/* one that was cut off is a note all the same, like which no measurement is */
	(void)snprintf(out, VERITY_TEXT_MAX, "%s", *text ? text : "nothing");
	return 0;
}

int seal_forget(const struct store *s, const char *chain_id, const char *name, struct err *e)
{
	char path[NAME_SPACE];

	if (name_of(chain_id, name, ".verity", path, e) < 0)
		return -e->eno;
	return unlinkat(s->root_fd, path, 0) < 0 && errno != ENOENT ? err_sys(e, errno, "remove %s", path) : 0;
}

/* seal @xfd and note it. Of two that do it at the same time the second finds it done. */
static int put(const struct store *s, const char *chain_id, const char *name, int xfd, bool durable, struct err *e)
{
	char path[NAME_SPACE], is[VERITY_TEXT_MAX], was[VERITY_TEXT_MAX], line[VERITY_TEXT_MAX + 1];

	if (name_of(chain_id, name, ".verity", path, e) < 0)
		return -e->eno;
	while (flock(xfd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(e, errno, "lock %s/%s", chain_id, name);
	int r = verity_enable(xfd, e);
	if (r == 0)
		r = verity_measure(xfd, is, e);
	if (r == 0)
		r = err_new(e, E_INTERNAL, ENODATA, "fs-verity: enabled, and is not there");
	if (r > 0)
		r = note_read(s, chain_id, name, was, e);
	/* the note may not reach the disk before what it says */
	if (r == 0 && strcmp(is, was) != 0 && durable && fsync(xfd) < 0)
		r = err_sys(e, errno, "sync");
	if (r == 0 && strcmp(is, was) != 0) {
		int n = snprintf(line, sizeof line, "%s\n", is);
		r = io_replace_file(s->root_fd, path, line, (size_t)n, 0400, durable ? IO_DURABLE : 0, e);
	}
	(void)flock(xfd, LOCK_UN); /* it is closed soon */
	return r;
}

int seal_put(const struct store *s, const char *chain_id, const char *name, int xfd, struct err *e)
{
	return put(s, chain_id, name, xfd, true, e) < 0 ? err_ctx(e, "seal %s of layer %s", name, chain_id) : 0;
}

/* one of the own store's that was just made. 1: it cannot be had here, and need not */
static int seal_new(const struct store *s, const char *chain_id, const char *name, bool durable, struct err *e)
{
	char path[NAME_SPACE];
	enum seal_wish wish;

	if (seal_wish(&wish, e) < 0 || name_of(chain_id, name, "", path, e) < 0)
		return -e->eno;
	OWN_FD fd = openat(s->root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", path); /* a store of others has it */
	struct err own = { 0 };
	if (put(s, chain_id, name, fd, durable, &own) == 0)
		return 0;
	if (own.kind == E_UNSUPPORTED && wish == SEAL_AUTO)
		return 1;
	*e = own;
	return err_ctx(e, "seal %s of layer %s", name, chain_id);
}

static int seal_index(const struct store *s, const char *chain_id, bool durable, struct err *e)
{
	char was[VERITY_TEXT_MAX];

	/* one that bears a note is left as it is: making it anew is for the check */
	if (note_read(s, chain_id, "erofs", was, e) < 0)
		return -e->eno;
	return *was ? 0 : seal_new(s, chain_id, "erofs", durable, e);
}

int snapshot_seal(const struct store *s, const char *const *chain, size_t n, bool durable, struct err *e)
{
	enum seal_wish wish;
	int r = 0;

	if (seal_wish(&wish, e) < 0)
		return -e->eno;
	if (wish == SEAL_OFF || !n || (wish == SEAL_AUTO && !verity_is_chosen(s->root_fd)))
		return 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		/* what is older may have been damaged since: the check seals it when it has read it */
		if (!snapshot_is_synced(s, chain[i], STORE_TAR))
			r = seal_new(s, chain[i], "tar", false, e);
	if (r == 0)
		r = seal_index(s, chain[n - 1], durable, e);
	return r < 0 ? r : 0;
}

int seal_state(const struct store *s, const char *chain_id, const char *name, int xfd, struct err *ret_why, struct err *e)
{
	char was[VERITY_TEXT_MAX], is[VERITY_TEXT_MAX];

	err_clear(ret_why);
	if (note_read(s, chain_id, name, was, e) < 0)
		return -e->eno;
	if (!*was)
		return SEAL_NONE;
	int r = verity_measure(xfd, is, ret_why);
	if (r < 0 && ret_why->kind != E_UNSUPPORTED) {
		*e = *ret_why;
		return -e->eno;
	}
	if (r < 0)
		return SEAL_UNABLE;
	if (!r)
		(void)err_new(ret_why, E_CORRUPT, ENODATA, "has lost its fs-verity: it was copied or replaced");
	else if (strcmp(is, was) != 0)
		(void)err_new(ret_why, E_CORRUPT, EUCLEAN, "was replaced: fs-verity says %.19s, not %.19s", is, was);
	return !r ? SEAL_LOST : strcmp(is, was) != 0 ? SEAL_OTHER : SEAL_WHOLE;
}

/* 1: mount it by its descriptor | 0: by its name */
static int judge(bool own, enum seal_state state, const struct err *why, struct err *e)
{
	enum seal_wish wish;

	switch (state) {
	case SEAL_WHOLE:
		return 1;
	case SEAL_NONE:
		if (seal_wish(&wish, e) < 0)
			return -e->eno;
		return wish == SEAL_ON && own ? err_new(e, E_UNSUPPORTED, ENODATA, "has no fs-verity, and " SEAL_VARIABLE "=on") : 0;
	case SEAL_UNABLE:
		/* such as a squashfs that was made of their store */
		if (!own)
			return 0;
		break;
	case SEAL_LOST:
	case SEAL_OTHER:
		break;
	}
	return err_new(e, E_CORRUPT, EUCLEAN, "%s", why->chain);
}

int seal_open(const struct store *s, const struct store *at, const char *chain_id, const char *name, int *ret_fd,
	      struct err *e)
{
	char path[NAME_SPACE];
	struct err why = { 0 };

	*ret_fd = -1;
	if (name_of(chain_id, name, "", path, e) < 0)
		return -e->eno;
	OWN_FD fd = openat(at->root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return err_sys(e, errno, "open %s", path);
	int r = seal_state(at, chain_id, name, fd, &why, e);
	if (r >= 0)
		r = judge(at == s, (enum seal_state)r, &why, e);
	if (r < 0) {
		if (e->kind == E_CORRUPT || e->kind == E_UNSUPPORTED)
			err_hint(e, at == s ? "onggi system check --repair" : "onggi --root %s system check --repair", at->root);
		return err_ctx(e, "%s", name);
	}
	if (r > 0)
		*ret_fd = fd_take(&fd);
	return 0;
}
