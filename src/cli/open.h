/* SPDX-License-Identifier: Apache-2.0
 *
 * How the program opens every file that it reads data from.
 */
#ifndef RNNP_CLI_OPEN_H
#define RNNP_CLI_OPEN_H

#include <stdio.h>

/* Opens a regular file for reading. A FIFO, a device, a socket or a folder is refused, and nothing ever waits for the
 * writer of a FIFO. Returns a descriptor (for gzdopen and the like), or -1 with the reason in *why. */
int cli_open(const char *path, const char **why);

/* The same as a stream, or NULL. */
FILE *cli_fopen(const char *path, const char **why);

#endif
