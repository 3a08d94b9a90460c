/* SPDX-License-Identifier: Apache-2.0
 *
 * What a look at the host has found, kept for the next one: which hierarchies are mounted where they
 * usually are. One extended attribute in the place of a statfs per hierarchy. It holds while the same
 * mount, by the number that the kernel gives only once, is at /sys/fs/cgroup, and the kernel has the
 * same hierarchies. Whoever fails to make a container drops it: somebody may have unmounted one of them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "driver/cgroup/cgroup_int.h"

#define NAME "trusted.onggi.cgroup" /* "MOUNT HASH BITS" */

/* struct statx as the kernel has it; not all C libraries know the last member */
struct looked {
	uint32_t mask, rest[35];
	uint64_t mnt_id; /* at 0x90 */
	uint64_t room[13];
};
_Static_assert(sizeof(struct looked) == 256, "struct statx has 256 bytes");
enum { MNT_ID_UNIQUE = 0x4000 }; /* Linux 6.8 */

static int key_make(const char *root, const struct cg_host *h, char out[48])
{
	struct looked l = { 0 };
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	if (syscall(SYS_statx, AT_FDCWD, root, 0, MNT_ID_UNIQUE, &l) < 0 || !(l.mask & MNT_ID_UNIQUE))
		return -EOPNOTSUPP;
	for (size_t i = 0; i < h->n; i++)
		for (const char *p = h->h[i].name;; p++) {
			hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
			if (!*p)
				break;
		}
	(void)snprintf(out, 48, "%llu %016llx ", (unsigned long long)l.mnt_id, (unsigned long long)hash); /* fits */
	return 0;
}

int cg_hint_read(int xdir, const char *root, const struct cg_host *h, uint32_t *ret_bits)
{
	char key[48], text[96];
	size_t n;

	if (key_make(root, h, key) < 0)
		return -EOPNOTSUPP;
	ssize_t got = fgetxattr(xdir, NAME, text, sizeof text - 1);
	text[got > 0 ? got : 0] = 0;
	n = strlen(key);
	if (strncmp(text, key, n) != 0)
		return -ENOENT;
	*ret_bits = (uint32_t)strtoul(text + n, NULL, 16);
	return 0;
}

void cg_hint_write(int xdir, const char *root, const struct cg_host *h, uint32_t bits)
{
	char text[96], key[48];

	if (key_make(root, h, key) < 0)
		return;
	int n = snprintf(text, sizeof text, "%s%x", key, bits);
	(void)fsetxattr(xdir, NAME, text, (size_t)n, 0); /* else the next one looks again */
}

void cgroup_hint_drop(int xdir)
{
	(void)fremovexattr(xdir, NAME); /* perhaps there is none */
}
