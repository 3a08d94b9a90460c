/* SPDX-License-Identifier: Apache-2.0
 *
 * Other mounts on the host, as many containers leave them: `mounts DIR COUNT` makes DIR a mount
 * with COUNT mounts below it. `umount -l DIR` takes all of them away.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
	char path[4096];

	if (argc != 3) {
		fputs("usage: mounts DIR COUNT\n", stderr);
		return 125;
	}
	int n = atoi(argv[2]), r = mount("tmpfs", argv[1], "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
	for (int i = 0; r == 0 && i < n; i++) {
		snprintf(path, sizeof path, "%s/%d", argv[1], i);
		r = mkdir(path, 0755) ? -1 : mount(path, path, NULL, MS_BIND, NULL);
	}
	if (r)
		fprintf(stderr, "mounts: %s: %s\n", argv[1], strerror(errno));
	return r ? 1 : 0;
}
