/* SPDX-License-Identifier: Apache-2.0
 *
 * What the runtime and the embedded program of exec_stub.c say to each other.
 */
#ifndef ONGGI_RUNTIME_EXEC_STUB_H
#define ONGGI_RUNTIME_EXEC_STUB_H

#define EXEC_STUB_MARKER "container-exec"
enum { EXEC_STUB_ARGS = 5, EXEC_STUB_MAGIC = 0x45584543 };

/* written to the status descriptor when the command could not be executed */
struct exec_stub_failed {
	int magic, eno, in_label;
	char path[244];
};

#endif
