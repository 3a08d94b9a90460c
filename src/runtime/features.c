/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime_features: what this runtime understands, as the features document of the runtime-spec.
 * Made from the tables that the parser itself uses, so that it cannot promise more. Works without
 * root and without cgroups.
 */
#include "driver/cgroup/cgroup.h"
#include "format/js.h"
#include "runtime/checkpoint.h"
#include "runtime/launch.h"
#include "runtime/runtime.h"
#include "spec/bundle.h"
#include "spec/capability.h"
#include "spec/seccomp.h"

static json_t *hooks_list(void)
{
	json_t *a = json_array();
	for (int p = 0; p < BUNDLE_HOOK_POINTS; p++)
		json_array_append_new(a, json_string(bundle_hook_name((enum bundle_hook_point)p)));
	return a;
}

static json_t *mount_options_list(void)
{
	json_t *a = json_array();
	for (size_t i = 0; i < mount_words_n; i++)
		json_array_append_new(a, json_string(mount_words[i].name));
	return a;
}

static json_t *namespaces_list(void)
{
	json_t *a = json_array();
	for (int k = 0; k < NS_N; k++)
		json_array_append_new(a, json_string(ns_table[k].name));
	return a;
}

static json_t *capabilities_list(void)
{
	json_t *a = json_array();
	for (int c = 0; c < CAPABILITY_N; c++)
		json_array_append_new(a, json_string(capability_name(c)));
	return a;
}

static json_t *memory_policy(void)
{
	json_t *modes = json_array(), *flags = json_array();
	const char *name;
	for (size_t i = 0; (name = bundle_memory_mode_name(i)); i++)
		json_array_append_new(modes, json_string(name));
	for (size_t i = 0; (name = bundle_memory_flag_name(i)); i++)
		json_array_append_new(flags, json_string(name));
	return json_pack("{s:o, s:o}", "modes", modes, "flags", flags);
}

static json_t *linux_object(void)
{
	json_t *l = json_object();

	json_object_set_new(l, "namespaces", namespaces_list());
	json_object_set_new(l, "capabilities", capabilities_list());
	json_object_set_new(l, "cgroup", cgroup_features());
	json_object_set_new(l, "seccomp", seccomp_features());
	json_object_set_new(l, "apparmor", json_pack("{s:b}", "enabled", 1));
	json_object_set_new(l, "selinux", json_pack("{s:b}", "enabled", 1));
	json_object_set_new(l, "intelRdt",
			    json_pack("{s:b, s:b, s:b}", "enabled", 1, "schemata", 1, "monitoring", 1));
	json_object_set_new(l, "memoryPolicy", memory_policy());
	json_object_set_new(l, "mountExtensions", json_pack("{s:{s:b}}", "idmap", "enabled", 1));
	json_object_set_new(l, "netDevices", json_pack("{s:b}", "enabled", 1));
	return l;
}

int runtime_features(json_t **ret, struct err *e)
{
	OWN_JSON f = json_object();

	json_object_set_new(f, "ociVersionMin", json_string(BUNDLE_VERSION_MIN));
	json_object_set_new(f, "ociVersionMax", json_string(BUNDLE_VERSION_MAX));
	json_object_set_new(f, "hooks", hooks_list());
	json_object_set_new(f, "mountOptions", mount_options_list());
	json_object_set_new(f, "linux", linux_object());
	json_object_set_new(f, "annotations", json_pack("{s:s}", "io.onggi.orun.version", ONGGI_VERSION));
	/* those that are acted upon */
	json_object_set_new(f, "potentiallyUnsafeConfigAnnotations",
			    json_pack("[s, s]", CHECKPOINT_CONFIG_ANNOTATION, LAUNCH_KEEP_GROUPS));
	if (!json_object_get(f, "linux") || !json_object_get(f, "annotations") ||
	    !json_object_get(f, "potentiallyUnsafeConfigAnnotations"))
		return err_new(e, E_NOMEM, ENOMEM, "features: out of memory");
	*ret = ptr_take(&f);
	return 0;
}
