/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays: npy (x [n][steps][features] or [n][steps], labels [n]) and idx, the format of the MNIST family, plain or
 * gzipped (images [n][rows][columns] of bytes, a row being a step; labels [n]).
 */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "../npy.h"
#include "dataset.h"

static double element(const rnnp_tensor *t, size_t i)
{
    switch (t->dtype) {
    case RNNP_DTYPE_F32: return (double)((const float *)t->data)[i];
    case RNNP_DTYPE_F64: return ((const double *)t->data)[i];
    case RNNP_DTYPE_I32: return (double)((const int32_t *)t->data)[i];
    case RNNP_DTYPE_I64: return (double)((const int64_t *)t->data)[i];
    case RNNP_DTYPE_U8:
    case RNNP_DTYPE_BOOL: return (double)((const uint8_t *)t->data)[i];
    case RNNP_DTYPE_F16:
    case RNNP_DTYPE_BF16:
    case RNNP_DTYPE_I8: break; /* npy_read knows none of these */
    }
    return 0;
}

/* Labels are texts; a double does not hold every i64. */
static const char *label_text(const rnnp_tensor *t, size_t i, char text[32])
{
    if (t->dtype == RNNP_DTYPE_I64)
        snprintf(text, 32, "%lld", (long long)((const int64_t *)t->data)[i]);
    else
        text_shortest(element(t, i), t->dtype == RNNP_DTYPE_F32, text);
    return text;
}

/* One sequence: its label, and its steps. */
static int take_sequence(dataset_builder *b, const rnnp_tensor *x, const rnnp_tensor *labels, size_t i, float *step)
{
    const size_t steps = (size_t)x->shape[1], width = b->set->features;
    char text[32];

    if (labels->data && !isfinite(element(labels, i)))
        return cli_fail("%s: the label of sequence %zu is not finite", b->from->path, i + 1);
    build_sequence(b, NULL, labels->data ? label_text(labels, i, text) : NULL, NULL);
    for (size_t t = 0; t < steps; t++) {
        for (size_t f = 0; f < width; f++) {
            step[f] = (float)(element(x, (i * steps + t) * width + f) * b->from->config->scale);
            if (isinf(step[f]))
                return cli_fail("%s: [%zu][%zu][%zu] is infinite, or too large for a 32-bit number", b->from->path, i,
                                t, f);
        }
        build_step(b, step, 0, 0, 0);
    }
    return CLI_OK;
}

/* Both arrays into the set. */
static int take(dataset_builder *b, const rnnp_tensor *x, const rnnp_tensor *labels)
{
    const dataset *like = b->from->like;
    const size_t n = (size_t)x->shape[0], width = x->rank > 2 ? (size_t)x->shape[2] : 1;
    FREED float *step = cli_alloc(width, sizeof *step);
    int code = CLI_OK;

    b->set->features = width;
    build_reserve(b, n, n * (size_t)x->shape[1]);
    if (like && like->features != width)
        code = cli_fail("%s: %zu features, the training data has %zu", b->from->path, width, like->features);
    for (size_t i = 0; i < n && code == CLI_OK; i++) code = take_sequence(b, x, labels, i, step);
    return build_finish(b, code);
}

static int check(const char *path, const char *labels_path, const rnnp_tensor *x, const rnnp_tensor *labels)
{
    if (x->rank < 2 || x->rank > 3 || x->shape[1] == 0 || (x->rank == 3 && x->shape[2] == 0))
        return cli_fail("%s: [n][steps] or [n][steps][features] is expected; this array has rank %zu", path, x->rank);
    if (labels->data && (labels->rank != 1 || labels->shape[0] != x->shape[0]))
        return cli_fail("%s: a label for each of %lld sequences is expected; this array has %lld", labels_path,
                        (long long)x->shape[0], labels->rank ? (long long)labels->shape[0] : 0LL);
    return CLI_OK;
}

typedef int array_reader(const char *path, rnnp_tensor *array);

static int read_arrays(const data_source *from, array_reader *read, dataset *set)
{
    rnnp_tensor x = {0}, labels = {0};
    dataset_builder b = {.set = set, .from = from};
    int code = read(from->path, &x);

    if (code == CLI_OK && from->labels) code = read(from->labels, &labels);
    if (code == CLI_OK) code = check(from->path, from->labels, &x, &labels);
    if (code == CLI_OK) code = take(&b, &x, &labels);
    free(x.data);
    free(labels.data);
    return code;
}

static int read_npy(const char *path, rnnp_tensor *array)
{
    char message[NPY_MESSAGE];

    return npy_read(path, array, message) ? CLI_OK : cli_fail("%s", message);
}

/* Bytes of the file as it is on disk. */
static int file_size(int fd, size_t *bytes)
{
    struct stat about;

    if (fstat(fd, &about) != 0) return 0;
    *bytes = (size_t)about.st_size;
    return 1;
}

/* Whether compressed bytes may become so many. Data compress some 5 to 20 times; a bomb, a thousand times. */
static int is_bomb(const rnnp_tensor *array, size_t bytes, size_t packed)
{
    enum { FREE = 16 << 20, TIMES = 64, PER_ELEMENT = sizeof(float), PER_SEQUENCE = 32 };
    const size_t sequences = array->rank > 1 ? (size_t)array->shape[0] : 0;

    return (double)bytes * PER_ELEMENT + (double)sequences * PER_SEQUENCE > FREE + TIMES * (double)packed;
}

/* Grows while it reads: a header may promise what the file has not. */
static int read_bytes(gzFile file, const char *path, size_t bytes, void **data)
{
    enum { CHUNK = 1 << 20 };
    FREED unsigned char *all = NULL;
    size_t used = 0, room = 0;
    int n = 1;

    while (n > 0 && used < bytes) {
        const size_t part = bytes - used < CHUNK ? bytes - used : CHUNK;

        cli_grow(&all, &room, used + part, 1);
        n = gzread(file, all + used, (unsigned)part);
        used += n > 0 ? (size_t)n : 0;
    }
    if (used < bytes || n < 0 || gzgetc(file) != -1 || !gzeof(file))
        return cli_fail("%s: its header promises %zu elements; it has %s%zu, or is damaged", path, bytes,
                        used < bytes ? "" : "more than ", used);
    *data = all;
    all = NULL;
    return CLI_OK;
}

/* Two zero bytes, the type (8: bytes), the rank, then sizes with the highest byte first. */
static int read_open_idx(gzFile file, const char *path, size_t packed, rnnp_tensor *array)
{
    unsigned char head[4 + 4 * RNNP_MAX_RANK];

    if (gzread(file, head, 4) != 4 || head[0] || head[1] || head[2] != 8 || head[3] < 1 || head[3] > 3 ||
        gzread(file, head + 4, 4u * head[3]) != 4 * head[3])
        return cli_fail("%s: not an idx file of bytes", path);
    *array = (rnnp_tensor){.dtype = RNNP_DTYPE_U8, .rank = head[3]};
    for (size_t d = 0; d < array->rank; d++) {
        const unsigned char *p = head + 4 + 4 * d;

        array->shape[d] = ((int64_t)p[0] << 24) | (p[1] << 16) | (p[2] << 8) | p[3];
    }
    const size_t bytes = rnnp_tensor_elements(array);
    if (bytes > INT32_MAX) return cli_fail("%s: its header promises more elements than 2^31", path);
    if (bytes == 0) return cli_fail("%s: it has no elements", path);
    if (!gzdirect(file) && is_bomb(array, bytes, packed))
        return cli_fail("%s: %zu bytes would become %zu elements; if they really do, gunzip the file first", path,
                        packed, bytes);
    return read_bytes(file, path, bytes, &array->data);
}

static int read_idx(const char *path, rnnp_tensor *array)
{
    const char *why = NULL;
    size_t packed = 0;
    const int fd = cli_open(path, &why);
    gzFile file = fd >= 0 && file_size(fd, &packed) ? gzdopen(fd, "rb") : NULL;

    if (!file) {
        if (fd >= 0) close(fd);
        return cli_fail("%s: %s", path, why ? why : "cannot be read");
    }
    const int code = read_open_idx(file, path, packed, array);
    gzclose(file);
    return code;
}

int dataset_read_npy(const data_source *from, dataset *set) { return read_arrays(from, read_npy, set); }

int dataset_read_idx(const data_source *from, dataset *set) { return read_arrays(from, read_idx, set); }
