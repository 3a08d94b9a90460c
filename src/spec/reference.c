/* SPDX-License-Identifier: Apache-2.0
 *
 * References: see reference.h. A hand-written matcher of the grammar of the distribution
 * project:
 *   reference = name [":" tag] ["@" digest]       name   = [domain "/"] path
 *   path      = component *("/" component)        component = alnum+ ((["._"] | "__" | "-"+) alnum+)*
 *   domain    = host [":" digits]                 host   = dns name | "[" IPv6 "]"
 */
#include "spec/reference.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define DEFAULT_DOMAIN "docker.io"
#define LEGACY_DOMAIN  "index.docker.io"
#define OFFICIAL       "library/"

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}
static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}
static bool is_xdigit(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
static bool is_alnum(char c)
{
	return is_lower(c) || is_upper(c) || is_digit(c);
}

static bool component_is_valid(const char *s, size_t n)
{
	size_t i = 0;

	for (;;) {
		size_t start = i;
		while (i < n && (is_lower(s[i]) || is_digit(s[i])))
			i++;
		if (i == start)
			return false;
		if (i == n)
			return true;
		if (s[i] == '.') {
			i++;
		} else if (s[i] == '_') {
			i += i + 1 < n && s[i + 1] == '_' ? 2 : 1;
		} else if (s[i] == '-') {
			while (i < n && s[i] == '-')
				i++;
		} else {
			return false;
		}
	}
}

bool reference_path_is_valid(const char *s)
{
	for (;;) {
		size_t n = strcspn(s, "/");
		if (!component_is_valid(s, n))
			return false;
		if (!s[n])
			return true;
		s += n + 1;
	}
}

static bool dns_label_is_valid(const char *s, size_t n)
{
	if (!n || !is_alnum(s[0]) || !is_alnum(s[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(s[i]) && s[i] != '-')
			return false;
	return true;
}

static bool domain_is_valid(const char *s)
{
	if (*s == '[') {
		const char *end = strchr(s, ']');
		if (!end || end == s + 1)
			return false;
		for (const char *p = s + 1; p < end; p++)
			if (!is_xdigit(*p) && *p != ':')
				return false;
		s = end + 1;
	} else {
		for (;;) {
			size_t n = strcspn(s, ".:");
			if (!dns_label_is_valid(s, n))
				return false;
			s += n;
			if (*s != '.')
				break;
			s++;
		}
	}
	if (!*s)
		return true;
	if (*s++ != ':' || !*s)
		return false;
	return s[strspn(s, "0123456789")] == 0;
}

bool reference_tag_is_valid(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > REFERENCE_TAG_MAX || *s == '.' || *s == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(s[i]) && s[i] != '_' && s[i] != '.' && s[i] != '-')
			return false;
	return true;
}

bool reference_is_id(const char *s)
{
	return text_is_hex(s, 64) || digest_is_valid(s);
}

static int bad_format(struct err *e)
{
	return err_new(e, E_INVALID, EINVAL, "invalid reference format");
}

static int too_long(struct err *e)
{
	return err_new(e, E_INVALID, EINVAL,
		       "invalid reference format: repository name must not be more than %d characters",
		       REFERENCE_NAME_MAX);
}

/* whether the part before the first slash is a host: has a dot or colon, is "localhost", or has
 * an upper-case letter, which no path may have */
static bool first_is_domain(const char *s, size_t n)
{
	if (n == 9 && !memcmp(s, "localhost", 9))
		return true;
	for (size_t i = 0; i < n; i++)
		if (s[i] == '.' || s[i] == ':' || is_upper(s[i]))
			return true;
	return false;
}

/* split "rest" (path[:tag][@digest]) in place */
static int rest_split(char *rest, char **ret_tag, char **ret_digest, struct err *e)
{
	char *at = strchr(rest, '@');
	struct digest d;

	*ret_tag = *ret_digest = NULL;
	if (at) {
		*at = 0;
		*ret_digest = at + 1;
	}
	char *colon = strchr(rest, ':');
	if (colon) {
		*colon = 0;
		*ret_tag = colon + 1;
		if (!reference_tag_is_valid(*ret_tag))
			return bad_format(e);
	}
	if (*ret_digest && digest_parse(*ret_digest, &d, e) < 0) {
		/* what does not even look like one is a fault of the reference as a whole */
		const char *hex = strchr(*ret_digest, ':');
		size_t n = hex ? strspn(hex + 1, "0123456789abcdefABCDEF") : 0;
		if (n < 32 || hex[1 + n])
			return bad_format(e);
		return err_ctx(e, "invalid reference format");
	}
	return 0;
}

int reference_parse(const char *s, struct reference *ret, struct err *e)
{
	char text[REFERENCE_TEXT_MAX + sizeof OFFICIAL], *tag, *digest;
	const char *rest = s, *domain = DEFAULT_DOMAIN;
	char domain_text[sizeof ret->domain];
	struct reference r = { 0 };

	if (text_is_hex(s, 64))
		return err_new(e, E_INVALID, EINVAL,
			       "invalid repository name (%s), cannot specify 64-byte hexadecimal strings", s);
	const char *slash = strchr(s, '/');
	if (slash && first_is_domain(s, (size_t)(slash - s))) {
		size_t n = (size_t)(slash - s);
		if (n >= sizeof domain_text)
			return bad_format(e);
		memcpy(domain_text, s, n);
		domain_text[n] = 0;
		domain = strcmp(domain_text, LEGACY_DOMAIN) ? domain_text : DEFAULT_DOMAIN;
		rest = slash + 1;
	}
	bool official = !strcmp(domain, DEFAULT_DOMAIN) && !strchr(rest, '/');
	if (snprintf(text, sizeof text, "%s%s", official ? OFFICIAL : "", rest) >= (int)sizeof text)
		return too_long(e);
	for (const char *p = text; *p && *p != ':'; p++)
		if (is_upper(*p))
			return err_new(e, E_INVALID, EINVAL,
				       "invalid reference format: repository name must be lowercase");
	int err = rest_split(text, &tag, &digest, e);
	if (err < 0)
		return err;
	if (!domain_is_valid(domain) || !reference_path_is_valid(text))
		return bad_format(e);
	if (strlen(domain) + 1 + strlen(text) > REFERENCE_NAME_MAX)
		return too_long(e);
	(void)snprintf(r.domain, sizeof r.domain, "%s", domain); /* all lengths are checked */
	(void)snprintf(r.path, sizeof r.path, "%s", text);
	(void)snprintf(r.tag, sizeof r.tag, "%s", tag ? tag : "");
	(void)snprintf(r.digest, sizeof r.digest, "%s", digest ? digest : "");
	*ret = r;
	return 0;
}

int reference_parse_tagged(const char *s, struct reference *ret, struct err *e)
{
	int r = reference_parse(s, ret, e);
	if (r < 0)
		return r;
	if (!*ret->tag && !*ret->digest)
		memcpy(ret->tag, "latest", sizeof "latest");
	return 0;
}

static void compose(const struct reference *r, const char *domain, const char *path, char *out)
{
	/* the parts' limits add up to REFERENCE_TEXT_MAX */
	(void)snprintf(out, REFERENCE_TEXT_MAX, "%s%s%s%s%s%s%s", domain, *domain ? "/" : "", path,
		       *r->tag ? ":" : "", r->tag, *r->digest ? "@" : "", r->digest);
}

void reference_canonical(const struct reference *r, char out[REFERENCE_TEXT_MAX])
{
	compose(r, r->domain, r->path, out);
}

/* docker leaves out "docker.io/", and then "library/" when nothing but a name follows */
static const char *familiar_path(const struct reference *r, const char **ret_domain)
{
	if (strcmp(r->domain, DEFAULT_DOMAIN)) {
		*ret_domain = r->domain;
		return r->path;
	}
	*ret_domain = "";
	if (text_starts(r->path, OFFICIAL) && !strchr(r->path + strlen(OFFICIAL), '/'))
		return r->path + strlen(OFFICIAL);
	return r->path;
}

void reference_familiar(const struct reference *r, char out[REFERENCE_TEXT_MAX])
{
	const char *domain, *path = familiar_path(r, &domain);
	compose(r, domain, path, out);
}

void reference_familiar_name(const struct reference *r, char out[REFERENCE_TEXT_MAX])
{
	const char *domain, *path = familiar_path(r, &domain);
	(void)snprintf(out, REFERENCE_TEXT_MAX, "%s%s%s", domain, *domain ? "/" : "", path);
}
