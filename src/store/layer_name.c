/* SPDX-License-Identifier: Apache-2.0
 *
 * What is common to all who read layers: names of entries and which attributes an image may set.
 */
#include "store/layer_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "store/attr.h"

void layer_printable(const char *path, char *out, size_t n)
{
	size_t w = 0;

	for (const unsigned char *p = (const unsigned char *)path; *p && w + 6 < n; p++) {
		/* names may hold escape sequences for the reader's terminal */
		if (*p < 0x20 || *p == 0x7f || (*p >= 0x80 && *p < 0xa0))
			w += (size_t)snprintf(out + w, n - w, "\\x%02x", *p);
		else
			out[w++] = (char)*p;
	}
	out[w] = 0;
}

const char *layer_clean(const char *path, unsigned depth_max, struct buf *out)
{
	unsigned depth = 0;

	out->n = 0;
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		if (!n || (n == 1 && *p == '.')) {
			p += n ? n : 1;
			continue;
		}
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (!out->n)
				return "leaves the root of the layer";
			while (out->n && out->p[out->n - 1] != '/')
				out->n--;
			if (out->n)
				out->n--;
			depth--;
		} else {
			if (n > LAYER_NAME_MAX)
				return "a component of the name is longer than 255 bytes";
			if (++depth > depth_max)
				return "too many directories deep";
			if (out->n)
				buf_putc(out, '/');
			buf_add(out, p, n);
		}
		p += n;
	}
	buf_putc(out, 0); /* also when it is empty */
	if (!buf_failed(out))
		out->n--;
	return NULL;
}

bool layer_has_reserved_part(const char *path)
{
	for (const char *p = path; (p = strstr(p, ".wh.")); p++)
		if ((p == path || p[-1] == '/') && strchr(p, '/'))
			return true;
	return false;
}

/* What an image may set. security.* beyond capabilities is the host's policy, not the image's. */
static bool wanted(const char *name)
{
	return !attr_is_overlay(name) &&
	       (text_starts(name, "user.") || text_starts(name, "trusted.") ||
		!strcmp(name, "security.capability") || !strcmp(name, "system.posix_acl_access") ||
		!strcmp(name, "system.posix_acl_default"));
}

int layer_xattr(const struct tar_xattr *x, struct layer_acl *acl, struct tar_xattr *ret)
{
	bool access = !strcmp(x->name, TAR_XATTR_ACL_ACCESS_TEXT);

	*ret = *x;
	if (access || !strcmp(x->name, TAR_XATTR_ACL_DEFAULT_TEXT)) {
		ssize_t n = acl_from_text((const char *)x->value, x->n, acl->bytes, sizeof acl->bytes);
		if (n < 0)
			return n == -ENOENT ? 0 : -EINVAL;
		*ret = (struct tar_xattr){ access ? "system.posix_acl_access" : "system.posix_acl_default",
					   acl->bytes, (size_t)n };
	}
	return wanted(ret->name);
}

static int64_t clamp_seconds(int64_t s)
{
	/* file systems clamp further by themselves; this only keeps time_t arithmetic sane */
	const int64_t edge = 1LL << 55;
	return s > edge ? edge : s < -edge ? -edge : s;
}

void layer_times(const struct tar_entry *en, struct timespec ret[2])
{
	ret[1] = (struct timespec){ clamp_seconds(en->mtime.sec), en->mtime.nsec };
	ret[0] = ret[1];
	if (en->has_atime)
		ret[0] = (struct timespec){ clamp_seconds(en->atime.sec), en->atime.nsec };
}
