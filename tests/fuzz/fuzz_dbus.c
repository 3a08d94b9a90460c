/* SPDX-License-Identifier: Apache-2.0
 *
 * D-Bus messages as they come from a socket: any bytes give messages whose values can be read, or
 * an error.
 */
#include <stdint.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "driver/cgroup/dbus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct dbus d = { .fd = -1 };
	int fds[2];

	if (n > 32768 || pipe(fds) < 0)
		return 0;
	d.fd = fds[0];
	ssize_t put = write(fds[1], data, n);
	close(fds[1]);
	for (int r = put == (ssize_t)n ? 0 : -1; r >= 0;) {
		struct dbus_message m;
		struct err e = { 0 };
		uint32_t v;
		const char *s;
		size_t at = 0;
		r = dbus_next(&d, clock_mono_ns() + 1000000000, &m, &e);
		while (r >= 0 && (dbus_get_string(&m, &at, &s) || dbus_get_u32(&m, &at, &v)))
			;
		dbus_message_done(&m);
	}
	dbus_close(&d);
	return 0;
}
