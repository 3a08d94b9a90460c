/* SPDX-License-Identifier: Apache-2.0
 *
 * Ownership by clean-up attribute. An OWN_* variable is released when it leaves scope;
 * hand it over with fd_take() or ptr_take(). OWN_* variables must be initialised.
 */
#ifndef ONGGI_BASE_OWN_H
#define ONGGI_BASE_OWN_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CLEANUP(f)   __attribute__((cleanup(f)))

static inline void own_fd_done(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void own_free_done(void *pp)
{
	free(*(void **)pp);
	*(void **)pp = NULL;
}

static inline void own_dir_done(DIR **d)
{
	if (*d)
		closedir(*d);
	*d = NULL;
}

static inline void own_file_done(FILE **f)
{
	if (*f)
		fclose(*f);
	*f = NULL;
}

#define OWN_FD   CLEANUP(own_fd_done) int
#define OWN_STR  CLEANUP(own_free_done) char *
#define OWN_PTR  CLEANUP(own_free_done)
#define OWN_DIR  CLEANUP(own_dir_done) DIR *
#define OWN_FILE CLEANUP(own_file_done) FILE *

/** fd_take - give the descriptor away: the OWN_FD becomes -1. */
static inline int fd_take(int *fd)
{
	int r = *fd;
	*fd = -1;
	return r;
}

/** ptr_take - give the pointer away: the OWN_* variable becomes NULL. */
#define ptr_take(pp)                         \
	({                                   \
		__typeof__(*(pp)) r_ = *(pp); \
		*(pp) = NULL;                \
		r_;                          \
	})

#endif
