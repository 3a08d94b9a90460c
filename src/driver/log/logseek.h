/* SPDX-License-Identifier: Apache-2.0
 *
 * Where in a log to start reading: the part of the reader that looks back or searches.
 */
#ifndef ONGGI_DRIVER_LOG_LOGSEEK_H
#define ONGGI_DRIVER_LOG_LOGSEEK_H

#include "driver/log/logread.h"

/** log_seek - set @r->at and @r->pos to the later of the places that tail and since ask for. */
int log_seek(struct log_reader *r, const struct log_read_from *from, struct err *e);

#endif
