/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeping credentials: see credential_store.h.
 */
#include "registry/credential_store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "format/js.h"
#include "format/base64.h"

enum { FILE_BYTES_MAX = 4 << 20 };

static int load(const char *file, json_t **ret, struct err *e)
{
	if (js_load(AT_FDCWD, file, FILE_BYTES_MAX, ret, e) == 0) {
		if (json_is_object(*ret))
			return 0;
		json_decref(*ret);
		*ret = NULL;
		return err_new(e, E_INVALID, EINVAL, "%s: expected object", file);
	}
	if (e->kind != E_NOT_FOUND)
		return err_ctx(e, "credentials");
	err_clear(e);
	*ret = json_object();
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "credentials");
}

int credential_place_find(const char *domain, const char *authfile, struct credential_place *ret, struct err *e)
{
	const char *home = getenv("HOME"), *dir = getenv("DOCKER_CONFIG"), *given = getenv("REGISTRY_AUTH_FILE");
	OWN_JSON j = NULL;
	int n;

	*ret = (struct credential_place){ 0 };
	if (authfile || (given && *given))
		n = snprintf(ret->file, sizeof ret->file, "%s", authfile ? authfile : given);
	else if (dir && *dir)
		n = snprintf(ret->file, sizeof ret->file, "%s/config.json", dir);
	else if (home && *home)
		n = snprintf(ret->file, sizeof ret->file, "%s/.docker/config.json", home);
	else
		return err_new(e, E_INVALID, EINVAL, "no place for credentials: neither HOME nor DOCKER_CONFIG is set");
	if (n >= (int)sizeof ret->file)
		return err_new(e, E_INVALID, ENAMETOOLONG, "path of config.json");
	if (load(ret->file, &j, e) < 0)
		return -e->eno;
	const char *helper = domain ? credential_helper_of(j, domain) : NULL;
	if (helper && snprintf(ret->helper, sizeof ret->helper, "%s", helper) >= (int)sizeof ret->helper)
		return err_new(e, E_INVALID, ENAMETOOLONG, "%s: name of the credential helper", ret->file);
	return 0;
}

/* the folder, made when missing and private, and the last component of the path */
static int open_folder(const char *file, int *ret_fd, const char **ret_name, struct err *e)
{
	char dir[4096];
	const char *slash = strrchr(file, '/');

	*ret_name = slash ? slash + 1 : file;
	(void)snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - file) : 1, slash ? file : ".");
	if (!*dir)
		(void)snprintf(dir, sizeof dir, "/");
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make %s", dir);
	*ret_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(e, errno, "open %s", dir) : 0;
}

typedef int change(json_t *config, void *data, struct err *e);

/* Read, change, replace; two logins at once both count. 0 of @fn: nothing to write. */
static int rewrite(const char *file, change *fn, void *data, struct err *e)
{
	OWN_JSON j = NULL;
	OWN_FD dir = -1, lock = -1;
	const char *name;

	if (open_folder(file, &dir, &name, e) < 0)
		return -e->eno;
	OWN_BUF lock_name = { 0 };
	buf_printf(&lock_name, ".%s.lock", name);
	if (buf_failed(&lock_name))
		return err_new(e, E_NOMEM, ENOMEM, "credentials");
	if (lock_take(dir, buf_str(&lock_name), LOCK_EXCLUSIVE, &lock, e) < 0 || load(file, &j, e) < 0)
		return -e->eno;
	int r = fn(j, data, e);
	if (r <= 0)
		return r;
	OWN_STR text = json_dumps(j, JSON_INDENT(4));
	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "credentials");
	r = io_replace_file(dir, name, text, strlen(text), 0600, IO_DURABLE, e);
	explicit_bzero(text, strlen(text));
	return r < 0 ? err_ctx(e, "write %s", file) : 0;
}

struct entry {
	const char *domain;
	const struct credential *c; /* NULL: the secret is with a helper */
	bool erased;
};

static int entry_set(json_t *config, void *data, struct err *e)
{
	const struct entry *en = data;
	OWN_BUF plain = { 0 };
	OWN_BUF auth = { 0 };
	json_t *auths = json_object_get(config, "auths"), *o = json_object();
	int bad = !o;

	if (!json_is_object(auths)) {
		auths = json_object();
		bad |= json_object_set_new(config, "auths", auths);
	}
	if (en->c && en->c->user) {
		buf_printf(&plain, "%s:%s", en->c->user,
			   en->c->password && !en->c->identity_token ? en->c->password : "");
		if (!buf_failed(&plain))
			base64_encode(plain.p, plain.n, &auth);
		bad |= buf_failed(&plain) || buf_failed(&auth) ||
		       json_object_set_new(o, "auth", json_string(buf_str(&auth)));
		if (plain.p)
			explicit_bzero(plain.p, plain.n);
	}
	if (en->c && en->c->identity_token)
		bad |= json_object_set_new(o, "identitytoken", json_string(en->c->identity_token));
	bad |= json_object_set_new(auths, credential_key(en->domain), o);
	return bad ? err_new(e, E_NOMEM, ENOMEM, "credentials") : 1;
}

static int entry_drop(json_t *config, void *data, struct err *e)
{
	struct entry *en = data;
	json_t *auths = json_object_get(config, "auths");

	(void)e;
	if (!json_object_size(auths))
		return 0;
	if (!en->domain)
		en->erased = json_object_clear(auths) == 0;
	else
		en->erased = json_object_del(auths, credential_key(en->domain)) == 0;
	return en->erased;
}

int credential_save(const struct credential_place *at, const char *domain, const struct credential *c,
		    struct err *e)
{
	struct entry en = { .domain = domain, .c = *at->helper ? NULL : c };

	if (*at->helper) {
		OWN_BUF out = { 0 };
		OWN_JSON j = json_pack("{s:s, s:s, s:s}", "ServerURL", credential_key(domain), "Username",
				       c->identity_token ? "<token>" : c->user, "Secret",
				       c->identity_token ? c->identity_token : c->password ? c->password : "");
		OWN_STR text = j ? json_dumps(j, JSON_COMPACT) : NULL;
		if (!text)
			return err_new(e, E_NOMEM, ENOMEM, "credentials");
		int r = credential_helper(at->helper, "store", text, &out, e);
		explicit_bzero(text, strlen(text));
		if (r < 0)
			return r;
	}
	return rewrite(at->file, entry_set, &en, e);
}

int credential_erase(struct credential_place *at, const char *domain, struct err *e)
{
	struct entry en = { .domain = domain };
	OWN_BUF out = { 0 };

	if (*at->helper && domain) {
		int r = credential_helper(at->helper, "erase", credential_key(domain), &out, e);
		if (r < 0)
			return r;
		at->erased = r > 0;
	}
	if (access(at->file, F_OK) < 0)
		return 0;
	int r = rewrite(at->file, entry_drop, &en, e);
	at->erased |= en.erased;
	return r;
}
