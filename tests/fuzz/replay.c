/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for libFuzzer: runs a fuzzer on every file of the folders given.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>

#include "base/io.h"
#include "base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int main(int argc, char **argv)
{
	int n = 0;

	for (int i = 1; i < argc; i++) {
		OWN_DIR d = opendir(argv[i]);
		struct dirent *en;
		while (d && (en = readdir(d))) {
			OWN_STR text = NULL;
			size_t len;
			struct err e = { 0 };
			if (en->d_name[0] == '.' ||
			    io_read_file(dirfd(d), en->d_name, 64 << 20, &text, &len, &e) < 0)
				continue;
			(void)LLVMFuzzerTestOneInput((const uint8_t *)text, len);
			n++;
		}
	}
	printf("%d inputs\n", n);
	return n == 0;
}
