/* SPDX-License-Identifier: Apache-2.0
 *
 * --storage-opt: see storage_opt.h.
 */
#include "spec/storage_opt.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"

static int size_parse(const char *text, uint64_t *ret, struct err *e)
{
	int64_t n;

	if (text_bytes(text, &n) < 0 || n < 0)
		return err_new(e, E_INVALID, EINVAL, "invalid size: '%.64s'", text);
	if (n && n < STORAGE_OPT_SIZE_MIN)
		return err_new(e, E_INVALID, EINVAL, "size %.64s is less than 1m", text);
	*ret = (uint64_t)n;
	return 0;
}

static int switch_parse(const char *key, const char *text, enum storage_switch *ret, struct err *e)
{
	if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
		return err_new(e, E_INVALID, EINVAL, "%s: \"%.64s\" is neither on nor off", key, text);
	*ret = !strcmp(text, "on") ? STORAGE_ON : STORAGE_OFF;
	return 0;
}

/* 1: @key is none of these */
static int limit_parse(const char *key, const char *text, struct storage_opt *o, struct err *e)
{
	if (!strcmp(key, "size"))
		return size_parse(text, &o->bytes, e);
	if (strcmp(key, "inodes") != 0)
		return 1;
	return text_uint64(text, &o->inodes) < 0 ?
		       err_new(e, E_INVALID, EINVAL, "invalid number of inodes: '%.64s'", text) : 0;
}

static int overlay_parse(const char *key, const char *text, struct storage_opt *o, struct err *e)
{
	enum storage_switch index = STORAGE_OFF;

	if (!strcmp(key, "metacopy"))
		return switch_parse(key, text, &o->metacopy, e);
	if (!strcmp(key, "redirect_dir"))
		return switch_parse(key, text, &o->redirect_dir, e);
	if (!strcmp(key, "volatile"))
		return switch_parse(key, text, &o->without_sync, e);
	if (strcmp(key, "index") != 0)
		return 1;
	if (switch_parse(key, text, &index, e) < 0)
		return -e->eno;
	return index == STORAGE_OFF ? 0 :
	       err_new(e, E_INVALID, EOPNOTSUPP, "index=on: such a layer is mounted once only, and cp, diff, commit and export "
						     "look at it beside the container");
}

static int parse(const json_t *map, bool overlay, struct storage_opt *ret, struct err *e)
{
	struct storage_opt o = { 0 };
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)map, key, v) {
		const char *text = json_is_string(v) ? json_string_value(v) : "";
		int r = limit_parse(key, text, &o, e);
		if (r > 0 && overlay)
			r = overlay_parse(key, text, &o, e);
		if (r > 0) {
			(void)err_new(e, E_INVALID, EINVAL, "Unknown option %.64s", key);
			err_hint(e, "known options: size, inodes%s", overlay ? ", metacopy, redirect_dir, volatile, index" : "");
		}
		if (r)
			return -e->eno;
	}
	if (o.metacopy == STORAGE_ON && o.redirect_dir == STORAGE_OFF)
		return err_new(e, E_INVALID, EINVAL, "metacopy=on needs redirect_dir=on: a file without content is found by its old name");
	if (o.metacopy == STORAGE_ON)
		o.redirect_dir = STORAGE_ON;
	*ret = o;
	return 0;
}

int storage_opt_parse(const json_t *map, struct storage_opt *ret, struct err *e)
{
	return parse(map, true, ret, e);
}

int storage_opt_parse_limits(const json_t *map, struct storage_opt *ret, struct err *e)
{
	return parse(map, false, ret, e);
}

static int default_add(const char *word, const char *driver, json_t *map, struct err *e)
{
	const char *eq = strchr(word, '='), *dot;
	char key[64];

	if (!eq || eq == word || (size_t)(eq - word) >= sizeof key)
		return err_new(e, E_INVALID, EINVAL, "storage option \"%.64s\": OPTION=VALUE is wanted", word);
	(void)snprintf(key, sizeof key, "%.*s", (int)(eq - word), word);
	if ((dot = strrchr(key, '.'))) {
		size_t n = (size_t)(dot - key);
		bool overlay2 = n == 8 && !strncmp(key, "overlay2", n) && !strcmp(driver, "overlay");
		if (!overlay2 && (strlen(driver) != n || strncmp(key, driver, n) != 0))
			return 0; /* for another driver */
	}
	const char *name = dot ? dot + 1 : key;
	if (!json_object_get(map, name) && json_object_set_new(map, name, json_string(eq + 1)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "storage options");
	return 0;
}

int storage_opt_defaults(const char *text, const char *driver, json_t *map, struct err *e)
{
	char word[256];

	while (*text) {
		size_t n = strcspn(text, ",");
		if (n >= sizeof word)
			return err_new(e, E_INVALID, EINVAL, "storage option \"%.32s...\" is too long", text);
		(void)snprintf(word, sizeof word, "%.*s", (int)n, text);
		if (n && default_add(word, driver, map, e) < 0)
			return -e->eno;
		text += n + (text[n] == ',');
	}
	return 0;
}
