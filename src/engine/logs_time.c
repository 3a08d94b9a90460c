/* SPDX-License-Identifier: Apache-2.0
 *
 * The times that --since and --until take: see logs.h.
 */
#include "engine/logs.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"

static const int64_t NS = 1000000000;

/* "1700000000", "1700000000.5": the fraction has up to nine digits. */
static int parse_unix(const char *s, int64_t *ret)
{
	char whole[24];
	size_t n = strcspn(s, ".");
	int64_t sec, ns = 0, unit = NS / 10;
	const char *p = s + n;

	if (!n || n >= sizeof(whole))
		return -EINVAL;
	memcpy(whole, s, n);
	whole[n] = 0;
	if (text_int64(whole, &sec) < 0 || sec > INT64_MAX / NS - 1 || sec < INT64_MIN / NS + 1)
		return -EINVAL;
	if (*p == '.' && !*++p)
		return -EINVAL;
	for (; *p; p++, unit /= 10) {
		if (!isdigit((unsigned char)*p) || !unit)
			return -EINVAL;
		ns += (*p - '0') * unit;
	}
	*ret = sec * NS + (sec < 0 || *s == '-' ? -ns : ns);
	return 0;
}

struct date {
	int part[6]; /* year, month, day, hour, minute, second */
	const char *rest; /* fraction and zone */
};

/* The beginning of an RFC 3339 time, cut off after the day, hour, minute or second. */
static int parse_date(const char *s, struct date *d)
{
	static const struct {
		int digits;
		char before;
	} form[6] = { { 4, 0 }, { 2, '-' }, { 2, '-' }, { 2, 'T' }, { 2, ':' }, { 2, ':' } };

	*d = (struct date){ .rest = s };
	for (int i = 0; i < 6; i++) {
		if (form[i].before) {
			if (*s != form[i].before)
				return i > 2 ? 0 : -EINVAL;
			s++;
		}
		for (int k = 0; k < form[i].digits; k++, s++) {
			if (!isdigit((unsigned char)*s))
				return -EINVAL;
			d->part[i] = d->part[i] * 10 + (*s - '0');
		}
		d->rest = s;
	}
	return 0;
}

/* A date without a zone is local time. */
static int parse_local(const struct date *d, int64_t *ret)
{
	struct tm tm = {
		.tm_year = d->part[0] - 1900, .tm_mon = d->part[1] - 1, .tm_mday = d->part[2],
		.tm_hour = d->part[3], .tm_min = d->part[4], .tm_sec = d->part[5], .tm_isdst = -1,
	};
	char text[80];
	int64_t check, ns = 0;
	time_t t;

	/* the same digits as UTC tell whether the date exists, and the fraction */
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d%.30sZ", d->part[0], d->part[1],
		 d->part[2], d->part[3], d->part[4], d->part[5], d->rest);
	if (clock_parse(text, &check) < 0)
		return -EINVAL;
	ns = ((check % NS) + NS) % NS;
	t = mktime(&tm);
	if (t == (time_t)-1 && (d->part[0] != 1969 && d->part[0] != 1970))
		return -EINVAL;
	*ret = (int64_t)t * NS + ns;
	return 0;
}

static int parse_rfc3339(const char *s, int64_t *ret)
{
	struct date d;
	char text[80];
	const char *zone;

	if (parse_date(s, &d) < 0 || strlen(d.rest) > 30)
		return -EINVAL;
	zone = d.rest + (*d.rest == '.' ? 1 + strspn(d.rest + 1, "0123456789") : 0);
	if (!*zone)
		return parse_local(&d, ret);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d%s", d.part[0], d.part[1],
		 d.part[2], d.part[3], d.part[4], d.part[5], d.rest);
	return clock_parse(text, ret);
}

int logs_time_parse(const char *s, int64_t now_ns, int64_t *ret_ns, struct err *e)
{
	int64_t d;

	if (!duration_parse(s, &d)) {
		*ret_ns = now_ns - d;
		return 0;
	}
	if (!parse_rfc3339(s, ret_ns) || !parse_unix(s, ret_ns))
		return 0;
	err_new(e, E_USAGE, EINVAL, "invalid time \"%s\"", s);
	err_hint(e, "a duration such as 10m, a time such as 2024-05-01T10:00:00Z, or Unix seconds");
	return -EINVAL;
}
