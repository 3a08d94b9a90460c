/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading EROFS: the superblock, which says where attributes are, and extended attributes.
 */
#include <endian.h>
#include <string.h>

#include "format/erofs_int.h"
#include "format/erofs_read.h"

enum { XATTRS_MAX = 256, COMPAT_PLAIN_PREFIXES = 0x10, LONG_PREFIX = 0x80 };

static const char *base_prefix(uint8_t index)
{
	switch (index) {
	case 0:
		return "";
	case 1:
		return "user.";
	case 2:
		return "system.posix_acl_access";
	case 3:
		return "system.posix_acl_default";
	case 4:
		return "trusted.";
	case 5:
		return "lustre.";
	case 6:
		return "security.";
	default:
		return NULL;
	}
}

/* the list of long prefixes lies in the image, or among the data of a file */
struct prefix_place {
	const struct erofs_image *m;
	const struct erofs_node *file; /* NULL: in the image */
	uint64_t at;
};

static int prefix_get(struct prefix_place *p, void *out, size_t n, struct err *e)
{
	if (p->file && (p->at > p->file->size_bytes || n > p->file->size_bytes - p->at))
		return err_new(e, E_CORRUPT, EBADMSG, "EROFS image: prefixes of attributes are outside of their file");
	int r = p->file ? erofs_data(p->m, p->file, p->at, out, n, e) : erofs_get(p->m, p->at, out, n, e);
	p->at += n;
	return r;
}

static int prefix_read(struct erofs_image *m, struct prefix_place *p, const char **ret, struct err *e)
{
	unsigned char infix[UINT8_MAX + 1];
	uint16_t len;

	if (prefix_get(p, &len, sizeof len, e) < 0)
		return -e->eno;
	len = le16toh(len);
	if (!len || len > sizeof infix)
		return err_new(e, E_CORRUPT, EBADMSG, "EROFS image: a prefix of attributes of %u bytes", len);
	if (prefix_get(p, infix, len, e) < 0)
		return -e->eno;
	p->at = (p->at + 3) & ~UINT64_C(3);
	const char *base = base_prefix(infix[0]);
	if (!base || memchr(infix + 1, 0, len - 1u))
		return err_new(e, E_CORRUPT, EBADMSG, "EROFS image: malformed prefix of attributes");
	*ret = arena_printf(&m->a, "%s%.*s", base, (int)len - 1, (const char *)infix + 1);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "EROFS image");
}

int erofs_prefixes_read(struct erofs_image *m, const struct erofs_super *s, struct err *e)
{
	const uint64_t packed = le64toh(s->packed_nid);
	const bool in_file = le32toh(s->incompat) & EROFS_INCOMPAT_FRAGMENTS && packed &&
			     !(le32toh(s->compat) & COMPAT_PLAIN_PREFIXES);
	struct prefix_place p = { .m = m, .at = (uint64_t)le32toh(s->xattr_prefix_start) * 4 };
	struct erofs_node file;

	if (!(le32toh(s->incompat) & EROFS_INCOMPAT_PREFIXES) || !s->xattr_prefixes)
		return 0;
	if (in_file) {
		if (erofs_node_read(m, packed, &file, e) < 0)
			return err_ctx(e, "prefixes of attributes");
		p.file = &file;
	}
	const char **list = arena_get(&m->a, s->xattr_prefixes * sizeof *list);
	if (!list)
		return err_new(e, E_NOMEM, ENOMEM, "EROFS image");
	for (unsigned i = 0; i < s->xattr_prefixes; i++)
		if (prefix_read(m, &p, &list[i], e) < 0)
			return -e->eno;
	m->prefixes = list;
	m->n_prefixes = s->xattr_prefixes;
	return 0;
}

struct list {
	struct fsxattr *p;
	size_t n, cap;
};

static int bad(const struct erofs_node *n, struct err *e, const char *what)
{
	return err_new(e, E_CORRUPT, EBADMSG, "EROFS inode %llu: %s", (unsigned long long)n->nid, what);
}

/* the attribute at *@at, which ends before @end; *@at moves on */
static int take(const struct erofs_image *m, const struct erofs_node *n, uint64_t *at, uint64_t end, struct arena *a,
		struct list *l, struct err *e)
{
	struct erofs_xattr_entry en;
	char name[UINT8_MAX + 1];

	if (*at > end || end - *at < sizeof en)
		return bad(n, e, "its attributes are cut off");
	if (erofs_get(m, *at, &en, sizeof en, e) < 0)
		return err_ctx(e, "attributes");
	const size_t value_n = le16toh(en.value_n), total = sizeof en + en.name_n + value_n;
	if (end - *at < total)
		return bad(n, e, "its attributes are cut off");
	const unsigned k = en.index & (LONG_PREFIX - 1);
	const char *prefix = !(en.index & LONG_PREFIX) ? base_prefix(en.index) : k < m->n_prefixes ? m->prefixes[k] : NULL;
	if (!prefix)
		return bad(n, e, "an attribute of an unknown kind");
	if (l->n == XATTRS_MAX)
		return bad(n, e, "too many attributes");
	unsigned char *value = arena_get(a, value_n + 1);
	l->p = arena_grow(a, l->p, &l->cap, l->n + 1, sizeof *l->p);
	if (!value || !l->p)
		return err_new(e, E_NOMEM, ENOMEM, "attributes");
	if (erofs_get(m, *at + sizeof en, name, en.name_n, e) < 0 ||
	    erofs_get(m, *at + sizeof en + en.name_n, value, value_n, e) < 0)
		return err_ctx(e, "attributes");
	if (memchr(name, 0, en.name_n))
		return bad(n, e, "malformed name of an attribute");
	struct fsxattr *x = &l->p[l->n++];
	*x = (struct fsxattr){ arena_printf(a, "%s%.*s", prefix, (int)en.name_n, name), value, value_n };
	if (!x->name)
		return err_new(e, E_NOMEM, ENOMEM, "attributes");
	if (!*x->name)
		return bad(n, e, "an attribute without a name");
	*at += (total + 3) & ~(size_t)3;
	return 0;
}

int erofs_xattrs(const struct erofs_image *m, const struct erofs_node *n, struct arena *a, struct fsxattr **ret,
		 size_t *ret_n, struct err *e)
{
	const uint64_t end = n->end;
	uint64_t at = end - n->xattr_bytes;
	struct erofs_xattr_head head;
	struct list l = { 0 };

	*ret = NULL;
	*ret_n = 0;
	if (!n->xattr_bytes)
		return 0;
	if (erofs_get(m, at, &head, sizeof head, e) < 0)
		return err_ctx(e, "attributes");
	at += sizeof head;
	for (unsigned i = 0; i < head.shared; i++, at += sizeof(uint32_t)) {
		uint32_t id;
		if (end - at < sizeof id)
			return bad(n, e, "its attributes are cut off");
		if (erofs_get(m, at, &id, sizeof id, e) < 0)
			return err_ctx(e, "attributes");
		uint64_t where = m->shared_at + (uint64_t)le32toh(id) * sizeof id;
		if (take(m, n, &where, m->size_bytes, a, &l, e) < 0)
			return -e->eno;
	}
	while (at < end)
		if (take(m, n, &at, end, a, &l, e) < 0)
			return -e->eno;
	*ret = l.p;
	*ret_n = l.n;
	return 0;
}
