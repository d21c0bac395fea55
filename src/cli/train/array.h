/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays as data: numbers and texts of any type that numpy writes, in either byte order and either order of axes, and
 * idx files of bytes.
 */
#ifndef RNNP_CLI_ARRAY_H
#define RNNP_CLI_ARRAY_H

#include "../npy.h"
#include "archive.h"
#include "dataset.h"

typedef struct array {
    npy_layout is;
    unsigned char *bytes; /* the file; NULL: there is no array */
    char *name;           /* the file, or "FILE: member 'NAME'" */
    size_t packed;        /* bytes of the compressed file that it is from; 0: of a plain one */
} array;

/* An array of bytes that become its own, whatever is returned. */
int array_take(array *a, char *name, unsigned char *bytes, size_t size);
int array_read_npy(const char *path, array *a);
int array_read_idx(const char *path, array *a);
void array_free(array *a);

static inline size_t array_size(const array *a, size_t axis)
{
    return axis < a->is.array.rank ? (size_t)a->is.array.shape[axis] : 1;
}
static inline int array_is_text(const array *a) { return a->is.kind == 'S' || a->is.kind == 'U'; }

/* Whether a compressed file is far too small for what this array becomes as data. */
int array_is_bomb(const array *a);

/* Element [i][j][k] of up to three axes; exact but for whole numbers beyond 2^53. */
double array_number(const array *a, size_t i, size_t j, size_t k);
/* The elements of one axis as texts: whole numbers with all digits, others in the shortest form that gives them back,
 * texts in UTF-8 without the zeros behind them. Those that are not finite, or no text, are refused. */
int array_texts(const array *a, text_list *texts);

#endif
