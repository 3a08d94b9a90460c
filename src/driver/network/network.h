/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks of containers. A driver turns a request into a plan (links, addresses, routes,
 * firewall elements, each with its inverse) that is stored on disk before anything is done, so
 * that removal is the plan backwards, also after a crash.
 *
 *   network_prepare (leases, ports, plan on disk) -> network_apply (kernel) -> network_release
 */
#ifndef ONGGI_DRIVER_NETWORK_NETWORK_H
#define ONGGI_DRIVER_NETWORK_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/json.h"

/* Where networks keep their files. Borrowed strings. */
struct network_env {
	const char *root;   /* ONGGI_ROOT/network: definitions; durable */
	const char *run;    /* ONGGI_RUN/network: leases, ports, plans; gone at reboot */
	void (*warn)(const char *msg, void *data);
	void *warn_data;
};

/* One published port. Host port 0: pick a free one. */
struct port_binding {
	const char *proto;      /* "tcp", "udp", "sctp" */
	const char *host_ip;    /* NULL: every address of both families */
	uint16_t host_port, host_port_end;   /* a range to pick from, or equal */
	uint16_t container_port;
};

struct network_req {
	const char *container_id;
	const char *network;    /* name of the network: "bridge" or a user network */
	const char *mac;        /* NULL: made from random bytes */
	const char *ip4, *ip6;  /* fixed addresses; NULL: next free one */
	const struct port_binding *ports;
	size_t n_ports;
	const char *const *aliases;
	size_t n_aliases;
};

/** network_prepare - take leases and ports and store the plan. @ret_endpoint: docker's
 * NetworkSettings shape ({"Bridge", "Gateway", "IPAddress", "IPPrefixLen", "IPv6Gateway",
 * "GlobalIPv6Address", "GlobalIPv6PrefixLen", "MacAddress", "NetworkID", "EndpointID", "SandboxKey",
 * "Ports": {"80/tcp": [{"HostIp","HostPort"}]}, "Networks": {NAME: {...}}}). Caller owns.
 * A port in use: E_CONFLICT "Bind for 0.0.0.0:8080 failed: port is already allocated". */
int network_prepare(const struct network_env *env, const struct network_req *req,
		    json_t **ret_endpoint, struct err *e);
/** network_apply - carry the stored plan out for the namespace @netns_fd (borrowed). */
int network_apply(const struct network_env *env, const char *container_id, int netns_fd,
		  struct err *e);
/** network_release - undo everything of @container_id: firewall elements, links that outlived
 * their namespace, ports, leases. Succeeds when nothing is there. */
int network_release(const struct network_env *env, const char *container_id, struct err *e);
/** network_loopback_up - bring lo up in @netns_fd (network "none"). */
int network_loopback_up(int netns_fd, struct err *e);
/** network_repair - compare the host with the stored plans of running containers and re-apply
 * what is missing (flushed firewall, deleted bridge). */
int network_repair(const struct network_env *env, struct err *e);
/** network_reset - remove the bridges and firewall rules of this engine, and all its leases, ports
 * and plans; definitions stay. For the end of an engine; containers that run lose their network. */
int network_reset(const struct network_env *env, struct err *e);

#endif
