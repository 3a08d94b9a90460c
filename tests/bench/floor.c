/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's own share of a container run: a bare program that does by hand, once and without
 * any checking of input, what a runtime has to have done for the default bundle. Nothing that runs
 * containers on this kernel is faster; the benches give their figures as multiples of it.
 *
 *   floor [-n] [-c] [-o DIR] ROOTFS COMMAND [ARG...]
 *     -n      no network namespace
 *     -c      no control groups
 *     -o DIR  ROOTFS is the lower layer of an overlay with a new upper layer below DIR
 *
 * Under the name "true" or "pause" it is the program in the container.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define CGROUPS "/sys/fs/cgroup"

struct options {
	bool no_net, no_cgroups;
	const char *overlay, *rootfs;
	char **command;
};

struct group {
	char dir[300];
	bool unified;
};

static struct group groups[24];
static int groups_n;
static char layer[PATH_MAX];

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[400];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	need(fd >= 0 && write(fd, text, strlen(text)) >= 0, path);
	close(fd);
}

/* a group of cpuset takes nobody before it has what its parent has */
static void copy(const char *from, const char *to, const char *name)
{
	char path[400], text[4096];
	snprintf(path, sizeof path, "%s/%s", from, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	need(n > 0, path);
	close(fd);
	text[n] = 0;
	put(to, name, text);
}

/* --- control groups ------------------------------------------------------------------------ */

static void group_add(const char *hierarchy)
{
	struct group *g = &groups[groups_n];
	struct statfs fs;
	if (groups_n == 24 || statfs(hierarchy, &fs) < 0 ||
	    (fs.f_type != 0x27e0eb && fs.f_type != 0x63677270))
		return;
	g->unified = fs.f_type == 0x63677270;
	snprintf(g->dir, sizeof g->dir, "%s/onggi-floor-%d", hierarchy, (int)getpid());
	need(mkdir(g->dir, 0755) == 0, g->dir);
	groups_n++;
	if (strstr(hierarchy, "/cpuset") && !g->unified) {
		copy(hierarchy, g->dir, "cpuset.cpus");
		copy(hierarchy, g->dir, "cpuset.mems");
	}
	if (strstr(hierarchy, "/devices") && !g->unified) {
		static const char *const rules[] = { "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm",
						     "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm",
						     "c 5:2 rwm", "c 136:* rwm", "c 10:200 rwm" };
		char path[400];
		put(g->dir, "devices.deny", "a");
		snprintf(path, sizeof path, "%s/devices.allow", g->dir);
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
			need(write(fd, rules[i], strlen(rules[i])) > 0, path);
		close(fd);
	}
}

static void groups_make(void)
{
	struct statfs fs;
	if (statfs(CGROUPS, &fs) == 0 && fs.f_type == 0x63677270) {
		group_add(CGROUPS);
		return;
	}
	DIR *d = opendir(CGROUPS);
	need(d, CGROUPS);
	for (struct dirent *i; (i = readdir(d));)
		if (i->d_name[0] != '.' && i->d_type == DT_DIR) {
			char path[280];
			snprintf(path, sizeof path, CGROUPS "/%s", i->d_name);
			group_add(path);
		}
	closedir(d);
}

static int groups_fd(void)
{
	for (int i = 0; i < groups_n; i++)
		if (groups[i].unified)
			return open(groups[i].dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return -1;
}

/* the child, by itself: no lock on all forks of the host */
static void groups_enter(void)
{
	for (int i = 0; i < groups_n; i++)
		if (!groups[i].unified)
			put(groups[i].dir, "tasks", "0");
}

/* --- file system --------------------------------------------------------------------------- */

static void overlay_mount(const struct options *o, char target[PATH_MAX])
{
	char options[3 * PATH_MAX], upper[PATH_MAX], work[PATH_MAX];
	snprintf(target, PATH_MAX, "%s/merged", layer);
	snprintf(upper, sizeof upper, "%s/upper", layer);
	snprintf(work, sizeof work, "%s/work", layer);
	snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", o->rootfs, upper, work);
	need(mount("overlay", target, "overlay", 0, options) == 0, "overlay");
}

static void overlay_make(const struct options *o)
{
	static const char *const names[] = { "", "/upper", "/work", "/merged" };
	snprintf(layer, sizeof layer, "%s/floor-%d", o->overlay, (int)getpid());
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[PATH_MAX + 16];
		snprintf(path, sizeof path, "%s%s", layer, names[i]);
		need(mkdir(path, 0755) == 0, path);
	}
}

/* what the mounts made in the upper layer goes too */
static void overlay_remove(void)
{
	static const char *const names[] = { "/work/work", "/work", "/merged", "/upper/proc", "/upper/sys",
					     "/upper/dev", "/upper", "" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[PATH_MAX + 16];
		snprintf(path, sizeof path, "%s%s", layer, names[i]);
		rmdir(path);
	}
}

static void mounts(const char *root)
{
	static const struct {
		const char *source, *target, *type, *data;
		unsigned long flags;
	} rows[] = {
		{ "proc", "proc", "proc", NULL, 0 },
		{ "tmpfs", "dev", "tmpfs", "mode=755,size=65536k", MS_NOSUID | MS_STRICTATIME },
		{ "devpts", "dev/pts", "devpts", "newinstance,ptmxmode=0666,mode=0620,gid=5",
		  MS_NOSUID | MS_NOEXEC },
		{ "shm", "dev/shm", "tmpfs", "mode=1777,size=65536k", MS_NOSUID | MS_NOEXEC | MS_NODEV },
		{ "mqueue", "dev/mqueue", "mqueue", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV },
		{ "sysfs", "sys", "sysfs", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY },
	};
	char path[PATH_MAX];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(path, sizeof path, "%s/%s", root, rows[i].target);
		mkdir(path, 0755);
		/* without a network namespace of its own sysfs is the host's: bind it */
		if (mount(rows[i].source, path, rows[i].type, rows[i].flags, rows[i].data) < 0)
			need(!strcmp(rows[i].type, "sysfs") &&
			     mount("/sys", path, NULL, MS_BIND | MS_REC, NULL) == 0, path);
	}
	snprintf(path, sizeof path, "%s/sys/fs/cgroup", root);
	if (groups_n == 1 && groups[0].unified) {
		need(mount(groups[0].dir, path, NULL, MS_BIND, NULL) == 0, path);
		return;
	}
	if (groups_n)
		need(mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=755") == 0, path);
	for (int i = 0; i < groups_n; i++) {
		char name[300];
		snprintf(name, sizeof name, "%s", groups[i].dir);
		*strrchr(name, '/') = 0;
		snprintf(path, sizeof path, "%s/sys/fs/cgroup%s", root, strrchr(name, '/'));
		need(mkdir(path, 0755) == 0 && mount(groups[i].dir, path, NULL, MS_BIND, NULL) == 0, path);
	}
}

static void devices(void)
{
	static const struct {
		const char *name;
		unsigned major, minor;
	} nodes[] = { { "null", 1, 3 }, { "zero", 1, 5 }, { "full", 1, 7 }, { "random", 1, 8 },
		      { "urandom", 1, 9 }, { "tty", 5, 0 } };
	static const char *const links[][2] = {
		{ "/proc/self/fd", "fd" }, { "/proc/self/fd/0", "stdin" }, { "/proc/self/fd/1", "stdout" },
		{ "/proc/self/fd/2", "stderr" }, { "pts/ptmx", "ptmx" },
	};
	int dev = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
		need(mknodat(dev, nodes[i].name, S_IFCHR | 0666,
			     makedev(nodes[i].major, nodes[i].minor)) == 0, nodes[i].name);
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		need(symlinkat(links[i][0], dev, links[i][1]) == 0, links[i][1]);
	close(dev);
}

static void masks(void)
{
	static const char *const masked[] = {
		"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
	};
	static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
						"/proc/sysrq-trigger" };
	struct stat st;
	for (size_t i = 0; i < sizeof masked / sizeof *masked; i++)
		if (stat(masked[i], &st) == 0) {
			if (S_ISDIR(st.st_mode))
				mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, "nr_inodes=1");
			else
				mount("/dev/null", masked[i], NULL, MS_BIND, NULL);
		}
	for (size_t i = 0; i < sizeof readonly / sizeof *readonly; i++)
		if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL) == 0)
			mount(NULL, readonly[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC |
						       MS_NODEV, NULL);
}

static void loopback_up(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	need(s >= 0 && ioctl(s, SIOCSIFFLAGS, &lo) == 0, "loopback");
	close(s);
}

static void inside(const struct options *o)
{
	char merged[PATH_MAX];
	const char *root = o->rootfs;
	struct rlimit files = { 1024, 1024 };

	if (!o->no_net)
		loopback_up();
	need(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0, "propagation");
	groups_enter();
	if (!o->no_cgroups)
		need(unshare(CLONE_NEWCGROUP) == 0, "cgroup namespace");
	if (o->overlay)
		overlay_mount(o, merged);
	else
		need(mount(root, root, NULL, MS_BIND | MS_REC, NULL) == 0, root);
	if (o->overlay)
		root = merged;
	mounts(root);
	need(chdir(root) == 0 && syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 &&
	     chdir("/") == 0, "pivot_root");
	devices();
	masks();
	need(sethostname("floor", 5) == 0, "hostname");
	setrlimit(RLIMIT_NOFILE, &files);
	for (int cap = 0; cap < 41; cap++)
		if (cap != 5 && cap != 10 && cap != 29)
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
	execv(o->command[0], o->command);
	need(false, o->command[0]);
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	const char *name = strrchr(argv[0], '/');
	int opt, status = 0;

	name = name ? name + 1 : argv[0];
	if (!strcmp(name, "true"))
		return 0;
	if (!strcmp(name, "pause"))
		return pause();
	while ((opt = getopt(argc, argv, "+nco:")) != -1)
		if (opt == 'n')
			o.no_net = true;
		else if (opt == 'c')
			o.no_cgroups = true;
		else if (opt == 'o')
			o.overlay = optarg;
		else
			return 125;
	if (argc - optind < 2) {
		fputs("usage: floor [-n] [-c] [-o DIR] ROOTFS COMMAND [ARG...]\n", stderr);
		return 125;
	}
	o.rootfs = argv[optind];
	o.command = argv + optind + 1;
	if (!o.no_cgroups)
		groups_make();
	if (o.overlay)
		overlay_make(&o);
	int fd = groups_fd(), pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_PIDFD |
			 (o.no_net ? 0 : CLONE_NEWNET) | (fd < 0 ? 0 : CLONE_INTO_CGROUP),
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)fd,
	};
	long pid = syscall(SYS_clone3, &args, sizeof args);
	need(pid >= 0, "clone3");
	if (!pid)
		inside(&o);
	need(waitpid((pid_t)pid, &status, 0) == pid, "wait");
	for (int i = 0; i < groups_n; i++)
		need(rmdir(groups[i].dir) == 0, groups[i].dir);
	if (o.overlay)
		overlay_remove();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
