/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits in a create or update body: ranges and contradictions, in docker's words.
 */
#include <string.h>

#include "base/text.h"
#include "format/js.h"
#include "spec/create_body.h"
#include "spec/ulimit.h"

enum { MEMORY_MIN = 6 << 20, PERIOD_MIN_US = 1000, PERIOD_MAX_US = 1000000, QUOTA_MIN_US = 1000 };

static int bad(struct err *e, const char *text)
{
	return err_new(e, E_INVALID, EINVAL, "%s", text);
}

static int memory(const json_t *r, json_t *warnings, struct err *e)
{
	int64_t max = js_int(r, "Memory", 0), swap = js_int(r, "MemorySwap", 0);
	int64_t soft = js_int(r, "MemoryReservation", 0);
	const json_t *swappiness = json_object_get(r, "MemorySwappiness");

	if (max < 0)
		return bad(e, "invalid memory limit: must not be negative");
	if (max && max < MEMORY_MIN)
		return bad(e, "Minimum memory limit allowed is 6MB");
	if (swap < -1)
		return bad(e, "invalid memory swap limit: must be -1, 0 or positive");
	if (max && swap > 0 && swap < max)
		return bad(e, "Minimum memoryswap limit should be larger than memory limit, see usage");
	if (!max && swap > 0)
		return bad(e, "You should always set the Memory limit when using Memoryswap limit, see usage");
	if (soft < 0)
		return bad(e, "invalid memory reservation: must not be negative");
	if (soft && soft < MEMORY_MIN)
		return bad(e, "Minimum memory reservation allowed is 6MB");
	if (max && soft && max < soft)
		return bad(e, "Minimum memory limit can not be less than memory reservation limit, see usage");
	if (json_is_integer(swappiness)) {
		int64_t v = json_integer_value(swappiness);
		if (v < -1 || v > 100)
			return err_new(e, E_INVALID, EINVAL,
				       "Invalid value: %lld, valid memory swappiness range is 0-100", (long long)v);
	}
	if (js_int(r, "KernelMemory", 0) > 0)
		json_array_append_new(warnings, json_string("Specifying a kernel memory limit is deprecated "
							    "and has no effect."));
	if (js_bool(r, "OomKillDisable", false) && !max)
		json_array_append_new(warnings, json_string("OOM killer is disabled for the container, but no "
							    "memory limit is set, this can result in the "
							    "system running out of resources."));
	return 0;
}

static int cpu(const json_t *r, const struct create_host *host, struct err *e)
{
	int64_t nano = js_int(r, "NanoCpus", 0), period = js_int(r, "CpuPeriod", 0);
	int64_t quota = js_int(r, "CpuQuota", 0), rt_period = js_int(r, "CpuRealtimePeriod", 0);
	int64_t rt_runtime = js_int(r, "CpuRealtimeRuntime", 0);

	if (nano && period)
		return bad(e, "Conflicting options: Nano CPUs and CPU Period cannot both be set");
	if (nano && quota)
		return bad(e, "Conflicting options: Nano CPUs and CPU Quota cannot both be set");
	if (nano < 0 || (host->cpus && nano > (int64_t)host->cpus * 1000000000))
		return err_new(e, E_INVALID, EINVAL,
			       "range of CPUs is from 0.01 to %u.00, as there are only %u CPUs available",
			       host->cpus, host->cpus);
	if (js_int(r, "CpuShares", 0) < 0)
		return bad(e, "invalid CPU shares: must not be negative");
	if (period && (period < PERIOD_MIN_US || period > PERIOD_MAX_US))
		return bad(e, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
	if (quota > 0 && quota < QUOTA_MIN_US)
		return bad(e, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	if (rt_period && rt_runtime && rt_runtime > rt_period)
		return bad(e, "cpu real-time runtime cannot be higher than cpu real-time period");
	return 0;
}

/* "0-3,7"; "" is fine */
static bool cpu_list_ok(const char *s)
{
	uint32_t from, to;
	char one[16];

	while (*s) {
		size_t n = strcspn(s, ",");
		size_t dash = strcspn(s, "-");
		if (!n || n >= sizeof one)
			return false;
		memcpy(one, s, n);
		one[n] = 0;
		if (dash < n) {
			one[dash] = 0;
			if (text_uint32(one, &from) < 0 || text_uint32(one + dash + 1, &to) < 0 || to < from)
				return false;
		} else if (text_uint32(one, &from) < 0)
			return false;
		s += n;
		if (*s && !*++s)
			return false;
	}
	return true;
}

static int cpuset(const json_t *r, struct err *e)
{
	const char *cpus = js_str(r, "CpusetCpus", ""), *mems = js_str(r, "CpusetMems", "");

	if (!cpu_list_ok(cpus))
		return err_new(e, E_INVALID, EINVAL, "Invalid value %s for cpuset cpus", cpus);
	if (!cpu_list_ok(mems))
		return err_new(e, E_INVALID, EINVAL, "Invalid value %s for cpuset mems", mems);
	return 0;
}

static int blkio(const json_t *r, struct err *e)
{
	static const char *const lists[] = {
		"BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps", "BlkioDeviceWriteIOps",
	};
	int64_t w = js_int(r, "BlkioWeight", 0);
	size_t k;
	json_t *v;

	if (w && (w < 10 || w > 1000))
		return bad(e, "Range of blkio weight is from 10 to 1000");
	json_array_foreach(json_object_get(r, "BlkioWeightDevice"), k, v) {
		w = js_int(v, "Weight", 0);
		if (w < 10 || w > 1000)
			return err_new(e, E_INVALID, EINVAL, "Range of blkio weight is from 10 to 1000: %s",
				       js_str(v, "Path", ""));
	}
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		json_array_foreach(json_object_get(r, lists[i]), k, v)
			if (*js_str(v, "Path", "") != '/' || js_int(v, "Rate", -1) < 0)
				return err_new(e, E_INVALID, EINVAL, "%s: a device path and a rate are needed",
					       lists[i]);
	return 0;
}

/* "c 1:3 rwm", "a *:* m" */
static bool device_rule_ok(const char *s)
{
	size_t n;

	if (!strchr("acb", *s) || !*s || s[1] != ' ')
		return false;
	s += 2;
	for (int part = 0; part < 2; part++) {
		n = *s == '*' ? 1 : strspn(s, "0123456789");
		if (!n || s[n] != (part ? ' ' : ':'))
			return false;
		s += n + 1;
	}
	n = strspn(s, "rwm");
	return n >= 1 && n <= 3 && !s[n];
}

static int devices(const json_t *r, struct err *e)
{
	size_t k;
	json_t *v;

	json_array_foreach(json_object_get(r, "DeviceCgroupRules"), k, v)
		if (!device_rule_ok(json_string_value(v)))
			return err_new(e, E_INVALID, EINVAL, "invalid device cgroup rule format: '%s'",
				       json_string_value(v));
	json_array_foreach(json_object_get(r, "Devices"), k, v) {
		const char *mode = js_str(v, "CgroupPermissions", "");
		if (*js_str(v, "PathOnHost", "") != '/' || *js_str(v, "PathInContainer", "/") == 0)
			return err_new(e, E_INVALID, EINVAL, "bad device path: \"%s\"", js_str(v, "PathOnHost", ""));
		if (mode[strspn(mode, "rwm")] || strlen(mode) > 3)
			return err_new(e, E_INVALID, EINVAL, "invalid device mode: %s", mode);
	}
	if (json_array_size(json_object_get(r, "DeviceRequests"))) {
		err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "could not select device driver for the device request");
		err_hint(e, "pass the device nodes themselves with --device");
		return -e->eno;
	}
	return 0;
}

int create_body_check_limits(const json_t *r, const struct create_host *host, json_t *warnings,
			     struct err *e)
{
	struct ulimit u;
	size_t k;
	json_t *v;

	if (memory(r, warnings, e) < 0 || cpu(r, host, e) < 0 || cpuset(r, e) < 0 || blkio(r, e) < 0 ||
	    devices(r, e) < 0)
		return -e->eno;
	if (js_int(r, "PidsLimit", 0) < -1)
		return bad(e, "invalid PIDs limit: must be -1, 0 or positive");
	json_array_foreach(json_object_get(r, "Ulimits"), k, v)
		if (ulimit_make(js_str(v, "Name", ""), js_int(v, "Soft", 0), js_int(v, "Hard", 0), &u, e) < 0)
			return -e->eno;
	return 0;
}
