/* SPDX-License-Identifier: Apache-2.0
 *
 * Access control lists in the text form of star and libarchive, to the value of Linux's extended
 * attribute system.posix_acl_*: a version, then entries of tag, permissions and ID, sorted by tag.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "store/layer_name.h"

/* include/uapi/linux/posix_acl.h and posix_acl_xattr.h */
enum { ACL_VERSION = 2, ACL_ENTRIES_MAX = 1024 };
enum {
	TAG_USER_OBJ = 0x01,
	TAG_USER = 0x02,
	TAG_GROUP_OBJ = 0x04,
	TAG_GROUP = 0x08,
	TAG_MASK = 0x10,
	TAG_OTHER = 0x20,
};

struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};

static int parse_perm(const char *s, uint16_t *ret)
{
	uint16_t perm = 0;

	for (; *s; s++) {
		switch (*s) {
		case 'r':
			perm |= 4;
			break;
		case 'w':
			perm |= 2;
			break;
		case 'x':
			perm |= 1;
			break;
		case '-':
			break;
		default:
			return -EINVAL;
		}
	}
	*ret = perm;
	return 0;
}

/* "user:NAME:rwx[:ID]"; the name must be a number where there is no ID: names of the image's users
 * are not known here */
static int parse_entry(char *text, struct acl_entry *ret)
{
	static const struct {
		const char *name;
		uint16_t tag_object, tag_named;
	} kinds[] = {
		{ "user", TAG_USER_OBJ, TAG_USER },   { "u", TAG_USER_OBJ, TAG_USER },
		{ "group", TAG_GROUP_OBJ, TAG_GROUP }, { "g", TAG_GROUP_OBJ, TAG_GROUP },
		{ "mask", TAG_MASK, 0 },              { "m", TAG_MASK, 0 },
		{ "other", TAG_OTHER, 0 },            { "o", TAG_OTHER, 0 },
	};
	char *part[4] = { text, NULL, NULL, NULL };
	int n = 1;

	for (char *p = text; *p; p++)
		if (*p == ':') {
			if (n == 4)
				return -EINVAL;
			*p = 0;
			part[n++] = p + 1;
		}
	if (n == 2) { /* "other:r-x" */
		part[2] = part[1];
		part[1] = part[0] + strlen(part[0]);
	}
	if (n < 2 || parse_perm(part[2], &ret->perm) < 0)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].name, part[0]))
			continue;
		ret->id = UINT32_MAX;
		ret->tag = *part[1] ? kinds[i].tag_named : kinds[i].tag_object;
		if (!*part[1])
			return 0;
		if (!ret->tag)
			return -EINVAL;
		return text_uint32(part[3] ? part[3] : part[1], &ret->id) < 0 ? -ENOENT : 0;
	}
	return -EINVAL;
}

static int entry_compare(const void *x, const void *y)
{
	const struct acl_entry *a = x, *b = y;

	if (a->tag != b->tag)
		return a->tag < b->tag ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

ssize_t acl_from_text(const char *text, size_t n, unsigned char *out, size_t max)
{
	OWN_STR copy = strndup(text, n);
	OWN_PTR struct acl_entry *entries = calloc(ACL_ENTRIES_MAX, sizeof *entries);
	size_t count = 0, w = 4;
	char *save = NULL;

	if (!copy || !entries)
		return -ENOMEM;
	for (char *p = strtok_r(copy, ",\n", &save); p; p = strtok_r(NULL, ",\n", &save)) {
		while (*p == ' ')
			p++;
		int r = count == ACL_ENTRIES_MAX ? -EINVAL : parse_entry(p, &entries[count++]);
		if (r < 0)
			return r;
	}
	if (!count || max < 4 + 8 * count)
		return -EINVAL;
	qsort(entries, count, sizeof *entries, entry_compare);
	const uint32_t version = htole32(ACL_VERSION);
	memcpy(out, &version, 4);
	for (size_t i = 0; i < count; i++, w += 8) {
		uint16_t tag = htole16(entries[i].tag), perm = htole16(entries[i].perm);
		uint32_t id = htole32(entries[i].id);
		memcpy(out + w, &tag, 2);
		memcpy(out + w + 2, &perm, 2);
		memcpy(out + w + 4, &id, 4);
	}
	return (ssize_t)w;
}
