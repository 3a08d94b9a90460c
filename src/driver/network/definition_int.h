/* SPDX-License-Identifier: Apache-2.0
 *
 * What definition.c and definition_new.c share.
 */
#ifndef ONGGI_DRIVER_NETWORK_DEFINITION_INT_H
#define ONGGI_DRIVER_NETWORK_DEFINITION_INT_H

#include "driver/network/network_int.h"

enum { NETWORK_BUILT_IN_N = 3 };
extern const char *const network_built_in[NETWORK_BUILT_IN_N];
bool network_is_built_in(const char *name);

/** network_def_read - JSON of a definition by exact name; a built-in one is written when missing. */
int network_def_read(const struct network_ctx *c, const char *name, json_t **ret, struct err *e);
/** network_def_find - the same by name, ID or unique prefix of an ID. */
int network_def_find(const struct network_ctx *c, const char *name, json_t **ret, struct err *e);
/** network_def_parse - the members that the driver uses. */
int network_def_parse(const struct network_ctx *c, json_t *j, struct network_def *ret,
		      struct err *e);
/** network_def_built_in - write the definition of a built-in network: an ID, no subnets yet. */
int network_def_built_in(const struct network_ctx *c, const char *name, json_t **ret,
			 struct err *e);

#endif
