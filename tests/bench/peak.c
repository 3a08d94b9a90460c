/* SPDX-License-Identifier: Apache-2.0
 *
 * Peak resident memory of a command and of all descendants that were waited for, in kB:
 *
 *   peak OUT COMMAND [ARG...]    appends one line to the file OUT; the status is the command's
 *
 * At exec the kernel credits the new program with the peak of the memory it ran in before: after a
 * fork that is a copy of whoever measures, after a vfork the measurer itself. So this program vforks
 * and is as small as a program can be (static, musl where there is one); what it cannot see below is
 * its own size, which `peak OUT PEAK` shows (run without arguments it does nothing).
 */
#include <fcntl.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void number_line(int fd, unsigned long v)
{
	char text[24];
	size_t at = sizeof text;

	text[--at] = '\n';
	do
		text[--at] = (char)('0' + v % 10);
	while (v /= 10);
	if (write(fd, text + at, sizeof text - at) < 0)
		_exit(125);
}

int main(int argc, char **argv)
{
	struct rusage u;
	int status = 0;

	if (argc < 3)
		return argc == 1 ? 0 : 125;
	pid_t pid = vfork();
	if (!pid) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &u) != pid)
		return 125;
	int fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		return 125;
	number_line(fd, (unsigned long)u.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
