/* SPDX-License-Identifier: Apache-2.0
 *
 * Volume plugins by docker's plugin protocol: a program that listens at a Unix socket and takes HTTP POSTs with
 * JSON bodies (docs.docker.com/engine/extend/plugin_api and plugins_volume).
 *
 *   /run/docker/plugins/NAME.sock, .../NAME/NAME.sock            the socket itself
 *   /etc/docker/plugins, /usr/lib/docker/plugins: NAME.spec      one line "unix:///path"
 *                                                 NAME.json      {"Name", "Addr": "unix:///path"}
 *
 * ONGGI_PLUGINS, folders separated by ":", stands for all of these folders. ONGGI_PLUGIN_TIMEOUT, in seconds,
 * stands for each of docker's times: 30 s to connect, 60 s for a question, 120 s for a change.
 */
#ifndef ONGGI_DRIVER_VOLUME_PLUGIN_H
#define ONGGI_DRIVER_VOLUME_PLUGIN_H

#include <stdbool.h>

#include "base/err.h"
#include "format/json.h"

enum plugin_flags {
	PLUGIN_NO_RETRY = 1, /* one that does not listen is told at once */
};

/** plugin_names - names of all plugins that can be found, of whatever kind, sorted array. Caller owns. */
int plugin_names(json_t **ret, struct err *e);
/** plugin_volume_call - activate plugin @name and call VolumeDriver.@method with @req.
 * @ret (may be NULL): the reply, an object; caller owns.
 * E_NOT_FOUND `plugin "X" not found` | E_UNSUPPORTED it is no volume driver | E_STATE the plugin's own error
 * ("VolumeDriver.Mount: its words") | E_NETWORK it does not listen or breaks off | E_TIMEOUT | E_CORRUPT garbage. */
int plugin_volume_call(const char *name, const char *method, const json_t *req, unsigned flags, json_t **ret,
		       struct err *e);

#endif
