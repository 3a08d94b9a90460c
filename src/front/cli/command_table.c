/* SPDX-License-Identifier: Apache-2.0
 *
 * Every command as one row, sorted by name. Options that several commands share are rows of their
 * own sets.
 */
#include "front/cli/commands.h"
#include "front/cli/image_rows.h"
#include "front/cli/manifest_flags.h"
#include "front/cli/opt_rows.h"
#include "front/cli/run_fields.h"


static const struct opt list_opts[] = {
	STR("format", 0, "Print by a Go template, as \"table\" or \"json\""),
	BOOL("json", 0, "Print one JSON array"),
	BOOL("no-trunc", 0, "Do not shorten"),
	BOOL("quiet", 'q', "Print IDs only"),
};
static const struct opt ps_opts[] = {
	BOOL("all", 'a', "Show stopped containers too"),
	FILTER('f'),
	INT("last", 'n', "Show the last n containers of any status"),
	BOOL("latest", 'l', "Show the last container of any status"),
	BOOL("size", 's', "Show sizes"),
};
static const struct opt images_opts[] = {
	BOOL("all", 'a', "Show intermediate images too"),
	BOOL("digests", 0, "Show digests"),
	FILTER('f'),
	BOOL("noheading", 'n', "No line of headings"),
	STR("sort", 0, "By created (default), id, repository, size or tag"),
	BOOL("tree", 0, "Show the platforms of each image, what they take and what is in use (U)"),
};
static const struct opt image_tree_opts[] = {
	BOOL("json", 0, "Print JSON"),
	BOOL("whatrequires", 0, "The images that stand on this one"),
};
static const struct opt image_mount_opts[] = {
	BOOL("all", 'a', "Mount all images"),
	STR("format", 0, "Print by a Go template, or as \"json\" one array"),
	BOOL("json", 0, "Print one JSON array"),
};
static const struct opt image_unmount_opts[] = {
	BOOL("all", 'a', "Unmount all images"),
	BOOL("force", 'f', "Whoever uses it, however often it was mounted"),
};
static const struct opt platform_opt[] = { STR("platform", 0, "Of an image for several platforms the one that is meant (os/arch[/variant])") };
static const struct opt history_opts[] = {
	{ "human", 'H', OPT_BOOL, 0, "@human", NULL, "Sizes and dates for people (default true)", NULL, NULL },
};
static const struct opt manifest_annotate_opts[] = {
	MANIFEST_EDIT_ROWS,
	BOOL("index", 0, "Annotate the list as a whole"),
};
static const struct opt ignore_opts[] = { BOOL("ignore", 'i', "A missing one is no error") };
static const struct opt filter_opts[] = { FILTER('f') };
static const struct opt run_opts[] = {
	BOOL("detach", 'd', "Run in the background and print the container ID"),
	DETACH_KEYS,
	SIG_PROXY,
};
static const struct opt start_opts[] = {
	BOOL("attach", 'a', "Attach to output and pass signals on"),
	REFUSED("checkpoint", "checkpoints are not built yet"),
	REFUSED("checkpoint-dir", "checkpoints are not built yet"),
	DETACH_KEYS,
	BOOL("interactive", 'i', "Attach to standard input too"),
};
static const struct opt attach_opts[] = {
	DETACH_KEYS,
	BOOL("no-stdin", 0, "Do not attach to standard input"),
	SIG_PROXY,
};
static const struct opt exec_opts[] = {
	BOOL("detach", 'd', "Run in the background"),
	DETACH_KEYS,
	BOOL("interactive", 'i', "Keep standard input open"),
	BOOL("privileged", 0, "Give the command all privileges"),
	BOOL("tty", 't', "Allocate a terminal"),
	STR("user", 'u', "User name or ID (user[:group])"),
	STR("workdir", 'w', "Working directory in the container"),
};
static const struct opt stop_opts[] = {
	STR("signal", 's', "Signal to send"),
	{ "time", 0, OPT_INT, OPT_HIDDEN, "@timeout", NULL, "", NULL, NULL },
	INT("timeout", 't', "Seconds to wait before it is killed"),
};
static const struct opt kill_opts[] = { STR("signal", 's', "Signal to send (default KILL)") };
static const struct opt rm_opts[] = {
	BOOL("force", 'f', "Kill it first if it runs"),
	REFUSED("link", "links are removed with their container"),
	BOOL("volumes", 'v', "Remove its anonymous volumes too"),
};
static const struct opt logs_opts[] = {
	BOOL("details", 0, "Show extra attributes"),
	BOOL("follow", 'f', "Go on showing new lines"),
	STR("since", 0, "Only from this time on (2026-01-31T12:00:00Z, or 42m ago)"),
	STR("tail", 'n', "Number of lines from the end (default all)"),
	BOOL("timestamps", 't', "Show the time of each line"),
	STR("until", 0, "Only up to this time"),
};
static const struct opt inspect_opts[] = {
	STR("format", 'f', "Print by a Go template, or \"json\""),
	{ "json", 0, OPT_BOOL, OPT_HIDDEN, "@json", NULL, "JSON, as without it", NULL, NULL },
	BOOL("size", 's', "Show sizes of a container"),
	STR("type", 0, "Only objects of this type (container, image, network, volume)"),
};
static const struct opt inspect_one_opts[] = {
	STR("format", 'f', "Print by a Go template, or \"json\""),
	{ "json", 0, OPT_BOOL, OPT_HIDDEN, "@json", NULL, "JSON, as without it", NULL, NULL },
	BOOL("size", 's', "Show sizes of a container"),
};
static const struct opt diff_opts[] = {
	STR("format", 0, "\"json\": one object of changed, added and deleted"),
	BOOL("json", 0, "As --format json"),
};
static const struct opt commit_opts[] = {
	STR("author", 'a', "Author of the image"),
	LIST("change", 'c', "Apply a Dockerfile instruction to the image"),
	STR("message", 'm', "Comment of the image"),
	BOOL("no-pause", 0, "Let the container run meanwhile"),
	{ "pause", 'p', OPT_BOOL, 0, "@pause", NULL, "Freeze the container meanwhile (default true)", NULL, NULL },
};
static const struct opt cp_opts[] = {
	BOOL("archive", 'a', "Keep user and group IDs"),
	BOOL("follow-link", 'L', "Follow links in the source"),
	BOOL("quiet", 'q', "Print nothing"),
};
static const struct opt output_opts[] = { { "output", 'o', OPT_STRING, 0, "@output", NULL, "Write to this file, not to standard output", NULL, "file" } };
static const struct opt rmi_opts[] = {
	BOOL("all", 'a', "Remove all images"),
	BOOL("force", 'f', "Remove it even if it has several names or a stopped container"),
	BOOL("ignore", 'i', "A missing one is no error"),
	BOOL("no-prune", 0, "Keep untagged parents"),
	LIST("platform", 0, "Remove only the image for this platform (os/arch[/variant])"),
};
static const struct opt prune_opts[] = {
	BOOL("all", 'a', "Remove all that is unused, not only what has no name"),
	{ "filter", 0, OPT_LIST, 0, "@filter", "filter", "Remove only what fits (until=24h, label=x)", NULL, NULL },
	BOOL("force", 'f', "Do not ask"),
};
static const struct opt keep_last_opt[] = { INT("keep-last", 0, "With --all, keep the newest n images of each repository") };
static const struct opt prune_plain_opts[] = {
	{ "filter", 0, OPT_LIST, 0, "@filter", "filter", "Remove only what fits (until=24h, label=x)", NULL, NULL },
	BOOL("force", 'f', "Do not ask"),
};
static const struct opt check_opts[] = {
	BOOL("image-stores", 0, "Look into the image stores of others, too; nothing is repaired there"),
	BOOL("json", 0, "Print what was found as JSON"),
	BOOL("quick", 'q', "Look at names, sizes and links only, read no blob"),
	BOOL("repair", 'r', "Remove damaged blobs and references to images that are not there"),
	BOOL("repair-lossy", 'f', "Repair, and remove images that are not whole and that no container uses"),
};
static const struct opt volumes_opt[] = { BOOL("volumes", 0, "Remove anonymous volumes too") };
static const struct opt format_opts[] = {
	STR("format", 'f', "Print by a Go template, or \"json\""),
	BOOL("json", 0, "Print JSON"),
};
static const struct opt stats_opts[] = {
	BOOL("all", 'a', "Show stopped containers too"),
	STR("format", 0, "Print by a Go template, as \"table\" or \"json\""),
	BOOL("json", 0, "Print JSON"),
	BOOL("no-stream", 0, "Print one sample and end"),
	{ "no-trunc", 0, OPT_BOOL, OPT_HIDDEN, "@no-trunc", NULL, "", NULL, NULL },
};
static const struct opt df_opts[] = {
	STR("format", 0, "Print by a Go template, as \"table\" or \"json\""),
	BOOL("json", 0, "Print one JSON array"),
	BOOL("verbose", 'v', "Show every image, container and volume"),
};
static const struct opt volume_create_opts[] = {
	STR("driver", 'd', "Volume driver (default local)"),
	BOOL("ignore", 0, "One that is there already is no error, whatever its driver and options"),
	{ "label", 0, OPT_CUSTOM, 0, "Labels", "list", "Set a label (key=value)", put_label, NULL },
	{ "name", 0, OPT_STRING, OPT_HIDDEN, "@name", NULL, "", NULL, NULL },
	MAP("opt", 'o', "Driver option (key=value)"),
};
static const struct opt all_volumes_opt[] = { BOOL("all", 'a', "Remove all volumes that no container uses") };
static const struct opt force_opts[] = { BOOL("force", 'f', "A missing one is no error") };
static const struct opt network_create_opts[] = {
	BOOL("attachable", 0, "Containers may be attached by hand"),
	MAP("aux-address", 0, "Addresses that are kept free (name=address)"),
	STR("driver", 'd', "Network driver (default bridge)"),
	LIST("gateway", 0, "Gateway of a subnet"),
	BOOL("internal", 0, "No access to and from outside"),
	LIST("ip-range", 0, "Give out addresses of this part only"),
	BOOL("ipv4", 0, "Use IPv4 (default true)"),
	BOOL("ipv6", 0, "Use IPv6"),
	{ "label", 0, OPT_CUSTOM, 0, "Labels", "list", "Set a label (key=value)", put_label, NULL },
	MAP("opt", 'o', "Driver option (key=value)"),
	LIST("subnet", 0, "Subnet in CIDR form"),
};

#define RUN_SET { run_fields, RUN_FIELDS_N }
#define ENV_SET { env_fields, ENV_FIELDS_N }

const struct command command_table[] = {
	{ "attach", "container attach", "[OPTIONS] CONTAINER", "Attach to a running container", NULL,
	  { SET(attach_opts) }, 1, 1, CMD_SPARE_STORES, cmd_attach, "container" },
	{ "commit", "container commit", "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
	  "Make an image of what a container changed", "  onggi commit -c 'CMD [\"app\"]' -m 'with app' web team/app:1\n",
	  { SET(commit_opts) }, 1, 2, 0, cmd_commit, "container" },
	{ "container prune", NULL, "[OPTIONS]", "Remove all stopped containers", NULL,
	  { SET(prune_plain_opts) }, 0, 0, 0, cmd_container_prune, NULL },
	{ "container inspect", NULL, "[OPTIONS] CONTAINER [CONTAINER...]", "Show containers in detail", NULL,
	  { SET(inspect_one_opts) }, 1, -1, 0, cmd_container_inspect, "container" },
	{ "completion", NULL, "bash|zsh|fish", "Print the completion script of a shell",
	  "  onggi completion bash > /etc/bash_completion.d/onggi\n", { { NULL, 0 } }, 1, 1, CMD_NO_ENGINE,
	  complete_run, NULL },
	{ "cp", "container cp", "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n        onggi cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
	  "Copy files between a container and the host",
	  "  onggi cp web:/etc/nginx/nginx.conf .\n  onggi cp site/. web:/usr/share/nginx/html\n",
	  { SET(cp_opts) }, 2, 2, 0, cmd_cp, "container" },
	{ "create", "container create", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Make a container without starting it", NULL,
	  { RUN_SET, ENV_SET }, 1, -1, CMD_STOP_AT_ARG, cmd_create, "image" },
	{ "diff", "container diff", "[OPTIONS] CONTAINER|IMAGE [IMAGE]", "Show what a container changed in its file system",
	  "  onggi diff web\n  onggi diff app:2 app:1\n", { SET(diff_opts) }, 1, 2, 0, cmd_diff, "container" },
	{ "exec", "container exec", "[OPTIONS] CONTAINER COMMAND [ARG...]", "Run a command in a running container",
	  "  onggi exec -it web sh\n  onggi exec -u nobody -w /tmp web id\n",
	  { SET(exec_opts), ENV_SET }, 2, -1, CMD_STOP_AT_ARG | CMD_SPARE_STORES, cmd_exec, "container" },
	{ "export", "container export", "[OPTIONS] CONTAINER", "Write a container's file system as a tar archive", NULL,
	  { SET(output_opts) }, 1, 1, 0, cmd_export, "container" },
	{ "history", "image history", "[OPTIONS] IMAGE", "Show how an image was made", NULL,
	  { SET(list_opts), SET(history_opts), SET(platform_opt) }, 1, 1, 0, cmd_history, "image" },
	{ "image diff", NULL, "[OPTIONS] IMAGE [IMAGE]", "Show what the last layer of an image changed, or what differs from another",
	  "  onggi image diff app:2\n  onggi image diff app:2 app:1\n", { SET(diff_opts) }, 1, 2, 0, cmd_image_diff, "image" },
	{ "image exists", NULL, "IMAGE", "Whether there is such an image: exit status 0 or 1", NULL, { { NULL, 0 } }, 1, 1,
	  CMD_EXIT_125, cmd_image_exists, "image" },
	{ "image inspect", NULL, "[OPTIONS] IMAGE [IMAGE...]", "Show images in detail", NULL,
	  { SET(inspect_one_opts), SET(platform_opt) }, 1, -1, 0, cmd_image_inspect, "image" },
	{ "image mount", NULL, "[OPTIONS] [IMAGE...]", "Mount images read-only and print where; list what is mounted",
	  "  onggi image mount nginx\n  onggi image mount --format json\n", { SET(image_mount_opts) }, 0, -1, 0,
	  cmd_image_mount, "image" },
	{ "image prune", NULL, "[OPTIONS]", "Remove unused images",
	  "  onggi image prune -a --keep-last 3 --filter unused-for=30d\n  onggi images --filter unused-for=30d\n",
	  { SET(prune_opts), SET(keep_last_opt) }, 0, 0, 0,
	  cmd_image_prune, NULL },
	{ "image tree", NULL, "[OPTIONS] IMAGE", "Show the layers of an image and the images that they are of",
	  "  onggi image tree nginx\n  onggi image tree --whatrequires base\n", { SET(image_tree_opts) }, 1, 1, 0,
	  cmd_image_tree, "image" },
	{ "image unmount", "image umount", "[OPTIONS] IMAGE [IMAGE...]", "Unmount images", NULL, { SET(image_unmount_opts) },
	  0, -1, 0, cmd_image_unmount, "image" },
	{ "images", "image ls,image list", "[OPTIONS] [REPOSITORY[:TAG]]", "List images",
	  "  onggi images\n  onggi images --format '{{.Repository}}:{{.Tag}} {{.Size}}'\n",
	  { SET(list_opts), SET(images_opts) }, 0, 1, 0, cmd_images, "image" },
	{ "import", "image import", "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]", "Make an image from a tar archive", NULL,
	  { { import_rows, IMPORT_ROWS_N } }, 1, 2, CMD_RAW_ARGS, cmd_import, "file" },
	{ "info", "system info", "[OPTIONS]", "Show what this engine is and has", NULL, { SET(format_opts) }, 0, 0, 0,
	  cmd_info, NULL },
	{ "inspect", NULL, "[OPTIONS] NAME|ID [NAME|ID...]", "Show objects in detail",
	  "  onggi inspect web\n  onggi inspect -f '{{.State.Pid}}' web\n", { SET(inspect_opts) }, 1, -1, 0,
	  cmd_inspect, "container" },
	{ "internal-exited", NULL, "ID", "Do what follows an exit (for the monitor)", NULL, { { NULL, 0 } }, 1, 1,
	  CMD_HIDDEN | CMD_SPARE_STORES, cmd_internal_exited, NULL },
	{ "internal-manual", NULL, "", "Print the man page source", NULL, { { NULL, 0 } }, 0, 0,
	  CMD_HIDDEN | CMD_NO_ENGINE, manual_run, NULL },
	{ "internal-ways", NULL, "", "Print the step tables (builds with fault points)", NULL, { { NULL, 0 } }, 0, 0,
	  CMD_HIDDEN | CMD_NO_ENGINE, cmd_internal_ways, NULL },
	{ "kill", "container kill", "[OPTIONS] CONTAINER [CONTAINER...]", "Send a signal to containers", NULL,
	  { SET(kill_opts) }, 1, -1, CMD_SPARE_STORES, cmd_kill, "container" },
	{ "load", "image load", "[OPTIONS]", "Load images from an archive or folder", "  onggi load -i nginx.tar\n",
	  { { load_rows, LOAD_ROWS_N } }, 0, 0, CMD_RAW_ARGS, cmd_load, NULL },
	{ "login", NULL, "[OPTIONS] [SERVER]", "Log in to a registry",
	  "  onggi login -u me --password-stdin registry.example.com <secret\n",
	  { { login_rows, LOGIN_ROWS_N } }, 0, 1, CMD_RAW_ARGS, cmd_login, NULL },
	{ "logout", NULL, "[OPTIONS] [SERVER]", "Log out from a registry", NULL,
	  { { logout_rows, LOGOUT_ROWS_N } }, 0, 1, CMD_RAW_ARGS, cmd_logout, NULL },
	{ "logs", "container logs", "[OPTIONS] CONTAINER", "Show the output of a container",
	  "  onggi logs -f --tail 20 web\n", { SET(logs_opts) }, 1, 1, CMD_SPARE_STORES, cmd_logs, "container" },
	{ "manifest add", NULL, "[OPTIONS] LIST IMAGE [IMAGE...]", "Add images to a list",
	  "  onggi manifest add app:1 registry.example.com/app:1-arm64\n  onggi manifest add app:1 containers-storage:app:dev\n",
	  { { manifest_add_rows, MANIFEST_ADD_ROWS_N } }, 2, -1, CMD_RAW_ARGS, cmd_manifest_add, "manifest" },
	{ "manifest annotate", NULL, "[OPTIONS] LIST MANIFEST", "Change what a list says of one image",
	  "  onggi manifest annotate --variant v8 app:1 registry.example.com/app:1-arm64\n",
	  { SET(manifest_annotate_opts) }, 1, 2, 0, cmd_manifest_annotate, "manifest" },
	{ "manifest create", NULL, "[OPTIONS] LIST [IMAGE...]", "Begin a list of images for several platforms",
	  "  onggi manifest create registry.example.com/app:1 registry.example.com/app:1-amd64 registry.example.com/app:1-arm64\n",
	  { { manifest_create_rows, MANIFEST_CREATE_ROWS_N } }, 1, -1, CMD_RAW_ARGS, cmd_manifest_create, NULL },
	{ "manifest exists", NULL, "LIST", "Whether there is a list of this name: exit status 0 or 1", NULL, { { NULL, 0 } },
	  1, 1, CMD_EXIT_125, cmd_manifest_exists, "manifest" },
	{ "manifest inspect", NULL, "[OPTIONS] [LIST] MANIFEST", "Show a list that is here, or what a registry has",
	  "  onggi manifest inspect registry.example.com/app:1\n  onggi manifest inspect -v app:1\n",
	  { { manifest_inspect_rows, MANIFEST_INSPECT_ROWS_N } }, 1, 2, CMD_RAW_ARGS, cmd_manifest_inspect, "manifest" },
	{ "manifest ls", "manifest list", "[OPTIONS]", "Show the lists that are here", NULL, { SET(list_opts) }, 0, 0, 0,
	  cmd_manifest_ls, NULL },
	{ "manifest push", NULL, "[OPTIONS] LIST [DESTINATION]", "Send a list and its images to a registry or to files",
	  "  onggi manifest push --purge registry.example.com/app:1\n  onggi manifest push --format v2s2 app:1 registry.example.com/app:1\n"
	  "  onggi manifest push app:1 oci:/srv/layout:app\n",
	  { { manifest_push_rows, MANIFEST_PUSH_ROWS_N } }, 1, 2, CMD_RAW_ARGS, cmd_manifest_push, "manifest" },
	{ "manifest remove", NULL, "LIST MANIFEST", "Take an image out of a list", NULL, { { NULL, 0 } }, 2, 2, 0,
	  cmd_manifest_remove, "manifest" },
	{ "manifest rm", NULL, "[OPTIONS] LIST [LIST...]", "Remove lists; images stay", NULL, { SET(ignore_opts) }, 1, -1, 0,
	  cmd_manifest_rm, "manifest" },
	{ "network create", NULL, "[OPTIONS] NETWORK", "Make a network", NULL, { SET(network_create_opts) }, 1, 1, 0,
	  cmd_network_create, NULL },
	{ "network inspect", NULL, "[OPTIONS] NETWORK [NETWORK...]", "Show networks in detail", NULL,
	  { SET(inspect_one_opts) }, 1, -1, 0, cmd_network_inspect, "network" },
	{ "network ls", "network list", "[OPTIONS]", "List networks", NULL, { SET(list_opts), SET(filter_opts) }, 0, 0,
	  0, cmd_network_ls, NULL },
	{ "network prune", NULL, "[OPTIONS]", "Remove unused networks", NULL, { SET(prune_plain_opts) }, 0, 0, 0,
	  cmd_network_prune, NULL },
	{ "network rm", "network remove", "[OPTIONS] NETWORK [NETWORK...]", "Remove networks", NULL,
	  { SET(force_opts) }, 1, -1, 0, cmd_network_rm, "network" },
	{ "pause", "container pause", "CONTAINER [CONTAINER...]", "Freeze all processes of containers", NULL,
	  { { NULL, 0 } }, 1, -1, CMD_SPARE_STORES, cmd_pause, "container" },
	{ "port", "container port", "CONTAINER [PRIVATE_PORT[/PROTO]]", "Show published ports", NULL, { { NULL, 0 } },
	  1, 2, CMD_SPARE_STORES, cmd_port, "container" },
	{ "ps", "container ls,container list,container ps", "[OPTIONS]", "List containers",
	  "  onggi ps -a\n  onggi ps --filter status=exited -q\n  onggi ps --format 'table {{.Names}}\\t{{.Status}}'\n",
	  { SET(list_opts), SET(ps_opts) }, 0, 0, CMD_SPARE_STORES, cmd_ps, NULL },
	{ "pull", "image pull", "[OPTIONS] NAME[:TAG|@DIGEST]|TRANSPORT:PLACE",
	  "Fetch an image from a registry, or from oci:, oci-archive:, docker-archive:, dir:",
	  "  onggi pull nginx\n  onggi pull localhost:5000/team/app:1.2\n  onggi pull oci-archive:app.tar\n", { { pull_rows, PULL_ROWS_N } }, 1, 1, CMD_RAW_ARGS,
	  cmd_pull, NULL },
	{ "push", "image push", "[OPTIONS] IMAGE [TARGET]",
	  "Send an image to a registry, or to oci:, oci-archive:, docker-archive:, dir:",
	  "  onggi tag app localhost:5000/team/app:1.2\n  onggi push localhost:5000/team/app:1.2\n"
	  "  onggi push app docker://localhost:5000/team/app:1.2\n  onggi push app oci:/srv/images:app-1.2\n",
	  { { push_rows, PUSH_ROWS_N } }, 1, 2, CMD_RAW_ARGS, cmd_push, "image" },
	{ "registry copy", "image copy", "[OPTIONS] SOURCE[:TAG|@DIGEST] TARGET[:TAG]",
	  "Copy an image between registries, OCI layouts (oci:DIR:REF), archives (oci-archive:FILE:REF, "
	  "docker-archive:FILE:NAME) and folders (dir:DIR)",
	  "  onggi registry copy nginx:1.27 localhost:5000/mirror/nginx\n"
	  "  onggi registry copy nginx:1.27 oci:/srv/images:nginx-1.27\n"
	  "  onggi registry copy docker-archive:app.tar.gz localhost:5000/app:1.2\n"
	  "  onggi registry copy -a -r team.example.com/app other.example.com/app\n",
	  { { registry_copy_rows, REGISTRY_COPY_ROWS_N } }, 2, 2, CMD_RAW_ARGS, cmd_registry_copy, NULL },
	{ "registry gc", NULL, "[OPTIONS]", "Remove what nobody names any more from the folder of `onggi registry serve`",
	  "  onggi registry gc --root /srv/registry --dry-run\n  onggi registry gc --root /srv/registry --untagged --keep 168h\n",
	  { { registry_gc_rows, REGISTRY_GC_ROWS_N } }, 0, 0, CMD_RAW_ARGS, cmd_registry_gc, NULL },
	{ "registry ls", "registry list", "[OPTIONS] HOST[:PORT]", "List the repositories of a registry", NULL, { { registry_rows, REGISTRY_ROWS_N } }, 1, 1,
	  CMD_RAW_ARGS, cmd_registry_ls, NULL },
	{ "registry referrers", NULL, "[OPTIONS] NAME[:TAG|@DIGEST]",
	  "List what refers to an image: signatures, SBOMs, attestations", NULL,
	  { { registry_referrers_rows, REGISTRY_REFERRERS_ROWS_N } }, 1, 1, CMD_RAW_ARGS, cmd_registry_referrers, NULL },
	{ "registry rm", "registry remove", "[OPTIONS] NAME:TAG|NAME@DIGEST [...]", "Delete tags or manifests from a registry",
	  "  onggi registry rm localhost:5000/app@sha256:4bc...\n", { { registry_rows, REGISTRY_ROWS_N } }, 1, -1, CMD_RAW_ARGS, cmd_registry_rm,
	  NULL },
	{ "registry serve", NULL, "[OPTIONS]", "Be a registry: keep what others push, give it to whoever pulls",
	  "  onggi registry serve --root /srv/registry\n"
	  "  onggi registry serve --listen '[::]:5000' --allow-delete\n"
	  "  onggi registry serve --listen :443 --tls-cert host.crt --tls-key host.key --htpasswd users\n"
	  "  onggi registry serve --proxy docker.io --root /srv/hub --proxy-ttl 168h --proxy-size 50g\n",
	  { { registry_serve_rows, REGISTRY_SERVE_ROWS_N } }, 0, 0, CMD_RAW_ARGS, cmd_registry_serve, NULL },
	{ "registry sync", NULL, "[OPTIONS] --src KIND --dest KIND SOURCE TARGET",
	  "Copy all images of a repository or of a tree of folders",
	  "  onggi registry sync --src docker --dest dir --scoped registry.example.com/busybox /media/usb\n"
	  "  onggi registry sync --src dir --dest docker /media/usb localhost:5000/mirror\n"
	  "  onggi registry sync --src yaml --dest docker mirrors.yml localhost:5000/mirror\n",
	  { { registry_sync_rows, REGISTRY_SYNC_ROWS_N } }, 2, 2, CMD_RAW_ARGS, cmd_registry_sync, NULL },
	{ "registry tags", NULL, "[OPTIONS] NAME", "List the tags of a repository", NULL, { { registry_rows, REGISTRY_ROWS_N } }, 1, 1, CMD_RAW_ARGS,
	  cmd_registry_tags, NULL },
	{ "rename", "container rename", "CONTAINER NEW_NAME", "Rename a container", NULL, { { NULL, 0 } }, 2, 2, 0,
	  cmd_rename, "container" },
	{ "restart", "container restart", "[OPTIONS] CONTAINER [CONTAINER...]", "Stop and start containers", NULL,
	  { SET(stop_opts) }, 1, -1, CMD_SPARE_STORES, cmd_restart, "container" },
	{ "rm", "container rm,container remove", "[OPTIONS] CONTAINER [CONTAINER...]", "Remove containers", NULL,
	  { SET(rm_opts) }, 1, -1, CMD_SPARE_STORES, cmd_rm, "container" },
	{ "rmi", "image rm,image remove", "[OPTIONS] IMAGE [IMAGE...]", "Remove images", NULL, { SET(rmi_opts) }, 1, -1,
	  CMD_OR_ALL, cmd_rmi, "image" },
	{ "run", "container run", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Run a command in a new container",
	  "  onggi run -it --rm base\n  onggi run -d --name web -p 8080:80 -v site:/usr/share/nginx/html nginx\n"
	  "  onggi run --rm -m 64m --cpus 0.5 --read-only base echo hello\n",
	  { RUN_SET, ENV_SET, SET(run_opts) }, 1, -1, CMD_STOP_AT_ARG | CMD_EXIT_125, cmd_run, "image" },
	{ "save", "image save", "[OPTIONS] IMAGE [IMAGE...]", "Write images to an archive or folder",
	  "  onggi save -o nginx.tar nginx\n  onggi save --format oci-dir -o images nginx\n",
	  { { save_rows, SAVE_ROWS_N } }, 1, -1, CMD_RAW_ARGS, cmd_save, "image" },
	{ "search", NULL, "[OPTIONS] TERM", "Search a registry for images",
	  "  onggi search --filter is-official=true nginx\n  onggi search registry.example.com/nginx\n",
	  { { search_rows, SEARCH_ROWS_N } }, 1, 1, CMD_RAW_ARGS, cmd_search, NULL },
	{ "start", "container start", "[OPTIONS] CONTAINER [CONTAINER...]", "Start containers", NULL, { SET(start_opts) },
	  1, -1, CMD_SPARE_STORES, cmd_start, "container" },
	{ "stats", "container stats", "[OPTIONS] [CONTAINER...]", "Show use of CPU, memory, network and disk", NULL,
	  { SET(stats_opts) }, 0, -1, CMD_SPARE_STORES, cmd_stats, "container" },
	{ "stop", "container stop", "[OPTIONS] CONTAINER [CONTAINER...]", "Stop containers", NULL, { SET(stop_opts) }, 1, -1,
	  CMD_SPARE_STORES, cmd_stop, "container" },
	{ "storage dedupe", NULL, "[OPTIONS]", "Let files of layers with the same content share their blocks (btrfs, xfs)",
	  "  onggi storage dedupe --min-size 1m\n", { { storage_dedupe_rows, STORAGE_DEDUPE_ROWS_N } }, 0, 0, CMD_RAW_ARGS,
	  cmd_storage_dedupe, NULL },
	{ "storage migrate", NULL, "--to DRIVER", "Make all images ready for another storage driver",
	  "  onggi storage migrate --to erofs\n", { { storage_migrate_rows, STORAGE_MIGRATE_ROWS_N } }, 0, 0, CMD_RAW_ARGS,
	  cmd_storage_migrate, NULL },
	{ "system check", NULL, "[OPTIONS]", "Check images, layers and references for damage",
	  "  onggi system check\n  onggi system check --quick\n  onggi system check --repair\n", { SET(check_opts) }, 0, 0, 0,
	  cmd_check, NULL },
	{ "system df", NULL, "[OPTIONS]", "Show use of the disk", NULL, { SET(df_opts) }, 0, 0, 0, cmd_df, "onggi system df -v" },
	{ "system prune", NULL, "[OPTIONS]", "Remove unused containers, networks and images", NULL,
	  { SET(prune_opts), SET(volumes_opt) }, 0, 0, 0, cmd_system_prune, NULL },
	{ "system sweep", NULL, "", "Undo or complete what killed commands left half-made", NULL, { { NULL, 0 } }, 0, 0, 0,
	  cmd_sweep, NULL },
	{ "tag", "image tag", "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", "Give an image one more name", NULL, { { NULL, 0 } },
	  2, 2, 0, cmd_tag, "image" },
	{ "top", "container top", "CONTAINER [ps OPTIONS]", "Show the processes of a container", NULL, { { NULL, 0 } }, 1, -1,
	  CMD_STOP_AT_ARG | CMD_SPARE_STORES, cmd_top, "container" },
	{ "unpause", "container unpause", "CONTAINER [CONTAINER...]", "Let frozen containers go on", NULL, { { NULL, 0 } }, 1,
	  -1, CMD_SPARE_STORES, cmd_unpause, "container" },
	{ "untag", "image untag", "IMAGE [NAME...]", "Take names away from an image, which stays",
	  "  onggi untag nginx\n  onggi untag app:2 app:latest\n", { { NULL, 0 } }, 1, -1, 0, cmd_untag, "image" },
	{ "update", "container update", "[OPTIONS] CONTAINER [CONTAINER...]", "Change limits of containers", NULL,
	  { { update_fields, UPDATE_FIELDS_N } }, 1, -1, 0, cmd_update, "container" },
	{ "version", NULL, "[OPTIONS]", "Show versions", NULL, { SET(format_opts) }, 0, 0, 0, cmd_version, NULL },
	{ "volume create", NULL, "[OPTIONS] [VOLUME]", "Make a volume",
	  "  onggi volume create data\n  onggi volume create -o size=10G data\n", { SET(volume_create_opts) }, 0, 1, 0,
	  cmd_volume_create, NULL },
	{ "volume exists", NULL, "VOLUME", "Whether there is such a volume: exit status 0 or 1", NULL, { { NULL, 0 } }, 1, 1,
	  CMD_EXIT_125, cmd_volume_exists, "volume" },
	{ "volume export", NULL, "[OPTIONS] VOLUME", "Write the content of a volume as a tar archive",
	  "  onggi volume export -o site.tar site\n", { SET(output_opts) }, 1, 1, 0, cmd_volume_export, "volume" },
	{ "volume import", NULL, "VOLUME FILE|-", "Unpack a tar archive into a volume",
	  "  onggi volume export site | onggi volume import copy -\n", { { NULL, 0 } }, 2, 2, 0, cmd_volume_import, "volume" },
	{ "volume inspect", NULL, "[OPTIONS] VOLUME [VOLUME...]", "Show volumes in detail", NULL, { SET(inspect_one_opts) }, 1,
	  -1, 0, cmd_volume_inspect, "volume" },
	{ "volume ls", "volume list", "[OPTIONS]", "List volumes", NULL, { SET(list_opts), SET(filter_opts) }, 0, 0, 0,
	  cmd_volume_ls, NULL },
	{ "volume prune", NULL, "[OPTIONS]", "Remove unused volumes", NULL, { SET(prune_opts) }, 0, 0, 0, cmd_volume_prune,
	  NULL },
	{ "volume rm", "volume remove", "[OPTIONS] VOLUME [VOLUME...]", "Remove volumes", NULL, { SET(force_opts), SET(all_volumes_opt) }, 1, -1, CMD_OR_ALL,
	  cmd_volume_rm, "volume" },
	{ "wait", "container wait", "CONTAINER [CONTAINER...]", "Wait until containers stop, print their exit codes", NULL,
	  { { NULL, 0 } }, 1, -1, CMD_SPARE_STORES, cmd_wait, "container" },
};
const size_t command_count = ARRAY_LEN(command_table);
