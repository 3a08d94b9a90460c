/* SPDX-License-Identifier: Apache-2.0
 *
 * Block I/O figures: v1 has one file per figure, in three generations of names; v2 one line per
 * device, told in v1's words.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "driver/cgroup/stats.h"

static void line_add(json_t *list, unsigned major, unsigned minor, const char *op, uint64_t v)
{
	/* a failed allocation leaves the line out */
	(void)json_array_append_new(
		list, json_pack("{s:i, s:i, s:s, s:I}", "major", (int)major, "minor", (int)minor, "op",
				op, "value", v > INT64_MAX ? INT64_MAX : (json_int_t)v));
}

json_t *cg_stats_blkio_lines(const char *text)
{
	json_t *list = json_array();
	for (; list && *text; text += strcspn(text, "\n"), text += *text == '\n') {
		unsigned major, minor;
		char op[16];
		uint64_t v;
		if (sscanf(text, "%u:%u %15[A-Za-z] %" SCNu64, &major, &minor, op, &v) == 4)
			line_add(list, major, minor, op, v);
		else if (sscanf(text, "%u:%u %" SCNu64, &major, &minor, &v) == 3)
			line_add(list, major, minor, "", v);
	}
	return list;
}

void cg_stats_io_lines(const char *text, json_t *bytes, json_t *ios)
{
	static const struct {
		const char *key, *op;
		bool ios;
	} rows[] = {
		{ "rbytes=", "Read", false }, { "wbytes=", "Write", false }, { "dbytes=", "Discard", false },
		{ "rios=", "Read", true },    { "wios=", "Write", true },    { "dios=", "Discard", true },
	};
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		unsigned major, minor;
		int used = 0;
		if (sscanf(text, "%u:%u%n", &major, &minor, &used) != 2)
			continue;
		const char *p = text + used;
		while (*p == ' ') {
			p++;
			for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
				size_t n = strlen(rows[i].key);
				uint64_t v;
				if (!strncmp(p, rows[i].key, n) && sscanf(p + n, "%" SCNu64, &v) == 1)
					line_add(rows[i].ios ? ios : bytes, major, minor, rows[i].op, v);
			}
			p += strcspn(p, " \n");
		}
	}
}

/* Figures and the files they may be in: bfq, throttle (recursive since 5.x), cfq. */
static const struct {
	const char *member;
	const char *files[4];
} rows[] = {
	{ "ioServiceBytesRecursive",
	  { "blkio.bfq.io_service_bytes_recursive", "blkio.throttle.io_service_bytes_recursive",
	    "blkio.io_service_bytes_recursive", "blkio.throttle.io_service_bytes" } },
	{ "ioServicedRecursive",
	  { "blkio.bfq.io_serviced_recursive", "blkio.throttle.io_serviced_recursive",
	    "blkio.io_serviced_recursive", "blkio.throttle.io_serviced" } },
	{ "ioQueueRecursive", { "blkio.bfq.io_queued_recursive", "blkio.io_queued_recursive" } },
	{ "ioServiceTimeRecursive",
	  { "blkio.bfq.io_service_time_recursive", "blkio.io_service_time_recursive" } },
	{ "ioWaitTimeRecursive", { "blkio.bfq.io_wait_time_recursive", "blkio.io_wait_time_recursive" } },
	{ "ioMergedRecursive", { "blkio.bfq.io_merged_recursive", "blkio.io_merged_recursive" } },
	{ "ioTimeRecursive", { "blkio.bfq.time_recursive", "blkio.time_recursive" } },
	{ "sectorsRecursive", { "blkio.bfq.sectors_recursive", "blkio.sectors_recursive" } },
};

/* The first file with more than the empty "Total 0". */
static void member_legacy(struct cg_tree *t, json_t *o, size_t row)
{
	for (size_t i = 0; i < ARRAY_LEN(rows[row].files) && rows[row].files[i]; i++) {
		OWN_STR text = NULL;
		if (cg_read_all(t, rows[row].files[i], &text) < 0)
			continue;
		json_t *list = cg_stats_blkio_lines(text);
		if (json_array_size(list)) {
			(void)json_object_set_new(o, rows[row].member, list); /* out of memory: left out */
			return;
		}
		json_decref(list);
	}
}

json_t *cg_stats_blkio(const struct cgroup *cg)
{
	struct cg_tree *t = cg_tree_of(cg, CG_BLKIO);
	json_t *o = json_object();
	OWN_STR text = NULL;

	if (!t || !o)
		return o;
	for (size_t i = 0; !t->unified && i < ARRAY_LEN(rows); i++)
		member_legacy(t, o, i);
	if (!t->unified || cg_read_all(t, "io.stat", &text) < 0)
		return o;
	json_t *bytes = json_array(), *ios = json_array();
	if (bytes && ios)
		cg_stats_io_lines(text, bytes, ios);
	(void)json_object_set_new(o, rows[0].member, bytes); /* out of memory: left out */
	(void)json_object_set_new(o, rows[1].member, ios);
	char psi[512];
	if (cg_read(t, "io.pressure", psi, sizeof psi) > 0)
		(void)json_object_set_new(o, "psi", cg_stats_pressure(psi));
	return o;
}
