/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the commands of onggi-image, see image_rows.h.
 */
#include "front/cli/image_rows.h"

#include "front/cli/manifest_flags.h"
#include "front/cli/opt_rows.h"

#define AUTHFILE { "authfile", 0, OPT_STRING, 0, "@authfile", NULL, "File of the credentials, instead of those that are looked for", NULL, "file" }
#define CERT_DIR { "cert-dir", 0, OPT_STRING, 0, "@cert-dir", NULL, "Folder of certificates and keys, instead of certs.d", NULL, "file" }
#define TLS_VERIFY { "tls-verify", 0, OPT_BOOL, 0, "@tls-verify", NULL, "Verify certificates (false: any will do, and plain http)", NULL, NULL }

/* podman's and docker's words for the same thing */
#define REGISTRY_ROWS                                                                                      \
	AUTHFILE,                                                                                          \
	CERT_DIR,                                                                                          \
	STR("creds", 0, "USER:PASSWORD of this command; what is missing is asked for"),                    \
	BOOL("insecure", 0, "Any certificate will do, and plain http"),                                    \
	INT("retry", 0, "How often to try again"),                                                         \
	STR("retry-delay", 0, "How long to wait before that, such as 2s; it doubles each time"),           \
	TLS_VERIFY

/* of one of two registries, skopeo's words */
#define SIDE_ROWS(side, of)                                                                                                     \
	{ side "authfile", 0, OPT_STRING, 0, "@" side "authfile", NULL, "File of the credentials of the " of, NULL, "file" },     \
	{ side "cert-dir", 0, OPT_STRING, 0, "@" side "cert-dir", NULL, "Folder of certificates and keys for the " of, NULL, "file" }, \
	STR(side "creds", 0, "USER:PASSWORD at the " of),                                                                         \
	BOOL(side "no-creds", 0, "No credentials at the " of),                                                                    \
	{ side "tls-verify", 0, OPT_BOOL, 0, "@" side "tls-verify", NULL, "Verify certificates of the " of, NULL, NULL }

#define TWO_SIDES_ROWS                                                                                     \
	SIDE_ROWS("src-", "source"),                                                                       \
	SIDE_ROWS("dest-", "target"),                                                                      \
	REGISTRY_ROWS,                                                                                     \
	{ "retry-times", 0, OPT_INT, OPT_HIDDEN, "@retry", NULL, "", NULL, NULL }

const struct opt registry_rows[REGISTRY_ROWS_N] = { REGISTRY_ROWS };
const struct opt pull_rows[PULL_ROWS_N] = {
	BOOL("all-tags", 'a', "Pull every tag of the repository"),
	STR("arch", 0, "Architecture of the image"),
	{ "disable-content-trust", 0, OPT_BOOL, OPT_HIDDEN, "@disable-content-trust", NULL, "", NULL, NULL },
	STR("os", 0, "Operating system of the image"),
	STR("platform", 0, "Platform of the image (os/arch[/variant])"),
	BOOL("quiet", 'q', "Print only the name"),
	REGISTRY_ROWS,
	STR("variant", 0, "Variant of the architecture"),
};
const struct opt load_rows[LOAD_ROWS_N] = {
	{ "input", 'i', OPT_STRING, 0, "@input", NULL, "Read from this file or folder, not from standard input", NULL, "file" },
	STR("platform", 0, "Load only this platform"),
	BOOL("quiet", 'q', "Do not show progress"),
};
const struct opt login_rows[LOGIN_ROWS_N] = {
	AUTHFILE,
	CERT_DIR,
	BOOL("get-login", 0, "Print who is logged in there, and change nothing"),
	STR("password", 'p', "Password (seen by others in the process list)"),
	BOOL("password-stdin", 0, "Take the password from standard input"),
	TLS_VERIFY,
	STR("username", 'u', "User name"),
};
const struct opt logout_rows[LOGOUT_ROWS_N] = {
	BOOL("all", 'a', "Forget the credentials of all registries"),
	AUTHFILE,
};
const struct opt push_rows[PUSH_ROWS_N] = {
	BOOL("all-tags", 'a', "Push every tag of the repository"),
	BOOL("compress", 0, "To dir: compress layers that are plain here (registries always get them so)"),
	STR("compression-format", 0, "How to compress layers that are plain here: gzip (default), zstd or zstd:chunked"),
	INT("compression-level", 0, "1 to 9 (gzip) or 19 (zstd), default 3"),
	{ "digestfile", 0, OPT_STRING, 0, "@digestfile", NULL, "Write the digest to this file", NULL, "file" },
	{ "disable-content-trust", 0, OPT_BOOL, OPT_HIDDEN, "@disable-content-trust", NULL, "", NULL, NULL },
	BOOL("force-compression", 0, "Compress layers anew that have another format"),
	STR("platform", 0, "Push only this platform of the image"),
	BOOL("quiet", 'q', "Print only the name"),
	REGISTRY_ROWS,
};
const struct opt save_rows[SAVE_ROWS_N] = {
	BOOL("compress", 0, "Compress layers that are plain here (docker-dir)"),
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
	STR("format", 'f', "Form of the manifests at the target: oci or v2s2 (default: as they are)"),
	STR("platform", 0, "Copy only this platform of the image"),
	BOOL("preserve-digests", 0, "Refuse whatever gives the image another digest"),
	BOOL("quiet", 'q', "Print only the digest"),
	BOOL("referrers", 'r', "Copy signatures and whatever else refers to the image, too"),
	TWO_SIDES_ROWS,
};
const struct opt registry_referrers_rows[REGISTRY_REFERRERS_ROWS_N] = {
	STR("artifact-type", 0, "Only those of this type"),
	BOOL("json", 0, "Print the index as JSON"),
	REGISTRY_ROWS,
};
const struct opt registry_gc_rows[REGISTRY_GC_ROWS_N] = {
	BOOL("dry-run", 0, "Only tell what would be removed"),
	STR("keep", 0, "Keep what was pushed or asked for in this time, e.g. 1h (default 24h)"),
	BOOL("quiet", 'q', "Print only the sum"),
	{ "root", 0, OPT_STRING, 0, "@root", NULL, "Folder of the registry (default /var/lib/onggi-registry)", NULL, "file" },
	BOOL("untagged", 'm', "Also manifests that no tag leads to"),
};
const struct opt registry_serve_rows[REGISTRY_SERVE_ROWS_N] = {
	BOOL("allow-delete", 0, "Tags, manifests and blobs can be deleted"),
	{ "authfile", 0, OPT_STRING, 0, "@authfile", NULL, "With --proxy: file of the credentials for upstream", NULL, "file" },
	INT("connections", 0, "At most so many at a time, more wait (default 512)"),
	{ "htpasswd", 0, OPT_STRING, 0, "@htpasswd", NULL, "Ask for user and password, by this file of htpasswd -B", NULL, "file" },
	STR("listen", 'l', "Address and port; port 0 takes a free one (default 127.0.0.1:5000)"),
	STR("proxy", 0, "Be a pull-through cache of this registry (HOST[:PORT])"),
	{ "proxy-size", 0, OPT_BYTES, 0, "@proxy-size", NULL, "With --proxy: keep at most so much, e.g. 50g; what was not asked for for longest goes", NULL, NULL },
	STR("proxy-ttl", 0, "With --proxy: remove what nobody has asked for in this time, e.g. 168h"),
	BOOL("quiet", 'q', "No line per request on standard error"),
	BOOL("read-only", 0, "Nothing can be pushed or deleted"),
	{ "root", 0, OPT_STRING, 0, "@root", NULL, "Folder of the registry (default /var/lib/onggi-registry)", NULL, "file" },
	{ "tls-cert", 0, OPT_STRING, 0, "@tls-cert", NULL, "Speak https, with this certificate (PEM)", NULL, "file" },
	{ "tls-key", 0, OPT_STRING, 0, "@tls-key", NULL, "Key of the certificate (PEM)", NULL, "file" },
	INT("upload-hours", 0, "Remove uploads that nobody goes on with after so many hours (default 168)"),
};
const struct opt registry_sync_rows[REGISTRY_SYNC_ROWS_N] = {
	BOOL("all", 'a', "Copy indexes as a whole, not the image for this machine"),
	STR("append-suffix", 0, "Append this to every name at the target"),
	STR("dest", 'd', "Kind of the target: docker or dir"),
	BOOL("dry-run", 0, "Only tell what would be copied"),
	STR("format", 'f', "Form of the manifests at the target: oci or v2s2 (default: as they are)"),
	BOOL("keep-going", 0, "Go on after an image that fails"),
	STR("platform", 0, "Of indexes, copy the image for this platform"),
	BOOL("preserve-digests", 0, "Refuse whatever gives an image another digest"),
	BOOL("scoped", 0, "Put the whole name of the source into the names at the target"),
	STR("src", 's', "Kind of the source: docker, dir or yaml"),
	TWO_SIDES_ROWS,
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
	REGISTRY_ROWS,
};

const struct opt storage_dedupe_rows[STORAGE_DEDUPE_ROWS_N] = {
	BOOL("json", 0, "Print one JSON document at the end"),
	{ "min-size", 0, OPT_BYTES, 0, "@min-size", "bytes", "Leave smaller files alone (default 16k)", NULL, NULL },
};
const struct opt storage_migrate_rows[STORAGE_MIGRATE_ROWS_N] = {
	BOOL("json", 0, "Print one JSON document at the end"),
	STR("to", 0, "Storage driver that the images are made ready for"),
};

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
	STR("compression-format", 0, "How to compress layers that are plain here: gzip (default), zstd or zstd:chunked"),
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
