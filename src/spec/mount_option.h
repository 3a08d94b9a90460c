/* SPDX-License-Identifier: Apache-2.0
 *
 * Mount options as written in OCI configs, fstab and -v: one table of words, and the sum of a
 * list of words in the terms of the new mount API. A word that the table does not know belongs
 * to the file system and is kept as data.
 */
#ifndef ONGGI_SPEC_MOUNT_OPTION_H
#define ONGGI_SPEC_MOUNT_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum mount_idmap { MOUNT_IDMAP_NONE, MOUNT_IDMAP_ONE, MOUNT_IDMAP_REC };

struct mount_opt {
	/* MOUNT_ATTR_* for this mount alone: set these, clear those. An atime word sets the field
	 * MOUNT_ATTR__ATIME in attr_clr, as mount_setattr(2) wants it. "ro" is MOUNT_ATTR_RDONLY
	 * here and MS_RDONLY in sb_set: a bind takes the first, a new file system both. */
	uint64_t attr_set, attr_clr;
	uint64_t rec_set, rec_clr;     /* the same for the whole tree (AT_RECURSIVE) */
	unsigned long sb_set, sb_clr;  /* MS_* of the super block: MS_RDONLY MS_SYNCHRONOUS MS_DIRSYNC
					* MS_MANDLOCK MS_LAZYTIME MS_I_VERSION MS_SILENT MS_POSIXACL */
	const unsigned long *propagation; /* MS_SHARED ... [| MS_REC], to be applied in this order */
	size_t n_propagation;
	bool bind, bind_rec;           /* bind_rec implies bind */
	bool remount;
	enum mount_idmap idmap;
	bool tmpcopyup;
	bool copy_symlink, src_nofollow, dest_nofollow; /* crun's additions */
	const char *const *data;       /* NULL-terminated, "key" or "key=value" */
	size_t n_data;
};

enum mount_word_kind {
	MOUNT_WORD_NONE,    /* "defaults", "loud": nothing to do */
	MOUNT_WORD_ATTR,    /* set or clear one MOUNT_ATTR_ flag */
	MOUNT_WORD_SB,      /* set or clear one MS_ flag of the super block */
	MOUNT_WORD_RDONLY,  /* both */
	MOUNT_WORD_REC,     /* MOUNT_ATTR_ flag of the whole tree */
	MOUNT_WORD_PROPAGATION,
	MOUNT_WORD_SWITCH,  /* one of our own booleans */
};

struct mount_word {
	const char *name;
	enum mount_word_kind kind;
	bool clear;
	uint64_t flag;
};

extern const struct mount_word mount_words[]; /* sorted by name */
extern const size_t mount_words_n;

/** mount_word_find - row of a word, NULL when it belongs to the file system. */
const struct mount_word *mount_word_find(const char *word);
/** mount_opt_add - add one word to @o; data and propagation are kept in @a. */
int mount_opt_add(struct mount_opt *o, const char *word, struct arena *a, struct err *e);
/** mount_opt_data - all data words joined by commas, as mount(2) takes them. NULL: no memory. */
const char *mount_opt_data(const struct mount_opt *o, struct arena *a);
/** mount_propagation_parse - "rslave" -> MS_SLAVE | MS_REC; 0 when it is no such word. */
unsigned long mount_propagation_parse(const char *word);

#endif
