/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays as data: numbers and texts of any type that numpy writes, in either byte order and either order of axes, and
 * idx files of bytes.
 */
#ifndef RNNP_CLI_ARRAY_H
#define RNNP_CLI_ARRAY_H

#include "../npy.h"
#include "archive.h"
#include "bytes.h"
#include "dataset.h"

typedef struct array {
    npy_layout is;
    unsigned char *bytes; /* from is.offset on, sequences [first, end) of it; NULL: there is no array */
    size_t first, end;
    char *name;              /* the file, or "FILE: member 'NAME'" */
    size_t packed;           /* bytes of the compressed file that it is from; 0: of a plain one */
    struct array_file *file; /* of which some sequences at a time are in memory; NULL: all are */
} array;

/* An array of bytes that become its own, whatever is returned. */
int array_take(array *a, char *name, unsigned char *bytes, size_t size);
int array_read_npy(const char *path, array *a);
int array_read_idx(const char *path, array *a);
void array_free(array *a);

/* ---- An array that stays in its file, and comes into memory some sequences at a time ---- */

/* An .npy file that is `size` bytes of the file at `path`, from byte `at` on. If their CRC-32 is known, bytes that are
 * damaged are told from such as nobody understands, and with `check` they are looked for. */
typedef struct array_place {
    const char *path;
    size_t at, size;
    const uint32_t *sum; /* or NULL */
    int check;
} array_place;

/* The name becomes the array's. An idx file that is compressed becomes memory at once. */
int array_open_npy(const array_place *place, char *name, array *a);
int array_open_idx(const char *path, array *a);
/* Makes sequence i one of those in memory. Those before `to` are wanted after it, in their order. */
int array_load(array *a, size_t i, size_t to);
/* The CRC-32 of sequences [from, to), which lie in C order, and of `head` bytes before them; and of how many bytes. */
int array_sum(const array *a, size_t head, size_t from, size_t to, uint32_t *sum, uint64_t *bytes);
/* Adds to what is seen of the set what the array is, and some of its bytes, or all if they are in memory. */
int array_see(const array *a, dataset *set);

/* The elements are left in the file, which becomes the array's, from byte `at` on. */
void array_stay(array *a, const char *path, gzFile file, size_t at);

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
