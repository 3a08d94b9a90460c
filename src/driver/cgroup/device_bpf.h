/* SPDX-License-Identifier: Apache-2.0
 *
 * The device program apart from the kernel, for the tests.
 */
#ifndef ONGGI_DRIVER_CGROUP_DEVICE_BPF_H
#define ONGGI_DRIVER_CGROUP_DEVICE_BPF_H

#include <linux/bpf.h>

#include "driver/cgroup/cgroup_int.h"

enum { DEVICE_BPF_RULE = 8, DEVICE_BPF_FRAME = 8 }; /* most instructions of a rule, and around all */

/** device_bpf_build - write the program for @n rules into @p (room for n * DEVICE_BPF_RULE +
 * DEVICE_BPF_FRAME). Returns its length. */
size_t device_bpf_build(const struct cg_device *r, size_t n, struct bpf_insn *p);

#endif
