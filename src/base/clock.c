/* SPDX-License-Identifier: Apache-2.0
 *
 * RFC 3339 and Go durations: see clock.h. Own calendar arithmetic (days from civil date), since
 * timegm would read the time zone of the host.
 */
#include "base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const int64_t NS = 1000000000;

static int64_t read_clock(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

int64_t clock_now_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t clock_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* days since 1970-01-01 of a proleptic Gregorian date, and back (Hinnant's algorithms) */
static int64_t days_from_civil(int64_t y, int m, int d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil_from_days(int64_t z, int64_t *y, int *m, int *d)
{
	z += 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = yoe + era * 400 + (*m <= 2);
}

void clock_format(int64_t ns, char out[CLOCK_TEXT_MAX])
{
	if (ns == INT64_MIN) {
		memcpy(out, "0001-01-01T00:00:00Z", 21);
		return;
	}
	int64_t s = ns / NS, frac = ns % NS, y;
	int m, d;
	if (frac < 0) {
		frac += NS;
		s--;
	}
	int64_t days = s / 86400, rest = s % 86400;
	if (rest < 0) {
		rest += 86400;
		days--;
	}
	civil_from_days(days, &y, &m, &d);
	int n = snprintf(out, CLOCK_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", (int)y, m, d,
			 (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
	if (frac) {
		n += snprintf(out + n, CLOCK_TEXT_MAX - (size_t)n, ".%09d", (int)frac);
		while (out[n - 1] == '0')
			n--;
	}
	out[n++] = 'Z';
	out[n] = 0;
}

static bool digits(const char **p, int n, int *ret)
{
	int v = 0;
	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		v = v * 10 + (**p - '0');
	}
	*ret = v;
	return true;
}

static bool lit(const char **p, char c)
{
	return **p == c && (*p)++;
}

int clock_parse(const char *s, int64_t *ret_ns)
{
	int y, mo, d, h, mi, se, oh = 0, om = 0, sign = 0;
	int64_t frac = 0, scale = NS / 10;
	const char *p = s;

	if (!digits(&p, 4, &y) || !lit(&p, '-') || !digits(&p, 2, &mo) || !lit(&p, '-') ||
	    !digits(&p, 2, &d) || (*p != 'T' && *p != 't' && *p != ' '))
		return -EINVAL;
	p++;
	if (!digits(&p, 2, &h) || !lit(&p, ':') || !digits(&p, 2, &mi) || !lit(&p, ':') ||
	    !digits(&p, 2, &se))
		return -EINVAL;
	if (*p == '.') {
		p++;
		if (*p < '0' || *p > '9')
			return -EINVAL;
		for (; *p >= '0' && *p <= '9'; p++, scale /= 10)
			frac += (*p - '0') * scale;
	}
	if (*p == 'Z' || *p == 'z')
		p++;
	else if (*p == '+' || *p == '-') {
		sign = *p++ == '+' ? 1 : -1;
		if (!digits(&p, 2, &oh) || !lit(&p, ':') || !digits(&p, 2, &om))
			return -EINVAL;
	} else
		return -EINVAL;
	if (*p || mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 || se > 60 || oh > 23 || om > 59)
		return -EINVAL;
	int64_t sec = days_from_civil(y, mo, d) * 86400 + h * 3600 + mi * 60 + se -
		      sign * (oh * 3600 + om * 60);
	if (sec < INT64_MIN / NS || sec > INT64_MAX / NS - 1)
		*ret_ns = sec < 0 ? INT64_MIN : INT64_MAX;
	else
		*ret_ns = sec * NS + frac;
	return 0;
}

int duration_parse(const char *s, int64_t *ret_ns)
{
	static const struct {
		const char *unit;
		int64_t ns;
	} units[] = { { "ns", 1 },          { "us", 1000 },      { "\xc2\xb5s", 1000 },
		      { "ms", 1000000 },    { "s", 1000000000 }, { "m", 60000000000 },
		      { "h", 3600000000000 } };
	double total = 0;
	bool neg = false;

	if (*s == '-' || *s == '+')
		neg = *s++ == '-';
	if (!strcmp(s, "0")) {
		*ret_ns = 0;
		return 0;
	}
	if (!*s)
		return -EINVAL;
	while (*s) {
		double v = 0, scale = 0.1;
		bool any = false;
		for (; *s >= '0' && *s <= '9'; s++, any = true)
			v = v * 10 + (*s - '0');
		if (*s == '.')
			for (s++; *s >= '0' && *s <= '9'; s++, scale /= 10, any = true)
				v += (*s - '0') * scale;
		if (!any)
			return -EINVAL;
		size_t n = strcspn(s, "0123456789."), i;
		for (i = 0; i < sizeof units / sizeof units[0]; i++)
			if (strlen(units[i].unit) == n && !memcmp(units[i].unit, s, n))
				break;
		if (i == sizeof units / sizeof units[0])
			return -EINVAL;
		total += v * (double)units[i].ns;
		s += n;
	}
	if (total > 9.2e18)
		return -EINVAL;
	*ret_ns = neg ? -(int64_t)total : (int64_t)total;
	return 0;
}

void duration_human(int64_t seconds, char out[DURATION_TEXT_MAX])
{
	static const struct {
		int64_t below, unit; /* hours */
		const char *name;
	} rows[] = {
		{ 48, 1, "hours" },
		{ 14 * 24, 24, "days" },
		{ 60 * 24, 7 * 24, "weeks" },
		{ 730 * 24, 30 * 24, "months" },
		{ INT64_MAX, 365 * 24, "years" },
	};
	int64_t minutes = seconds / 60, hours = (seconds + 1800) / 3600;
	size_t i = 0;

	if (seconds < 1)
		(void)snprintf(out, DURATION_TEXT_MAX, "Less than a second");
	else if (seconds == 1)
		(void)snprintf(out, DURATION_TEXT_MAX, "1 second");
	else if (seconds < 60)
		(void)snprintf(out, DURATION_TEXT_MAX, "%lld seconds", (long long)seconds);
	else if (minutes == 1)
		(void)snprintf(out, DURATION_TEXT_MAX, "About a minute");
	else if (minutes < 60)
		(void)snprintf(out, DURATION_TEXT_MAX, "%lld minutes", (long long)minutes);
	else if (hours == 1)
		(void)snprintf(out, DURATION_TEXT_MAX, "About an hour");
	else {
		while (hours >= rows[i].below)
			i++;
		(void)snprintf(out, DURATION_TEXT_MAX, "%lld %s", (long long)(hours / rows[i].unit),
			       rows[i].name);
	}
}
