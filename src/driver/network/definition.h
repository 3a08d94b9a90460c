/* SPDX-License-Identifier: Apache-2.0
 *
 * Definitions of networks: ROOT/NAME.json in docker's own JSON shape, durable. "bridge", "host"
 * and "none" are always there; they are written when first asked for. The name is claimed by
 * link(2), the ID never changes.
 */
#ifndef ONGGI_DRIVER_NETWORK_DEFINITION_H
#define ONGGI_DRIVER_NETWORK_DEFINITION_H

#include <stdbool.h>

#include "base/err.h"
#include "driver/network/network.h"
#include "format/json.h"

/** network_create - make a user network from docker's create body {"Name", "Driver", "Internal",
 * "EnableIPv6", "EnableIPv4", "IPAM": {"Config": [{"Subnet", "IPRange", "Gateway",
 * "AuxiliaryAddresses"}]}, "Options": {}, "Labels": {}}. Only the driver "bridge".
 * @ret_id: 64 hex digits. A taken name: E_CONFLICT "network with name x already exists". */
int network_create(const struct network_env *env, const json_t *body, char ret_id[65],
		   struct err *e);
/** network_list - array of docker's network objects, the built-in ones included, by name. */
int network_list(const struct network_env *env, json_t **ret, struct err *e);
/** network_inspect - one network by name, ID or unique prefix of an ID; "Containers" filled from
 * the plans. E_NOT_FOUND "network x not found". Caller owns. */
int network_inspect(const struct network_env *env, const char *name, json_t **ret, struct err *e);
/** network_remove - remove a user network with its bridge. In use: E_CONFLICT "network x has
 * active endpoints"; built in: E_DENIED "bridge is a pre-defined network and cannot be removed". */
int network_remove(const struct network_env *env, const char *name, struct err *e);
/** network_find - the stored definition by name, ID or unique prefix, as network_inspect without
 * the containers. The default bridge gets its subnets here, on first use. */
int network_find(const struct network_env *env, const char *name, json_t **ret, struct err *e);

#endif
