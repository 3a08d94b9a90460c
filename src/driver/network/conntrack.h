/* SPDX-License-Identifier: Apache-2.0
 *
 * Connection tracking remembers where a flow went before a port was published or taken away. TCP
 * notices, UDP peers that go on sending would never reach the right place.
 */
#ifndef ONGGI_DRIVER_NETWORK_CONNTRACK_H
#define ONGGI_DRIVER_NETWORK_CONNTRACK_H

#include "driver/network/network_int.h"

/** conntrack_forget_ports - drop the entries of the UDP ports of @p. Best effort: an entry that
 * stays dies by itself. */
void conntrack_forget_ports(int nlfd, const struct net_plan *p);

#endif
