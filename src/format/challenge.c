/* SPDX-License-Identifier: Apache-2.0
 *
 * WWW-Authenticate: see challenge.h. The comma separates both challenges and parameters; a token
 * followed by "=" is a parameter, any other begins a challenge.
 */
#include "format/challenge.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/own.h"

#define F(member) { #member, offsetof(struct challenge, member), sizeof(((struct challenge *)0)->member) }
static const struct {
	const char *name;
	size_t at, size;
} params[] = { F(realm), F(service), F(scope), F(error) };

static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* value of a parameter, quoted or not, into @out; returns what follows, NULL when malformed */
static const char *value_read(const char *s, char *out, size_t size, bool *ret_cut)
{
	size_t n = 0;

	*ret_cut = false;
	if (*s != '"') {
		/* lenient: bare realms with slashes and colons are seen */
		while (*s && !strchr(" \t,\"", *s)) {
			if (n + 1 < size)
				out[n++] = *s;
			else
				*ret_cut = true;
			s++;
		}
		out[n] = 0;
		return s;
	}
	for (s++; *s && *s != '"'; s++) {
		if (*s == '\\' && s[1])
			s++;
		if (n + 1 < size)
			out[n++] = *s;
		else
			*ret_cut = true;
	}
	out[n] = 0;
	return *s == '"' ? s + 1 : NULL;
}

static const char *param_read(const char *name, size_t name_n, const char *s, struct challenge *c,
			      bool *ret_cut)
{
	char ignored[8];

	for (size_t i = 0; c && i < ARRAY_LEN(params); i++)
		if (strlen(params[i].name) == name_n && !strncasecmp(params[i].name, name, name_n))
			return value_read(s, (char *)c + params[i].at, params[i].size, ret_cut);
	s = value_read(s, ignored, sizeof ignored, ret_cut);
	*ret_cut = false;
	return s;
}

static enum challenge_scheme scheme_of(const char *s, size_t n)
{
	if (n == 5 && !strncasecmp(s, "Basic", n))
		return CHALLENGE_BASIC;
	if (n == 6 && !strncasecmp(s, "Bearer", n))
		return CHALLENGE_BEARER;
	return CHALLENGE_OTHER;
}

/* "Negotiate abc=": one token68 instead of parameters */
static const char *token68_skip(const char *s)
{
	const char *p = s;
	while (is_token(*p) || *p == '/')
		p++;
	while (*p == '=')
		p++;
	const char *after = blanks(p);
	return p > s && (!*after || *after == ',') ? after : s;
}

int challenge_parse(const char *value, struct challenge *ret, size_t max, struct err *e)
{
	struct challenge *now = NULL;
	bool seen = false;
	size_t n = 0;

	for (const char *s = value;;) {
		s += strspn(s, " \t,");
		if (!*s)
			return (int)n;
		const char *word = s;
		while (is_token(*s))
			s++;
		size_t word_n = (size_t)(s - word);
		const char *next = blanks(s);
		if (!word_n)
			return err_new(e, E_INVALID, EINVAL, "malformed WWW-Authenticate header");
		if (*next == '=') {
			bool cut;
			if (!seen)
				return err_new(e, E_INVALID, EINVAL, "malformed WWW-Authenticate header");
			s = param_read(word, word_n, blanks(next + 1), now, &cut);
			if (!s)
				return err_new(e, E_INVALID, EINVAL, "malformed WWW-Authenticate header");
			if (cut)
				return err_new(e, E_INVALID, EMSGSIZE, "WWW-Authenticate: %.*s is too long",
					       (int)(word_n < 32 ? word_n : 32), word);
			continue;
		}
		seen = true;
		now = n < max ? &ret[n++] : NULL;
		if (now)
			*now = (struct challenge){ .scheme = scheme_of(word, word_n) };
		s = next > s ? token68_skip(next) : next;
	}
}
