/* SPDX-License-Identifier: Apache-2.0
 *
 * The three files that tell a container who it is: hosts, hostname, resolv.conf. They lie in the
 * container's folder and are bind-mounted over /etc.
 */
#ifndef ONGGI_ENGINE_HOSTS_H
#define ONGGI_ENGINE_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum hosts_mode {
	HOSTS_BRIDGE,  /* default bridge: the host's resolvers, minus those on loopback */
	HOSTS_USER,    /* user network with the embedded resolver 127.0.0.11; until that runs, user
	                * networks take HOSTS_BRIDGE */
	HOSTS_HOST,    /* the host's files, copied */
	HOSTS_NONE,    /* loopback only */
	HOSTS_MODE_N
};

struct hosts_req {
	enum hosts_mode mode;
	const char *hostname;        /* --hostname or the short ID; host mode: NULL = the host's */
	const char *domainname;      /* NULL or "" = none */
	const char *ip4, *ip6;       /* of the container, NULL = none */
	bool no_ipv6;                /* IPv6 is disabled: no v6 lines, no v6 resolvers */
	const char *const *extra_hosts; /* "name:ip", "name=ip", "name:host-gateway" */
	size_t n_extra_hosts;
	const char *gateway4, *gateway6; /* what host-gateway stands for; NULL = none */
	const char *const *links;    /* ready lines of --link: "ip\talias name id" */
	size_t n_links;
	const char *const *dns, *const *dns_search, *const *dns_options;
	size_t n_dns, n_dns_search, n_dns_options;
	const char *host_resolv;     /* text of the host's resolv.conf; NULL: read it */
	const char *host_hosts;      /* text of the host's hosts file; NULL: read it */
};

/** hosts_text, resolv_text - the content as a heap string owned by the caller. Bad --add-host or
 * --dns values are E_INVALID with docker's text. */
int hosts_text(const struct hosts_req *q, char **ret, struct err *e);
int resolv_text(const struct hosts_req *q, char **ret, struct err *e);
/** hosts_check_extra - validate one --add-host value: `bad format for add-host: "x"`. */
int hosts_check_extra(const char *spec, struct err *e);
/** hosts_write - write hosts, hostname and resolv.conf below @xdir. A resolv.conf that was edited
 * since it was written (.resolv.sum beside it) is left alone. */
int hosts_write(int xdir, const struct hosts_req *q, struct err *e);

#endif
