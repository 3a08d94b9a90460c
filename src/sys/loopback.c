/* SPDX-License-Identifier: Apache-2.0
 *
 * The loopback device: see loopback.h. By ioctl, which needs no dialogue: two system calls.
 */
#include "sys/loopback.h"

#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int loopback_up(void)
{
	/* no other flag of the device can be set by hand */
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &r) < 0 ? -errno : 0;
}
