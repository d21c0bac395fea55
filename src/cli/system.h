/* SPDX-License-Identifier: Apache-2.0
 *
 * What the program asks of the system: memory, files and the clock.
 */
#ifndef RNNP_CLI_SYSTEM_H
#define RNNP_CLI_SYSTEM_H

#include <stddef.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Zeroed memory, never NULL. Without memory the program says so and ends, as the next two do. */
void *cli_alloc(size_t n, size_t size);
/* Room for `n` entries of `size` bytes at *p, which may move; more than asked, so that growing is cheap. */
void cli_grow(void *p, size_t *room, size_t n, size_t size);
char *cli_copy(const char *text);
/* Copies of texts [n], of which some may be NULL, or NULL for NULL; and their end. */
char **cli_copies(char *const *texts, size_t n);
void cli_free_texts(char **texts, size_t n);

/* FREED char *text = NULL; is freed with its block. */
#define FREED __attribute__((cleanup(cli_free)))
void cli_free(void *p); /* p: the address of a pointer */

/* Opens a regular file for reading. A FIFO, a device, a socket or a folder is refused, and nothing ever waits for the
 * writer of a FIFO. Returns a descriptor (for gzdopen and the like), or -1 with the reason in *why. */
int cli_open(const char *path, const char **why);
/* The same as a stream, or NULL. */
FILE *cli_fopen(const char *path, const char **why);
/* Closes a file that was written. NULL, or why not all of it was. */
const char *cli_fclose(FILE *file);

/* Whether both paths lead to one file that exists. */
int cli_same_file(const char *a, const char *b);

/* Seconds of a clock that only goes forward. */
double cli_clock(void);

#endif
