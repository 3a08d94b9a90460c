/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages of orun: lines as runc writes them to --log, plain text on standard error.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "front/orun/orun.h"

static const char *const level_names[] = {
	[LOG_ERROR_] = "error",
	[LOG_WARNING_] = "warning",
	[LOG_INFO_] = "info",
	[LOG_DEBUG_] = "debug",
};

int orun_log_open(struct orun_log *l, const char *file, const char *format, struct err *e)
{
	if (format && strcmp(format, "json") && strcmp(format, "text"))
		return err_new(e, E_USAGE, EINVAL, "invalid log format \"%s\", must be text or json", format);
	l->json = format && !strcmp(format, "json");
	if (file && !strncmp(file, "file:", 5)) /* crun's form */
		file += 5;
	if (!file || !*file || !strcmp(file, "/dev/stderr"))
		return 0;
	int r = orun_log_open_daemon(l, file, e);
	if (r)
		return r < 0 ? r : 0;
	l->fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return l->fd < 0 ? err_sys(e, errno, "open log %s", file) : 0;
}

static void line_json(struct buf *b, enum log_level level, const char *msg, const char *time)
{
	buf_printf(b, "{\"level\":\"%s\",\"msg\":", level_names[level]);
	buf_json_string(b, msg, strlen(msg));
	buf_printf(b, ",\"time\":\"%s\"}", time);
}

static void line_text(struct buf *b, enum log_level level, const char *msg, const char *time)
{
	buf_printf(b, "time=\"%s\" level=%s msg=", time, level_names[level]);
	buf_json_string(b, msg, strlen(msg));
}

void orun_log_write(const struct orun_log *l, enum log_level level, const char *msg, const char *hint)
{
	OWN_BUF b = { 0 }, plain = { 0 };
	char time[CLOCK_TEXT_MAX];
	bool formatted = l->fd >= 0 || l->json || level > LOG_WARNING_;

	if (level > l->level)
		return;
	clock_format(clock_now_ns(), time);
	if (l->json)
		line_json(&b, level, msg, time);
	else if (formatted && l->sink == LOG_FILE_)
		line_text(&b, level, msg, time);
	else /* a daemon knows level and time itself */
		buf_puts(&b, msg);
	if (!buf_failed(&b) && l->sink != LOG_FILE_)
		orun_log_send(l, level, buf_str(&b));
	buf_putc(&b, '\n');
	/* nothing can be done when a message cannot be written */
	if (formatted && l->sink == LOG_FILE_ && !buf_failed(&b))
		(void)io_write_all(l->fd >= 0 ? l->fd : STDERR_FILENO, b.p, b.n);
	/* The line of a log file is for machines; a person sees the error as well. Warnings must not:
	 * with a log file standard error may already be the container's. */
	if (level > (l->fd >= 0 ? LOG_ERROR_ : LOG_WARNING_) || (formatted && l->fd < 0))
		return;
	buf_printf(&plain, "orun: %s%s\n", level == LOG_WARNING_ ? "warning: " : "", msg);
	if (hint && *hint)
		buf_printf(&plain, "hint: %s\n", hint);
	if (!buf_failed(&plain))
		(void)io_write_all(STDERR_FILENO, plain.p, plain.n);
}
