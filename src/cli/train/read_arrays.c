/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays: npy (x [n][steps][features] or [n][steps], labels [n]) and idx, the format of the MNIST family, plain or
 * gzipped (images [n][rows][columns] of bytes, a row being a step; labels [n]).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "../npy.h"
#include "build.h"

static double element(const rnnp_tensor *t, size_t i)
{
    switch (t->dtype) {
    case RNNP_F32:
        return (double)((const float *)t->data)[i];
    case RNNP_F64:
        return ((const double *)t->data)[i];
    case RNNP_I32:
        return (double)((const int32_t *)t->data)[i];
    case RNNP_I64:
        return (double)((const int64_t *)t->data)[i];
    case RNNP_U8:
    case RNNP_BOOL:
        return (double)((const uint8_t *)t->data)[i];
    }
    return 0;
}

/* Both arrays into the set. */
static int take(dataset_builder *b, const rnnp_tensor *x, const rnnp_tensor *labels, const dataset *like)
{
    const size_t n = (size_t)x->shape[0], steps = (size_t)x->shape[1], width = x->rank > 2 ? (size_t)x->shape[2] : 1;
    const double scale = b->config->scale;
    float *step = malloc((width + 1) * sizeof *step);
    int code = step ? CLI_OK : cli_fail("out of memory");

    b->set->features = width;
    if (code == CLI_OK && like && like->features != width)
        code = cli_fail("%s: %zu features, the training data has %zu", b->path, width, like->features);
    for (size_t i = 0; i < n && code == CLI_OK; i++) {
        char text[32] = "";

        if (labels->data)
            snprintf(text, sizeof text, "%.9g", element(labels, i));
        code = build_sequence(b, NULL, labels->data ? text : NULL, NULL);
        for (size_t t = 0; t < steps && code == CLI_OK; t++) {
            for (size_t f = 0; f < width; f++)
                step[f] = (float)(element(x, (i * steps + t) * width + f) * scale);
            code = build_step(b, step, 0, 0, 0);
        }
    }
    free(step);
    return build_finish(b, like, code);
}

static int check(const char *path, const char *labels_path, const rnnp_tensor *x, const rnnp_tensor *labels)
{
    if (x->rank < 2 || x->rank > 3 || x->shape[1] == 0 || (x->rank == 3 && x->shape[2] == 0))
        return cli_fail("%s: [n][steps] or [n][steps][features] is expected, this has rank %zu", path, x->rank);
    if (labels->data && (labels->rank != 1 || labels->shape[0] != x->shape[0]))
        return cli_fail("%s: a label for each of %lld sequences is expected, this has %lld", labels_path,
                        (long long)x->shape[0], labels->rank ? (long long)labels->shape[0] : 0LL);
    return CLI_OK;
}

typedef int array_reader(const char *path, rnnp_tensor *array);

static int read_arrays(const train_config *config, const char *path, const char *labels_path, const dataset *like,
                       array_reader *read, dataset *set)
{
    rnnp_tensor x = {0}, labels = {0};
    dataset_builder b = {.set = set, .config = config, .path = path};
    int code = read(path, &x);

    if (code == CLI_OK && labels_path)
        code = read(labels_path, &labels);
    if (code == CLI_OK)
        code = check(path, labels_path, &x, &labels);
    if (code == CLI_OK)
        code = take(&b, &x, &labels, like);
    free(x.data);
    free(labels.data);
    return code;
}

static int read_npy(const char *path, rnnp_tensor *array)
{
    char message[NPY_MESSAGE];

    return npy_read(path, array, message) ? CLI_OK : cli_fail("%s", message);
}

/* Two zero bytes, the type (8: bytes), the rank, then sizes with the highest byte first. */
static int read_idx(const char *path, rnnp_tensor *array)
{
    unsigned char head[4 + 4 * RNNP_MAX_RANK];
    gzFile file = gzopen(path, "rb");
    int code = CLI_FAILED;

    if (!file)
        return cli_fail("%s: cannot be opened", path);
    if (gzread(file, head, 4) != 4 || head[0] || head[1] || head[2] != 8 || head[3] < 1 || head[3] > 3 ||
        gzread(file, head + 4, 4u * head[3]) != 4 * head[3]) {
        gzclose(file);
        return cli_fail("%s: not an idx file of bytes", path);
    }
    *array = (rnnp_tensor){.dtype = RNNP_U8, .rank = head[3]};
    for (size_t d = 0; d < array->rank; d++) {
        const unsigned char *p = head + 4 + 4 * d;

        array->shape[d] = ((int64_t)p[0] << 24) | (p[1] << 16) | (p[2] << 8) | p[3];
    }
    const size_t bytes = rnnp_tensor_elements(array);
    if (bytes > INT32_MAX)
        cli_fail("%s: %zu elements are too many", path, bytes);
    else if (!(array->data = malloc(bytes + 1)))
        cli_fail("out of memory");
    else if (gzread(file, array->data, (unsigned)bytes) != (int)bytes || gzgetc(file) != -1)
        cli_fail("%s: its length is not what its header says", path);
    else
        code = CLI_OK;
    gzclose(file);
    return code;
}

int dataset_read_npy(const train_config *config, const char *path, const char *labels, const dataset *like,
                     vocabulary *words, int grow, dataset *set)
{
    (void)words, (void)grow;
    return read_arrays(config, path, labels, like, read_npy, set);
}

int dataset_read_idx(const train_config *config, const char *path, const char *labels, const dataset *like,
                     vocabulary *words, int grow, dataset *set)
{
    (void)words, (void)grow;
    return read_arrays(config, path, labels, like, read_idx, set);
}
