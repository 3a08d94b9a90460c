/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes, durations and ports as people read them, in docker's forms: see list.h.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "format/js.h"
#include "front/cli/list.h"

static void scaled(double v, double base, const char *const *units, int digits, struct buf *out)
{
	int i = 0;
	while (v >= base && units[i + 1]) {
		v /= base;
		i++;
	}
	buf_printf(out, "%.*g%s", digits, v, units[i]);
}

static const char *const decimal[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB", NULL };

void human_size(double bytes, struct buf *out)
{
	scaled(bytes, 1000, decimal, 3, out);
}

void human_sum(double bytes, struct buf *out)
{
	scaled(bytes, 1000, decimal, 4, out);
}

void human_bytes(double bytes, struct buf *out)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", NULL };
	scaled(bytes, 1024, units, 4, out);
}

void human_duration(long long seconds, struct buf *out)
{
	char text[DURATION_TEXT_MAX];
	duration_human(seconds, text);
	buf_puts(out, text);
}

void human_ago(long long ns, struct buf *out)
{
	if (ns == INT64_MIN) {
		buf_puts(out, "N/A");
		return;
	}
	human_duration((clock_now_ns() - ns) / 1000000000, out);
	buf_puts(out, " ago");
}

void human_ellipsis(const char *s, size_t width, struct buf *out)
{
	size_t chars = 0, cut = 0, i = 0;

	for (; s[i]; i++) {
		if ((s[i] & 0xc0) == 0x80)
			continue;
		if (chars + 1 == width)
			cut = i; /* where the last character would stand */
		if (++chars > width)
			break;
	}
	if (chars <= width) {
		buf_puts(out, s);
		return;
	}
	buf_add(out, s, cut);
	buf_puts(out, "\xe2\x80\xa6");
}

static void one_ip(const char *ip, struct buf *out)
{
	if (strchr(ip, ':'))
		buf_printf(out, "[%s]:", ip);
	else
		buf_printf(out, "%s:", ip);
}

static void range(long long from, long long to, struct buf *out)
{
	if (from == to)
		buf_printf(out, "%lld", from);
	else
		buf_printf(out, "%lld-%lld", from, to);
}

/* neighbours that continue each other (8000->80, 8001->81) are shown as one range */
void human_ports(const json_t *ports, struct buf *out)
{
	size_t n = json_array_size(ports);

	for (size_t i = 0; i < n;) {
		const json_t *p = json_array_get(ports, i);
		const char *ip = js_str(p, "IP", ""), *type = js_str(p, "Type", "tcp");
		long long priv = js_int(p, "PrivatePort", 0), pub = js_int(p, "PublicPort", 0);
		size_t k = 1;
		for (; i + k < n; k++) {
			const json_t *q = json_array_get(ports, i + k);
			if (strcmp(js_str(q, "IP", ""), ip) || strcmp(js_str(q, "Type", "tcp"), type) ||
			    js_int(q, "PrivatePort", 0) != priv + (long long)k ||
			    js_int(q, "PublicPort", 0) != (pub ? pub + (long long)k : 0))
				break;
		}
		if (i)
			buf_puts(out, ", ");
		if (pub) {
			one_ip(*ip ? ip : "0.0.0.0", out);
			range(pub, pub + (long long)k - 1, out);
			buf_puts(out, "->");
		}
		range(priv, priv + (long long)k - 1, out);
		buf_printf(out, "/%s", type);
		i += k;
	}
}
