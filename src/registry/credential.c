/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials: see credential.h. Secrets are wiped before their memory is given back.
 */
#include "registry/credential.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/text.h"
#include "format/js.h"
#include "format/json.h"
#include "registry/base64.h"

#define HUB_KEY "https://index.docker.io/v1/"

enum { FILE_BYTES_MAX = 4 << 20, HELPER_BYTES_MAX = 1 << 20, HELPER_S = 60 };

static void secret_free(char **s)
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
	CLEANUP(secret_free) char *text = NULL;

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

/* wait at most HELPER_S for the end of @fd, then for the process */
static int helper_read(int xfd, pid_t pid, struct buf *out, int *ret_status)
{
	int64_t end = clock_mono_ns() + (int64_t)HELPER_S * 1000000000;
	int r = 0;

	for (;;) {
		struct pollfd p = { .fd = xfd, .events = POLLIN };
		int64_t left = (end - clock_mono_ns()) / 1000000;
		char piece[4096];
		int n = left > 0 ? poll(&p, 1, (int)left) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || out->n > HELPER_BYTES_MAX) {
			(void)kill(pid, SIGKILL); /* our own child, not waited for yet */
			r = n < 0 ? -errno : n == 0 ? -ETIMEDOUT : -EMSGSIZE;
			break;
		}
		ssize_t got = read(xfd, piece, sizeof piece);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		buf_add(out, piece, (size_t)got);
		explicit_bzero(piece, sizeof piece);
	}
	while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
		;
	return r;
}

static int helper_spawn(const char *program, int in, int out, pid_t *ret)
{
	char verb[] = "get", *argv[] = { (char *)(uintptr_t)program, verb, NULL };
	posix_spawn_file_actions_t fa;

	int r = posix_spawn_file_actions_init(&fa);
	if (r)
		return -r;
	r = posix_spawn_file_actions_adddup2(&fa, in, 0);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&fa, out, 1);
	if (!r)
		r = posix_spawnp(ret, program, &fa, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&fa); /* cannot fail here */
	return -r;
}

/* docker-credential-NAME get: server on stdin, {"Username","Secret"} on stdout */
static int helper_get(const char *name, const char *server, struct credential *ret, struct err *e)
{
	OWN_BUF program = { 0 }, out = { 0 };
	int in[2], from[2], status = 0;
	pid_t pid;

	if (!*name || strchr(name, '/'))
		return err_new(e, E_INVALID, EINVAL, "credential helper \"%s\": bad name", name);
	buf_printf(&program, "docker-credential-%s", name);
	if (buf_failed(&program))
		return err_new(e, E_NOMEM, ENOMEM, "credential helper");
	if (pipe2(in, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	OWN_FD in_r = in[0];
	OWN_FD in_w = in[1];
	if (pipe2(from, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	OWN_FD out_r = from[0];
	OWN_FD out_w = from[1];
	/* a server name is far smaller than a pipe: this cannot block, nor raise SIGPIPE */
	if (io_write_all(in_w, server, strlen(server)) < 0)
		return err_sys(e, EIO, "credential helper %s", name);
	own_fd_done(&in_w);
	int r = helper_spawn(buf_str(&program), in_r, out_w, &pid);
	own_fd_done(&out_w);
	if (r < 0) {
		(void)err_sys(e, -r, "run %s", buf_str(&program));
		err_hint(e, "credsStore or credHelpers of config.json names a program that cannot be run");
		return r;
	}
	r = helper_read(out_r, pid, &out, &status);
	if (r < 0)
		return err_sys(e, -r, "%s", buf_str(&program));
	if (status != 0) {
		if (strstr(buf_str(&out), "credentials not found"))
			return 0;
		return err_new(e, E_AUTH, EACCES, "%s: %.*s", buf_str(&program),
			       (int)strcspn(buf_str(&out), "\n"), buf_str(&out));
	}
	OWN_JSON j = NULL;
	r = js_parse(buf_str(&out), out.n, buf_str(&program), &j, e);
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

static int config_find(const json_t *j, const char *domain, const char *path, struct credential *ret,
		       struct err *e)
{
	const char *server = strcmp(domain, "docker.io") ? domain : HUB_KEY;
	const json_t *helpers = json_object_get(j, "credHelpers");
	const char *helper = json_string_value(json_object_get(helpers, domain));

	if (!helper)
		helper = json_string_value(json_object_get(helpers, server));
	if (!helper)
		helper = js_str(j, "credsStore", NULL);
	if (helper && *helper) {
		int r = helper_get(helper, server, ret, e);
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

int credential_find(const char *domain, const char *path, struct credential *ret, struct err *e)
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
