/* SPDX-License-Identifier: Apache-2.0
 *
 * Device rules of a v2 group: a BPF program, asked at every open and mknod. The last rule that
 * names device and access decides, so the program tests the rules backwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"
#include "driver/cgroup/device_bpf.h"

enum { PROGS_MAX = 64 };

/* registers: 2 type, 3 access that is still asked for, 4 major, 5 minor */
static struct bpf_insn load_field(int reg, size_t offset)
{
	return (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (unsigned)reg & 15,
				  .src_reg = 1, .off = (short)offset };
}

static struct bpf_insn alu(int op, int reg, int32_t k)
{
	return (struct bpf_insn){ .code = (uint8_t)(BPF_ALU | op | BPF_K), .dst_reg = (unsigned)reg & 15,
				  .imm = k };
}

/* jump over @over instructions unless reg == k */
static struct bpf_insn unless_equal(int reg, int32_t k, int over)
{
	return (struct bpf_insn){ .code = BPF_JMP32 | BPF_JNE | BPF_K, .dst_reg = (unsigned)reg & 15,
				  .off = (short)over, .imm = k };
}

static size_t emit_return(struct bpf_insn *p, int verdict)
{
	p[0] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = verdict };
	p[1] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	return 2;
}

static size_t emit_rule(struct bpf_insn *p, const struct cg_device *r)
{
	size_t n = 0, jumps[3], jumps_n = 0;

	if (r->type != 'a') {
		jumps[jumps_n++] = n;
		p[n++] = unless_equal(2, r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, 0);
		if (r->major >= 0) {
			jumps[jumps_n++] = n;
			p[n++] = unless_equal(4, (int32_t)(uint32_t)r->major, 0);
		}
		if (r->minor >= 0) {
			jumps[jumps_n++] = n;
			p[n++] = unless_equal(5, (int32_t)(uint32_t)r->minor, 0);
		}
	}
	if (r->allow) {
		/* what is allowed here need not be asked of the rules before */
		p[n++] = alu(BPF_AND, 3, (int32_t)(CG_DEV_ALL & ~r->access));
		p[n++] = unless_equal(3, 0, 2);
		n += emit_return(p + n, 1);
	} else {
		p[n++] = (struct bpf_insn){ .code = BPF_JMP32 | BPF_JSET | BPF_K, .dst_reg = 3, .off = 1,
					    .imm = (int32_t)r->access };
		p[n++] = (struct bpf_insn){ .code = BPF_JMP | BPF_JA, .off = 2 };
		n += emit_return(p + n, 0);
	}
	for (size_t i = 0; i < jumps_n; i++)
		p[jumps[i]].off = (short)(n - jumps[i] - 1);
	return n;
}

size_t device_bpf_build(const struct cg_device *r, size_t n, struct bpf_insn *p)
{
	size_t at = 0;

	p[at++] = load_field(2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	p[at++] = (struct bpf_insn){ .code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = 3, .src_reg = 2 };
	p[at++] = alu(BPF_AND, 2, 0xffff);
	p[at++] = alu(BPF_RSH, 3, 16);
	p[at++] = load_field(4, offsetof(struct bpf_cgroup_dev_ctx, major));
	p[at++] = load_field(5, offsetof(struct bpf_cgroup_dev_ctx, minor));
	while (n > 0) {
		at += emit_rule(p + at, &r[--n]);
		/* a rule for all devices and all access: nothing gets past it */
		if (r[n].type == 'a' && r[n].access == CG_DEV_ALL)
			break;
	}
	return at + emit_return(p + at, 0);
}

/* --- kernel -------------------------------------------------------------------------------- */

static int sys_bpf(int cmd, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, cmd, attr, sizeof *attr);
	return r < 0 ? -errno : (int)r;
}

static int prog_load(const struct bpf_insn *p, size_t n, char *log, size_t log_n)
{
	union bpf_attr a = { 0 };
	a.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	a.insns = (uint64_t)(uintptr_t)p;
	a.insn_cnt = (uint32_t)n;
	a.license = (uint64_t)(uintptr_t) "Apache-2.0";
	memcpy(a.prog_name, "onggi_devices", sizeof "onggi_devices");
	if (log) {
		a.log_buf = (uint64_t)(uintptr_t)log;
		a.log_size = (uint32_t)log_n;
		a.log_level = 1;
	}
	return sys_bpf(BPF_PROG_LOAD, &a);
}

/* Programs of the group itself; -errno. */
static int progs_of(int cg_fd, uint32_t ids[PROGS_MAX])
{
	union bpf_attr a = { 0 };
	a.query.target_fd = (uint32_t)cg_fd;
	a.query.attach_type = BPF_CGROUP_DEVICE;
	a.query.prog_ids = (uint64_t)(uintptr_t)ids;
	a.query.prog_cnt = PROGS_MAX;
	int r = sys_bpf(BPF_PROG_QUERY, &a);
	return r < 0 ? r : (int)a.query.prog_cnt;
}

static int prog_open(uint32_t id)
{
	union bpf_attr a = { 0 };
	a.prog_id = id;
	return sys_bpf(BPF_PROG_GET_FD_BY_ID, &a);
}

static int prog_attach(int cg_fd, int prog, uint32_t flags, int replace)
{
	union bpf_attr a = { 0 };
	a.target_fd = (uint32_t)cg_fd;
	a.attach_bpf_fd = (uint32_t)prog;
	a.attach_type = BPF_CGROUP_DEVICE;
	a.attach_flags = flags;
	a.replace_bpf_fd = replace < 0 ? 0 : (uint32_t)replace;
	return sys_bpf(BPF_PROG_ATTACH, &a);
}

static int prog_detach(int cg_fd, int prog)
{
	union bpf_attr a = { 0 };
	a.target_fd = (uint32_t)cg_fd;
	a.attach_bpf_fd = (uint32_t)prog;
	a.attach_type = BPF_CGROUP_DEVICE;
	return sys_bpf(BPF_PROG_DETACH, &a);
}

/* One program is replaced in one step (Linux 5.6); else the new one comes beside the old ones,
 * which all must agree, and these go. At no moment is the group without rules. */
static int prog_put(int cg_fd, int prog, bool fresh)
{
	uint32_t ids[PROGS_MAX];
	int n = fresh ? 0 : progs_of(cg_fd, ids);

	if (n < 0)
		n = 0;
	if (n == 1) {
		OWN_FD old = prog_open(ids[0]);
		int r = old < 0 ? old : prog_attach(cg_fd, prog, BPF_F_ALLOW_MULTI | BPF_F_REPLACE, old);
		if (r >= 0)
			return r;
	}
	int r = prog_attach(cg_fd, prog, BPF_F_ALLOW_MULTI, -1);
	for (int i = 0; r >= 0 && i < n; i++) {
		OWN_FD old = prog_open(ids[i]);
		if (old >= 0)
			r = prog_detach(cg_fd, old);
	}
	return r;
}

int cg_device_bpf_set(struct cgroup *cg, struct cg_tree *t, const struct cg_device *r, size_t n,
		      struct err *e)
{
	OWN_PTR struct bpf_insn *code = calloc(n * DEVICE_BPF_RULE + DEVICE_BPF_FRAME, sizeof *code);
	OWN_FD dir = -1;
	OWN_FD prog = -1;
	char log[512] = "";

	if (!code)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	size_t len = device_bpf_build(r, n, code);
	int rc = prog = prog_load(code, len, NULL, 0);
	if (rc >= 0) {
		dir = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* bpf(2) takes no O_PATH */
		rc = dir < 0 ? -errno : prog_put(dir, prog, cg->fresh);
	} else if (rc != -EPERM) {
		prog = prog_load(code, len, log, sizeof log); /* once more, for its words */
	}
	if (rc >= 0)
		return 0;
	if (cg->rootless && (rc == -EPERM || rc == -EACCES)) {
		cg_warn(cg, "device rules are not in force: no permission for bpf(2)");
		return 0;
	}
	log[strcspn(log, "\n")] = 0;
	err_sys(e, -rc, "set linux.resources.devices of %s by a BPF program%s%s", t->dir,
		*log ? ": " : "", log);
	if (rc == -EPERM)
		err_hint(e, "it needs CAP_BPF or CAP_SYS_ADMIN in the first user namespace");
	return rc;
}
