/* SPDX-License-Identifier: Apache-2.0
 *
 * Extended attributes of EROFS, all inline behind their inode.
 */
#include <endian.h>
#include <string.h>

#include "base/own.h"
#include "format/erofs_int.h"

static const struct {
	const char *prefix;
	uint8_t index;
	bool whole; /* the prefix is the name */
} prefixes[] = {
	{ "user.", 1, false },
	{ "system.posix_acl_access", 2, true },
	{ "system.posix_acl_default", 3, true },
	{ "trusted.", 4, false },
	{ "security.", 6, false },
};

/* index and rest of a name; NULL: no file system keeps such a one */
static const char *split(const char *name, uint8_t *ret_index)
{
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		size_t n = strlen(prefixes[i].prefix);
		if (strncmp(name, prefixes[i].prefix, n) != 0 || (prefixes[i].whole && name[n]))
			continue;
		*ret_index = prefixes[i].index;
		return name + n;
	}
	return NULL;
}

static uint32_t entry_bytes(size_t name_n, size_t value_n)
{
	return (uint32_t)((sizeof(struct erofs_xattr_entry) + name_n + value_n + 3) & ~(size_t)3);
}

int erofs_xattr_bytes(const struct fsnode *n, uint32_t *ret, struct err *e)
{
	uint64_t total = 0;
	uint8_t index;

	for (size_t i = 0; i < n->n_xattrs; i++) {
		const char *rest = split(n->xattrs[i].name, &index);
		if (!rest)
			continue;
		if (strlen(rest) > UINT8_MAX || n->xattrs[i].n > UINT16_MAX)
			return err_new(e, E_INVALID, E2BIG, "extended attribute %.80s is too large", n->xattrs[i].name);
		total += entry_bytes(strlen(rest), n->xattrs[i].n);
	}
	if (total > 4 * (uint64_t)UINT16_MAX - 64)
		return err_new(e, E_INVALID, E2BIG, "more extended attributes than EROFS can hold");
	*ret = total ? (uint32_t)(total + sizeof(struct erofs_xattr_head)) : 0;
	return 0;
}

void erofs_xattr_put(const struct fsnode *n, unsigned char *p)
{
	uint8_t index;

	p += sizeof(struct erofs_xattr_head); /* all zero: no filter, nothing shared */
	for (size_t i = 0; i < n->n_xattrs; i++) {
		const struct fsxattr *x = &n->xattrs[i];
		const char *rest = split(x->name, &index);
		if (!rest)
			continue;
		size_t len = strlen(rest);
		const struct erofs_xattr_entry en = { (uint8_t)len, index, htole16((uint16_t)x->n) };
		memcpy(p, &en, sizeof en);
		memcpy(p + sizeof en, rest, len);
		memcpy(p + sizeof en + len, x->value, x->n);
		p += entry_bytes(len, x->n);
	}
}
