/* SPDX-License-Identifier: Apache-2.0
 *
 * Small changes of a container: pause, unpause, rename, update.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "engine/engine_int.h"
#include "engine/oci.h"
#include "format/js.h"
#include "spec/create_body.h"
#include "spec/name.h"

int engine_pause(struct engine *eng, const char *ref, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	OWN_FD run = -1;

	if (handle_open(eng, ref, HANDLE_LOCK, &h, e) < 0)
		return -e->eno;
	if (h.st.status == CONTAINER_RESTARTING)
		return err_new(e, E_STATE, EBUSY, "Container %s is restarting, wait until the container is running",
			       h.c.id);
	if (h.st.status != CONTAINER_RUNNING)
		return err_new(e, E_STATE, EINVAL, "Container %s is not running", h.c.id);
	if (h.st.paused)
		return err_new(e, E_STATE, EALREADY, "Container %s is already paused", h.c.id);
	/* the mark first: killed in between, unpause still knows what to do */
	if (container_run_dir(&eng->store, h.c.id, false, &run, e) < 0 ||
	    io_replace_file(run, "paused", "", 0, 0600, 0, e) < 0)
		return -e->eno;
	if (runtime_pause(&eng->runtime, h.c.id, e) < 0) {
		(void)unlinkat(run, "paused", 0);
		return err_ctx(e, "Cannot pause container %s", h.c.id);
	}
	return 0;
}

int engine_unpause(struct engine *eng, const char *ref, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	OWN_FD run = -1;

	if (handle_open(eng, ref, HANDLE_LOCK, &h, e) < 0)
		return -e->eno;
	if (!h.st.paused)
		return err_new(e, E_STATE, EINVAL, "Container %s is not paused", h.c.id);
	if (runtime_resume(&eng->runtime, h.c.id, e) < 0)
		return err_ctx(e, "Cannot unpause container %s", h.c.id);
	if (container_run_dir(&eng->store, h.c.id, false, &run, e) < 0)
		return -e->eno;
	if (unlinkat(run, "paused", 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove the mark of the pause");
	return 0;
}

int engine_rename(struct engine *eng, const char *ref, const char *new_name, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	char old[256];

	if (!*new_name || !strcmp(new_name, "/"))
		return err_new(e, E_INVALID, EINVAL, "Neither old nor new names may be empty");
	if (name_check(new_name, e) < 0 || handle_open(eng, ref, HANDLE_LOCK, &h, e) < 0)
		return -e->eno;
	new_name += *new_name == '/';
	(void)snprintf(old, sizeof old, "%s", handle_name(&h));
	if (!strcmp(old, new_name))
		return err_new(e, E_INVALID, EINVAL, "Renaming a container with the same name as its current name");
	if (container_name_claim(&eng->store, new_name, h.c.id, e) < 0)
		return -e->eno;
	json_object_set_new(h.c.record, "Name", json_sprintf("/%s", new_name));
	if (container_save(&h.c, IO_DURABLE, e) < 0) {
		container_name_release(&eng->store, new_name, h.c.id);
		return -e->eno;
	}
	if (io_sync_dir(eng->store.root_fd, "names", e) < 0)
		return -e->eno; /* it has both: found by either */
	container_name_release(&eng->store, old, h.c.id);
	return 0;
}

/* what is given replaces what was; a CPU limit in one form drops the other */
static void merge(json_t *hc, const json_t *body)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)body, key, v) {
		if (json_is_null(v) || (json_is_integer(v) && !json_integer_value(v)) ||
		    (json_is_string(v) && !json_string_length(v)) || (json_is_array(v) && !json_array_size(v)))
			continue;
		json_object_set(hc, key, v);
	}
	if (js_int(body, "NanoCpus", 0)) {
		json_object_del(hc, "CpuPeriod");
		json_object_del(hc, "CpuQuota");
	} else if (js_int(body, "CpuPeriod", 0) || js_int(body, "CpuQuota", 0))
		json_object_del(hc, "NanoCpus");
}

/* docker: a swap limit in force must be raised together with the memory limit */
static int swap_check(const json_t *old, const json_t *body, struct err *e)
{
	int64_t max = js_int(body, "Memory", 0), swap = js_int(old, "MemorySwap", 0);

	if (max && !js_int(body, "MemorySwap", 0) && swap > 0 && max > swap)
		return err_new(e, E_INVALID, EINVAL,
			       "Memory limit should be smaller than already set memoryswap limit, update the "
			       "memoryswap at the same time");
	return 0;
}

int engine_update(struct engine *eng, const char *ref, const json_t *body, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	OWN_JSON resources = json_object();
	OWN_JSON wrapped = json_pack("{sO}", "HostConfig", (json_t *)body);
	OWN_JSON warnings = json_array();
	struct create_host host = { 0 };
	cpu_set_t set;

	if (!sched_getaffinity(0, sizeof set, &set))
		host.cpus = (unsigned)CPU_COUNT(&set);
	if (!wrapped || create_body_types(wrapped, e) < 0 ||
	    create_body_check_limits(body, &host, warnings, e) < 0)
		return wrapped ? -e->eno : err_new(e, E_INVALID, EINVAL, "update: no object");
	if (handle_open(eng, ref, HANDLE_LOCK, &h, e) < 0)
		return -e->eno;
	json_t *old = json_object_get(h.c.record, "HostConfig");
	OWN_JSON hc = json_deep_copy(old);
	merge(hc, body);
	if (swap_check(old, body, e) < 0 || create_body_check_limits(hc, &host, warnings, e) < 0 ||
	    create_body_check_restart(hc, e) < 0 || oci_resources(body, resources, e) < 0)
		return err_ctx(e, "Cannot update container %s", h.c.id);
	if (h.st.status == CONTAINER_RUNNING && json_object_size(resources) &&
	    runtime_update(&eng->runtime, h.c.id, resources, e) < 0)
		return err_ctx(e, "Cannot update container %s", h.c.id);
	json_object_set(h.c.record, "HostConfig", hc);
	return container_save(&h.c, IO_DURABLE, e);
}
