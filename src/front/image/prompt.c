/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions on the terminal: see prompt.h.
 */
#include "front/image/prompt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "registry/credential.h"

enum { SECRET_BYTES_MAX = 64 << 10 };

/* all of standard input, or one line of it; without line ends */
static int read_input(bool line, char **ret, struct err *e)
{
	OWN_SECRET text = calloc(1, SECRET_BYTES_MAX + 1);
	size_t n = 0;

	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "read");
	for (;;) {
		ssize_t got = read(STDIN_FILENO, text + n, line ? 1 : SECRET_BYTES_MAX - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(e, errno, "read standard input");
		if (!got || (line && text[n] == '\n'))
			break;
		n += (size_t)got;
		if (n == SECRET_BYTES_MAX)
			return err_new(e, E_INVALID, EFBIG, "more than %d bytes on standard input", SECRET_BYTES_MAX);
	}
	text[n] = 0;
	while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		text[--n] = 0;
	*ret = strdup(text);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "read");
}

int prompt(const char *question, bool hidden, char **ret, struct err *e)
{
	struct termios old, quiet;
	bool changed = false;

	/* before the question: who answers at once must not be seen, nor lost */
	if (hidden && tcgetattr(STDIN_FILENO, &old) == 0) {
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		changed = tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
	}
	fputs(question, stdout);
	int r = fflush(stdout) == EOF ? err_sys(e, errno, "write") : read_input(true, ret, e);
	if (changed) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old); /* as it was */
		putchar('\n');
	}
	return r;
}

int prompt_rest(char **ret, struct err *e)
{
	return read_input(false, ret, e);
}
