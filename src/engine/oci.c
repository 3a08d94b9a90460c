/* SPDX-License-Identifier: Apache-2.0
 *
 * Container record -> OCI configuration: the process and the frame. Mounts are in oci_mounts.c,
 * namespaces and limits in oci_linux.c, devices in oci_devices.c.
 */
#include "engine/oci.h"

#include <string.h>
#include <sys/prctl.h>

#include "format/js.h"
#include "spec/bundle.h"
#include "spec/capability.h"
#include "spec/container_mode.h"
#include "spec/security_opt.h"
#include "spec/ulimit.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int no_memory(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "OCI configuration");
}

static size_t key_len(const char *entry)
{
	return strcspn(entry, "=");
}

int oci_env_add(json_t *env, const char *entry)
{
	size_t n = key_len(entry), i;
	json_t *v;

	json_array_foreach(env, i, v) {
		const char *have = json_string_value(v);
		if (key_len(have) != n || strncmp(have, entry, n))
			continue;
		if (!entry[n])
			return json_array_remove(env, i);
		return json_array_set_new(env, i, json_string(entry));
	}
	return entry[n] ? json_array_append_new(env, json_string(entry)) : 0;
}

json_t *oci_environment(const json_t *config, const char *hostname, bool tty)
{
	json_t *env = json_array(), *v;
	size_t i;

	json_array_append_new(env, json_string(DEFAULT_PATH));
	json_array_append_new(env, json_sprintf("HOSTNAME=%s", hostname ? hostname : ""));
	if (tty)
		json_array_append_new(env, json_string("TERM=xterm"));
	json_array_foreach(json_object_get(config, "Env"), i, v)
		if (oci_env_add(env, json_string_value(v)) < 0) {
			json_decref(env);
			return NULL;
		}
	return env;
}

/* the fourteen that docker leaves to a container */
static const char *const default_caps[] = {
	"CHOWN",  "DAC_OVERRIDE", "FSETID", "FOWNER",           "MKNOD",      "NET_RAW", "SETGID",
	"SETUID", "SETFCAP",      "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL",    "AUDIT_WRITE",
};

/* mask of a list; *all when it holds ALL */
static uint64_t mask_of(const json_t *list, bool *all)
{
	uint64_t m = 0;
	size_t i;
	json_t *v;

	*all = false;
	json_array_foreach(list, i, v) {
		int cap = capability_parse(json_string_value(v));
		if (!strcasecmp(json_string_value(v), "ALL"))
			*all = true;
		else if (cap >= 0)
			m |= UINT64_C(1) << cap;
	}
	return m;
}

/* what this process may give away: a capability outside its own bounding set cannot be had */
static uint64_t capability_all(void)
{
	uint64_t m = 0;
	for (int cap = 0; cap < CAPABILITY_N; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			m |= UINT64_C(1) << cap;
	return m;
}

uint64_t oci_capabilities(const json_t *hc)
{
	bool add_all, drop_all;
	uint64_t base = 0, add = mask_of(json_object_get(hc, "CapAdd"), &add_all);
	uint64_t drop = mask_of(json_object_get(hc, "CapDrop"), &drop_all);

	if (js_bool(hc, "Privileged", false))
		return capability_all();
	for (size_t i = 0; i < ARRAY_LEN(default_caps); i++)
		base |= UINT64_C(1) << capability_parse(default_caps[i]);
	if (drop_all)
		return add_all ? capability_all() : add;
	if (add_all)
		return capability_all() & ~drop;
	return (base & ~drop) | add;
}

static json_t *capability_names(uint64_t mask)
{
	json_t *list = json_array();
	for (int cap = 0; cap < CAPABILITY_N; cap++)
		if (mask & (UINT64_C(1) << cap))
			json_array_append_new(list, json_string(capability_name(cap)));
	return list;
}

/* inheritable and ambient stay empty: CVE-2022-24769 */
static json_t *capability_sets(uint64_t mask)
{
	json_t *names = capability_names(mask);
	return json_pack("{sO sO so}", "bounding", names, "effective", names, "permitted", names);
}

static json_t *user_json(const struct user_info *u)
{
	json_t *o = json_pack("{sI sI}", "uid", (json_int_t)u->uid, "gid", (json_int_t)u->gid);
	json_t *groups = json_array();

	for (size_t i = 0; i < u->n_groups; i++)
		json_array_append_new(groups, json_integer(u->groups[i]));
	if (json_array_size(groups))
		json_object_set_new(o, "additionalGids", groups);
	else
		json_decref(groups);
	return o;
}

static int rlimits(const json_t *hc, json_t *process, struct err *e)
{
	json_t *list = json_array(), *v;
	size_t i;
	struct ulimit u;

	json_array_foreach(json_object_get(hc, "Ulimits"), i, v) {
		if (ulimit_make(js_str(v, "Name", ""), js_int(v, "Soft", 0), js_int(v, "Hard", 0), &u, e) < 0) {
			json_decref(list);
			return -e->eno;
		}
		/* OCI writes no limit as the largest unsigned number, which JSON readers of ours take as a
		 * negative one too */
		json_array_append_new(list, json_pack("{ss sI sI}", "type", u.oci, "soft", (json_int_t)u.soft,
						      "hard", (json_int_t)u.hard));
	}
	if (json_array_size(list))
		json_object_set_new(process, "rlimits", list);
	else
		json_decref(list);
	return 0;
}

static void console_size(const json_t *hc, json_t *process)
{
	const json_t *size = json_object_get(hc, "ConsoleSize");
	json_int_t rows = json_integer_value(json_array_get(size, 0));
	json_int_t cols = json_integer_value(json_array_get(size, 1));

	if (rows > 0 && cols > 0 && rows < 65536 && cols < 65536)
		json_object_set_new(process, "consoleSize",
				    json_pack("{sI sI}", "height", rows, "width", cols));
}

/* HOME of the passwd entry, unless the environment says otherwise */
static void home_add(json_t *env, const struct user_info *user)
{
	size_t i;
	json_t *v;

	json_array_foreach(env, i, v)
		if (!strncmp(json_string_value(v), "HOME=", 5))
			return;
	json_array_append_new(env, json_sprintf("HOME=%s", user->home));
}

static int labels(const struct security_opt *sec, json_t *process)
{
	int r = 0;
	if (sec->apparmor && strcmp(sec->apparmor, "unconfined"))
		r |= json_object_set_new(process, "apparmorProfile", json_string(sec->apparmor));
	if (sec->label_type && !sec->label_disable)
		r |= json_object_set_new(process, "selinuxLabel",
					 json_sprintf("%s:%s:%s:%s", sec->label_user ? sec->label_user : "system_u",
						      sec->label_role ? sec->label_role : "system_r", sec->label_type,
						      sec->label_level ? sec->label_level : "s0"));
	return r;
}

static int process(const struct oci_req *q, json_t *config, struct err *e)
{
	const json_t *cfg = json_object_get(q->c->record, "Config"), *hc = json_object_get(q->c->record, "HostConfig");
	const json_t *args_rest = json_object_get(q->c->record, "Args");
	bool tty = js_bool(cfg, "Tty", false);
	const char *cwd = js_str(cfg, "WorkingDir", "");
	json_t *args = json_array(), *env = oci_environment(cfg, q->hostname, tty);
	struct security_opt sec;

	if (q->init) {
		json_array_append_new(args, json_string("/sbin/docker-init"));
		json_array_append_new(args, json_string("--"));
	}
	json_array_append(args, json_object_get(q->c->record, "Path"));
	json_array_extend(args, (json_t *)args_rest);
	if (!env || security_opt_parse(json_object_get(hc, "SecurityOpt"), &sec, e) < 0) {
		json_decref(args);
		json_decref(env);
		return env ? -e->eno : no_memory(e);
	}
	home_add(env, q->user);
	json_t *p = json_pack("{sb so ss so so so sb sI}", "terminal", tty, "user", user_json(q->user), "cwd",
			      *cwd ? cwd : "/", "args", args, "env", env, "capabilities",
			      capability_sets(oci_capabilities(hc)), "noNewPrivileges", sec.no_new_privileges,
			      "oomScoreAdj", (json_int_t)js_int(hc, "OomScoreAdj", 0));
	if (!p || json_object_set_new(config, "process", p) < 0)
		return no_memory(e);
	if (tty)
		console_size(hc, p);
	if (labels(&sec, p) < 0)
		return no_memory(e);
	return rlimits(hc, p, e);
}

int oci_exec_process(const struct container *c, const json_t *exec, const struct user_info *user,
		     json_t **ret, struct err *e)
{
	const json_t *cfg = json_object_get(c->record, "Config"), *hc = json_object_get(c->record, "HostConfig");
	bool tty = js_bool(exec, "Tty", false), privileged = js_bool(exec, "Privileged", false);
	const char *cwd = js_str(exec, "WorkingDir", "");
	struct security_opt sec;
	json_t *v;
	size_t i;

	if (security_opt_parse(json_object_get(hc, "SecurityOpt"), &sec, e) < 0)
		return -e->eno;
	if (!*cwd)
		cwd = js_str(cfg, "WorkingDir", "");
	OWN_JSON env = oci_environment(cfg, js_str(cfg, "Hostname", ""), tty);
	json_array_foreach(json_object_get(exec, "Env"), i, v)
		if (oci_env_add(env, json_string_value(v)) < 0)
			return no_memory(e);
	home_add(env, user);
	OWN_JSON p = json_pack("{sb so ss sO sO so sb sI}", "terminal", tty, "user", user_json(user), "cwd",
			       *cwd ? cwd : "/", "args", json_object_get(exec, "Cmd"), "env", env, "capabilities",
			       capability_sets(privileged ? capability_all() : oci_capabilities(hc)),
			       "noNewPrivileges", privileged ? 0 : sec.no_new_privileges, "oomScoreAdj",
			       (json_int_t)js_int(hc, "OomScoreAdj", 0));
	if (!p)
		return no_memory(e);
	if (tty)
		console_size(exec, p);
	if (labels(&sec, p) < 0)
		return no_memory(e);
	if (rlimits(hc, p, e) < 0)
		return -e->eno;
	*ret = ptr_take(&p);
	return 0;
}

int oci_config(const struct oci_req *q, json_t **ret, struct err *e)
{
	const json_t *cfg = json_object_get(q->c->record, "Config"), *hc = json_object_get(q->c->record, "HostConfig");
	bool own_uts = container_mode_of(MODE_OF_UTS, js_str(hc, "UTSMode", ""), NULL) != CONTAINER_MODE_HOST;
	const char *domain = js_str(cfg, "Domainname", "");
	OWN_JSON config = json_pack("{ss s{so sb}}", "ociVersion", BUNDLE_VERSION_MAX, "root", "path",
				    json_sprintf("%s/rootfs", q->run_dir), "readonly",
				    js_bool(hc, "ReadonlyRootfs", false));
	if (!config)
		return no_memory(e);
	if (own_uts && q->hostname && *q->hostname)
		json_object_set_new(config, "hostname", json_string(q->hostname));
	if (own_uts && *domain)
		json_object_set_new(config, "domainname", json_string(domain));
	if (json_object_size(json_object_get(hc, "Annotations")))
		json_object_set(config, "annotations", json_object_get(hc, "Annotations"));
	if (process(q, config, e) < 0 || oci_mounts(q, config, e) < 0 || oci_linux(q, config, e) < 0)
		return err_ctx(e, "OCI configuration");
	*ret = ptr_take(&config);
	return 0;
}
