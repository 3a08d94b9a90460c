/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest annotate, exists, ls, remove, rm: lists in the making where no registry is asked. The
 * other verbs are in onggi-image (front/image/manifest.c).
 */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "format/js.h"
#include "front/cli/commands.h"
#include "front/cli/list.h"
#include "front/cli/manifest_flags.h"
#include "spec/manifest_list.h"
#include "store/manifest_store.h"

struct annotate {
	const char *member; /* NULL: the list itself */
	struct manifest_flags flags;
};

static int annotate(void *data, json_t *list, struct err *e)
{
	const struct annotate *a = data;
	json_t *o = a->member ? manifest_list_find(list, a->member) : list;

	if (!o)
		return err_new(e, E_NOT_FOUND, ENOENT, "manifest for image %s does not exist in %s", a->member,
			       js_str(list, "name", ""));
	return manifest_list_edit(o, &a->flags.edit, e);
}

int cmd_manifest_annotate(struct cli *c, struct err *e)
{
	char name[REFERENCE_TEXT_MAX], member[REFERENCE_TEXT_MAX];
	const bool index = opt_bool(c->req, "@index");
	struct annotate a = { .member = index ? NULL : member };

	if (index != (c->argc == 1))
		return err_new(e, E_USAGE, EINVAL, index ? "--index is about the list as a whole: no MANIFEST" :
			       "a MANIFEST of the list is wanted, or --index");
	if (manifest_name(c->argv[0], name, e) < 0 || (!index && manifest_member_name(c->argv[1], member, e) < 0))
		return -e->eno;
	int r = manifest_flags_read(c->req, &a.flags, e);
	const struct manifest_edit *d = &a.flags.edit;
	if (r == 0 && index && (d->os || d->arch || d->variant || d->os_version || d->os_features || d->features))
		r = err_new(e, E_USAGE, EINVAL, "a list as a whole has annotations only");
	if (r == 0)
		r = manifest_list_change(&c->eng.store, name, LIST_MUST_EXIST, annotate, &a, e);
	manifest_flags_done(&a.flags);
	return r;
}

int cmd_manifest_exists(struct cli *c, struct err *e)
{
	char name[REFERENCE_TEXT_MAX];
	OWN_JSON list = NULL;

	if (manifest_name(c->argv[0], name, e) < 0)
		return -e->eno;
	if (manifest_list_load(&c->eng.store, name, &list, e) >= 0)
		return 0;
	if (e->kind != E_NOT_FOUND)
		return -e->eno;
	err_clear(e);
	return 1;
}

static const struct list_field fields[] = { { "Name", "NAME" }, { "Manifests", "MANIFESTS" } };
static const struct list_spec spec = { fields, ARRAY_LEN(fields), "{{.Name}}\t{{.Manifests}}", "Name" };

static int row_add(void *data, const char *name, const json_t *list)
{
	struct reference ref;
	struct err ignored = { 0 };
	char text[REFERENCE_TEXT_MAX];
	struct buf b = { 0 };
	json_t *row = json_object();

	if (list && reference_parse(name, &ref, &ignored) == 0)
		reference_familiar(&ref, text);
	else
		(void)snprintf(text, sizeof text, "%s", name);
	buf_puts(&b, text);
	list_set(row, "Name", &b);
	if (list)
		buf_printf(&b, "%zu", json_array_size(json_object_get(list, "entries")));
	else
		buf_puts(&b, "(damaged)");
	list_set(row, "Manifests", &b);
	return json_array_append_new(data, row) < 0 ? -ENOMEM : 0;
}

int cmd_manifest_ls(struct cli *c, struct err *e)
{
	OWN_JSON rows = json_array();
	const struct list_opt opt = { opt_str(c->req, "@format", NULL), opt_bool(c->req, "@quiet"),
				      opt_bool(c->req, "@json") };

	if (!rows || manifest_list_each(&c->eng.store, row_add, rows, e) < 0)
		return e->kind ? -e->eno : err_new(e, E_NOMEM, ENOMEM, "lists");
	return list_print(&spec, rows, &opt, e);
}

struct removal {
	char member[REFERENCE_TEXT_MAX];
	char digest[DIGEST_TEXT_MAX];
};

static int drop(void *data, json_t *list, struct err *e)
{
	struct removal *d = data;

	(void)snprintf(d->digest, sizeof d->digest, "%s",
		       js_str(manifest_list_find(list, d->member), "descriptor.digest", ""));
	return manifest_list_drop(list, d->member, e);
}

int cmd_manifest_remove(struct cli *c, struct err *e)
{
	char name[REFERENCE_TEXT_MAX];
	struct removal d;

	if (manifest_name(c->argv[0], name, e) < 0 || manifest_member_name(c->argv[1], d.member, e) < 0 ||
	    manifest_list_change(&c->eng.store, name, LIST_MUST_EXIST, drop, &d, e) < 0)
		return -e->eno;
	puts(d.digest);
	return 0;
}

static int rm_one(struct cli *c, const char *arg, struct err *e)
{
	char name[REFERENCE_TEXT_MAX];

	if (manifest_name(arg, name, e) < 0)
		return -e->eno;
	return manifest_list_remove(&c->eng.store, name, NULL, e);
}

int cmd_manifest_rm(struct cli *c, struct err *e)
{
	(void)e;
	return cli_each(c, rm_one, EACH_SERIAL | (opt_bool(c->req, "@ignore") ? EACH_MISSING_OK : 0));
}
