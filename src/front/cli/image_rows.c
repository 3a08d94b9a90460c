/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the commands of onggi-image, see image_rows.h.
 */
#include "front/cli/image_rows.h"

#include "front/cli/manifest_flags.h"
#include "front/cli/opt_rows.h"

const struct opt pull_rows[PULL_ROWS_N] = {
	BOOL("all-tags", 'a', "Pull every tag of the repository"),
	{ "disable-content-trust", 0, OPT_BOOL, OPT_HIDDEN, "@disable-content-trust", NULL, "", NULL, NULL },
	STR("platform", 0, "Platform of the image (os/arch[/variant])"),
	BOOL("quiet", 'q', "Print only the name"),
};
const struct opt load_rows[LOAD_ROWS_N] = {
	{ "input", 'i', OPT_STRING, 0, "@input", NULL, "Read from this file or folder, not from standard input", NULL, "file" },
	STR("platform", 0, "Load only this platform"),
	BOOL("quiet", 'q', "Do not show progress"),
};
#define AUTHFILE { "authfile", 0, OPT_STRING, 0, "@authfile", NULL, "File of the credentials (default: docker's config.json)", NULL, "file" }

const struct opt login_rows[LOGIN_ROWS_N] = {
	AUTHFILE,
	STR("password", 'p', "Password (seen by others in the process list)"),
	BOOL("password-stdin", 0, "Take the password from standard input"),
	STR("username", 'u', "User name"),
};
const struct opt logout_rows[LOGOUT_ROWS_N] = {
	BOOL("all", 'a', "Forget the credentials of all registries"),
	AUTHFILE,
};
const struct opt push_rows[PUSH_ROWS_N] = {
	BOOL("all-tags", 'a', "Push every tag of the repository"),
	STR("compression-format", 0, "How to compress layers that are plain here: gzip (default) or zstd"),
	INT("compression-level", 0, "1 to 9 (gzip) or 19 (zstd), default 3"),
	{ "disable-content-trust", 0, OPT_BOOL, OPT_HIDDEN, "@disable-content-trust", NULL, "", NULL, NULL },
	BOOL("force-compression", 0, "Compress layers anew that have another format"),
	STR("platform", 0, "Push only this platform of the image"),
	BOOL("quiet", 'q', "Print only the name"),
};
const struct opt save_rows[SAVE_ROWS_N] = {
	STR("format", 0, "Form: docker-archive, docker-dir, oci-archive or oci-dir (default: an archive that is both)"),
	BOOL("multi-image-archive", 'm', "Every argument is an image (docker-archive; always so here)"),
	{ "output", 'o', OPT_STRING, 0, "@output", NULL, "Write to this file or folder, not to standard output", NULL, "file" },
	STR("platform", 0, "Save only this platform"),
	BOOL("quiet", 'q', "Print nothing (nothing is printed in any case)"),
	BOOL("uncompressed", 0, "Accept layers that are plain (oci-archive, oci-dir; always so here)"),
};
const struct opt registry_copy_rows[REGISTRY_COPY_ROWS_N] = {
	BOOL("all", 0, "Copy the whole index or nothing, also where one image is meant (docker-archive:)"),
	BOOL("all-tags", 'a', "Copy every tag of the repository"),
	STR("platform", 0, "Copy only this platform of the image"),
	BOOL("preserve-digests", 0, "Refuse a target that gives the image another digest (docker-archive:)"),
	BOOL("quiet", 'q', "Print only the digest"),
	BOOL("referrers", 'r', "Copy signatures and whatever else refers to the image, too"),
};
const struct opt registry_referrers_rows[REGISTRY_REFERRERS_ROWS_N] = {
	STR("artifact-type", 0, "Only those of this type"),
	BOOL("json", 0, "Print the index as JSON"),
};
const struct opt registry_serve_rows[REGISTRY_SERVE_ROWS_N] = {
	BOOL("allow-delete", 0, "Tags, manifests and blobs can be deleted"),
	INT("connections", 0, "At most so many at a time, more wait (default 512)"),
	STR("listen", 'l', "Address and port; port 0 takes a free one (default 127.0.0.1:5000)"),
	STR("proxy", 0, "Be a pull-through cache of this registry (HOST[:PORT])"),
	BOOL("quiet", 'q', "No line per request on standard error"),
	BOOL("read-only", 0, "Nothing can be pushed or deleted"),
	{ "root", 0, OPT_STRING, 0, "@root", NULL, "Folder of the registry (default /var/lib/onggi-registry)", NULL, "file" },
	INT("upload-hours", 0, "Remove uploads that nobody goes on with after so many hours (default 168)"),
};
const struct opt registry_sync_rows[REGISTRY_SYNC_ROWS_N] = {
	BOOL("all", 'a', "Copy indexes as a whole, not the image for this machine"),
	STR("append-suffix", 0, "Append this to every name at the target"),
	STR("dest", 'd', "Kind of the target: docker or dir"),
	BOOL("dry-run", 0, "Only tell what would be copied"),
	BOOL("keep-going", 0, "Go on after an image that fails"),
	STR("platform", 0, "Of indexes, copy the image for this platform"),
	BOOL("scoped", 0, "Put the whole name of the source into the names at the target"),
	STR("src", 's', "Kind of the source: docker or dir"),
};
const struct opt import_rows[IMPORT_ROWS_N] = {
	LIST("change", 'c', "Apply a Dockerfile instruction to the image"),
	STR("message", 'm', "Comment of the image"),
	STR("platform", 0, "Platform of the image"),
};
const struct opt search_rows[SEARCH_ROWS_N] = {
	{ "filter", 'f', OPT_LIST, 0, "@filter", "filter", "Show only what fits (is-official=true, is-automated=true, stars=3)", NULL, NULL },
	STR("format", 0, "Print by a Go template, as \"table\" or \"json\""),
	BOOL("json", 0, "Print one JSON array"),
	INT("limit", 0, "At most so many results, 1 to 100 (default 25)"),
	BOOL("no-trunc", 0, "Do not shorten"),
};

const struct opt storage_migrate_rows[STORAGE_MIGRATE_ROWS_N] = {
	BOOL("json", 0, "Print one JSON document at the end"),
	STR("to", 0, "Storage driver that the images are made ready for"),
};

/* podman's and docker's words for the same thing */
#define REGISTRY_ROWS                                                                                      \
	AUTHFILE,                                                                                          \
	REFUSED("cert-dir", "certificates are read from certs.d, see docs/registries.md"),                 \
	REFUSED("creds", "log in with onggi login, or name a file with --authfile"),                       \
	BOOL("insecure", 0, "Any certificate will do, and plain http"),                                    \
	{ "tls-verify", 0, OPT_BOOL, 0, "@tls-verify", NULL, "Verify certificates (default true)", NULL, NULL }

const struct opt manifest_create_rows[MANIFEST_CREATE_ROWS_N] = {
	BOOL("all", 0, "Of an image that is itself an index, take every platform"),
	BOOL("amend", 'a', "Add to the list if there is one of this name"),
	LIST("annotation", 0, "Annotation of the list (key=value)"),
	REGISTRY_ROWS,
};
const struct opt manifest_add_rows[MANIFEST_ADD_ROWS_N] = {
	BOOL("all", 0, "Of an image that is itself an index, take every platform"),
	MANIFEST_EDIT_ROWS,
	REGISTRY_ROWS,
};
const struct opt manifest_inspect_rows[MANIFEST_INSPECT_ROWS_N] = {
	REGISTRY_ROWS,
	BOOL("verbose", 'v', "Show the manifests that it names, too"),
};
const struct opt manifest_push_rows[MANIFEST_PUSH_ROWS_N] = {
	{ "all", 0, OPT_BOOL, 0, "@all", NULL, "Push the members, too (default true)", NULL, NULL },
	STR("compression-format", 0, "How to compress layers that are plain here: gzip (default) or zstd"),
	INT("compression-level", 0, "1 to 9 (gzip) or 19 (zstd), default 3"),
	{ "digestfile", 0, OPT_STRING, 0, "@digestfile", NULL, "Write the digest of the list to this file", NULL, "file" },
	BOOL("force-compression", 0, "Compress layers of members from the store anew that have another format"),
	STR("format", 'f', "Form of the list: oci or v2s2"),
	BOOL("purge", 'p', "Remove the list after the push"),
	BOOL("quiet", 'q', "Print only the digest"),
	REGISTRY_ROWS,
	BOOL("rm", 0, "As --purge"),
	{ "remove-signatures", 0, OPT_BOOL, OPT_HIDDEN, "@remove-signatures", NULL, "", NULL, NULL },
};
