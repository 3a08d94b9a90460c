/* SPDX-License-Identifier: Apache-2.0
 *
 * Modes of namespaces: see container_mode.h.
 */
#include "spec/container_mode.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"

static const struct {
	const char *what;
	bool join, none, shareable, private_word;
} kinds[MODE_OF_N] = {
	[MODE_OF_NETWORK] = { "network", true, true, false, false },
	[MODE_OF_PID] = { "PID", true, false, false, false },
	[MODE_OF_IPC] = { "IPC", true, true, true, true },
	[MODE_OF_UTS] = { "UTS", false, false, false, false },
	[MODE_OF_USERNS] = { "userns", false, false, false, false },
	[MODE_OF_CGROUPNS] = { "cgroup namespace", false, false, false, true },
};

static int parse(enum container_mode_kind kind, const char *s, enum container_mode *ret,
		 const char **ret_peer)
{
	*ret_peer = NULL;
	if (!strcmp(s, "host"))
		*ret = CONTAINER_MODE_HOST;
	else if (kinds[kind].join && text_starts(s, "container:")) {
		*ret = CONTAINER_MODE_JOIN;
		*ret_peer = s + strlen("container:");
		return **ret_peer ? 0 : -EINVAL;
	} else if (kinds[kind].none && !strcmp(s, "none"))
		*ret = CONTAINER_MODE_NONE;
	else if (kinds[kind].shareable && !strcmp(s, "shareable"))
		*ret = CONTAINER_MODE_SHAREABLE;
	else if (kind == MODE_OF_NETWORK) {
		*ret = CONTAINER_MODE_NETWORK;
		*ret_peer = !*s || !strcmp(s, "default") ? "bridge" : s;
	} else if (!*s || (kinds[kind].private_word && !strcmp(s, "private")))
		*ret = CONTAINER_MODE_PRIVATE;
	else
		return -EINVAL;
	return 0;
}

int container_mode_parse(enum container_mode_kind kind, const char *s, enum container_mode *ret,
			 const char **ret_peer, struct err *e)
{
	const char *peer = NULL;
	enum container_mode m = CONTAINER_MODE_PRIVATE;

	if (parse(kind, s, &m, &peer) < 0) {
		if (kind == MODE_OF_NETWORK)
			return err_new(e, E_INVALID, EINVAL,
				       "invalid network mode: invalid container format container:<name|id>");
		return err_new(e, E_INVALID, EINVAL, "invalid %s mode: %s", kinds[kind].what, s);
	}
	*ret = m;
	if (ret_peer)
		*ret_peer = peer;
	return 0;
}

enum container_mode container_mode_of(enum container_mode_kind kind, const char *s,
				      const char **ret_peer)
{
	enum container_mode m = CONTAINER_MODE_PRIVATE;
	const char *peer = NULL;

	(void)parse(kind, s, &m, &peer); /* checked at creation */
	if (ret_peer)
		*ret_peer = peer;
	return m;
}
