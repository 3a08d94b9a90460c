/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsers of statistics files, apart for tests and fuzzer; broken lines are skipped. All return
 * a new reference, NULL when memory is out.
 */
#ifndef ONGGI_DRIVER_CGROUP_STATS_H
#define ONGGI_DRIVER_CGROUP_STATS_H

#include "driver/cgroup/cgroup_int.h"

/** cg_stats_keyed - "key number" lines (memory.stat) as an object. */
json_t *cg_stats_keyed(const char *text);
/** cg_stats_numbers - numbers separated by blanks (cpuacct.usage_percpu) as an array. */
json_t *cg_stats_numbers(const char *text);
/** cg_stats_list - "0-2,7" as an array of numbers. */
json_t *cg_stats_list(const char *text);
/** cg_stats_pressure - *.pressure: { "some": { "avg10", ..., "total" }, "full": ... }. */
json_t *cg_stats_pressure(const char *text);
/** cg_stats_blkio_lines - v1 "8:0 Read 12" lines as an array of { major, minor, op, value }. */
json_t *cg_stats_blkio_lines(const char *text);
/** cg_stats_io_lines - io.stat "8:0 rbytes=1 ..." appended to @bytes and @ios in v1's form. */
void cg_stats_io_lines(const char *text, json_t *bytes, json_t *ios);
/** cg_stats_blkio - the blkio member. */
json_t *cg_stats_blkio(const struct cgroup *cg);

#endif
