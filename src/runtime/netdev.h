/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.netDevices: network devices of the host that move into a container.
 */
#ifndef ONGGI_RUNTIME_NETDEV_H
#define ONGGI_RUNTIME_NETDEV_H

#include "spec/bundle.h"

/** netdev_move - move device @d from the caller's network namespace into @xnetns under its new
 * name, keep its permanent global addresses and set it up. The kernel gives hardware back to the
 * host when the namespace ends; a virtual device ends with it. */
int netdev_move(const struct bundle_netdev *d, int xnetns, struct err *e);

#endif
