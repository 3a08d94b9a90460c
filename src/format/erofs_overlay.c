/* SPDX-License-Identifier: Apache-2.0
 *
 * What overlay keeps in extended attributes of a layer, as far as an archive can say it too.
 * Format: Documentation/filesystems/overlayfs.rst of Linux.
 */
#include <string.h>

#include "base/text.h"
#include "format/erofs_tar_int.h"

/* the name without "trusted.overlay." or "user.overlay."; NULL: it is another one */
static const char *overlay_name(const char *name)
{
	static const char *const prefixes[] = { "trusted.overlay.", "user.overlay." };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (text_starts(name, prefixes[i]))
			return name + strlen(prefixes[i]);
	return NULL;
}

static int take(const struct fsxattr *x, const char *name, struct erofs_overlay *o, struct err *e)
{
	if (!strcmp(name, "opaque") && x->n == 1) {
		o->opaque |= *x->value == 'y';
		o->whiteouts |= *x->value == 'x';
	} else if (!strcmp(name, "whiteout")) {
		o->whiteout = true;
	} else if (!strcmp(name, "redirect") || !strcmp(name, "metacopy")) {
		return err_new(e, E_UNSUPPORTED, ENOTSUP, "its content is that of another name (overlay.%s), which no layer can have", name);
	}
	return 0;
}

int erofs_overlay_read(const struct erofs_image *m, const struct erofs_node *n, struct arena *a, struct erofs_overlay *ret,
		       struct err *e)
{
	struct fsxattr *list;
	size_t k;

	*ret = (struct erofs_overlay){ 0 };
	if (erofs_xattrs(m, n, a, &list, &k, e) < 0)
		return -e->eno;
	if (!k)
		return 0;
	ret->rest = arena_get(a, k * sizeof *ret->rest);
	if (!ret->rest)
		return err_new(e, E_NOMEM, ENOMEM, "EROFS image");
	for (size_t i = 0; i < k; i++) {
		const char *name = overlay_name(list[i].name);
		if (!name)
			ret->rest[ret->n_rest++] = (struct tar_xattr){ list[i].name, list[i].value, list[i].n };
		else if (take(&list[i], name, ret, e) < 0)
			return -e->eno;
	}
	return 0;
}
