/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers before their image is whole: a layer whose blob has a table of contents that the manifest vouches for
 * is shown by a process of ours (FUSE), which fetches what is read and brings the rest in the background.
 * See store/lazy.h for what is on the disk, docs/adr/0021 for the why.
 *
 *   plan.c    which layers may come late             tree.c, settle.c  a layer as a tree
 *   fetch.c   tables of contents from the registry   chunks.c          verified content
 *   record.c  the image that is on its way           fuse.c            protocol
 *   serve.c   the process: start, mount, threads     work.c            the pull behind it, and the end
 */
#ifndef ONGGI_REGISTRY_LAZY_LAZY_H
#define ONGGI_REGISTRY_LAZY_LAZY_H

#include "base/err.h"
#include "store/store.h"

struct pull;

/** lazy_plan - find out which layers of the image may come late: sets p->n_first (the others are pulled now) and p->toc.
 * What cannot come late, and why, is a note; an error only where nothing goes on. */
int lazy_plan(struct pull *p, struct err *e);
/** lazy_register - the image is on its way: write its record and start the process. The lease holds still. 1: it has
 * become whole meanwhile, and can be registered as any other. */
int lazy_register(struct pull *p, struct err *e);
/** lazy_serve - have a process show the layers of @image_id that are not here; 0 when one does. */
int lazy_serve(const struct store *s, const char *image_id, struct err *e);

#endif
