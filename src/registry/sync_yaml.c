/* SPDX-License-Identifier: Apache-2.0
 *
 * Sync by a file, in the form that skopeo-sync(1) describes: for each registry repositories with their tags and digests
 * (none: all tags) or with an expression over tags, credentials and certificates.
 *
 *   registry.example.com:
 *     images: { busybox: [], redis: ["1.0", "sha256:..."] }
 *     images-by-tag-regex: { nginx: ^1\.13\.[12]-alpine-perl$ }
 *     credentials: { username: john, password: this is a secret }
 *     tls-verify: true
 *     cert-dir: /home/john/certs
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "format/js.h"
#include "registry/access.h"
#include "registry/sync_int.h"
#include "registry/tag_pattern.h"
#include "registry/yaml.h"

/* 0: absent, or an object */
static int object_of(const json_t *of, const char *host, const char *key, const json_t **ret, struct err *e)
{
	*ret = json_object_get(of, key);
	if (*ret && !json_is_object(*ret) && !json_is_null(*ret))
		return err_new(e, E_INVALID, EINVAL, "%s: %s: expected a mapping", host, key);
	return 0;
}

static int text_of(const json_t *of, const char *host, const char *key, const char **ret, struct err *e)
{
	const json_t *v = json_object_get(of, key);

	if (v && !json_is_string(v))
		return err_new(e, E_INVALID, EINVAL, "%s: %s: expected a text", host, key);
	*ret = json_string_value(v);
	return 0;
}

/* what is written wrong would be left out without a word */
static int keys_check(const json_t *of, const char *host, const char *const *keys, size_t n, struct err *e)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)of, key, v) {
		size_t i = 0;
		while (i < n && strcmp(keys[i], key) != 0)
			i++;
		if (i == n)
			return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "%s: %.60s is not known here", host, key);
	}
	return 0;
}

/* credentials, certificates, and how strict; over those of the flags */
static int access_of(const struct sync *s, const char *host, const json_t *of, struct registry_access *ret, struct err *e)
{
	static const char *const words[] = { "username", "password" };
	const char *verify = NULL, *dir = NULL, *user = NULL, *password = NULL;
	const json_t *creds;

	*ret = s->q->from_access ? *s->q->from_access : (struct registry_access){ 0 };
	if (text_of(of, host, "tls-verify", &verify, e) < 0 || text_of(of, host, "cert-dir", &dir, e) < 0 ||
	    object_of(of, host, "credentials", &creds, e) < 0 ||
	    (creds && keys_check(creds, host, words, ARRAY_LEN(words), e) < 0) ||
	    text_of(creds, host, "username", &user, e) < 0 || text_of(creds, host, "password", &password, e) < 0)
		return -e->eno;
	if (!user != !password)
		return err_new(e, E_INVALID, EINVAL, "%s: credentials: username and password belong together", host);
	if (verify && strcmp(verify, "true") != 0 && strcmp(verify, "false") != 0)
		return err_new(e, E_INVALID, EINVAL, "%s: tls-verify: true or false is wanted", host);
	if (user) {
		ret->user = user;
		ret->password = password;
		ret->anonymous = false;
	}
	if (dir)
		ret->cert_dir = dir;
	if (verify)
		ret->tls = !strcmp(verify, "true") ? ACCESS_TLS_VERIFY : ACCESS_TLS_ANY;
	ret->given = ret->given || user || dir || verify;
	return 0;
}

static int repository_of(const char *host, const char *name, struct reference *ret, struct err *e)
{
	char text[REFERENCE_TEXT_MAX], probe[REFERENCE_TEXT_MAX];

	if (snprintf(text, sizeof text, "%s/%s", host, name) >= (int)sizeof text ||
	    snprintf(probe, sizeof probe, "%s/x/y", host) >= (int)sizeof probe)
		return err_new(e, E_INVALID, ENAMETOOLONG, "%.60s: %.60s: the name is too long", host, name);
	if (reference_parse(probe, ret, e) < 0 || strcmp(ret->path, "x/y") != 0)
		return err_new(e, E_INVALID, EINVAL, "%.100s is no registry (HOST[:PORT])", host);
	if (reference_parse(text, ret, e) < 0)
		return err_ctx(e, "%s", host);
	if (*ret->tag || *ret->digest)
		return err_new(e, E_INVALID, EINVAL, "%s: %s: a name without tag and digest is wanted", host, name);
	return 0;
}

/* the tags and digests of a list; an empty one is all tags */
static int images_add(struct sync *s, const char *host, const char *name, const json_t *list, struct err *e)
{
	char text[REFERENCE_TEXT_MAX];
	struct reference ref;

	if (repository_of(host, name, &ref, e) < 0)
		return -e->eno;
	if (list && !json_is_array(list) && !json_is_null(list))
		return err_new(e, E_INVALID, EINVAL, "%s: images: %s: expected a list", host, name);
	if (!json_array_size(list))
		return sync_add_tags(s, &ref, NULL, NULL, e);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *what = json_string_value(json_array_get(list, i));
		struct reference one = ref;
		if (what && digest_is_valid(what))
			(void)snprintf(one.digest, sizeof one.digest, "%s", what);
		else if (what && reference_tag_is_valid(what))
			(void)snprintf(one.tag, sizeof one.tag, "%s", what);
		else
			return err_new(e, E_INVALID, EINVAL, "%s: images: %s: %.80s is neither tag nor digest", host, name,
				       what ? what : "(no text)");
		reference_canonical(&one, text);
		if (sync_add_name(s, text, e) < 0)
			return -e->eno;
	}
	return 0;
}

static bool fits(const void *data, const char *tag)
{
	return tag_pattern_fits(data, tag);
}

static int pattern_add(struct sync *s, const char *host, const char *name, const json_t *v, struct err *e)
{
	struct reference ref;
	regex_t pattern;

	if (repository_of(host, name, &ref, e) < 0)
		return -e->eno;
	if (!json_is_string(v))
		return err_new(e, E_INVALID, EINVAL, "%s: images-by-tag-regex: %s: an expression is wanted", host, name);
	if (tag_pattern_open(json_string_value(v), &pattern, e) < 0)
		return err_ctx(e, "%s: %s", host, name);
	int r = sync_add_tags(s, &ref, fits, &pattern, e);
	tag_pattern_close(&pattern);
	return r;
}

/* 1: with keep_going something of it failed, and was told */
static int add_each(struct sync *s, const char *host, const json_t *of,
		    int (*add)(struct sync *, const char *, const char *, const json_t *, struct err *), struct err *e)
{
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)of, name, v) {
		struct err one = { 0 };
		if (add(s, host, name, v, &one) < 0 && sync_failed(s, &one, e) < 0)
			return -e->eno;
	}
	return 0;
}

struct parts {
	const json_t *images, *patterns;
	struct registry_access access;
};

static int registry_read(const struct sync *s, const char *host, const json_t *of, struct parts *ret, struct err *e)
{
	static const char *const keys[] = { "images", "images-by-tag-regex", "credentials", "tls-verify", "cert-dir" };
	struct reference ref;

	if (!json_is_object(of))
		return err_new(e, E_INVALID, EINVAL, "%.100s: expected a mapping", host);
	return repository_of(host, "x/y", &ref, e) < 0 || keys_check(of, host, keys, ARRAY_LEN(keys), e) < 0 ||
			       object_of(of, host, "images", &ret->images, e) < 0 ||
			       object_of(of, host, "images-by-tag-regex", &ret->patterns, e) < 0 ||
			       access_of(s, host, of, &ret->access, e) < 0 ?
		       -e->eno :
		       0;
}

static int registry_sync(struct sync *s, const char *host, const json_t *of, struct err *e)
{
	struct parts p = { 0 };

	if (registry_read(s, host, of, &p, e) < 0)
		return -e->eno;
	json_t *names = json_array();
	json_decref(s->names);
	s->names = names;
	if (!names)
		return err_new(e, E_NOMEM, ENOMEM, "images");
	s->access = &p.access;
	int r = add_each(s, host, p.images, images_add, e);
	if (r == 0)
		r = add_each(s, host, p.patterns, pattern_add, e);
	if (r == 0)
		r = sync_names(s, e);
	s->access = NULL;
	return r;
}

int sync_yaml(struct sync *s, struct err *e)
{
	const char *path = s->q->from, *host;
	OWN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	OWN_STR text = NULL;
	OWN_JSON file = NULL;
	struct parts unused;
	json_t *of;
	size_t n;

	if (fd < 0)
		return err_sys(e, errno, "open %s", path);
	if (io_read_fd(fd, YAML_BYTES_MAX, &text, &n, e) < 0 || yaml_parse(text, n, &file, e) < 0)
		return err_ctx(e, "%s", path);
	if (!json_is_object(file))
		return err_new(e, E_INVALID, EINVAL, "%s: registries are wanted, each with its images", path);
	/* all of it is read before the first image moves */
	json_object_foreach(file, host, of)
		if (registry_read(s, host, of, &unused, e) < 0)
			return err_ctx(e, "%s", path);
	json_object_foreach(file, host, of)
		if (registry_sync(s, host, of, e) < 0)
			return -e->eno;
	if (!s->result->copied && !s->result->failed)
		return err_new(e, E_NOT_FOUND, ENOENT, "%s: there are no images", path);
	return 0;
}
