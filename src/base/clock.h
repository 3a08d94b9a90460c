/* SPDX-License-Identifier: Apache-2.0
 *
 * Wall-clock times as RFC 3339 text with nanoseconds, and back; durations as Go writes them.
 */
#ifndef ONGGI_BASE_CLOCK_H
#define ONGGI_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

enum { CLOCK_TEXT_MAX = 40, DURATION_TEXT_MAX = 40 };

/** clock_now_ns - wall clock, nanoseconds since 1970. */
int64_t clock_now_ns(void);
/** clock_mono_ns - monotonic clock, nanoseconds. */
int64_t clock_mono_ns(void);
/** clock_format - RFC3339Nano in UTC as Go prints it (trailing zeros of the fraction cut);
 * @ns INT64_MIN gives docker's zero time 0001-01-01T00:00:00Z. */
void clock_format(int64_t ns, char out[CLOCK_TEXT_MAX]);
/** clock_parse - RFC 3339 with any offset and fraction. 0 or -EINVAL. The zero time gives
 * INT64_MIN. */
int clock_parse(const char *s, int64_t *ret_ns);
/** duration_parse - Go duration ("1h2m3.5s", "150ms", "-5s", "0"). 0 or -EINVAL. */
int duration_parse(const char *s, int64_t *ret_ns);
/** duration_human - as docker says it: "Less than a second", "About a minute", "3 hours". */
void duration_human(int64_t seconds, char out[DURATION_TEXT_MAX]);

#endif
