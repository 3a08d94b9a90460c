/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of layer application: whiteouts, links, replacements, attributes, names that try to
 * leave the layer. Each test applies a small archive to a fresh directory.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "registry/layer_int.h"
#include "tar_make.h"

struct bed {
	char path[64];
	int dir; /* the layer: path/layer */
	struct buf tar, loose;
	struct layer_stats stats;
	struct err err;
};

static int bed_make(void **state)
{
	struct bed *b = calloc(1, sizeof *b);

	memcpy(b->path, "/tmp/onggi-layer.XXXXXX", 24);
	assert_non_null(mkdtemp(b->path));
	b->dir = -1;
	*state = b;
	return 0;
}

static void bed_clear(struct bed *b)
{
	struct err e = { 0 };

	if (b->dir >= 0)
		close(b->dir);
	b->dir = -1;
	b->tar.n = b->loose.n = 0;
	err_clear(&b->err);
	assert_int_equal(io_remove_tree(AT_FDCWD, b->path, &e), 0);
	assert_int_equal(mkdir(b->path, 0700), 0);
}

static int bed_free(void **state)
{
	struct bed *b = *state;

	bed_clear(b);
	(void)rmdir(b->path);
	buf_done(&b->tar);
	buf_done(&b->loose);
	free(b);
	return 0;
}

/* apply what was put into b->tar */
static int apply(struct bed *b)
{
	char path[80];
	struct source_mem m;

	(void)snprintf(path, sizeof path, "%s/layer", b->path);
	assert_int_equal(mkdir(path, 0755), 0);
	b->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	source_mem_init(&m, b->tar.p, b->tar.n);
	const struct layer_apply_req q = { .tar = &m.source, .xdir = b->dir };
	return layer_apply(&q, &b->loose, &b->stats, &b->err);
}

static mode_t mode_of(struct bed *b, const char *path)
{
	struct stat st;
	return fstatat(b->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : st.st_mode;
}

static bool is_whiteout(struct bed *b, const char *path)
{
	struct stat st;
	return !fstatat(b->dir, path, &st, AT_SYMLINK_NOFOLLOW) && layer_is_whiteout(&st);
}

static bool is_opaque(struct bed *b, const char *path)
{
	char v[2];
	int fd = openat(b->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool opaque = fgetxattr(fd, "trusted.overlay.opaque", v, sizeof v) == 1 && v[0] == 'y';
	close(fd);
	return opaque;
}

static bool holds(struct bed *b, const char *path, const char *want)
{
	OWN_STR text = NULL;
	struct err e = { 0 };
	return io_read_file(b->dir, path, 4096, &text, NULL, &e) >= 0 && !strcmp(text, want);
}

static bool is_loose(struct bed *b, const char *record, size_t n)
{
	return b->loose.n && memmem(b->loose.p, b->loose.n, record, n);
}

static void whiteouts(void **state)
{
	struct bed *b = *state;

	tar_make_dir(&b->tar, "d/");
	tar_make_file(&b->tar, "d/.wh.gone", "");
	tar_make_file(&b->tar, "kept", "new");
	tar_make_file(&b->tar, ".wh.kept", "");         /* after it: the new one stays */
	tar_make_dir(&b->tar, "dir/");
	tar_make_file(&b->tar, "dir/f", "x");
	tar_make_file(&b->tar, ".wh.dir", "");          /* the parents' content goes, ours stays */
	tar_make_file(&b->tar, ".wh.later", "");
	tar_make_file(&b->tar, "later/f", "x");         /* comes after the whiteout: opaque */
	tar_make_file(&b->tar, ".wh.file", "");
	tar_make_file(&b->tar, "file", "y");
	tar_make_link(&b->tar, TAR_SYMLINK, ".wh.sym", "x");
	tar_make_link(&b->tar, TAR_HARDLINK, ".wh.hard", "kept");
	tar_make_file(&b->tar, ".wh..wh.aufs", "");
	tar_make_file(&b->tar, ".wh..wh.orph/x", "");
	assert_int_equal(apply(b), 0);
	assert_true(is_whiteout(b, "d/gone"));
	assert_true(holds(b, "kept", "new"));
	assert_true(is_opaque(b, "dir") && holds(b, "dir/f", "x"));
	assert_true(is_opaque(b, "later") && holds(b, "later/f", "x"));
	assert_true(holds(b, "file", "y"));
	assert_true(is_whiteout(b, "sym") && is_whiteout(b, "hard"));
	assert_int_equal(mode_of(b, ".wh..wh.aufs"), 0);
	assert_int_equal(mode_of(b, ".wh..wh.orph"), 0);
	assert_false(b->stats.root_opaque);
	/* new in the place of something removed: no attributes from the parents */
	assert_false(is_loose(b, "Dlater", 7));
	assert_true(is_loose(b, "D", 2)); /* the root had no entry */
}

static void opaque(void **state)
{
	struct bed *b = *state;

	tar_make_file(&b->tar, "a/b/f", "x");
	tar_make_file(&b->tar, "a/b/.wh..wh..opq", "");
	tar_make_file(&b->tar, "new/.wh..wh..opq", "");
	tar_make_dir(&b->tar, "./");
	tar_make_file(&b->tar, ".wh..wh..opq", "");
	assert_int_equal(apply(b), 0);
	assert_true(is_opaque(b, "a/b") && !is_opaque(b, "a") && is_opaque(b, "new"));
	assert_true(holds(b, "a/b/f", "x"));
	assert_true(b->stats.root_opaque);
	assert_true(is_loose(b, "Da/b", 5) && is_loose(b, "Da", 3) && is_loose(b, "Dnew", 5));
	assert_false(is_loose(b, "D", 2));
}

static void replacements(void **state)
{
	struct bed *b = *state;
	const struct tar_entry ro = { .type = TAR_DIR, .path = "d/", .mode = 0500 };

	tar_make(&b->tar, ro, NULL);
	tar_make_file(&b->tar, "d/f", "1"); /* into a directory that will be read-only */
	tar_make_dir(&b->tar, "d/");        /* attributes only */
	tar_make_file(&b->tar, "x", "1");
	tar_make_dir(&b->tar, "x/");        /* directory over file: opaque */
	tar_make_dir(&b->tar, "y/z/");
	tar_make_file(&b->tar, "y", "2");   /* file over a tree */
	tar_make_file(&b->tar, "t", "old");
	tar_make_file(&b->tar, "t", "new");
	tar_make_link(&b->tar, TAR_SYMLINK, "s", "t");
	tar_make_file(&b->tar, "s", "own"); /* not through the link */
	tar_make_file(&b->tar, "p", "1");
	tar_make_file(&b->tar, "p/q", "2"); /* a file in the way of a parent */
	assert_int_equal(apply(b), 0);
	assert_true(holds(b, "d/f", "1") && mode_of(b, "d") == (S_IFDIR | 0755));
	assert_true(is_opaque(b, "x"));
	assert_true(holds(b, "y", "2"));
	assert_true(holds(b, "t", "new") && holds(b, "s", "own"));
	assert_true(holds(b, "p/q", "2") && is_opaque(b, "p"));
}

static void hard_links(void **state)
{
	struct bed *b = *state;
	struct stat x, y;

	tar_make_file(&b->tar, "a", "1");
	tar_make_link(&b->tar, TAR_HARDLINK, "d/b", "./a");
	tar_make_link(&b->tar, TAR_HARDLINK, "a", "a");            /* to itself: stays */
	tar_make_link(&b->tar, TAR_SYMLINK, "s", "nowhere");
	tar_make_link(&b->tar, TAR_HARDLINK, "hs", "s");           /* the link, not its target */
	tar_make_link(&b->tar, TAR_HARDLINK, "early", "late");     /* the target comes later */
	tar_make_file(&b->tar, "late", "2");
	tar_make_link(&b->tar, TAR_HARDLINK, "low/up", "low/er");  /* of a parent layer */
	assert_int_equal(apply(b), 0);
	assert_int_equal(fstatat(b->dir, "a", &x, 0) | fstatat(b->dir, "d/b", &y, 0), 0);
	assert_true(x.st_ino == y.st_ino && x.st_nlink == 2);
	assert_true(S_ISLNK(mode_of(b, "hs")));
	assert_true(holds(b, "early", "2"));
	assert_true(is_loose(b, "Llow/er\0low/up", 15));
	assert_int_equal(b->stats.size_bytes, 2 + strlen("nowhere"));

	static const struct {
		const char *first, *target;
	} bad[] = { { "dir/", "dir" }, { ".wh.f", "f" }, { "x", "../../etc/passwd" }, { "x", "" } };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		bed_clear(b);
		if (bad[i].first[strlen(bad[i].first) - 1] == '/')
			tar_make_dir(&b->tar, bad[i].first);
		else
			tar_make_file(&b->tar, bad[i].first, "");
		tar_make_link(&b->tar, TAR_HARDLINK, "l", bad[i].target);
		assert_true(apply(b) < 0);
		assert_int_equal(b->err.kind, E_CORRUPT);
	}
}

/* a link of the archive leads back into the layer, wherever it points */
static void links_stay_inside(void **state)
{
	static const char *const targets[] = { "/", "..", "../../..", "/../..", "/elsewhere/deep", "./." };
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		bed_clear(b);
		tar_make_link(&b->tar, TAR_SYMLINK, "a", targets[i]);
		tar_make_file(&b->tar, "a/probe/f", "x");
		tar_make_file(&b->tar, "b/../a/probe/g", "y");
		assert_int_equal(apply(b), 0);
		const char *dir = i == 4 ? "elsewhere/deep/probe" : "probe";
		char path[64];
		(void)snprintf(path, sizeof path, "%s/f", dir);
		assert_true(holds(b, path, "x"));
		(void)snprintf(path, sizeof path, "%s/g", dir);
		assert_true(holds(b, path, "y"));
		assert_true(S_ISLNK(mode_of(b, "a")));
	}
	bed_clear(b);
	tar_make_link(&b->tar, TAR_SYMLINK, "l", "m");
	tar_make_link(&b->tar, TAR_SYMLINK, "m", "l");
	tar_make_file(&b->tar, "l/f", "x");
	assert_true(apply(b) < 0); /* a circle */
	assert_int_equal(b->err.kind, E_CORRUPT);
	bed_clear(b);
	/* the parent at hand is swapped for a link in the middle of the archive */
	tar_make_dir(&b->tar, "swap/");
	tar_make_file(&b->tar, "swap/1", "x");
	tar_make_link(&b->tar, TAR_SYMLINK, "swap", "/etc");
	tar_make_file(&b->tar, "swap/2", "x");
	assert_int_equal(apply(b), 0);
	assert_true(holds(b, "etc/2", "x") && S_ISLNK(mode_of(b, "swap")));
}

static void bad_names(void **state)
{
	static const char *const names[] = { "../x",    "a/../../x", "..",    "d/.wh.", ".wh..",
					     ".wh...", "a/.wh.",    ".wh.d/f", "",      "x/.wh.y/.wh..wh..opq" };
	char name[400] = "";
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		bed_clear(b);
		tar_make_file(&b->tar, names[i], "x");
		assert_true(apply(b) < 0);
		assert_int_equal(b->err.kind, E_CORRUPT);
	}
	memset(name, 'n', 300);
	bed_clear(b);
	tar_make_file(&b->tar, name, "x");
	assert_true(apply(b) < 0 && b->err.kind == E_CORRUPT);
	bed_clear(b);
	tar_make_file(&b->tar, "esc\033[31m\n", "x");
	tar_make_link(&b->tar, TAR_HARDLINK, "esc\033[31m", "../no");
	assert_true(apply(b) < 0);
	assert_null(strchr(b->err.chain, '\033')); /* nothing for the terminal of the reader */
	/* what may look odd but is not */
	bed_clear(b);
	tar_make_file(&b->tar, "/abs", "1");
	tar_make_file(&b->tar, "./a//b/./c", "2");
	tar_make_file(&b->tar, "x/../y", "3");
	tar_make_file(&b->tar, "...", "4");
	tar_make_file(&b->tar, "\xff\xfe", "5");
	tar_make_file(&b->tar, "a.wh.b", "6");
	assert_int_equal(apply(b), 0);
	assert_true(holds(b, "abs", "1") && holds(b, "a/b/c", "2") && holds(b, "y", "3") &&
		    holds(b, "...", "4") && holds(b, "\xff\xfe", "5") && holds(b, "a.wh.b", "6"));
}

static void attributes(void **state)
{
	const struct tar_xattr xattrs[] = {
		{ "user.ok", (const unsigned char *)"\0\1", 2 },
		{ "trusted.overlay.redirect", (const unsigned char *)"/etc", 4 },
		{ "trusted.overlay.opaque", (const unsigned char *)"y", 1 },
		{ "user.overlay.metacopy", (const unsigned char *)"", 0 },
		{ "security.selinux", (const unsigned char *)"x", 1 },
		{ TAR_XATTR_ACL_ACCESS_TEXT, (const unsigned char *)"user::rw-,user:7:r--,group::r--,mask::r--,other::---", 52 },
	};
	struct bed *b = *state;
	struct stat st;
	char v[16];

	tar_make(&b->tar, (struct tar_entry){ .type = TAR_FILE, .path = "f", .mode = 06755, .uid = 1000,
					      .gid = 2000, .mtime = { -5, 500000000 }, .xattrs = xattrs,
					      .n_xattrs = 5 }, "x");
	tar_make(&b->tar, (struct tar_entry){ .type = TAR_DIR, .path = "d/", .mode = 02750, .gid = 4294967294,
					      .xattrs = xattrs, .n_xattrs = 3 }, NULL);
	tar_make_file(&b->tar, "d/in", "x");
	tar_make(&b->tar, (struct tar_entry){ .type = TAR_FILE, .path = "acl", .mode = 0640, .xattrs = xattrs + 5,
					      .n_xattrs = 1 }, "x");
	tar_make(&b->tar, (struct tar_entry){ .type = TAR_FIFO, .path = "p", .mode = 0622 }, NULL);
	tar_make(&b->tar, (struct tar_entry){ .type = TAR_CHAR, .path = "null", .mode = 0666, .dev_major = 1,
					      .dev_minor = 3 }, NULL);
	tar_make(&b->tar, (struct tar_entry){ .type = TAR_CHAR, .path = "hole" }, NULL);
	umask(077);
	assert_int_equal(apply(b), 0);
	umask(022);
	assert_int_equal(fstatat(b->dir, "f", &st, 0), 0);
	assert_true(st.st_mode == (S_IFREG | 06755) && st.st_uid == 1000 && st.st_gid == 2000);
	assert_true(st.st_mtim.tv_sec == -5 && st.st_mtim.tv_nsec == 500000000);
	int fd = openat(b->dir, "f", O_RDONLY);
	assert_int_equal(fgetxattr(fd, "user.ok", v, sizeof v), 2);
	assert_true(fgetxattr(fd, "trusted.overlay.redirect", v, sizeof v) < 0);
	assert_true(fgetxattr(fd, "user.overlay.metacopy", v, sizeof v) < 0);
	close(fd);
	assert_false(is_opaque(b, "d"));
	assert_int_equal(fstatat(b->dir, "d", &st, 0), 0);
	assert_true(st.st_mode == (S_IFDIR | 02750) && st.st_gid == 4294967294 && st.st_mtim.tv_sec == 1000000000);
	assert_int_equal(fstatat(b->dir, "d/in", &st, 0), 0);
	assert_true(st.st_gid == 0 && st.st_mode == (S_IFREG | 0644)); /* made before d was set-group-ID */
	fd = openat(b->dir, "acl", O_RDONLY);
	assert_int_equal(fgetxattr(fd, "system.posix_acl_access", NULL, 0), 4 + 8 * 5);
	close(fd);
	assert_true(mode_of(b, "p") == (S_IFIFO | 0622) && mode_of(b, "null") == (S_IFCHR | 0666));
	assert_true(is_whiteout(b, "hole")); /* the kernel would take it for one anyway */
	assert_int_equal(b->stats.skipped_xattrs, 4 + 2);
}

static void limits(void **state)
{
	struct bed *b = *state;
	const struct layer_limits lim = { .total_bytes = 10, .entries = 3, .depth = 4 };
	static const struct {
		const char *names[4];
		const char *body;
		int sound;
	} rows[] = {
		{ { "a", "b" }, "12345", 1 },  { { "a", "b" }, "123456", 0 },
		{ { "a", "b", "c", "d" }, "", 0 }, { { "1/2/3/4" }, "", 1 },
		{ { "1/2/3/4/5" }, "", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct source_mem m;
		bed_clear(b);
		for (size_t k = 0; k < 4 && rows[i].names[k]; k++)
			tar_make_file(&b->tar, rows[i].names[k], rows[i].body);
		source_mem_init(&m, b->tar.p, b->tar.n);
		b->dir = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		const struct layer_apply_req q = { .tar = &m.source, .xdir = b->dir, .limits = &lim };
		int r = layer_apply(&q, &b->loose, &b->stats, &b->err);
		assert_int_equal(r >= 0, rows[i].sound);
		assert_int_equal(b->err.kind, rows[i].sound ? E_NONE : E_CORRUPT);
	}
	bed_clear(b);
	tar_make(&b->tar, (struct tar_entry){ .type = TAR_FILE, .path = "f", .uid = UINT32_MAX }, "");
	assert_true(apply(b) < 0 && b->err.kind == E_CORRUPT);
}

/* AUFS kept the targets of hard links aside */
static void aufs_links(void **state)
{
	struct bed *b = *state;
	struct stat x, y;

	tar_make_dir(&b->tar, ".wh..wh.plnk/");
	tar_make_file(&b->tar, ".wh..wh.plnk/7.9", "x");
	tar_make_link(&b->tar, TAR_HARDLINK, "a", ".wh..wh.plnk/7.9");
	tar_make_link(&b->tar, TAR_HARDLINK, "b", ".wh..wh.plnk/7.9");
	assert_int_equal(apply(b), 0);
	assert_int_equal(fstatat(b->dir, "a", &x, 0) | fstatat(b->dir, "b", &y, 0), 0);
	assert_true(x.st_ino == y.st_ino && x.st_nlink == 2);
	assert_int_equal(mode_of(b, ".wh..wh.plnk"), 0);
}

/* deeper than one path may be long */
static void deep(void **state)
{
	struct bed *b = *state;
	OWN_BUF path = { 0 };

	for (int i = 0; i < 900; i++)
		buf_puts(&path, "dirname/");
	buf_puts(&path, "f");
	tar_make_file(&b->tar, path.p, "x");
	assert_int_equal(apply(b), 0);
	assert_int_equal(b->stats.entries, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whiteouts, bed_make, bed_free),
		cmocka_unit_test_setup_teardown(opaque, bed_make, bed_free),
		cmocka_unit_test_setup_teardown(replacements, bed_make, bed_free),
		cmocka_unit_test_setup_teardown(hard_links, bed_make, bed_free),
		cmocka_unit_test_setup_teardown(links_stay_inside, bed_make, bed_free),
		cmocka_unit_test_setup_teardown(bad_names, bed_make, bed_free),
		cmocka_unit_test_setup_teardown(attributes, bed_make, bed_free),
		cmocka_unit_test_setup_teardown(limits, bed_make, bed_free),
		cmocka_unit_test_setup_teardown(aufs_links, bed_make, bed_free),
		cmocka_unit_test_setup_teardown(deep, bed_make, bed_free),
	};
	if (geteuid() != 0) {
		fputs("test_layer: needs root\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
