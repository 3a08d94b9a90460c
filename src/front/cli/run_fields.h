/* SPDX-License-Identifier: Apache-2.0
 *
 * Flags of run and create: one row each, docker's create body as target.
 */
#ifndef ONGGI_FRONT_CLI_RUN_FIELDS_H
#define ONGGI_FRONT_CLI_RUN_FIELDS_H

#include "front/cli/opt.h"

/* counted here, since the command table needs constants; run_fields.c asserts them */
enum { RUN_FIELDS_N = 101, ENV_FIELDS_N = 2, UPDATE_FIELDS_N = 14 };
extern const struct opt run_fields[RUN_FIELDS_N];       /* shared by run and create */
extern const struct opt env_fields[ENV_FIELDS_N];       /* -e and --env-file, also of exec */
extern const struct opt update_fields[UPDATE_FIELDS_N]; /* limits that update changes */

/* converters of rows whose value is more than a word */
opt_put put_attach, put_env, put_env_file, put_label, put_label_file, put_volume, put_mount, put_tmpfs,
	put_publish, put_expose, put_ulimit, put_device, put_restart, put_network, put_network_alias,
	put_ip, put_throttle, put_weight_device, put_log_opt, put_stop_timeout, put_no_healthcheck;

#endif
