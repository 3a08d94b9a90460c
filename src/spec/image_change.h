/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes to an image's config in the form of Dockerfile instructions, as `import --change` and
 * `commit --change` take them: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER
 * VOLUME WORKDIR.
 */
#ifndef ONGGI_SPEC_IMAGE_CHANGE_H
#define ONGGI_SPEC_IMAGE_CHANGE_H

#include <stddef.h>

#include "base/err.h"
#include "format/json.h"

/** image_change_apply - carry out @n texts, each of one or more lines, on the "config" object of an
 * image config. E_INVALID in docker's words: "FROM is not a valid change command". */
int image_change_apply(json_t *config, const char *const *changes, size_t n, struct err *e);

#endif
