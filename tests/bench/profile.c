/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints the default seccomp profile for docker's default capabilities, for the bundle of
 * row_oci_seccomp.sh: the peers are to load the same one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "spec/seccomp.h"

int main(void)
{
	static const char *const caps[] = {
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW",
		"CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE",
		"CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE", NULL,
	};
	json_t *j = seccomp_default_profile(caps);
	int r = j && json_dumpf(j, stdout, JSON_COMPACT) == 0 ? 0 : 1;

	json_decref(j);
	return r;
}
