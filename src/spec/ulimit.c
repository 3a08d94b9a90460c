/* SPDX-License-Identifier: Apache-2.0
 *
 * Resource limits by name: see ulimit.h.
 */
#include "spec/ulimit.h"

#include <string.h>
#include <sys/resource.h>

#include "base/own.h"
#include "base/text.h"

#define ROW(name, upper) { name, "RLIMIT_" #upper, RLIMIT_##upper }
static const struct {
	const char *name, *oci;
	int resource;
} table[] = {
	ROW("as", AS),
	ROW("core", CORE),
	ROW("cpu", CPU),
	ROW("data", DATA),
	ROW("fsize", FSIZE),
	ROW("locks", LOCKS),
	ROW("memlock", MEMLOCK),
	ROW("msgqueue", MSGQUEUE),
	ROW("nice", NICE),
	ROW("nofile", NOFILE),
	ROW("nproc", NPROC),
	ROW("rss", RSS),
	ROW("rtprio", RTPRIO),
	ROW("rttime", RTTIME),
	ROW("sigpending", SIGPENDING),
	ROW("stack", STACK),
};

int ulimit_make(const char *name, int64_t soft, int64_t hard, struct ulimit *ret, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (strcmp(table[i].name, name))
			continue;
		if (soft < -1 || hard < -1)
			return err_new(e, E_INVALID, EINVAL, "invalid ulimit value: %s=%lld:%lld", name,
				       (long long)soft, (long long)hard);
		if (hard != -1 && (soft == -1 || soft > hard))
			return err_new(e, E_INVALID, EINVAL,
				       "ulimit soft limit must be less than or equal to hard limit: %lld > %lld",
				       (long long)soft, (long long)hard);
		*ret = (struct ulimit){ table[i].name, table[i].oci, table[i].resource, soft, hard };
		return 0;
	}
	return err_new(e, E_INVALID, EINVAL, "invalid ulimit type: %s", name);
}

static int value(const char *s, int64_t *ret)
{
	if (!strcmp(s, "unlimited")) {
		*ret = -1;
		return 0;
	}
	return text_int64(s, ret);
}

int ulimit_parse(const char *s, struct ulimit *ret, struct err *e)
{
	char name[24], one[32];
	size_t n = strcspn(s, "=");
	int64_t soft, hard;

	if (!s[n] || !n || n >= sizeof name)
		return err_new(e, E_INVALID, EINVAL, "invalid ulimit argument: %s", s);
	memcpy(name, s, n);
	name[n] = 0;
	const char *v = s + n + 1;
	n = strcspn(v, ":");
	if (n >= sizeof one)
		return err_new(e, E_INVALID, EINVAL, "invalid ulimit argument: %s", s);
	memcpy(one, v, n);
	one[n] = 0;
	if (value(one, &soft) < 0)
		return err_new(e, E_INVALID, EINVAL, "invalid ulimit value: %s", s);
	hard = soft;
	if (v[n] && value(v + n + 1, &hard) < 0)
		return err_new(e, E_INVALID, EINVAL, "too many limit value arguments - %s", v);
	return ulimit_make(name, soft, hard, ret, e);
}
