/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON values: the one header through which the tree knows them, so that the library behind it can
 * be replaced.
 */
#ifndef ONGGI_FORMAT_JSON_H
#define ONGGI_FORMAT_JSON_H

#include <jansson.h>

#endif
