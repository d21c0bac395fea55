/* SPDX-License-Identifier: Apache-2.0
 *
 * NumPy's .npy files, versions 1 to 3. As tensors they are little-endian f4 f8 i4 i8 b1 u1 in C order, nothing else; a
 * layout describes all numbers and texts. What is not understood is refused with a sentence; a damaged or hostile file
 * can do no more than that.
 */
#ifndef RNNP_CLI_NPY_H
#define RNNP_CLI_NPY_H

#include <stddef.h>

#include "rnnpack/model.h"

enum { NPY_MESSAGE = 256 };

/* How the data of a file lie. */
typedef struct npy_layout {
    char dtype[16];    /* as the file writes it, such as <f4 */
    char kind;         /* f i u b: numbers; S: texts of bytes, U: of UCS-4; zeros fill them up */
    size_t item;       /* bytes: f 2 4 8, i u 1 2 4 8, b 1, S and U any number but 0 (of U a multiple of 4) */
    int big, fortran;  /* the highest byte comes first; the first index runs fastest */
    rnnp_tensor array; /* rank and shape alone */
    size_t offset;     /* of the data, which fill the file to its end */
} npy_layout;

/* Parses the header of a file of `size` bytes, of which the first `have` are in memory. Returns 1, or 0 with the reason
 * in message[NPY_MESSAGE]. */
int npy_parse_header(const void *bytes, size_t have, size_t size, npy_layout *layout, char *message);
/* Whether n elements from number `first` on are bools, if that is what they are to be. */
int npy_check_bools(const npy_layout *layout, const unsigned char *elements, size_t first, size_t n, char *message);
/* Parses a whole file in memory. Returns 1, or 0 with the reason in message[NPY_MESSAGE]. */
int npy_parse_layout(const void *bytes, size_t size, npy_layout *layout, char *message);

/*
 * Parses a whole file in memory. `array` gets dtype, rank and shape, and *offset where its data begins in
 * `bytes`; the data then fills the file to its end. Returns 1, or 0 with the reason in message[NPY_MESSAGE].
 */
int npy_parse(const void *bytes, size_t size, rnnp_tensor *array, size_t *offset, char *message);

/* All bytes of a file, to be freed with free(); NULL with a message that starts with the path. */
unsigned char *npy_load(const char *path, size_t *size, char *message);

/* Reads a file; array->data is freed with free(). The message starts with the path. Returns 1 or 0. */
int npy_read(const char *path, rnnp_tensor *array, char *message);

/* Writes version 1.0, as np.save does. The message starts with the path. Returns 1 or 0. */
int npy_write(const char *path, const rnnp_tensor *array, char *message);

#endif
