/* SPDX-License-Identifier: Apache-2.0
 *
 * What each command does: declarations for the table, grouped by file.
 */
#ifndef ONGGI_FRONT_CLI_COMMANDS_H
#define ONGGI_FRONT_CLI_COMMANDS_H

#include "front/cli/cli.h"
#include "spec/digest.h"

typedef int command_run(struct cli *c, struct err *e);

command_run cmd_run, cmd_create;                                     /* cmd_run.c */
command_run cmd_start, cmd_attach, cmd_exec;                         /* cmd_attach.c */
command_run cmd_stop, cmd_restart, cmd_kill, cmd_rm, cmd_wait, cmd_pause, cmd_unpause, cmd_rename,
	cmd_update;                                                  /* cmd_life.c */
command_run cmd_ps;                                                  /* cmd_ps.c */
command_run cmd_logs, cmd_top, cmd_port, cmd_diff, cmd_image_diff, cmd_stats;        /* cmd_look.c */
command_run cmd_inspect, cmd_container_inspect, cmd_image_inspect, cmd_volume_inspect,
	cmd_network_inspect;                                         /* cmd_inspect.c */
command_run cmd_commit;                                              /* cmd_commit.c */
command_run cmd_cp, cmd_export;                                      /* cmd_cp.c */
command_run cmd_images, cmd_rmi, cmd_tag, cmd_history, cmd_image_prune, cmd_untag; /* cmd_image.c, cmd_images.c */
command_run cmd_image_mount, cmd_image_unmount;                      /* cmd_image_mount.c */
command_run cmd_image_exists, cmd_image_tree;                        /* cmd_image_tree.c */
command_run cmd_manifest_annotate, cmd_manifest_exists, cmd_manifest_ls, cmd_manifest_remove,
	cmd_manifest_rm;                                             /* cmd_manifest.c */
command_run cmd_manifest_add, cmd_manifest_create, cmd_manifest_inspect, cmd_manifest_push, /* image_program.c */
	cmd_pull, cmd_push, cmd_login, cmd_logout, cmd_load, cmd_save, cmd_import, cmd_registry_copy, cmd_registry_sync, cmd_registry_gc, cmd_registry_ls,
	cmd_registry_referrers, cmd_registry_rm, cmd_registry_serve, cmd_registry_tags, cmd_search,
	cmd_storage_dedupe, cmd_storage_migrate;  /* image_program.c */
command_run cmd_volume_create, cmd_volume_exists, cmd_volume_ls, cmd_volume_rm, cmd_volume_prune,
	cmd_volume_export, cmd_volume_import; /* cmd_volume.c */
command_run cmd_network_create, cmd_network_ls, cmd_network_rm, cmd_network_prune; /* cmd_network.c */
command_run cmd_df;                                                  /* cmd_df.c */
command_run cmd_info, cmd_version, cmd_system_prune, cmd_container_prune, cmd_sweep, cmd_check; /* cmd_system.c */
command_run cmd_internal_exited, cmd_internal_ways;                  /* cmd_internal.c */

/** image_program_exec - become `onggi-image ARGS...`; returns only on failure. */
int image_program_exec(struct cli *c, char **argv, struct err *e);
/** image_program_run - run it as a child, @quiet: its standard output is dropped, else it goes to
 * our standard error. 0, or E_* when it failed (it has printed why). */
int image_program_run(struct cli *c, const char *const *argv, bool quiet, struct err *e);
/** image_fetch - make @image present for run and create: the embedded base image, or a pull. */
int image_fetch(struct cli *c, const char *image, const char *platform, bool quiet, struct err *e);
/** image_fetch_late - make @image ready for run and create: @ret_id gets its ID when layers of it are still on their way
 * (registry/lazy/lazy.h), "" when it is whole and has its name. */
int image_fetch_late(struct cli *c, const char *image, const char *platform, bool quiet, char ret_id[DIGEST_TEXT_MAX],
		     struct err *e);

/** cmd_images_tree - `images --tree`, of what fits @filters. */
int cmd_images_tree(struct cli *c, const json_t *filters, struct err *e);

/** confirm - ask on the terminal; true for y or yes. */
bool confirm(const char *question);

#endif
