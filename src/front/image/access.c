/* SPDX-License-Identifier: Apache-2.0
 *
 * How a registry is reached: see access.h.
 */
#include "front/image/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "front/cli/opt.h"
#include "front/image/prompt.h"
#include "registry/credential.h"

enum { ATTEMPTS_MAX = 1000, DELAY_MS_MAX = 3600 * 1000 };

/* the flag of this side, else the one for both */
static const json_t *flag(const json_t *req, const char *prefix, const char *name)
{
	char key[32];

	(void)snprintf(key, sizeof key, "@%s%s", prefix, name);
	const json_t *v = json_object_get(req, key);
	if (v || !*prefix)
		return v;
	(void)snprintf(key, sizeof key, "@%s", name);
	return json_object_get(req, key);
}

static bool any_of(const json_t *req, const char *prefix)
{
	static const char *const names[] = { "authfile", "cert-dir", "creds", "insecure", "no-creds", "tls-verify" };
	char key[32];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(key, sizeof key, "@%s%s", prefix, names[i]);
		if (json_object_get(req, key))
			return true;
	}
	return false;
}

static int creds_read(const char *given, struct image_access *a, struct err *e)
{
	const char *colon = strchr(given, ':');
	size_t n = colon ? (size_t)(colon - given) : strlen(given);

	if ((!n || !colon) && !isatty(STDIN_FILENO)) {
		(void)err_new(e, E_USAGE, ENOTTY, "--creds: USER:PASSWORD is wanted, there is no terminal to ask for the rest");
		err_hint(e, "or log in once: onggi login -u USER --password-stdin SERVER <FILE");
		return -ENOTTY;
	}
	if (n && !(a->user = strndup(given, n)))
		return err_new(e, E_NOMEM, ENOMEM, "credentials");
	if (!n && prompt("Username: ", false, &a->user, e) < 0)
		return -e->eno;
	if (!*a->user)
		return err_new(e, E_USAGE, EINVAL, "username is required");
	if (!colon)
		return prompt("Password: ", true, &a->password, e);
	a->password = strdup(colon + 1);
	return a->password ? 0 : err_new(e, E_NOMEM, ENOMEM, "credentials");
}

static int tls_read(const json_t *req, const char *prefix, enum access_tls *ret, struct err *e)
{
	const json_t *verify = flag(req, prefix, "tls-verify");
	bool insecure = json_is_true(flag(req, prefix, "insecure"));

	if (insecure && json_is_true(verify))
		return err_new(e, E_USAGE, EINVAL, "--insecure and --tls-verify=true contradict each other");
	*ret = insecure || json_is_false(verify) ? ACCESS_TLS_ANY : json_is_true(verify) ? ACCESS_TLS_VERIFY :
											   ACCESS_TLS_CONFIGURED;
	return 0;
}

static int retry_read(const json_t *req, struct registry_access *a, struct err *e)
{
	const json_t *retry = json_object_get(req, "@retry");
	const char *delay = opt_str(req, "@retry-delay", NULL);
	int64_t ns;

	if (retry && (json_integer_value(retry) < 0 || json_integer_value(retry) >= ATTEMPTS_MAX))
		return err_new(e, E_USAGE, ERANGE, "--retry %lld is not in 0..%d", (long long)json_integer_value(retry),
			       ATTEMPTS_MAX - 1);
	if (retry)
		a->attempts = (unsigned)json_integer_value(retry) + 1;
	if (!delay)
		return 0;
	if (duration_parse(delay, &ns) < 0 || ns < 1000000 || ns / 1000000 > DELAY_MS_MAX)
		return err_new(e, E_USAGE, EINVAL, "--retry-delay %s: a duration of 1ms to 1h is wanted, such as 500ms or 2s", delay);
	a->retry_delay_ms = (unsigned)(ns / 1000000);
	return 0;
}

int access_read(const json_t *req, const char *prefix, struct image_access *ret, struct err *e)
{
	const char *creds = json_string_value(flag(req, prefix, "creds"));

	*ret = (struct image_access){ 0 };
	ret->is.given = any_of(req, prefix);
	ret->is.authfile = json_string_value(flag(req, prefix, "authfile"));
	ret->is.cert_dir = json_string_value(flag(req, prefix, "cert-dir"));
	ret->is.anonymous = json_is_true(flag(req, prefix, "no-creds"));
	if (creds && ret->is.anonymous)
		return err_new(e, E_USAGE, EINVAL, "--%screds and --%sno-creds contradict each other", prefix, prefix);
	if (ret->is.cert_dir && access(ret->is.cert_dir, R_OK | X_OK) < 0)
		return err_sys(e, errno, "--%scert-dir %s", prefix, ret->is.cert_dir);
	if (tls_read(req, prefix, &ret->is.tls, e) < 0 || retry_read(req, &ret->is, e) < 0 ||
	    (creds && creds_read(creds, ret, e) < 0))
		return -e->eno;
	ret->is.user = ret->user;
	ret->is.password = ret->password;
	return 0;
}

void access_done(struct image_access *a)
{
	free(a->user);
	secret_free(&a->password);
	*a = (struct image_access){ 0 };
}
