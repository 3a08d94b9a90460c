/* SPDX-License-Identifier: Apache-2.0
 *
 * Platforms: see platform.h. Names are those of Go's runtime, as image indexes use them.
 */
#include "spec/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/own.h"

static const char *const known_os[] = {
	"aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux",
	"nacl", "netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows", "zos",
};

static const char *const known_arch[] = {
	"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc",
	"ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm",
};

/* other names -> Go's name and variant; variant NULL: keep the given one */
static const struct {
	const char *from, *arch, *variant;
} arch_alias[] = {
	{ "aarch64", "arm64", NULL },     { "armel", "arm", "v6" },   { "armhf", "arm", "v7" },
	{ "armv5l", "arm", "v5" },        { "armv6l", "arm", "v6" },  { "armv7l", "arm", "v7" },
	{ "i386", "386", "" },            { "i586", "386", "" },      { "i686", "386", "" },
	{ "loongarch64", "loong64", NULL }, { "x86-64", "amd64", NULL }, { "x86_64", "amd64", NULL },
};

static bool is_one_of(const char *s, const char *const *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(table[i], s))
			return true;
	return false;
}

static void lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

/* copy what fits; a name that is cut matches nothing known, which is right */
static void set(char *dst, size_t n, const char *src)
{
	(void)snprintf(dst, n, "%.*s", (int)n - 1, src);
}

void platform_normalize(struct platform *p)
{
	lower(p->os);
	lower(p->arch);
	lower(p->variant);
	if (!strcmp(p->os, "macos"))
		set(p->os, sizeof p->os, "darwin");
	for (size_t i = 0; i < ARRAY_LEN(arch_alias); i++) {
		if (strcmp(arch_alias[i].from, p->arch) != 0)
			continue;
		set(p->arch, sizeof p->arch, arch_alias[i].arch);
		if (arch_alias[i].variant)
			set(p->variant, sizeof p->variant, arch_alias[i].variant);
		break;
	}
	if (p->variant[0] >= '0' && p->variant[0] <= '9' &&
	    (!strcmp(p->arch, "arm") || !strcmp(p->arch, "arm64"))) {
		char v[sizeof p->variant];
		(void)snprintf(v, sizeof v, "v%.*s", (int)sizeof v - 2, p->variant);
		memcpy(p->variant, v, sizeof v);
	}
	if (!strcmp(p->arch, "arm64") && (!strcmp(p->variant, "v8") || !strcmp(p->variant, "v8.0")))
		p->variant[0] = 0;
	if (!strcmp(p->arch, "amd64") && !strcmp(p->variant, "v1"))
		p->variant[0] = 0;
	if (!strcmp(p->arch, "arm") && !*p->variant)
		set(p->variant, sizeof p->variant, "v7");
}

void platform_host(struct platform *ret)
{
	struct utsname u;
	struct platform p = { .os = "linux" };

	if (uname(&u) == 0)
		set(p.arch, sizeof p.arch, u.machine);
	/* a 32-bit program on a 64-bit kernel still runs images of the kernel's kind */
	platform_normalize(&p);
	*ret = p;
}

static int bad(const char *s, const char *why, struct err *e)
{
	return err_new(e, E_INVALID, EINVAL, "\"%s\": %s: invalid argument", s, why);
}

/* "linux(10.0.1)" -> os and os_version */
static int os_split(char *part, const char *whole, struct platform *p, struct err *e)
{
	char *open = strchr(part, '(');
	if (open) {
		size_t n = strlen(open);
		if (open == part || n < 3 || open[n - 1] != ')')
			return bad(whole, "is an invalid OS component of the platform specifier", e);
		open[n - 1] = 0;
		*open = 0;
		set(p->os_version, sizeof p->os_version, open + 1);
	}
	set(p->os, sizeof p->os, part);
	return 0;
}

int platform_parse(const char *s, struct platform *ret, struct err *e)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	char text[160], *part[3] = { 0 }, *rest = text;
	struct platform p = { 0 }, host;
	size_t n = 0;

	if (strchr(s, '*'))
		return bad(s, "wildcards not yet supported", e);
	if (strlen(s) >= sizeof text)
		return bad("platform", "too long", e);
	memcpy(text, s, strlen(s) + 1);
	while (rest) {
		if (n == ARRAY_LEN(part))
			return bad(s, "cannot parse platform specifier", e);
		part[n++] = strsep(&rest, "/");
	}
	int r = os_split(part[0], s, &p, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (!*part[i] || strlen(part[i]) > 30 || part[i][strspn(part[i], word)])
			return bad(s, "is an invalid component of the platform specifier", e);
	platform_host(&host);
	if (n == 1) {
		struct platform q = { 0 };
		set(q.os, sizeof q.os, p.os);
		set(q.arch, sizeof q.arch, p.os);
		platform_normalize(&q);
		if (is_one_of(q.os, known_os, ARRAY_LEN(known_os))) {
			set(p.arch, sizeof p.arch, host.arch);
			set(p.variant, sizeof p.variant, host.variant);
		} else if (is_one_of(q.arch, known_arch, ARRAY_LEN(known_arch))) {
			p = q;
			set(p.os, sizeof p.os, host.os);
		} else {
			return bad(s, "unknown operating system or architecture", e);
		}
	} else {
		set(p.arch, sizeof p.arch, part[1]);
		set(p.variant, sizeof p.variant, n == 3 ? part[2] : "");
	}
	platform_normalize(&p);
	*ret = p;
	return 0;
}

void platform_format(const struct platform *p, char out[PLATFORM_TEXT_MAX])
{
	(void)snprintf(out, PLATFORM_TEXT_MAX, "%s/%s%s%s", p->os, p->arch, *p->variant ? "/" : "",
		       p->variant);
}

/* "v7" -> 70, "v8.2" -> 82; "" -> @dflt; anything else -1 */
static int variant_number(const char *v, int dflt)
{
	if (!*v)
		return dflt;
	if (v[0] != 'v' || v[1] < '1' || v[1] > '9')
		return -1;
	int n = (v[1] - '0') * 10;
	if (v[2] == '.' && v[3] >= '0' && v[3] <= '9' && !v[4])
		return n + v[3] - '0';
	return v[2] ? -1 : n;
}

int platform_rank(const struct platform *want, const struct platform *have)
{
	if (strcmp(want->os, have->os) != 0)
		return -1;
	if (*want->os_version && *have->os_version && strcmp(want->os_version, have->os_version) != 0)
		return -1;
	bool arm64_runs_arm = !strcmp(want->arch, "arm64") && !strcmp(have->arch, "arm");
	if (strcmp(want->arch, have->arch) != 0 && !arm64_runs_arm)
		return -1;
	int dflt = !strcmp(want->arch, "arm64") ? 80 : !strcmp(want->arch, "arm") ? 70 : 10;
	int w = variant_number(want->variant, dflt);
	int h = variant_number(have->variant, arm64_runs_arm ? 70 : dflt);
	if (w < 0 || h < 0)
		return strcmp(want->variant, have->variant) ? -1 : 0;
	if (arm64_runs_arm)
		return h > 80 ? -1 : 100 + 80 - h;
	return h > w ? -1 : w - h;
}
