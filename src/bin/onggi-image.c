/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image: pull, load, save, import. Runs as a program of its own so that the libraries for
 * TLS, HTTP and compression are mapped only where they are needed.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "front/image/verb.h"

/* whoever starts us with a closed stream must not find our files there */
static int stdio_fill(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR); /* takes the lowest free number */
	while (fd >= 0 && fd < 3);
	return fd < 0 ? -1 : close(fd);
}

int main(int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_IGN); /* a lost connection or reader is an error, not a death */
	if (stdio_fill() < 0) {
		perror("onggi-image: /dev/null");
		return 1;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		fputs("onggi-image: cannot initialise the HTTP library\n", stderr);
		return 1;
	}
	int status = image_run(argc - 1, argv + 1);
	curl_global_cleanup();
	return status;
}
