/* SPDX-License-Identifier: Apache-2.0
 *
 * Mount options: see mount_option.h. Sorted, so that the features report and the look-up use the
 * same table.
 */
#include "spec/mount_option.h"

#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

enum mount_switch {
	SWITCH_BIND,
	SWITCH_RBIND,
	SWITCH_REMOUNT,
	SWITCH_IDMAP,
	SWITCH_RIDMAP,
	SWITCH_TMPCOPYUP,
	SWITCH_COPY_SYMLINK,
	SWITCH_SRC_NOFOLLOW,
	SWITCH_DEST_NOFOLLOW,
	SWITCH_N
};

/* clang-format off */
const struct mount_word mount_words[] = {
	{ "acl", MOUNT_WORD_SB, false, MS_POSIXACL },
	{ "async", MOUNT_WORD_SB, true, MS_SYNCHRONOUS },
	{ "atime", MOUNT_WORD_ATTR, true, MOUNT_ATTR_NOATIME },
	{ "bind", MOUNT_WORD_SWITCH, false, SWITCH_BIND },
	{ "copy-symlink", MOUNT_WORD_SWITCH, false, SWITCH_COPY_SYMLINK },
	{ "defaults", MOUNT_WORD_NONE, false, 0 },
	{ "dest-nofollow", MOUNT_WORD_SWITCH, false, SWITCH_DEST_NOFOLLOW },
	{ "dev", MOUNT_WORD_ATTR, true, MOUNT_ATTR_NODEV },
	{ "diratime", MOUNT_WORD_ATTR, true, MOUNT_ATTR_NODIRATIME },
	{ "dirsync", MOUNT_WORD_SB, false, MS_DIRSYNC },
	{ "exec", MOUNT_WORD_ATTR, true, MOUNT_ATTR_NOEXEC },
	{ "idmap", MOUNT_WORD_SWITCH, false, SWITCH_IDMAP },
	{ "iversion", MOUNT_WORD_SB, false, MS_I_VERSION },
	{ "lazytime", MOUNT_WORD_SB, false, MS_LAZYTIME },
	{ "loud", MOUNT_WORD_SB, true, MS_SILENT },
	{ "mand", MOUNT_WORD_SB, false, MS_MANDLOCK },
	{ "noacl", MOUNT_WORD_SB, true, MS_POSIXACL },
	{ "noatime", MOUNT_WORD_ATTR, false, MOUNT_ATTR_NOATIME },
	{ "nodev", MOUNT_WORD_ATTR, false, MOUNT_ATTR_NODEV },
	{ "nodiratime", MOUNT_WORD_ATTR, false, MOUNT_ATTR_NODIRATIME },
	{ "noexec", MOUNT_WORD_ATTR, false, MOUNT_ATTR_NOEXEC },
	{ "noiversion", MOUNT_WORD_SB, true, MS_I_VERSION },
	{ "nolazytime", MOUNT_WORD_SB, true, MS_LAZYTIME },
	{ "nomand", MOUNT_WORD_SB, true, MS_MANDLOCK },
	{ "norelatime", MOUNT_WORD_ATTR, true, MOUNT_ATTR_RELATIME },
	{ "nostrictatime", MOUNT_WORD_ATTR, true, MOUNT_ATTR_STRICTATIME },
	{ "nosuid", MOUNT_WORD_ATTR, false, MOUNT_ATTR_NOSUID },
	{ "nosymfollow", MOUNT_WORD_ATTR, false, MOUNT_ATTR_NOSYMFOLLOW },
	{ "private", MOUNT_WORD_PROPAGATION, false, MS_PRIVATE },
	{ "ratime", MOUNT_WORD_REC, true, MOUNT_ATTR_NOATIME },
	{ "rbind", MOUNT_WORD_SWITCH, false, SWITCH_RBIND },
	{ "rdev", MOUNT_WORD_REC, true, MOUNT_ATTR_NODEV },
	{ "rdiratime", MOUNT_WORD_REC, true, MOUNT_ATTR_NODIRATIME },
	{ "relatime", MOUNT_WORD_ATTR, false, MOUNT_ATTR_RELATIME },
	{ "remount", MOUNT_WORD_SWITCH, false, SWITCH_REMOUNT },
	{ "rexec", MOUNT_WORD_REC, true, MOUNT_ATTR_NOEXEC },
	{ "ridmap", MOUNT_WORD_SWITCH, false, SWITCH_RIDMAP },
	{ "rnoatime", MOUNT_WORD_REC, false, MOUNT_ATTR_NOATIME },
	{ "rnodev", MOUNT_WORD_REC, false, MOUNT_ATTR_NODEV },
	{ "rnodiratime", MOUNT_WORD_REC, false, MOUNT_ATTR_NODIRATIME },
	{ "rnoexec", MOUNT_WORD_REC, false, MOUNT_ATTR_NOEXEC },
	{ "rnorelatime", MOUNT_WORD_REC, true, MOUNT_ATTR_RELATIME },
	{ "rnostrictatime", MOUNT_WORD_REC, true, MOUNT_ATTR_STRICTATIME },
	{ "rnosuid", MOUNT_WORD_REC, false, MOUNT_ATTR_NOSUID },
	{ "rnosymfollow", MOUNT_WORD_REC, false, MOUNT_ATTR_NOSYMFOLLOW },
	{ "ro", MOUNT_WORD_RDONLY, false, MOUNT_ATTR_RDONLY },
	{ "rprivate", MOUNT_WORD_PROPAGATION, false, MS_PRIVATE | MS_REC },
	{ "rrelatime", MOUNT_WORD_REC, false, MOUNT_ATTR_RELATIME },
	{ "rro", MOUNT_WORD_REC, false, MOUNT_ATTR_RDONLY },
	{ "rrw", MOUNT_WORD_REC, true, MOUNT_ATTR_RDONLY },
	{ "rshared", MOUNT_WORD_PROPAGATION, false, MS_SHARED | MS_REC },
	{ "rslave", MOUNT_WORD_PROPAGATION, false, MS_SLAVE | MS_REC },
	{ "rstrictatime", MOUNT_WORD_REC, false, MOUNT_ATTR_STRICTATIME },
	{ "rsuid", MOUNT_WORD_REC, true, MOUNT_ATTR_NOSUID },
	{ "rsymfollow", MOUNT_WORD_REC, true, MOUNT_ATTR_NOSYMFOLLOW },
	{ "runbindable", MOUNT_WORD_PROPAGATION, false, MS_UNBINDABLE | MS_REC },
	{ "rw", MOUNT_WORD_RDONLY, true, MOUNT_ATTR_RDONLY },
	{ "shared", MOUNT_WORD_PROPAGATION, false, MS_SHARED },
	{ "silent", MOUNT_WORD_SB, false, MS_SILENT },
	{ "slave", MOUNT_WORD_PROPAGATION, false, MS_SLAVE },
	{ "src-nofollow", MOUNT_WORD_SWITCH, false, SWITCH_SRC_NOFOLLOW },
	{ "strictatime", MOUNT_WORD_ATTR, false, MOUNT_ATTR_STRICTATIME },
	{ "suid", MOUNT_WORD_ATTR, true, MOUNT_ATTR_NOSUID },
	{ "symfollow", MOUNT_WORD_ATTR, true, MOUNT_ATTR_NOSYMFOLLOW },
	{ "sync", MOUNT_WORD_SB, false, MS_SYNCHRONOUS },
	{ "tmpcopyup", MOUNT_WORD_SWITCH, false, SWITCH_TMPCOPYUP },
	{ "unbindable", MOUNT_WORD_PROPAGATION, false, MS_UNBINDABLE },
};
/* clang-format on */
const size_t mount_words_n = ARRAY_LEN(mount_words);

static int word_compare(const void *key, const void *row)
{
	return strcmp(key, ((const struct mount_word *)row)->name);
}

const struct mount_word *mount_word_find(const char *word)
{
	return bsearch(word, mount_words, ARRAY_LEN(mount_words), sizeof mount_words[0], word_compare);
}

/* The atime words share one field of two bits in which relatime is 0: setting one replaces the
 * others, taking one back falls to the kernel's default, relatime. */
static void attr_add(uint64_t *set, uint64_t *clr, const struct mount_word *w)
{
	if (w->flag == MOUNT_ATTR_RELATIME || (w->flag & MOUNT_ATTR__ATIME)) {
		*clr |= MOUNT_ATTR__ATIME;
		if (!w->clear)
			*set = (*set & ~(uint64_t)MOUNT_ATTR__ATIME) | w->flag;
		else if ((*set & MOUNT_ATTR__ATIME) == w->flag)
			*set &= ~(uint64_t)MOUNT_ATTR__ATIME;
	} else if (w->clear) {
		*set &= ~w->flag;
		*clr |= w->flag;
	} else {
		*set |= w->flag;
		*clr &= ~w->flag;
	}
}

static void sb_add(struct mount_opt *o, unsigned long flag, bool clear)
{
	if (clear) {
		o->sb_set &= ~flag;
		o->sb_clr |= flag;
	} else {
		o->sb_set |= flag;
		o->sb_clr &= ~flag;
	}
}

static void switch_add(struct mount_opt *o, enum mount_switch s)
{
	switch (s) {
	case SWITCH_RBIND:
		o->bind_rec = true;
		o->bind = true;
		break;
	case SWITCH_BIND:
		o->bind = true;
		break;
	case SWITCH_REMOUNT:
		o->remount = true;
		break;
	case SWITCH_IDMAP:
		o->idmap = o->idmap == MOUNT_IDMAP_REC ? MOUNT_IDMAP_REC : MOUNT_IDMAP_ONE;
		break;
	case SWITCH_RIDMAP:
		o->idmap = MOUNT_IDMAP_REC;
		break;
	case SWITCH_TMPCOPYUP:
		o->tmpcopyup = true;
		break;
	case SWITCH_COPY_SYMLINK:
		o->copy_symlink = true;
		break;
	case SWITCH_SRC_NOFOLLOW:
		o->src_nofollow = true;
		break;
	case SWITCH_DEST_NOFOLLOW:
		o->dest_nofollow = true;
		break;
	case SWITCH_N:
		break;
	}
}

/* one more member at the end of an array in the arena; the old array stays as garbage in it */
static int append(struct arena *a, const void *old, size_t n, size_t size, const void *item,
		  void **ret, struct err *e)
{
	char *v = arena_get(a, (n + 2) * size);
	if (!v)
		return err_new(e, E_NOMEM, ENOMEM, "mount options: out of memory");
	if (n)
		memcpy(v, old, n * size);
	memcpy(v + n * size, item, size);
	*ret = v;
	return 0;
}

int mount_opt_add(struct mount_opt *o, const char *word, struct arena *a, struct err *e)
{
	const struct mount_word *w = mount_word_find(word);
	unsigned long prop;
	void *v;

	if (!w) {
		if (!*word)
			return 0; /* "a,,b" */
		if (append(a, o->data, o->n_data, sizeof word, &word, &v, e) < 0)
			return -ENOMEM;
		o->data = v;
		o->n_data++;
		return 0;
	}
	switch (w->kind) {
	case MOUNT_WORD_NONE:
		break;
	case MOUNT_WORD_ATTR:
		attr_add(&o->attr_set, &o->attr_clr, w);
		break;
	case MOUNT_WORD_RDONLY:
		attr_add(&o->attr_set, &o->attr_clr, w);
		sb_add(o, MS_RDONLY, w->clear);
		break;
	case MOUNT_WORD_REC:
		attr_add(&o->rec_set, &o->rec_clr, w);
		break;
	case MOUNT_WORD_SB:
		sb_add(o, (unsigned long)w->flag, w->clear);
		break;
	case MOUNT_WORD_PROPAGATION:
		prop = (unsigned long)w->flag;
		if (append(a, o->propagation, o->n_propagation, sizeof prop, &prop, &v, e) < 0)
			return -ENOMEM;
		o->propagation = v;
		o->n_propagation++;
		break;
	case MOUNT_WORD_SWITCH:
		switch_add(o, (enum mount_switch)w->flag);
		break;
	}
	return 0;
}

const char *mount_opt_data(const struct mount_opt *o, struct arena *a)
{
	size_t n = 1;

	for (size_t i = 0; i < o->n_data; i++)
		n += strlen(o->data[i]) + 1;
	char *s = arena_get(a, n), *p = s;
	for (size_t i = 0; s && i < o->n_data; i++) {
		if (i)
			*p++ = ',';
		p = stpcpy(p, o->data[i]);
	}
	return s;
}

unsigned long mount_propagation_parse(const char *word)
{
	const struct mount_word *w = mount_word_find(word);
	return w && w->kind == MOUNT_WORD_PROPAGATION ? (unsigned long)w->flag : 0;
}
