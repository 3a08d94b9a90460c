/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures of Intel RDT, in the words of `runc events`: what the processor offers, what the class may
 * use, and what its monitoring group has counted, one member per cache.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "driver/rdt/rdt.h"
#include "format/js.h"

enum { FILE_MAX = 1 << 16, PATH_LEN = 600, CACHES_MAX = 256 };

/* the first line of a file, NULL: there is none */
static char *first_line(int xdir, const char *path)
{
	struct err ignored;
	char *text = NULL;

	if (io_read_file(xdir, path, FILE_MAX, &text, NULL, &ignored) < 0)
		return NULL;
	text[strcspn(text, "\n")] = 0;
	return text;
}

/* the line of a schemata file that begins with @key ("L3:") */
static void schema(json_t *to, const char *name, int xroot, const char *path, const char *key)
{
	struct err ignored;
	OWN_STR text = NULL;
	char *save = NULL;

	if (io_read_file(xroot, path, FILE_MAX, &text, NULL, &ignored) < 0)
		return;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		l += strspn(l, " \t");
		if (!strncmp(l, key, strlen(key)))
			json_object_set_new(to, name, json_string(l));
	}
}

struct info {
	const char *name;
	bool text; /* not a number */
};

static void info(json_t *to, const char *name, int xroot, const char *dir, const struct info *rows, size_t n)
{
	json_t *o = json_object();

	for (size_t i = 0; i < n; i++) {
		char path[PATH_LEN];
		uint64_t v;
		(void)snprintf(path, sizeof path, "info/%s/%s", dir, rows[i].name);
		OWN_STR line = first_line(xroot, path);
		if (line && rows[i].text)
			json_object_set_new(o, rows[i].name, json_string(line));
		else if (line && text_uint64(line, &v) == 0)
			json_object_set_new(o, rows[i].name, json_integer((json_int_t)v));
	}
	json_object_set_new(to, name, o);
}

struct cache {
	char name[32]; /* "mon_L3_00" */
};

static int cache_compare(const void *a, const void *b)
{
	return strcmp(((const struct cache *)a)->name, ((const struct cache *)b)->name);
}

static size_t caches_read(int xdir, struct cache *ret, size_t max)
{
	OWN_FD copy = openat(xdir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *de;
	size_t n = 0;

	if (d)
		(void)fd_take(&copy); /* belongs to d */
	while (d && n < max && (de = readdir(d)))
		if (!strncmp(de->d_name, "mon_L3_", strlen("mon_L3_")) && strlen(de->d_name) < sizeof ret->name)
			memcpy(ret[n++].name, de->d_name, strlen(de->d_name) + 1);
	if (n)
		qsort(ret, n, sizeof *ret, cache_compare);
	return n;
}

/* a counter that the processor cannot give at the moment reads "Unavailable": it is left out */
static void counter(json_t *to, int xdir, const char *cache, const char *name)
{
	char path[PATH_LEN];
	uint64_t v;

	(void)snprintf(path, sizeof path, "%s/%s", cache, name);
	OWN_STR line = first_line(xdir, path);
	if (line && text_uint64(line, &v) == 0)
		json_object_set_new(to, name, json_integer((json_int_t)v));
}

static void monitor(json_t *to, int xdir)
{
	json_t *bandwidth = json_array(), *occupancy = json_array();
	struct cache caches[CACHES_MAX];
	size_t n = caches_read(xdir, caches, CACHES_MAX);

	for (size_t i = 0; i < n; i++) {
		json_t *b = json_object(), *c = json_object();
		counter(b, xdir, caches[i].name, "mbm_total_bytes");
		counter(b, xdir, caches[i].name, "mbm_local_bytes");
		counter(c, xdir, caches[i].name, "llc_occupancy");
		if (json_object_size(b))
			json_array_append_new(bandwidth, b);
		else
			json_decref(b);
		if (json_object_size(c))
			json_array_append_new(occupancy, c);
		else
			json_decref(c);
	}
	json_object_set_new(to, "mbm_stats", bandwidth);
	json_object_set_new(to, "cmt_stats", occupancy);
}

int rdt_stats(int xroot, const struct rdt *r, json_t **ret, struct err *e)
{
	static const struct info l3[] = { { "cbm_mask", true }, { "min_cbm_bits", false }, { "num_closids", false } };
	static const struct info mb[] = { { "bandwidth_gran", false },
					  { "delay_linear", false },
					  { "min_bandwidth", false },
					  { "num_closids", false } };
	const char *clos = strcmp(r->clos, "/") ? r->clos : ".";
	char path[PATH_LEN];
	OWN_JSON o = json_object();

	if (!o)
		return err_new(e, E_NOMEM, ENOMEM, "linux.intelRdt: out of memory");
	(void)snprintf(path, sizeof path, "%s/schemata", clos);
	if (!faccessat(xroot, "info/L3", F_OK, 0)) {
		info(o, "l3_cache_info", xroot, "L3", l3, ARRAY_LEN(l3));
		schema(o, "l3_cache_schema_root", xroot, "schemata", "L3:");
		schema(o, "l3_cache_schema", xroot, path, "L3:");
	}
	if (!faccessat(xroot, "info/MB", F_OK, 0)) {
		info(o, "mem_bw_info", xroot, "MB", mb, ARRAY_LEN(mb));
		schema(o, "mem_bw_schema_root", xroot, "schemata", "MB:");
		schema(o, "mem_bw_schema", xroot, path, "MB:");
	}
	/* its own counts, or those of the class */
	if (*r->monitor)
		(void)snprintf(path, sizeof path, "%s/mon_groups/%s/mon_data", clos, r->monitor);
	else
		(void)snprintf(path, sizeof path, "%s/mon_data", clos);
	OWN_FD data = openat(xroot, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (data >= 0)
		monitor(o, data);
	*ret = ptr_take(&o);
	return 0;
}
