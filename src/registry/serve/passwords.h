/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may use the registry: a file of users as `htpasswd -B` writes it, one "USER:BCRYPT" a line. Basic
 * authentication, RFC 7617. The file is read again when it has changed; one that is wrong then changes nothing.
 */
#ifndef ONGGI_REGISTRY_SERVE_PASSWORDS_H
#define ONGGI_REGISTRY_SERVE_PASSWORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum {
	PASSWORDS_BYTES_MAX = 4 << 20, /* of the file */
	PASSWORDS_HASH_LEN = 60,       /* "$2y$05$" + 53 characters */
	PASSWORDS_COST_MAX = 17,       /* htpasswd's own limit: 2^17 rounds are about ten seconds */
};

/* One line of the file. */
struct password_line {
	char *user;
	char hash[PASSWORDS_HASH_LEN + 1];
	bool known;              /* somebody has shown the password: what follows is set */
	unsigned char seen[32];  /* keyed digest of that password: bcrypt is slow, and asked for every request */
};

/** passwords_parse - take the text of the file apart (@text is changed). Heap array; strings in it are heap's.
 * E_INVALID naming the line: no "USER:HASH", a hash that is not bcrypt's, a user twice. */
int passwords_parse(char *text, struct password_line **ret, size_t *ret_n, struct err *e);
void passwords_free(struct password_line *list, size_t n);

struct passwords;
int passwords_open(const char *path, struct passwords **ret, struct err *e);
/** passwords_close - NULL is fine. */
void passwords_close(struct passwords *p);
/** passwords_check - whether @authorization (value of that header, NULL: none) is of a user with the right password.
 * Takes as long for a user who is not there. Thread safe. */
bool passwords_check(struct passwords *p, const char *authorization);

#endif
