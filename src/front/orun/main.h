/* SPDX-License-Identifier: Apache-2.0
 *
 * The runtime's command line as one function, for the program that is both onggi and orun.
 */
#ifndef ONGGI_FRONT_ORUN_MAIN_H
#define ONGGI_FRONT_ORUN_MAIN_H

/** orun_main - the whole command: exit code. */
int orun_main(int argc, char **argv);

#endif
