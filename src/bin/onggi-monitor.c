/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-monitor CONFIG_FD [ID]: the process beside each container. See src/monitor/monitor_int.h
 * for how it works and src/spec/monitor.h for its configuration and protocol. ID is only there
 * for people who look at the list of processes.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "monitor/monitor_int.h"

/* No stdio: it would cost each instance a page or two. */
static int fail(const char *what)
{
	(void)io_write_all(2, "onggi-monitor: ", 15);
	(void)io_write_all(2, what, strlen(what));
	(void)io_write_all(2, "\n", 1);
	return 125;
}

int main(int argc, char **argv)
{
	struct monitor m = { 0 };
	char config[MONITOR_CONFIG_MAX + 1];
	struct err e = { 0 };
	int64_t fd;
	ssize_t n;

	if (argc < 2 || text_int64(argv[1], &fd) < 0 || fd < 0 || fd > 1 << 20)
		return fail("usage: onggi-monitor CONFIG_FD [ID] (started by onggi, not by hand)");
	n = io_read_full((int)fd, config, MONITOR_CONFIG_MAX);
	if (n <= 0)
		return fail("cannot read the configuration");
	config[n] = 0;
	if (monitor_start(&m, config, &e) < 0)
		return fail(e.chain);
	monitor_loop(&m);
	monitor_finish(&m);
}
