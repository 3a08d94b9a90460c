/* SPDX-License-Identifier: Apache-2.0
 *
 * Flags of `onggi manifest` that both programs read: what is to be changed of an entry.
 */
#ifndef ONGGI_FRONT_CLI_MANIFEST_FLAGS_H
#define ONGGI_FRONT_CLI_MANIFEST_FLAGS_H

#include "front/cli/opt.h"
#include "spec/manifest_list.h"
#include "spec/reference.h"

#define MANIFEST_EDIT_ROWS                                                          \
	LIST("annotation", 0, "Annotation (key=value)"),                            \
	STR("arch", 0, "Architecture"),                                             \
	LIST("features", 0, "Features that the image wants of a CPU"),              \
	STR("os", 0, "Operating system"),                                           \
	LIST("os-features", 0, "Features that the image wants of the system"),      \
	STR("os-version", 0, "Version of the operating system"),                    \
	STR("variant", 0, "Variant of the architecture")
enum { MANIFEST_EDIT_ROWS_N = 7 };

/* What the flags say, with what it owns. */
struct manifest_flags {
	struct manifest_edit edit;
	json_t *os_features, *features;
};
/** manifest_flags_read - strings are borrowed from @req; end with manifest_flags_done, also after an error. */
int manifest_flags_read(const json_t *req, struct manifest_flags *ret, struct err *e);
void manifest_flags_done(struct manifest_flags *f);

/** manifest_name - the canonical name of a list; E_INVALID for one with a digest. */
int manifest_name(const char *name, char ret[REFERENCE_TEXT_MAX], struct err *e);
/** manifest_member_name - a member as the list knows it (manifest_list_find): of a digest or NAME@DIGEST the digest, of
 * the name by which it was added the canonical form. */
int manifest_member_name(const char *text, char ret[REFERENCE_TEXT_MAX], struct err *e);

#endif
