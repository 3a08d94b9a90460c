/* SPDX-License-Identifier: Apache-2.0
 *
 * orun: OCI runtime, a drop-in for runc. Everything is in src/front/orun.
 */
#include "front/orun/orun.h"

int main(int argc, char **argv)
{
	return orun_main(argc, argv);
}
