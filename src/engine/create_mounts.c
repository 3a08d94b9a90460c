/* SPDX-License-Identifier: Apache-2.0
 *
 * Mounts of a new container. Two lists go into the record: "Mounts" as inspect shows them, and
 * "Onggi.Mounts" as the OCI configuration takes them, so that a start only copies.
 *
 * Order of strength, as docker has it: -v and --mount, then volumes of --volumes-from, then the
 * image's VOLUMEs and "-v /path" as anonymous volumes, each where nothing lies yet.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/create.h"
#include "engine/rootfs.h"
#include "engine/volume.h"
#include "format/js.h"
#include "spec/mount_spec.h"

static int no_memory(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "mounts");
}

static json_t *find(const json_t *list, const char *key, const char *destination)
{
	size_t i;
	json_t *m;

	json_array_foreach(list, i, m)
		if (!strcmp(js_str(m, key, ""), destination))
			return m;
	return NULL;
}

static void word(json_t *words, const char *w)
{
	json_array_append_new(words, json_string(w));
}

static int add(struct create *c, json_t *point, json_t *oci, struct err *e)
{
	json_t *shown = json_object_get(c->c.record, "Mounts"), *own = own_get(&c->c, "Mounts");

	if (!own) {
		own = json_array();
		if (own_set(&c->c, "Mounts", own) < 0)
			own = NULL;
	}
	if (!oci || !own || json_array_append_new(own, oci) < 0 ||
	    (point && json_array_append_new(shown, point) < 0))
		return no_memory(e);
	return 0;
}

static int bind_source(const struct mount_spec *m, struct err *e)
{
	struct stat st;

	if (!stat(m->source, &st))
		return 0;
	if (errno != ENOENT)
		return err_sys(e, errno, "bind source %s", m->source);
	if (!m->make_source)
		return err_new(e, E_INVALID, ENOENT,
			       "invalid mount config for type \"bind\": bind source path does not exist: %s",
			       m->source);
	if (io_mkdir_p(AT_FDCWD, m->source, 0755, e) < 0)
		return err_ctx(e, "error while creating mount source path '%s'", m->source);
	return 0;
}

static int bind(struct create *c, const struct mount_spec *m, struct err *e)
{
	const char *propagation = m->propagation ? m->propagation : "rprivate";
	json_t *words = json_array();

	if (bind_source(m, e) < 0) {
		json_decref(words);
		return -e->eno;
	}
	if (m->relabel && !access("/sys/fs/selinux/enforce", F_OK))
		engine_warn(c->eng, "%s: SELinux relabelling (:%s) is not supported", m->source, m->relabel);
	word(words, m->non_recursive ? "bind" : "rbind");
	word(words, propagation);
	/* sub-mounts are read-only too, as docker does where the kernel can */
	if (m->read_only)
		word(words, m->non_recursive || m->ro_non_recursive ? "ro" : "rro");
	json_t *oci = json_pack("{ss ss ss so}", "destination", m->target, "type", "bind", "source", m->source,
				"options", words);
	if (oci && m->make_source)
		json_object_set_new(oci, "onggi.make", json_true());
	return add(c, json_pack("{ss ss ss ss sb ss}", "Type", "bind", "Source", m->source, "Destination",
				m->target, "Mode", m->mode, "RW", !m->read_only, "Propagation", propagation),
		   oci, e);
}

static json_t *volume_oci(const struct mount_spec *m, const json_t *volume, const char *source)
{
	json_t *words = json_array();

	word(words, "rbind");
	word(words, m->propagation ? m->propagation : "rprivate");
	if (m->read_only)
		word(words, "ro");
	json_t *oci = json_pack("{ss ss ss so}", "destination", m->target, "type", "bind", "source", source,
				"options", words);
	if (oci && m->subpath)
		json_object_set_new(oci, "onggi.subpath", json_string(m->subpath));
	/* with a file system of its own: mounted before the start, see volumes.h */
	if (oci && (json_object_size(json_object_get(volume, "Options")) || !volume_is_local(volume)))
		json_object_set(oci, "onggi.volume", json_object_get(volume, "Name"));
	if (oci && !volume_is_local(volume))
		json_object_set(oci, "onggi.driver", json_object_get(volume, "Driver"));
	return oci;
}

static int volume(struct create *c, const struct mount_spec *m, struct err *e)
{
	const json_t *hc = json_object_get(c->c.record, "HostConfig");
	const char *driver = m->driver ? m->driver : js_str(hc, "VolumeDriver", NULL);
	struct volume_spec spec = { .name = m->source, .driver = driver, .options = m->driver_opts,
				    .labels = m->labels };
	OWN_JSON v = NULL;
	char made[65];
	bool fresh;

	if (!m->source) {
		int r = text_random_id(made);
		if (r < 0)
			return err_sys(e, -r, "random name");
		/* known before it is there: a create that is killed leaves no volume */
		spec.made_name = made;
		json_array_append_new(c->new_volumes, json_string(made));
		if (container_volumes_note(&c->c, c->new_volumes, e) < 0)
			return -e->eno;
	}
	if (engine_volume_create(c->eng, &spec, &v, &fresh, e) < 0)
		return -e->eno;
	const char *source = js_str(v, "Mountpoint", "");
	if (!m->no_copy && !m->subpath)
		json_array_append_new(c->copy_up, json_pack("{ss ss}", "Name", js_str(v, "Name", ""), "Destination", m->target));
	return add(c, json_pack("{ss ss ss ss ss ss sb ss}", "Type", "volume", "Name", js_str(v, "Name", ""),
				"Source", source, "Destination", m->target, "Driver", volume_driver(v), "Mode",
				*m->mode ? m->mode : "z", "RW", !m->read_only, "Propagation", ""),
		   volume_oci(m, v, source), e);
}

/* a place that the image lacks: the runtime would make it 0755 and take that for the file system */
static bool is_new_place(struct create *c, const char *target)
{
	ARENA a = { 0 };
	struct storage_lowers lowers;
	struct stat st;
	struct err e;

	return engine_lowers(c->eng, &c->c, &a, &lowers, &e) >= 0 &&
	       !rootfs_lower_stat(&lowers, target + 1, &st);
}

static bool has_mode(const struct mount_spec *m)
{
	for (const char *const *o = m->options; o && *o; o++)
		if (text_starts(*o, "mode="))
			return true;
	return m->tmpfs_mode != 0;
}

static int tmpfs(struct create *c, const struct mount_spec *m, bool shown, struct err *e)
{
	json_t *words = json_array(), *point = NULL;

	word(words, "noexec");
	word(words, "nosuid");
	word(words, "nodev");
	for (const char *const *o = m->options; o && *o; o++)
		if (!m->size_bytes || !text_starts(*o, "size="))
			word(words, *o);
	/* the kernel takes no fractions and no "MB" */
	if (m->size_bytes)
		json_array_append_new(words, json_sprintf("size=%lld", (long long)m->size_bytes));
	if (m->tmpfs_mode)
		json_array_append_new(words, json_sprintf("mode=%o", (unsigned)m->tmpfs_mode));
	else if (!has_mode(m) && is_new_place(c, m->target))
		word(words, "mode=1777");
	if (m->read_only)
		word(words, "ro");
	if (shown)
		point = json_pack("{ss ss ss ss sb ss}", "Type", "tmpfs", "Source", "", "Destination", m->target,
				  "Mode", "", "RW", !m->read_only, "Propagation", "");
	return add(c, point, json_pack("{ss ss ss so}", "destination", m->target, "type", "tmpfs", "source",
				       "tmpfs", "options", words), e);
}

/* "CONTAINER[:ro|rw|z|Z]" */
static int volumes_from(struct create *c, const char *spec, struct err *e)
{
	CLEANUP(container_done) struct container peer = CONTAINER_NULL;
	char name[300], id[65];
	size_t n = strcspn(spec, ":"), i;
	const char *mode = spec[n] ? spec + n + 1 : "";
	json_t *m;

	if (!n || n >= sizeof name ||
	    (*mode && strcmp(mode, "ro") && strcmp(mode, "rw") && strcmp(mode, "z") && strcmp(mode, "Z")))
		return err_new(e, E_INVALID, EINVAL, "invalid volumes-from specification: %s", spec);
	memcpy(name, spec, n);
	name[n] = 0;
	if (container_resolve(&c->eng->store, name, id, e) < 0 ||
	    container_load(&c->eng->store, id, &peer, e) < 0)
		return -e->eno;
	json_array_foreach(json_object_get(peer.record, "Mounts"), i, m) {
		const char *to = js_str(m, "Destination", "");
		json_t *oci = find(own_get(&peer, "Mounts"), "destination", to);
		if (!strcmp(js_str(m, "Type", ""), "tmpfs") || !oci || find(own_get(&c->c, "Mounts"), "destination", to))
			continue;
		json_t *point = json_deep_copy(m), *copy = json_deep_copy(oci);
		if (!strcmp(mode, "ro")) {
			json_object_set_new(point, "RW", json_false());
			word(json_object_get(copy, "options"), "ro");
		}
		if (add(c, point, copy, e) < 0)
			return -e->eno;
	}
	return 0;
}

static int given(struct create *c, const json_t *hc, struct err *e)
{
	ARENA a = { 0 };
	struct mount_spec *m;
	size_t n, n_mounts = json_array_size(json_object_get(hc, "Binds")) +
			     json_array_size(json_object_get(hc, "Mounts"));

	if (mount_spec_parse_all(hc, &a, &m, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++) {
		int r = m[i].type == MOUNT_BIND   ? bind(c, &m[i], e) :
			m[i].type == MOUNT_VOLUME ? volume(c, &m[i], e) :
						    tmpfs(c, &m[i], i < n_mounts, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int create_mounts(struct create *c, struct err *e)
{
	const json_t *hc = json_object_get(c->c.record, "HostConfig");
	const char *key;
	size_t i;
	json_t *v;
	char clean[4096];

	if (given(c, hc, e) < 0)
		return -e->eno;
	json_array_foreach(json_object_get(hc, "VolumesFrom"), i, v)
		if (volumes_from(c, json_string_value(v), e) < 0)
			return -e->eno;
	json_object_foreach(js_at(c->c.record, "Config.Volumes"), key, v) {
		if (path_normalize(key, clean, sizeof clean) < 0)
			return err_new(e, E_INVALID, ENAMETOOLONG, "invalid volume specification: '%.100s'", key);
		struct mount_spec m = { .type = MOUNT_VOLUME, .target = clean, .mode = "" };
		if (clean[1] && !find(own_get(&c->c, "Mounts"), "destination", clean) && volume(c, &m, e) < 0)
			return -e->eno;
	}
	return 0;
}

void create_mounts_undo(struct create *c)
{
	size_t i;
	json_t *v;

	json_array_foreach(c->new_volumes, i, v)
		(void)engine_volume_remove(c->eng, json_string_value(v), VOLUME_REMOVE_FORCE,
				    &(struct err){ 0 }); /* the first error counts */
	json_array_clear(c->new_volumes);
}
