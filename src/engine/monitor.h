/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting the monitor: FIFOs and attach socket of a container, and the exec itself.
 *
 *   dir fd of RUN/containers/ID -> stdin, stdout, stderr FIFOs; attach.sock
 *   M: monitor_stdio_make -> runtime_create(stdio) -> start -> run.json -> monitor_exec
 *   next command, monitor dead, container alive: monitor_adopt
 */
#ifndef ONGGI_ENGINE_MONITOR_H
#define ONGGI_ENGINE_MONITOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/own.h"
#include "base/proc.h"
#include "spec/monitor.h"

/* Both sides of the container's stdio; all O_CLOEXEC, -1 = none. */
struct monitor_stdio {
	int container[3]; /* for runtime_create_req.stdio; close them once the process exists */
	int monitor[3];   /* for monitor_config.in, .out, .err */
};

/** monitor_stdio_make - make the FIFOs below @xrun_dir (old ones are replaced) and open both sides.
 * Container side: stdout and stderr read-write, so that a dead monitor blocks nobody; stdin
 * read-only (end of file has to reach it), or /dev/null without @open_stdin. */
int monitor_stdio_make(int xrun_dir, bool open_stdin, struct monitor_stdio *ret, struct err *e);
/** monitor_stdio_reopen - the monitor's sides of FIFOs that exist; missing ones stay -1. */
int monitor_stdio_reopen(int xrun_dir, struct monitor_stdio *ret, struct err *e);
void monitor_stdio_close(struct monitor_stdio *s);

/** monitor_listen - listening attach socket at @xrun_dir/attach.sock (an old one is replaced). */
int monitor_listen(int xrun_dir, int *ret_fd, struct err *e);
/** monitor_pair - connected pair for a foreground client: [0] the client's, [1] for
 * monitor_config.client. */
int monitor_pair(int ret_fds[2], struct err *e);

/** monitor_exec - become the monitor. The descriptors named in @c are kept over the exec, all others
 * are closed by the monitor. Returns only on failure (negative errno).
 * @program NULL: program_find("onggi-monitor"). */
int monitor_exec(const char *program, const struct monitor_config *c, struct err *e);
/** monitor_spawn - monitor_exec in a new process (session of its own): for adopt mode. */
int monitor_spawn(const char *program, const struct monitor_config *c, struct proc_id *ret,
		  struct err *e);
/** monitor_adopt - start a monitor for a living container whose monitor died. @c: as at the
 * start (id, dir, started_at, pid, start_ticks, log, oom, after), without descriptors and with the
 * oom values of the start; this reopens FIFOs, binds the socket and takes the pidfd. When the
 * process is gone already, the monitor records an unknown status and runs @c->after. The caller
 * holds the container's lock and puts @ret into run.json. */
int monitor_adopt(const char *program, int xrun_dir, const struct monitor_config *c,
		  struct proc_id *ret, struct err *e);

#endif
