/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials: see credential.h. Secrets are wiped before their memory is given back.
 */
#include "registry/credential.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "format/js.h"
#include "format/json.h"
#include "format/base64.h"
#include "registry/credential_store.h"

#define HUB_KEY "https://index.docker.io/v1/"

enum { FILE_BYTES_MAX = 4 << 20 };

void secret_free(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

void credential_done(struct credential *c)
{
	secret_free(&c->user);
	secret_free(&c->password);
	secret_free(&c->identity_token);
	secret_free(&c->registry_token);
}

static int dup_to(char **dst, const char *src, struct err *e)
{
	if (!src || !*src)
		return 0;
	*dst = strdup(src);
	return *dst ? 0 : err_new(e, E_NOMEM, ENOMEM, "credentials");
}

/* one member of `auths`: {"auth": base64("user:password"), "identitytoken", "registrytoken"} */
static int entry_read(const json_t *o, const char *key, struct credential *ret, struct err *e)
{
	const char *auth = js_str(o, "auth", ""), *user = js_str(o, "username", ""),
		   *password = js_str(o, "password", "");
	OWN_SECRET text = NULL;

	if (*auth) {
		size_t n;
		if (base64_decode(auth, &text, &n) < 0 || !strchr(text, ':'))
			return err_new(e, E_INVALID, EINVAL, "auths of %s: malformed \"auth\"", key);
		char *colon = strchr(text, ':');
		*colon = 0;
		user = text;
		password = colon + 1;
	}
	if (dup_to(&ret->user, user, e) < 0 || dup_to(&ret->password, password, e) < 0 ||
	    dup_to(&ret->identity_token, js_str(o, "identitytoken", ""), e) < 0 ||
	    dup_to(&ret->registry_token, js_str(o, "registrytoken", ""), e) < 0) {
		credential_done(ret);
		return -e->eno;
	}
	return 1;
}

/* "https://host/v1/" -> "host", of which keys are compared */
static void key_trim(const char *key, char *out, size_t n)
{
	const char *s = strstr(key, "://");
	s = s ? s + 3 : key;
	(void)snprintf(out, n, "%s", s); /* a key too long matches nothing */
	size_t len = strlen(out);
	if (key != s) /* docker turned URLs of old registries into their host */
		len = strcspn(out, "/");
	while (len && out[len - 1] == '/')
		len--;
	out[len] = 0;
}

static int auths_find(const json_t *auths, const char *domain, const char *path, struct credential *ret,
		      struct err *e)
{
	char want[600], have[600];
	const char *key;
	json_t *v;

	/* host/a/b, host/a, host; for docker.io also the name of its old index */
	if (snprintf(want, sizeof want, "%s/%s", domain, path) >= (int)sizeof want)
		return 0;
	for (;;) {
		json_object_foreach((json_t *)auths, key, v) {
			key_trim(key, have, sizeof have);
			bool hub = !strcmp(domain, "docker.io") && !strchr(want, '/') &&
				   (!strcmp(have, "index.docker.io") || !strcmp(have, "registry-1.docker.io"));
			if (json_is_object(v) && json_object_size(v) && (hub || !strcmp(have, want)))
				return entry_read(v, key, ret, e);
		}
		char *slash = strrchr(want, '/');
		if (!slash)
			return 0;
		*slash = 0;
	}
}

/* {"Username","Secret"} of a helper */
static int helper_get(const char *name, const char *server, struct credential *ret, struct err *e)
{
	OWN_BUF out = { 0 };
	OWN_JSON j = NULL;

	int r = credential_helper(name, "get", server, &out, e);
	if (r <= 0)
		return r;
	r = js_parse(buf_str(&out), out.n, name, &j, e);
	if (out.p)
		explicit_bzero(out.p, out.n);
	if (r < 0)
		return r;
	const char *user = js_str(j, "Username", ""), *secret = js_str(j, "Secret", "");
	if (!*secret)
		return 0;
	if (!strcmp(user, "<token>"))
		r = dup_to(&ret->identity_token, secret, e);
	else if ((r = dup_to(&ret->user, user, e)) == 0)
		r = dup_to(&ret->password, secret, e);
	return r < 0 ? r : 1;
}

const char *credential_key(const char *domain)
{
	return strcmp(domain, "docker.io") ? domain : HUB_KEY;
}

const char *credential_helper_of(const json_t *config, const char *domain)
{
	const json_t *helpers = json_object_get(config, "credHelpers");
	const char *helper = json_string_value(json_object_get(helpers, domain));

	if (!helper)
		helper = json_string_value(json_object_get(helpers, credential_key(domain)));
	if (!helper)
		helper = js_str(config, "credsStore", NULL);
	return helper && *helper ? helper : NULL;
}

static int config_find(const json_t *j, const char *domain, const char *path, struct credential *ret,
		       struct err *e)
{
	const char *helper = credential_helper_of(j, domain);

	if (helper) {
		int r = helper_get(helper, credential_key(domain), ret, e);
		if (r)
			return r;
	}
	const json_t *auths = json_object_get(j, "auths");
	return json_is_object(auths) ? auths_find(auths, domain, path, ret, e) : 0;
}

/* 1 found, 0 not (also when there is no such file) */
static int file_find(const char *file, const char *domain, const char *path, struct credential *ret,
		     struct err *e)
{
	OWN_JSON j = NULL;

	if (js_load(AT_FDCWD, file, FILE_BYTES_MAX, &j, e) < 0) {
		/* a home of another user, as under sudo, is as good as none */
		if (e->kind != E_NOT_FOUND && e->kind != E_DENIED && e->eno != ENOTDIR)
			return err_ctx(e, "credentials");
		err_clear(e);
		return 0;
	}
	int r = config_find(j, domain, path, ret, e);
	if (!r && !json_object_get(j, "auths") && text_starts(strrchr(file, '/') ? strrchr(file, '/') : "", "/.dockercfg"))
		r = auths_find(j, domain, path, ret, e);
	return r < 0 ? err_ctx(e, "credentials of %s", file) : r;
}

int credential_find(const char *domain, const char *path, const char *authfile, struct credential *ret, struct err *e)
{
	const char *home = getenv("HOME"), *inline_json = getenv("DOCKER_AUTH_CONFIG");
	const struct {
		const char *base, *tail;
	} rows[] = {
		{ getenv("REGISTRY_AUTH_FILE"), "" },
		{ getenv("DOCKER_CONFIG"), "/config.json" },
		{ getenv("DOCKER_CONFIG") ? NULL : home, "/.docker/config.json" },
		{ getenv("XDG_RUNTIME_DIR"), "/containers/auth.json" },
		{ "/run/containers", NULL }, /* NULL: /UID/auth.json */
		{ getenv("XDG_CONFIG_HOME"), "/containers/auth.json" },
		{ getenv("XDG_CONFIG_HOME") ? NULL : home, "/.config/containers/auth.json" },
		{ home, "/.dockercfg" },
	};

	*ret = (struct credential){ 0 };
	if (authfile) {
		if (access(authfile, R_OK) < 0)
			return err_sys(e, errno, "credentials file %s", authfile);
		int r = file_find(authfile, domain, path, ret, e);
		return r < 0 ? r : 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN_BUF file = { 0 };
		int r = 0;
		if (i == 1 && inline_json && *inline_json) {
			OWN_JSON j = NULL;
			r = js_parse(inline_json, strlen(inline_json), "DOCKER_AUTH_CONFIG", &j, e);
			if (!r)
				r = config_find(j, domain, path, ret, e);
		}
		if (r)
			return r < 0 ? r : 0;
		if (!rows[i].base || !*rows[i].base)
			continue;
		buf_puts(&file, rows[i].base);
		if (rows[i].tail)
			buf_puts(&file, rows[i].tail);
		else
			buf_printf(&file, "/%u/auth.json", (unsigned)getuid());
		if (buf_failed(&file))
			return err_new(e, E_NOMEM, ENOMEM, "credentials");
		r = file_find(buf_str(&file), domain, path, ret, e);
		if (r)
			return r < 0 ? r : 0;
	}
	return 0;
}
