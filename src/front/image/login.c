/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image login [-u USER] [-p PASSWORD | --password-stdin] [SERVER]; logout [-a] [SERVER]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"
#include "front/cli/opt.h"
#include "front/image/prompt.h"
#include "front/image/verb.h"
#include "registry/credential_store.h"
#include "registry/login.h"

static int get_password(const struct image_call *call, struct credential *c, struct err *e)
{
	const char *given = opt_str(call->req, "@password", NULL);

	if (opt_bool(call->req, "@password-stdin")) {
		if (given)
			return err_new(e, E_USAGE, EINVAL, "--password and --password-stdin are mutually exclusive");
		if (!c->user)
			return err_new(e, E_USAGE, EINVAL, "Must provide --username with --password-stdin");
		return prompt_rest(&c->password, e);
	}
	if (given) {
		fputs("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n", stderr);
		c->password = strdup(given);
		return c->password ? 0 : err_new(e, E_NOMEM, ENOMEM, "password");
	}
	if (!isatty(STDIN_FILENO)) {
		(void)err_new(e, E_USAGE, ENOTTY, "Cannot perform an interactive login from a non TTY device");
		err_hint(e, "use: onggi login -u USER --password-stdin SERVER <FILE");
		return -ENOTTY;
	}
	if (!c->user && prompt("Username: ", false, &c->user, e) < 0)
		return -e->eno;
	if (!*c->user)
		return err_new(e, E_USAGE, EINVAL, "username is required");
	if (prompt("Password: ", true, &c->password, e) < 0)
		return -e->eno;
	return *c->password ? 0 : err_new(e, E_USAGE, EINVAL, "password is required");
}

/* what is stored already may do; 1: it does */
static int try_known(const struct image_call *call, const char *domain, struct err *e)
{
	OWN_CREDENTIAL known = { 0 };
	struct err why = { 0 };

	/* a file that is only now to be made has none */
	if (call->access->authfile && access(call->access->authfile, F_OK) < 0)
		return 0;
	if (credential_find(domain, "", call->access->authfile, &known, e) < 0)
		return -e->eno;
	if (!known.user && !known.identity_token)
		return 0;
	puts("Authenticating with existing credentials...");
	if (registry_login(domain, call->access, &known, &why) == 0)
		return 1;
	fprintf(stderr, "Login did not succeed, error: %s\n", why.chain);
	return 0;
}

static int get_login(const struct image_call *call, const char *domain, struct err *e)
{
	OWN_CREDENTIAL known = { 0 };

	if (credential_find(domain, "", call->access->authfile, &known, e) < 0)
		return -e->eno;
	if (!known.user)
		return err_new(e, E_NOT_FOUND, ENOENT, "not logged into %s", credential_key(domain));
	puts(known.user);
	return 0;
}

static int login(const struct image_call *call, struct err *e)
{
	const char *user = opt_str(call->req, "@username", NULL);
	const char *server = call->argc ? call->argv[0] : NULL;
	OWN_CREDENTIAL c = { 0 };
	struct credential_place at;
	char domain[300];

	if (registry_domain(server, domain, sizeof domain, e) < 0)
		return -e->eno;
	if (opt_bool(call->req, "@get-login"))
		return get_login(call, domain, e);
	if (credential_place_find(domain, opt_str(call->req, "@authfile", NULL), &at, e) < 0)
		return -e->eno;
	if (user && !(c.user = strdup(user)))
		return err_new(e, E_NOMEM, ENOMEM, "user name");
	if (!user && !opt_str(call->req, "@password", NULL) && !opt_bool(call->req, "@password-stdin")) {
		int r = try_known(call, domain, e);
		if (r)
			return r < 0 ? r : 0;
	}
	if (get_password(call, &c, e) < 0)
		return -e->eno;
	if (registry_login(domain, call->access, &c, e) < 0 || credential_save(&at, domain, &c, e) < 0)
		return -e->eno;
	if (!*at.helper) {
		fprintf(stderr, "WARNING! Your password will be stored unencrypted in %s.\n", at.file);
		fputs("Configure a credential helper to remove this warning: credsStore in that file.\n", stderr);
	}
	return 0;
}

int verb_login(const struct image_call *call)
{
	struct err e = { 0 };

	if (login(call, &e) < 0)
		return image_fail(&e);
	if (!opt_bool(call->req, "@get-login"))
		puts("Login Succeeded");
	return image_flush(0);
}

int verb_logout(const struct image_call *call)
{
	bool all = opt_bool(call->req, "@all");
	struct credential_place at;
	struct err e = { 0 };
	char domain[300];

	if (registry_domain(call->argc ? call->argv[0] : NULL, domain, sizeof domain, &e) < 0 ||
	    credential_place_find(all ? NULL : domain, opt_str(call->req, "@authfile", NULL), &at, &e) < 0)
		return image_fail(&e);
	if (!all)
		printf("Removing login credentials for %s\n", credential_key(domain));
	if (credential_erase(&at, all ? NULL : domain, &e) < 0)
		return image_fail(&e);
	if (all)
		puts("Removed login credentials for all registries");
	else if (!at.erased)
		printf("Not logged in to %s\n", credential_key(domain));
	return image_flush(0);
}
