/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives the network driver without containers: the flow tests make the namespaces.
 *
 *   netdrv [-t] prepare ID NETWORK [-p PORT]... [-4 IP] [-6 IP] [-m MAC]
 *   netdrv [-t] apply ID NETNS | release ID | repair | reset | loopback NETNS
 *   netdrv create JSON | list | inspect NAME | remove NAME
 *
 * The folders are $ONGGI_ROOT/network and $ONGGI_RUN/network. -t prints how long the call took.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "driver/network/definition.h"
#include "driver/network/network.h"
#include "format/js.h"
#include "spec/port.h"

enum { PORTS_MAX = 4096 };

static void warn(const char *msg, void *data)
{
	(void)data;
	fprintf(stderr, "warning: %s\n", msg);
}

static int prepare(const struct network_env *env, int argc, char **argv, struct err *e)
{
	static struct port_binding ports[PORTS_MAX];
	OWN_PORT_LIST list = { 0 };
	struct network_req q = { .container_id = argv[0], .network = argv[1], .ports = ports };
	OWN_JSON j = NULL;

	for (int i = 2; i + 1 < argc; i += 2) {
		const char *v = argv[i + 1];
		switch (argv[i][1]) {
		case 'p':
			if (port_parse(v, &list, e) < 0)
				return -e->eno;
			break;
		case '4':
			q.ip4 = v;
			break;
		case '6':
			q.ip6 = v;
			break;
		case 'm':
			q.mac = v;
			break;
		default:
			return err_new(e, E_USAGE, EINVAL, "unknown option %s", argv[i]);
		}
	}
	for (; q.n_ports < list.n && q.n_ports < PORTS_MAX; q.n_ports++) {
		const struct port_spec *p = &list.v[q.n_ports];
		ports[q.n_ports] = (struct port_binding){
			.proto = p->proto, .host_ip = *p->host_ip ? p->host_ip : NULL, .host_port = p->host,
			.host_port_end = p->host_end, .container_port = p->container,
		};
	}
	if (network_prepare(env, &q, &j, e) < 0)
		return -e->eno;
	json_dumpf(j, stdout, JSON_COMPACT);
	puts("");
	return 0;
}

static int with_netns(const struct network_env *env, const char *id, const char *path, struct err *e)
{
	OWN_FD fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno, "open %s", path);
	return id ? network_apply(env, id, fd, e) : network_loopback_up(fd, e);
}

static int show(const struct network_env *env, const char *name, struct err *e)
{
	OWN_JSON j = NULL;
	int r = name ? network_inspect(env, name, &j, e) : network_list(env, &j, e);

	if (r < 0)
		return r;
	json_dumpf(j, stdout, JSON_COMPACT);
	puts("");
	return 0;
}

static int create(const struct network_env *env, const char *body, struct err *e)
{
	OWN_JSON j = NULL;
	char id[65];

	if (js_parse(body, strlen(body), "body", &j, e) < 0 || network_create(env, j, id, e) < 0)
		return -e->eno;
	puts(id);
	return 0;
}

static int run(const struct network_env *env, int argc, char **argv, struct err *e)
{
	const char *verb = argv[0];

	if (!strcmp(verb, "prepare") && argc >= 3)
		return prepare(env, argc - 1, argv + 1, e);
	if (!strcmp(verb, "apply") && argc == 3)
		return with_netns(env, argv[1], argv[2], e);
	if (!strcmp(verb, "loopback") && argc == 2)
		return with_netns(env, NULL, argv[1], e);
	if (!strcmp(verb, "release") && argc == 2)
		return network_release(env, argv[1], e);
	if (!strcmp(verb, "repair"))
		return network_repair(env, e);
	if (!strcmp(verb, "reset"))
		return network_reset(env, e);
	if (!strcmp(verb, "create") && argc == 2)
		return create(env, argv[1], e);
	if (!strcmp(verb, "list"))
		return show(env, NULL, e);
	if (!strcmp(verb, "inspect") && argc == 2)
		return show(env, argv[1], e);
	if (!strcmp(verb, "remove") && argc == 2)
		return network_remove(env, argv[1], e);
	return err_new(e, E_USAGE, EINVAL, "usage: netdrv [-t] VERB ...");
}

int main(int argc, char **argv)
{
	char root[4096], run_dir[4096];
	struct network_env env = { .root = root, .run = run_dir, .warn = warn };
	struct err e = { 0 };
	bool timed = argc > 1 && !strcmp(argv[1], "-t");

	if (!getenv("ONGGI_ROOT") || !getenv("ONGGI_RUN") || argc < 2 + timed) {
		fprintf(stderr, "netdrv: ONGGI_ROOT and ONGGI_RUN must be set; see the head of netdrv.c\n");
		return 125;
	}
	snprintf(root, sizeof root, "%s/network", getenv("ONGGI_ROOT"));
	snprintf(run_dir, sizeof run_dir, "%s/network", getenv("ONGGI_RUN"));
	int64_t start = clock_mono_ns();
	int r = run(&env, argc - 1 - timed, argv + 1 + timed, &e);
	if (timed)
		fprintf(stderr, "%lld us\n", (long long)(clock_mono_ns() - start) / 1000);
	if (r >= 0)
		return 0;
	fprintf(stderr, "netdrv: %s: %s\n", err_map_of(e.kind)->name, e.chain);
	if (*e.hint)
		fprintf(stderr, "hint: %s\n", e.hint);
	return err_map_of(e.kind)->exit;
}
