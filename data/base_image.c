/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes the embedded base image: an OCI layout in one tar, holding busybox with a link per
 * applet and the files that programs expect. Run at build time: base_image BUSYBOX OUT. The same
 * busybox gives the same bytes: times are fixed, names sorted by their table.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/io.h"
#include "base/own.h"
#include "format/hash.h"
#include "format/tar.h"

#define CREATED   "2026-01-01T00:00:00Z"
#define CREATED_S 1767225600

static const struct {
	const char *path;
	mode_t mode;
} dirs[] = {
	{ "bin/", 0755 },     { "dev/", 0755 },     { "etc/", 0755 },      { "home/", 0755 },
	{ "lib/", 0755 },     { "mnt/", 0755 },     { "opt/", 0755 },      { "proc/", 0755 },
	{ "root/", 0700 },    { "run/", 0755 },     { "sbin/", 0755 },     { "srv/", 0755 },
	{ "sys/", 0755 },     { "tmp/", 01777 },    { "usr/", 0755 },      { "usr/bin/", 0755 },
	{ "usr/lib/", 0755 }, { "usr/sbin/", 0755 }, { "usr/share/", 0755 }, { "var/", 0755 },
	{ "var/log/", 0755 }, { "var/tmp/", 01777 }, { "var/www/", 0755 },
};

static const struct {
	const char *path;
	mode_t mode;
	const char *text;
} files[] = {
	{ "etc/group", 0644,
	  "root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nadm:x:4:\ntty:x:5:\ndisk:x:6:\nmail:x:8:\n"
	  "kmem:x:15:\nwheel:x:10:root\ncdrom:x:24:\ndialout:x:18:\nfloppy:x:25:\nvideo:x:28:\n"
	  "audio:x:29:\nwww-data:x:33:\nutmp:x:43:\nusers:x:100:\nnobody:x:65534:\n" },
	{ "etc/nsswitch.conf", 0644, "passwd: files\ngroup: files\nhosts: files dns\n" },
	{ "etc/os-release", 0644,
	  "NAME=\"onggi base\"\nID=onggi-base\nPRETTY_NAME=\"onggi base image (busybox)\"\n"
	  "VERSION_ID=" ONGGI_VERSION "\n" },
	{ "etc/passwd", 0644,
	  "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
	  "bin:x:2:2:bin:/bin:/bin/false\nsys:x:3:3:sys:/dev:/bin/false\n"
	  "mail:x:8:8:mail:/var/spool/mail:/bin/false\nwww-data:x:33:33:www-data:/var/www:/bin/false\n"
	  "nobody:x:65534:65534:nobody:/home:/bin/false\n" },
	{ "etc/profile", 0644,
	  "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n" },
	{ "etc/shadow", 0640,
	  "root:*:::::::\ndaemon:*:::::::\nbin:*:::::::\nsys:*:::::::\nmail:*:::::::\n"
	  "www-data:*:::::::\nnobody:*:::::::\n" },
	{ "etc/shells", 0644, "/bin/sh\n/bin/ash\n" },
};

static int put(struct buf *tar, struct tar_entry en, const void *body, struct err *e)
{
	en.mtime.sec = CREATED_S;
	en.uname = en.gname = "root";
	if (tar_put_header(tar, &en, e) < 0)
		return -e->eno;
	if (en.type == TAR_FILE) {
		buf_add(tar, body, (size_t)en.size);
		tar_put_padding(tar, en.size);
	}
	return buf_failed(tar) ? err_new(e, E_NOMEM, ENOMEM, "archive") : 0;
}

static int put_text(struct buf *tar, const char *path, mode_t mode, const char *text, struct err *e)
{
	struct tar_entry en = { .type = TAR_FILE, .path = path, .mode = mode, .size = strlen(text) };
	return put(tar, en, text, e);
}

/* A program that needs a loader and libraries is of no use alone in a container. */
static int check_static(const char *p, size_t n, struct err *e)
{
	const Elf64_Ehdr *h = (const void *)p;

	if (n < sizeof *h || memcmp(h->e_ident, ELFMAG, SELFMAG))
		return err_new(e, E_INVALID, ENOEXEC, "busybox is no ELF program");
	if (h->e_ident[EI_CLASS] != ELFCLASS64)
		return 0; /* 32 bits: trust the name */
	for (int i = 0; i < h->e_phnum; i++) {
		size_t at = h->e_phoff + (size_t)i * sizeof(Elf64_Phdr);
		if (at + sizeof(Elf64_Phdr) > n)
			break;
		if (((const Elf64_Phdr *)(const void *)(p + at))->p_type == PT_INTERP)
			return err_new(e, E_INVALID, ENOEXEC,
				       "busybox is linked dynamically: install the static one (busybox-static)");
	}
	return 0;
}

/* the paths of the applets, as this busybox would install them */
static int applets(const char *busybox, char **ret, struct err *e)
{
	int p[2], status;

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (!pid) {
		(void)dup2(p[1], STDOUT_FILENO);
		execl(busybox, "busybox", "--list-full", NULL);
		_exit(127);
	}
	close(p[1]);
	int r = io_read_fd(p[0], 1 << 20, ret, NULL, e);
	close(p[0]);
	if (waitpid(pid, &status, 0) < 0 || status)
		return err_new(e, E_IO, ECHILD, "%s --list-full failed", busybox);
	return r;
}

static int make_layer(const char *busybox, struct buf *tar, struct err *e)
{
	OWN_STR program = NULL;
	OWN_STR list = NULL;
	char *save = NULL;
	size_t n;

	if (io_read_file(AT_FDCWD, busybox, 64 << 20, &program, &n, e) < 0 ||
	    check_static(program, n, e) < 0 || applets(busybox, &list, e) < 0)
		return -e->eno;
	if (put(tar, (struct tar_entry){ .type = TAR_DIR, .path = "./", .mode = 0755 }, NULL, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (put(tar, (struct tar_entry){ .type = TAR_DIR, .path = dirs[i].path, .mode = dirs[i].mode },
			NULL, e) < 0)
			return -e->eno;
	if (put(tar, (struct tar_entry){ .type = TAR_FILE, .path = "bin/busybox", .mode = 0755, .size = n },
		program, e) < 0)
		return -e->eno;
	for (char *p = strtok_r(list, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		struct tar_entry en = { .type = TAR_SYMLINK, .path = p, .mode = 0777, .link = "/bin/busybox" };
		if (!strcmp(p, "bin/busybox") || !strcmp(p, "linuxrc"))
			continue;
		if (put(tar, en, NULL, e) < 0)
			return -e->eno;
	}
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (put_text(tar, files[i].path, files[i].mode, files[i].text, e) < 0)
			return -e->eno;
	tar_put_end(tar);
	return 0;
}

static void digest(const struct buf *b, char out[HASH_TEXT_MAX])
{
	struct hash h;
	hash_init(&h, HASH_SHA256);
	hash_add(&h, b->p, b->n);
	hash_text(&h, out);
}

static int compress_layer(const struct buf *tar, struct buf *out, struct err *e)
{
	z_stream z = { 0 };

	if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		return err_new(e, E_NOMEM, ENOMEM, "compress");
	size_t max = deflateBound(&z, tar->n);
	OWN_STR p = malloc(max);
	z.next_in = (unsigned char *)tar->p;
	z.avail_in = (uInt)tar->n;
	z.next_out = (unsigned char *)p;
	z.avail_out = (uInt)max;
	int r = p ? deflate(&z, Z_FINISH) : Z_MEM_ERROR;
	if (r == Z_STREAM_END)
		buf_add(out, p, max - z.avail_out);
	(void)deflateEnd(&z); /* nothing is left to lose */
	return r == Z_STREAM_END && !buf_failed(out) ? 0 : err_new(e, E_NOMEM, ENOMEM, "compress");
}

static int put_blob(struct buf *out, const struct buf *b, char name[HASH_TEXT_MAX], struct err *e)
{
	char path[HASH_TEXT_MAX + 16];

	digest(b, name);
	(void)snprintf(path, sizeof path, "blobs/sha256/%s", name + 7);
	return put(out, (struct tar_entry){ .type = TAR_FILE, .path = path, .mode = 0644, .size = b->n },
		   b->p, e);
}

static const char *go_arch(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__riscv)
	return "riscv64";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
	return "ppc64le";
#elif defined(__s390x__)
	return "s390x";
#elif defined(__arm__)
	return "arm";
#else
	return "386";
#endif
}

static int make_archive(const struct buf *layer, struct buf *out, struct err *e)
{
	char diff_id[HASH_TEXT_MAX], layer_id[HASH_TEXT_MAX], config_id[HASH_TEXT_MAX], manifest_id[HASH_TEXT_MAX];
	OWN_BUF packed = { 0 };
	OWN_BUF config = { 0 };
	OWN_BUF manifest = { 0 };
	OWN_BUF index = { 0 };

	digest(layer, diff_id);
	if (compress_layer(layer, &packed, e) < 0 ||
	    put_text(out, "oci-layout", 0644, "{\"imageLayoutVersion\":\"1.0.0\"}", e) < 0 ||
	    put_blob(out, &packed, layer_id, e) < 0)
		return -e->eno;
	buf_printf(&config,
		   "{\"created\":\"" CREATED "\",\"architecture\":\"%s\",\"os\":\"linux\","
		   "\"config\":{\"Env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"],"
		   "\"Cmd\":[\"sh\"],\"WorkingDir\":\"/\"},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]},"
		   "\"history\":[{\"created\":\"" CREATED "\",\"created_by\":\"onggi base image\"}]}",
		   go_arch(), diff_id);
	if (put_blob(out, &config, config_id, e) < 0)
		return -e->eno;
	buf_printf(&manifest,
		   "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{"
		   "\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},"
		   "\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"%s\","
		   "\"size\":%zu}]}",
		   config_id, config.n, layer_id, packed.n);
	if (put_blob(out, &manifest, manifest_id, e) < 0)
		return -e->eno;
	buf_printf(&index,
		   "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[{"
		   "\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\",\"size\":%zu,"
		   "\"annotations\":{\"io.containerd.image.name\":\"docker.io/library/base:latest\","
		   "\"org.opencontainers.image.ref.name\":\"latest\"},"
		   "\"platform\":{\"architecture\":\"%s\",\"os\":\"linux\"}}]}",
		   manifest_id, manifest.n, go_arch());
	if (buf_failed(&config) || buf_failed(&manifest) || buf_failed(&index))
		return err_new(e, E_NOMEM, ENOMEM, "archive");
	if (put_text(out, "index.json", 0644, buf_str(&index), e) < 0)
		return -e->eno;
	tar_put_end(out);
	return 0;
}

int main(int argc, char **argv)
{
	OWN_BUF layer = { 0 };
	OWN_BUF archive = { 0 };
	struct err e = { 0 };

	if (argc != 3) {
		fputs("usage: base_image BUSYBOX OUT\n", stderr);
		return 2;
	}
	if (make_layer(argv[1], &layer, &e) < 0 || make_archive(&layer, &archive, &e) < 0 ||
	    io_replace_file(AT_FDCWD, argv[2], archive.p, archive.n, 0644, 0, &e) < 0) {
		fprintf(stderr, "base_image: %s\n", e.chain);
		return 1;
	}
	return 0;
}
