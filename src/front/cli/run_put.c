/* SPDX-License-Identifier: Apache-2.0
 *
 * Converters of run's flags whose value is more than a word: text -> docker's JSON. What a value
 * means is checked again by the engine; here only its form.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/io.h"
#include "base/text.h"
#include "format/js.h"
#include "front/cli/run_fields.h"
#include "spec/port.h"
#include "spec/ulimit.h"

extern char **environ;

static int usage(struct err *e, const char *what)
{
	return err_new(e, E_USAGE, EINVAL, "%s", what);
}

int put_attach(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	(void)o;
	static const char *const names[] = { "stdin", "stdout", "stderr" };
	static const char *const paths[] = { "AttachStdin", "AttachStdout", "AttachStderr" };
	for (int i = 0; i < 3; i++)
		if (!strcasecmp(value, names[i])) {
			if (opt_store(request, "@attach", json_true(), e) < 0)
				return -e->eno;
			return opt_store(request, paths[i], json_true(), e);
		}
	return usage(e, "valid streams are STDIN, STDOUT and STDERR");
}

/* NAME=value, or NAME alone: taken from our own environment, dropped when it is not there */
static int env_add(json_t *request, const char *path, const char *text, struct err *e)
{
	char line[4096];

	if (!*text || *text == '=')
		return usage(e, "invalid environment variable");
	if (!strchr(text, '=')) {
		const char *v = getenv(text);
		if (!v)
			return 0;
		if (snprintf(line, sizeof line, "%s=%s", text, v) >= (int)sizeof line) {
			json_t *s = json_sprintf("%s=%s", text, v);
			return opt_append(request, path, s, e);
		}
		text = line;
	}
	json_t *s = json_string(text);
	return s ? opt_append(request, path, s, e) : usage(e, "environment variable is not valid UTF-8");
}

int put_env(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	return env_add(request, o->path, value, e);
}

/* calls @each for every line that is not blank and no comment */
static int each_line(const char *file, int (*each)(json_t *, const char *, const char *, struct err *),
		     json_t *request, const char *path, struct err *e)
{
	OWN_STR text = NULL;
	size_t n;
	OWN_FD fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno, "open %s", file);
	if (io_read_fd(fd, 16 << 20, &text, &n, e) < 0)
		return err_ctx(e, "%s", file);
	char *p = text, *end = text + n;
	if (n >= 3 && !memcmp(p, "\xef\xbb\xbf", 3)) /* byte order mark */
		p += 3;
	for (int line = 1; p < end; line++) {
		char *nl = memchr(p, '\n', (size_t)(end - p));
		if (nl)
			*nl = 0;
		size_t len = strlen(p);
		if (len && p[len - 1] == '\r')
			p[len - 1] = 0;
		char *s = p + strspn(p, " \t");
		if (*s && *s != '#') {
			size_t name = strcspn(s, "=");
			if (!name || memchr(s, ' ', name) || memchr(s, '\t', name))
				return err_new(e, E_USAGE, EINVAL, "%s: line %d: variable '%.*s' contains whitespaces or has no name",
					       file, line, (int)name, s);
			if (each(request, path, s, e) < 0)
				return err_ctx(e, "%s: line %d", file, line);
		}
		if (!nl)
			break;
		p = nl + 1;
	}
	return 0;
}

int put_env_file(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	return each_line(value, env_add, request, o->path, e);
}

static int label_add(json_t *request, const char *path, const char *text, struct err *e)
{
	const char *eq = strchr(text, '=');
	OWN_STR key = strndup(text, eq ? (size_t)(eq - text) : strlen(text));

	if (!key || !*key)
		return usage(e, "invalid label: a key is needed");
	json_t *v = json_string(eq ? eq + 1 : "");
	return v ? opt_set_key(request, path, key, v, e) : usage(e, "label is not valid UTF-8");
}

int put_label(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	return label_add(request, o->path, value, e);
}

int put_label_file(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	return each_line(value, label_add, request, o->path, e);
}

/* a lone path is an anonymous volume; anything with a colon is the engine's to take apart */
int put_volume(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	if (!*value)
		return usage(e, "invalid empty volume spec");
	if (!strchr(value, ':'))
		return opt_set_key(request, "Volumes", value, json_object(), e);
	/* a relative host path means here, as in docker's client */
	if (value[0] == '.' && (value[1] == '/' || value[1] == ':' || (value[1] == '.' && (value[2] == '/' || value[2] == ':')))) {
		size_t n = strcspn(value, ":");
		OWN_STR rel = strndup(value, n);
		OWN_STR cwd = getcwd(NULL, 0);
		OWN_STR real = rel ? realpath(rel, NULL) : NULL;
		if (!cwd)
			return err_sys(e, errno, "current directory");
		if (real)
			return opt_append(request, o->path, json_sprintf("%s%s", real, value + n), e);
		return opt_append(request, o->path, json_sprintf("%s/%s%s", cwd, rel, value + n), e);
	}
	json_t *s = json_string(value);
	return s ? opt_append(request, o->path, s, e) : usage(e, "volume is not valid UTF-8");
}

int put_tmpfs(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	const char *colon = strchr(value, ':');
	OWN_STR path = strndup(value, colon ? (size_t)(colon - value) : strlen(value));
	if (!path || !*path)
		return usage(e, "invalid tmpfs: a path is needed");
	return opt_set_key(request, o->path, path, json_string(colon ? colon + 1 : ""), e);
}

int put_publish(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	OWN_PORT_LIST list = { 0 };
	OWN_JSON bindings = NULL;
	OWN_JSON exposed = NULL;
	const char *key;
	json_t *v, *one;
	size_t i;

	if (port_parse(value, &list, e) < 0) {
		e->kind = E_USAGE;
		return -e->eno;
	}
	bindings = port_list_to_json(&list);
	exposed = port_list_exposed(&list);
	json_object_foreach(exposed, key, v)
		if (opt_set_key(request, "ExposedPorts", key, json_incref(v), e) < 0)
			return -e->eno;
	json_object_foreach(bindings, key, v) {
		json_t *have = js_at(request, o->path);
		have = have ? json_object_get(have, key) : NULL;
		if (!have && opt_set_key(request, o->path, key, have = json_array(), e) < 0)
			return -e->eno;
		json_array_foreach(v, i, one)
			(void)json_array_append(have, one);
	}
	return 0;
}

int put_expose(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	OWN_PORT_LIST list = { 0 };
	OWN_JSON exposed = NULL;
	const char *key;
	json_t *v;

	if (port_parse_expose(value, &list, e) < 0) {
		e->kind = E_USAGE;
		return -e->eno;
	}
	exposed = port_list_exposed(&list);
	json_object_foreach(exposed, key, v)
		if (opt_set_key(request, o->path, key, json_incref(v), e) < 0)
			return -e->eno;
	return 0;
}

int put_ulimit(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	struct ulimit u;
	if (ulimit_parse(value, &u, e) < 0) {
		e->kind = E_USAGE;
		return -e->eno;
	}
	return opt_append(request, o->path,
			  json_pack("{s:s,s:I,s:I}", "Name", u.name, "Soft", (json_int_t)u.soft, "Hard",
				    (json_int_t)u.hard), e);
}

/* HOST[:CONTAINER][:rwm] */
int put_device(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	OWN_STR copy = strdup(value);
	char *part[3] = { copy, NULL, NULL };
	int n = 1;

	for (char *p = copy; copy && *p; p++)
		if (*p == ':') {
			if (n == 3)
				return usage(e, "invalid device specification");
			*p = 0;
			part[n++] = p + 1;
		}
	if (!copy || !*part[0])
		return usage(e, "invalid device specification");
	const char *inside = part[0], *perm = "rwm";
	if (n == 3) {
		inside = part[1];
		perm = part[2];
	} else if (n == 2) {
		if (part[1][0] == '/')
			inside = part[1];
		else
			perm = part[1];
	}
	if (!*perm || strspn(perm, "rwm") != strlen(perm))
		return usage(e, "invalid device mode: only r, w and m are known");
	return opt_append(request, o->path,
			  json_pack("{s:s,s:s,s:s}", "PathOnHost", part[0], "PathInContainer", inside,
				    "CgroupPermissions", perm), e);
}

int put_restart(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	const char *colon = strchr(value, ':');
	OWN_STR name = strndup(value, colon ? (size_t)(colon - value) : strlen(value));
	uint32_t count = 0;

	if (!name)
		return err_new(e, E_NOMEM, ENOMEM, "options: out of memory");
	if (colon && text_uint32(colon + 1, &count) < 0)
		return usage(e, "maximum retry count must be an integer");
	return opt_store(request, o->path,
			 json_pack("{s:s,s:i}", "Name", name, "MaximumRetryCount", (int)count), e);
}

/* NAME, or name=NAME,ip=...,ip6=...,alias=...,mac-address=... */
int put_network(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	if (!strchr(value, '=') || text_starts(value, "container:")) {
		if (json_object_get(request, "@network") )
			return usage(e, "a container can be given one network when it is made; connect it to others later");
		(void)json_object_set_new(request, "@network", json_true());
		return opt_store(request, o->path, json_string(value), e);
	}
	OWN_STR copy = strdup(value);
	char *save = NULL;
	for (char *w = copy ? strtok_r(copy, ",", &save) : NULL; w; w = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(w, '=');
		if (!eq)
			return usage(e, "invalid field in --network: KEY=VALUE is needed");
		*eq = 0;
		int r;
		if (!strcmp(w, "name"))
			r = opt_store(request, o->path, json_string(eq + 1), e);
		else if (!strcmp(w, "alias"))
			r = opt_append(request, "@aliases", json_string(eq + 1), e);
		else if (!strcmp(w, "ip"))
			r = opt_store(request, "@ip", json_string(eq + 1), e);
		else if (!strcmp(w, "ip6"))
			r = opt_store(request, "@ip6", json_string(eq + 1), e);
		else if (!strcmp(w, "mac-address"))
			r = opt_store(request, "MacAddress", json_string(eq + 1), e);
		else
			return err_new(e, E_USAGE, EINVAL, "invalid field %s in --network", w);
		if (r < 0)
			return r;
	}
	(void)json_object_set_new(request, "@network", json_true());
	return 0;
}

int put_network_alias(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	(void)o;
	return opt_append(request, "@aliases", json_string(value), e);
}

int put_ip(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	return opt_store(request, o->path[3] == '4' ? "@ip" : "@ip6", json_string(value), e);
}

/* PATH:RATE; bytes for the bps forms, a plain number for iops */
int put_throttle(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	const char *colon = strrchr(value, ':');
	OWN_STR path = colon ? strndup(value, (size_t)(colon - value)) : NULL;
	bool iops = strstr(o->name, "iops") != NULL;
	int64_t rate;

	if (!path || path[0] != '/')
		return usage(e, "bad format for path: path:rate is needed");
	if ((iops ? text_int64(colon + 1, &rate) : text_bytes(colon + 1, &rate)) < 0 || rate < 0)
		return usage(e, "invalid rate for device");
	return opt_append(request, o->path, json_pack("{s:s,s:I}", "Path", path, "Rate", (json_int_t)rate), e);
}

int put_weight_device(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	const char *colon = strrchr(value, ':');
	OWN_STR path = colon ? strndup(value, (size_t)(colon - value)) : NULL;
	uint32_t w;

	if (!path || path[0] != '/' || text_uint32(colon + 1, &w) < 0 || (w && (w < 10 || w > 1000)))
		return usage(e, "bad format for path: path:weight is needed, weight from 10 to 1000");
	return opt_append(request, o->path, json_pack("{s:s,s:i}", "Path", path, "Weight", (int)w), e);
}

int put_log_opt(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	const char *eq = strchr(value, '=');
	OWN_STR key = eq ? strndup(value, (size_t)(eq - value)) : NULL;
	if (!key || !*key)
		return usage(e, "invalid logging option: KEY=VALUE is needed");
	return opt_set_key(request, o->path, key, json_string(eq + 1), e);
}

int put_stop_timeout(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	int64_t v;
	if (text_int64(value, &v) < 0 || v < -1 || v > INT32_MAX)
		return usage(e, "a number of seconds is needed");
	return opt_store(request, o->path, json_integer(v), e);
}

int put_no_healthcheck(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	if (strcmp(value, "true") && strcmp(value, "1") && *value)
		return 0;
	return opt_store(request, o->path, json_pack("{s:[s]}", "Test", "NONE"), e);
}
