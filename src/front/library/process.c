/* SPDX-License-Identifier: Apache-2.0
 *
 * libonggi-runtime: processes that were made.
 */
#include <stdlib.h>
#include <sys/wait.h>

#include "base/own.h"
#include "front/library/library.h"

int process_room(struct onggi_process **ret, struct err *e)
{
	struct onggi_process *p = calloc(1, sizeof *p);

	if (!p)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	p->proc.pidfd = p->terminal = -1;
	*ret = p;
	return 0;
}

pid_t onggi_process_pid(const struct onggi_process *p)
{
	return p ? p->proc.id.pid : -1;
}

int onggi_process_pidfd(const struct onggi_process *p)
{
	return p ? p->proc.pidfd : -1;
}

int onggi_process_terminal(const struct onggi_process *p)
{
	return p ? p->terminal : -1;
}

int onggi_process_wait(struct onggi_process *p, int *ret_status, struct onggi_error **err)
{
	siginfo_t si = { 0 };
	struct err e;
	int r = 0;

	error_begin(err);
	if (!p)
		return error_null("process", err);
	while (!p->reaped && (r = waitid(P_PIDFD, (id_t)p->proc.pidfd, &si, WEXITED)) < 0 && errno == EINTR)
		;
	if (r < 0) {
		(void)err_sys(&e, errno, "wait for process %d", (int)p->proc.id.pid);
		return error_give(&e, err);
	}
	if (!p->reaped)
		p->status = si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
	p->reaped = true;
	if (ret_status)
		*ret_status = p->status;
	return 0;
}

void onggi_process_free(struct onggi_process *p)
{
	if (!p)
		return;
	own_fd_done(&p->proc.pidfd);
	own_fd_done(&p->terminal);
	free(p);
}
