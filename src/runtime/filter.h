/* SPDX-License-Identifier: Apache-2.0
 *
 * The compiled seccomp filter of a container, kept beside its state for exec.
 */
#ifndef ONGGI_RUNTIME_FILTER_H
#define ONGGI_RUNTIME_FILTER_H

#include "base/err.h"
#include "sys/seccomp.h"

/** filter_save - write @f to file "seccomp" below @xdir. */
int filter_save(int xdir, const struct seccomp_filter *f, struct err *e);
/** filter_read - read it back; 0: there is none, 1: @ret is filled (seccomp_filter_done). */
int filter_read(int xdir, struct seccomp_filter *ret, struct err *e);

#endif
