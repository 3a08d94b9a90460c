/* SPDX-License-Identifier: Apache-2.0
 *
 * Short forms for rows whose value only the command itself uses (path "@NAME"), see opt.h.
 */
#ifndef ONGGI_FRONT_CLI_OPT_ROWS_H
#define ONGGI_FRONT_CLI_OPT_ROWS_H

#include "base/own.h"
#include "front/cli/opt.h"

#define BOOL(name, letter, help) { name, letter, OPT_BOOL, 0, "@" name, NULL, help, NULL, NULL }
#define STR(name, letter, help) { name, letter, OPT_STRING, 0, "@" name, NULL, help, NULL, NULL }
#define INT(name, letter, help) { name, letter, OPT_INT, 0, "@" name, NULL, help, NULL, NULL }
#define LIST(name, letter, help) { name, letter, OPT_LIST, 0, "@" name, NULL, help, NULL, NULL }
#define MAP(name, letter, help) { name, letter, OPT_MAP, 0, "@" name, NULL, help, NULL, NULL }
#define FILTER(letter) { "filter", letter, OPT_LIST, 0, "@filter", "filter", "Show only what fits (name=value)", NULL, NULL }
#define REFUSED(name, why) { name, 0, OPT_REFUSED, 0, "", NULL, why, NULL, NULL }
#define DETACH_KEYS STR("detach-keys", 0, "Keys that detach (default ctrl-p,ctrl-q)")
#define SIG_PROXY { "sig-proxy", 0, OPT_BOOL, 0, "@sig-proxy", NULL, "Pass signals on to the process (default true)", NULL, NULL }
#define SET(rows) { rows, ARRAY_LEN(rows) }

#endif
