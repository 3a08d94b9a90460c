/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi: the engine and its command line.
 */
#include "front/cli/cli.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
