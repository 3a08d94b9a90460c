/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals by name and number.
 */
#ifndef ONGGI_SPEC_SIGNAL_H
#define ONGGI_SPEC_SIGNAL_H

/** signal_parse - "TERM", "SIGTERM", either in lower case, "RTMIN+3", "RTMAX-1", or a number from 1
 * to 64. -EINVAL when unknown; "0" too. */
int signal_parse(const char *s);
/** signal_name - "SIGTERM", "SIGRTMIN+3"; NULL when @sig is out of range. Static storage. */
const char *signal_name(int sig);

#endif
