/* SPDX-License-Identifier: Apache-2.0
 *
 * Start flow: joined namespaces, network, /etc files, and what is mounted outside the container.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/path.h"
#include "engine/hosts.h"
#include "engine/start_int.h"
#include "engine/volumes.h"
#include "format/js.h"
#include "spec/port.h"
#include "sys/mountfd.h"

static int no_memory(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "start");
}

static const char *const *strv(struct arena *a, const json_t *list, size_t *ret_n)
{
	size_t n = json_array_size(list);
	const char **v = arena_get(a, (n + 1) * sizeof *v);

	for (size_t i = 0; v && i < n; i++)
		v[i] = json_string_value(json_array_get(list, i));
	*ret_n = v ? n : 0;
	return v;
}

/* what another container lends: opened here, so that it cannot be exchanged before it is used */
static int peer_open(struct start *s, const char *id, const char *what, const char *file, int *ret_fd,
		     struct handle *peer, struct err *e)
{
	char path[64];

	if (handle_open(s->eng, id, 0, peer, e) < 0)
		return -e->eno;
	if (peer->st.status != CONTAINER_RUNNING)
		return err_new(e, E_STATE, EINVAL, "cannot join %s of a non running container: %s", what, id);
	(void)snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)peer->st.init.pid, file);
	OWN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !proc_alive(&peer->st.init))
		return err_new(e, E_STATE, ESRCH, "cannot join %s of a non running container: %s", what, id);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int ipc_peer(struct start *s, const char *id, struct err *e)
{
	OWN_HANDLE peer = HANDLE_NULL;
	if (peer_open(s, id, "IPC", "ipc", &s->peer_fd[2], &peer, e) < 0)
		return -e->eno;
	if (container_mode_of(MODE_OF_IPC, js_str(peer.c.record, "HostConfig.IpcMode", ""), NULL) !=
	    CONTAINER_MODE_SHAREABLE)
		return err_new(e, E_STATE, EINVAL,
			       "cannot join IPC of container %s: non-shareable IPC (hint: use IpcMode:shareable "
			       "for the donor container)", id);
	s->peer_shm = arena_printf(&s->arena, "%s/containers/%s/shm", s->eng->store.run, peer.c.id);
	return s->peer_shm ? 0 : no_memory(e);
}

int start_peers(struct start *s, struct err *e)
{
	const char *id;

	if (s->net == CONTAINER_MODE_JOIN) {
		OWN_HANDLE peer = HANDLE_NULL;
		(void)container_mode_of(MODE_OF_NETWORK, js_str(s->hc, "NetworkMode", ""), &id);
		if (peer_open(s, id, "network", "net", &s->peer_fd[0], &peer, e) < 0)
			return -e->eno;
		s->files_dir = arena_printf(&s->arena, "%s/containers/%s",
					    files_in_run(&peer.c) ? s->eng->store.run : s->eng->store.root, peer.c.id);
		s->hostname = arena_strdup(&s->arena, js_str(peer.c.record, "Config.Hostname", ""));
		if (!s->files_dir || !s->hostname)
			return no_memory(e);
	}
	if (container_mode_of(MODE_OF_PID, js_str(s->hc, "PidMode", ""), &id) == CONTAINER_MODE_JOIN) {
		OWN_HANDLE peer = HANDLE_NULL;
		if (peer_open(s, id, "PID", "pid", &s->peer_fd[1], &peer, e) < 0)
			return -e->eno;
	}
	if (container_mode_of(MODE_OF_IPC, js_str(s->hc, "IpcMode", ""), &id) == CONTAINER_MODE_JOIN)
		return ipc_peer(s, id, e);
	return 0;
}

/* every exposed port that is not bound gets a free one */
static int publish_all(struct start *s, struct port_list *l, struct err *e)
{
	const char *key;
	json_t *v;

	json_object_foreach(json_object_get(s->cfg, "ExposedPorts"), key, v) {
		struct port_spec p = { 0 };
		bool bound = false;
		if (port_key_parse(key, &p.container, p.proto, e) < 0)
			return -e->eno;
		for (size_t i = 0; i < l->n; i++)
			bound = bound || (l->v[i].container == p.container && !strcmp(l->v[i].proto, p.proto));
		if (!bound && port_list_add(l, &p, e) < 0)
			return -e->eno;
	}
	return 0;
}

static int ports(struct start *s, struct port_list *l, struct network_req *q, struct err *e)
{
	if (port_list_from_json(json_object_get(s->hc, "PortBindings"), l, e) < 0 ||
	    (js_bool(s->hc, "PublishAllPorts", false) && publish_all(s, l, e) < 0))
		return -e->eno;
	struct port_binding *b = arena_get(&s->arena, (l->n + 1) * sizeof *b);
	if (!b)
		return no_memory(e);
	for (size_t i = 0; i < l->n; i++)
		b[i] = (struct port_binding){
			.proto = l->v[i].proto,
			.host_ip = l->v[i].host_ip[0] ? l->v[i].host_ip : NULL,
			.host_port = l->v[i].host,
			.host_port_end = l->v[i].host_end,
			.container_port = l->v[i].container,
		};
	q->ports = b;
	q->n_ports = l->n;
	return 0;
}

static const char *word(const json_t *o, const char *path)
{
	const char *v = js_str(o, path, NULL);
	return v && *v ? v : NULL;
}

int start_network(struct start *s, struct err *e)
{
	OWN_PORT_LIST l = { 0 };
	struct network_req q = { .container_id = s->h->c.id, .network = s->network };
	const json_t *endpoints = js_at(s->h->c.record, "NetworkingConfig.EndpointsConfig");
	const json_t *mine;

	if (s->net != CONTAINER_MODE_NETWORK || js_bool(s->cfg, "NetworkDisabled", false))
		return 0;
	mine = json_object_get(endpoints, s->network);
	q.mac = word(s->cfg, "MacAddress");
	if (!q.mac)
		q.mac = word(mine, "MacAddress");
	q.ip4 = word(mine, "IPAMConfig.IPv4Address");
	q.ip6 = word(mine, "IPAMConfig.IPv6Address");
	q.aliases = strv(&s->arena, json_object_get(mine, "Aliases"), &q.n_aliases);
	if (ports(s, &l, &q, e) < 0)
		return -e->eno;
	if (network_prepare(&s->eng->network, &q, &s->endpoint, e) < 0)
		return err_ctx(e, "failed to set up container networking");
	return 0;
}

void start_network_undo(struct start *s)
{
	if (s->endpoint)
		(void)network_release(&s->eng->network, s->h->c.id, &(struct err){ 0 });
}

int start_files(struct start *s, struct err *e)
{
	static const enum hosts_mode modes[CONTAINER_MODE_N] = {
		[CONTAINER_MODE_HOST] = HOSTS_HOST,
		[CONTAINER_MODE_NONE] = HOSTS_NONE,
		/* HOSTS_USER would name a resolver that does not run yet */
		[CONTAINER_MODE_NETWORK] = HOSTS_BRIDGE,
	};
	struct hosts_req q = { .mode = modes[s->net], .hostname = s->hostname };
	/* the flat members describe the default bridge only */
	const json_t *mine = json_object_get(json_object_get(s->endpoint, "Networks"),
					     s->network ? s->network : "");

	if (s->net == CONTAINER_MODE_JOIN)
		return 0; /* the files of the other container */
	if (js_bool(s->cfg, "NetworkDisabled", false))
		q.mode = HOSTS_NONE;
	q.domainname = js_str(s->cfg, "Domainname", NULL);
	q.ip4 = word(mine, "IPAddress");
	q.ip6 = word(mine, "GlobalIPv6Address");
	q.gateway4 = word(mine, "Gateway");
	q.gateway6 = word(mine, "IPv6Gateway");
	q.no_ipv6 = s->endpoint && !q.ip6;
	q.extra_hosts = strv(&s->arena, json_object_get(s->hc, "ExtraHosts"), &q.n_extra_hosts);
	q.dns = strv(&s->arena, json_object_get(s->hc, "Dns"), &q.n_dns);
	q.dns_search = strv(&s->arena, json_object_get(s->hc, "DnsSearch"), &q.n_dns_search);
	q.dns_options = strv(&s->arena, json_object_get(s->hc, "DnsOptions"), &q.n_dns_options);
	return hosts_write(files_in_run(&s->h->c) ? s->run_fd : s->h->c.dir_fd, &q, e);
}

/* a shareable /dev/shm lies on the host, where a second container can find it */
int start_shm(struct start *s, struct err *e)
{
	char options[64], path[4400];
	int64_t size = js_int(s->hc, "ShmSize", 64 << 20);

	if (container_mode_of(MODE_OF_IPC, js_str(s->hc, "IpcMode", ""), NULL) != CONTAINER_MODE_SHAREABLE)
		return 0;
	if (mkdirat(s->run_fd, "shm", 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "mkdir shm");
	(void)snprintf(path, sizeof path, "%s/shm", s->run_dir);
	(void)snprintf(options, sizeof options, "mode=1777,size=%lld", (long long)size);
	if (mount("shm", path, "tmpfs", MS_NOEXEC | MS_NOSUID | MS_NODEV, options) < 0)
		return err_sys(e, errno, "mount shared memory");
	return 0;
}

int start_subpath(struct start *s, json_t *m, struct err *e)
{
	const char *source = js_str(m, "source", "");
	const char *sub = json_string_value(json_object_get(m, "onggi.subpath"));
	OWN_FD root = open(source, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1, mnt = -1, at = -1;
	struct stat st;
	char name[16];

	if (root < 0)
		return err_sys(e, errno, "open volume %s", source);
	if (path_open_in(root, sub, O_PATH, 0, &fd, e) < 0)
		return err_ctx(e, "cannot access path %s/%s", source, sub);
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat %s/%s", source, sub);
	(void)snprintf(name, sizeof name, "sub-%u", s->n_sub++);
	if ((S_ISDIR(st.st_mode) ? mkdirat(s->run_fd, name, 0700) : mknodat(s->run_fd, name, S_IFREG | 0600, 0)) < 0 &&
	    errno != EEXIST)
		return err_sys(e, errno, "make %s", name);
	at = openat(s->run_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (at < 0)
		return err_sys(e, errno, "open %s", name);
	if (mountfd_clone(fd, "", MOUNTFD_REC, &mnt, e) < 0 || mountfd_attach(mnt, at, e) < 0)
		return err_ctx(e, "mount %s/%s", source, sub);
	return json_object_set_new(m, "source", json_sprintf("%s/%s", s->run_dir, name)) < 0 ? no_memory(e) : 0;
}

void run_mounts_release(const struct engine *eng, const char *id)
{
	char path[4400];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/containers/%s/shm", eng->store.run, id);
	while (!umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW))
		;
	for (unsigned i = 0;; i++) {
		(void)snprintf(path, sizeof path, "%s/containers/%s/sub-%u", eng->store.run, id, i);
		if (lstat(path, &st) < 0)
			break;
		while (!umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW))
			;
	}
	volumes_detach(&eng->store, id);
}
