/* SPDX-License-Identifier: Apache-2.0
 *
 * NumPy's .npy files, versions 1 to 3: little-endian f4 f8 i4 i8 b1 u1 in C order, nothing else. What is
 * not understood is refused with a sentence; a damaged or hostile file can do no more than that.
 */
#ifndef RNNP_CLI_NPY_H
#define RNNP_CLI_NPY_H

#include <stddef.h>

#include "rnnpack/model.h"

enum { NPY_MESSAGE = 256 };

/*
 * Parses a whole file in memory. `array` gets dtype, rank and shape, and *offset where its data begins in
 * `bytes`; the data then fills the file to its end. Returns 1, or 0 with the reason in message[NPY_MESSAGE].
 */
int npy_parse(const void *bytes, size_t size, rnnp_tensor *array, size_t *offset, char *message);

/* Reads a file; array->data is freed with free(). The message starts with the path. Returns 1 or 0. */
int npy_read(const char *path, rnnp_tensor *array, char *message);

/* Writes version 1.0, as np.save does. The message starts with the path. Returns 1 or 0. */
int npy_write(const char *path, const rnnp_tensor *array, char *message);

#endif
