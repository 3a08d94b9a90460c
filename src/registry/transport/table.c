/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of transports: see transport.h.
 */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "registry/transport/transport.h"

static const struct transport *const transports[] = {
	&transport_dir, &transport_docker, &transport_docker_archive, &transport_oci, &transport_oci_archive,
};

/* of skopeo and podman, not here */
static const char *const strangers[] = { "atomic", "containers-storage", "docker-daemon", "ostree", "sif", "tarball" };

static bool begins(const char *text, const char *name)
{
	return text_starts(text, name) && text[strlen(name)] == ':';
}

/* "oci:8080/x" is a registry on a host named oci */
static bool is_port(const char *rest)
{
	size_t n = strspn(rest, "0123456789");
	return n && n <= 5 && rest[n] == '/' && rest[n + 1];
}

bool transport_is_named(const char *text)
{
	const struct transport *kind;
	const char *where;
	struct err ignored = { 0 };

	return transport_find(text, &kind, &where, &ignored) == 0 && where != text;
}

int transport_find(const char *text, const struct transport **ret, const char **ret_where, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(transports); i++) {
		const char *name = transports[i]->name;
		const char *rest = text + strlen(name) + 1;
		if (!begins(text, name) || is_port(rest))
			continue;
		if (transports[i] == &transport_docker && !text_starts(rest, "//"))
			continue;
		*ret = transports[i];
		*ret_where = rest + (transports[i] == &transport_docker ? 2 : 0);
		return **ret_where ? 0 : err_new(e, E_USAGE, EINVAL, "%s: nothing follows the transport", text);
	}
	for (size_t i = 0; i < ARRAY_LEN(strangers); i++)
		if (begins(text, strangers[i]) && !is_port(text + strlen(strangers[i]) + 1)) {
			(void)err_new(e, E_USAGE, EINVAL, "%.200s: transport %s is not supported", text, strangers[i]);
			err_hint(e, "there are docker://, oci:, oci-archive:, docker-archive: and dir:");
			return -EINVAL;
		}
	*ret = &transport_docker;
	*ret_where = text;
	return 0;
}

const struct transport *transport_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(transports); i++)
		if (!strcmp(transports[i]->name, name))
			return transports[i];
	return !strcmp(name, transport_store.name) ? &transport_store :
	       !strcmp(name, transport_list.name)  ? &transport_list : NULL;
}

int place_form_parse(const char *s, enum place_form *ret, struct err *e)
{
	if (!strcmp(s, "v2s1"))
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "format v2s1 (schema 1) is read, not written: oci and v2s2 are");
	if (strcmp(s, "oci") != 0 && strcmp(s, "v2s2") != 0)
		return err_new(e, E_USAGE, EINVAL, "unknown format \"%.40s\": oci and v2s2 are known", s);
	*ret = !strcmp(s, "oci") ? PLACE_OCI : PLACE_DOCKER;
	return 0;
}

int place_add_name(struct place *p, const char *name, struct err *e)
{
	struct err ignored = { 0 };
	char text[REFERENCE_TEXT_MAX];
	struct reference ref;

	if (reference_parse_tagged(name, &ref, &ignored) < 0 || *ref.digest)
		return 0;
	if (!p->names)
		p->names = json_array();
	reference_canonical(&ref, text);
	return json_array_append_new(p->names, json_string(text)) < 0 ? err_new(e, E_NOMEM, ENOMEM, "names") : 0;
}

int place_add_local_name(struct place *p, const char *name, struct err *e)
{
	const size_t n = strcspn(name, "/");
	const bool registry = name[n] == '/' && (memchr(name, '.', n) || memchr(name, ':', n) ||
						 (n == 9 && !strncmp(name, "localhost", 9)));
	char text[REFERENCE_TEXT_MAX + 16];

	while (!registry && *name == '/')
		name++;
	if (snprintf(text, sizeof text, "%s%s", registry ? "" : "localhost/", name) >= (int)sizeof text)
		return 0;
	return place_add_name(p, text, e);
}

int place_open(struct place *p, const struct place_req *q, struct err *e)
{
	return p->kind->open(p, q, e);
}

void place_close(struct place *p)
{
	if (p->kind)
		p->kind->close(p);
	json_decref(p->names);
	*p = (struct place){ 0 };
}
