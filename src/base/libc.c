/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts of errors: see libc.h. The table holds those that musl words otherwise or lacks.
 */
#include "base/libc.h"

#include <errno.h>
#include <string.h>

#ifndef __GLIBC__
/* texts in place: a table of pointers would be written to at every start of the program */
static const struct {
	unsigned char eno;
	char text[51];
} texts[] = {
	{ EIO, "Input/output error" },
	{ ECHILD, "No child processes" },
	{ ENOMEM, "Cannot allocate memory" },
	{ EBUSY, "Device or resource busy" },
	{ EXDEV, "Invalid cross-device link" },
	{ EMFILE, "Too many open files" },
	{ ENOTTY, "Inappropriate ioctl for device" },
	{ ESPIPE, "Illegal seek" },
	{ EDOM, "Numerical argument out of domain" },
	{ ERANGE, "Numerical result out of range" },
	{ EDEADLK, "Resource deadlock avoided" },
	{ ENAMETOOLONG, "File name too long" },
	{ ELOOP, "Too many levels of symbolic links" },
	{ ETIME, "Timer expired" },
	{ ENONET, "Machine is not on the network" },
	{ ENOPKG, "Package not installed" },
	{ EREMOTE, "Object is remote" },
	{ ECOMM, "Communication error on send" },
	{ EOVERFLOW, "Value too large for defined data type" },
	{ ENOTUNIQ, "Name not unique on network" },
	{ EREMCHG, "Remote address changed" },
	{ ELIBACC, "Can not access a needed shared library" },
	{ ELIBBAD, "Accessing a corrupted shared library" },
	{ ELIBEXEC, "Cannot exec a shared library directly" },
	{ EILSEQ, "Invalid or incomplete multibyte or wide character" },
	{ ERESTART, "Interrupted system call should be restarted" },
	{ EUSERS, "Too many users" },
	{ ENOTSOCK, "Socket operation on non-socket" },
	{ EMSGSIZE, "Message too long" },
	{ EOPNOTSUPP, "Operation not supported" },
	{ EADDRINUSE, "Address already in use" },
	{ EADDRNOTAVAIL, "Cannot assign requested address" },
	{ ENETUNREACH, "Network is unreachable" },
	{ ENETRESET, "Network dropped connection on reset" },
	{ ECONNABORTED, "Software caused connection abort" },
	{ EISCONN, "Transport endpoint is already connected" },
	{ ENOTCONN, "Transport endpoint is not connected" },
	{ ESHUTDOWN, "Cannot send after transport endpoint shutdown" },
	{ ETOOMANYREFS, "Too many references: cannot splice" },
	{ ETIMEDOUT, "Connection timed out" },
	{ EHOSTUNREACH, "No route to host" },
	{ EINPROGRESS, "Operation now in progress" },
	{ EUCLEAN, "Structure needs cleaning" },
	{ EDQUOT, "Disk quota exceeded" },
	{ EOWNERDEAD, "Owner died" },
	{ ERFKILL, "Operation not possible due to RF-kill" },
	{ EHWPOISON, "Memory page has hardware error" },
};

const char *libc_error_text(int eno)
{
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (texts[i].eno == eno)
			return texts[i].text;
	return strerror(eno);
}
#else
const char *libc_error_text(int eno)
{
	const char *text = strerrordesc_np(eno);
	return text ? text : "Unknown error";
}
#endif
