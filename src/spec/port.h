/* SPDX-License-Identifier: Apache-2.0
 *
 * Published ports: the grammar of -p and --expose, and docker's JSON for them.
 *
 *   [ip:][hostport[-end]]:cport[-end][/proto]     [::1]:8080:80    published=8080,target=80
 *
 * One port_spec is one container port. Data and validation only; who owns a host port is decided by
 * the network driver.
 */
#ifndef ONGGI_SPEC_PORT_H
#define ONGGI_SPEC_PORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/json.h"

enum { PORT_IP_MAX = 48, PORT_SPECS_MAX = 65536 };

struct port_spec {
	char proto[5];            /* "tcp", "udp", "sctp" */
	char host_ip[PORT_IP_MAX];/* "" = every address of both families */
	uint16_t host, host_end;  /* 0, 0: pick a free one; a range to pick from; or equal */
	uint16_t container;
};

struct port_list {
	struct port_spec *v;
	size_t n, cap;
};

/** port_list_add - append a copy. 0 or -ENOMEM. */
int port_list_add(struct port_list *l, const struct port_spec *p, struct err *e);
void port_list_done(struct port_list *l);
#define OWN_PORT_LIST CLEANUP(port_list_done) struct port_list

/** port_parse - append what one -p argument @spec means to @l. Errors are docker's texts
 * ("invalid containerPort: x"), kind E_INVALID. */
int port_parse(const char *spec, struct port_list *l, struct err *e);
/** port_parse_expose - append what one --expose argument "80-90[/proto]" means; nothing is
 * published: host fields are 0. */
int port_parse_expose(const char *spec, struct port_list *l, struct err *e);

/** port_list_to_json - docker's HostConfig.PortBindings {"80/tcp": [{"HostIp": "", "HostPort":
 * "8080"}]} of @l. NULL when memory is out. Caller owns. */
json_t *port_list_to_json(const struct port_list *l);
/** port_list_exposed - docker's Config.ExposedPorts {"80/tcp": {}} of @l. */
json_t *port_list_exposed(const struct port_list *l);
/** port_list_from_json - append the members of PortBindings @bindings (NULL: none). */
int port_list_from_json(const json_t *bindings, struct port_list *l, struct err *e);
/** port_key_parse - "80/tcp" of docker's JSON keys; no protocol means tcp. */
int port_key_parse(const char *key, uint16_t *ret_port, char ret_proto[5], struct err *e);

#endif
