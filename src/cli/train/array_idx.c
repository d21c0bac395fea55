/* SPDX-License-Identifier: Apache-2.0
 *
 * idx, the format of the MNIST family: two zero bytes, the type (8: bytes), the rank, then sizes with the highest byte
 * first, then the elements.
 */
#include "array.h"

#include <zlib.h>

/* Grows while it reads: a header may promise what the file has not. */
static int read_bytes(gzFile file, const char *path, size_t bytes, unsigned char **data)
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

/* *begin: where the elements do. */
static int read_header(gzFile file, const char *path, size_t size, array *a, size_t *begin)
{
    unsigned char head[4 + 4 * RNNP_MAX_RANK];
    if (gzread(file, head, 4) != 4 || head[0] || head[1] || head[2] != 8 || head[3] < 1 || head[3] > 3 ||
        gzread(file, head + 4, 4u * head[3]) != 4 * head[3])
        return cli_fail("%s: not an idx file of bytes", path);
    *a = (array){.is = {.kind = 'u', .item = 1, .array.rank = head[3]}, .name = cli_copy(path)};
    *begin = 4 + 4 * (size_t)head[3];
    for (size_t d = 0; d < head[3]; d++) {
        const unsigned char *p = head + 4 + 4 * d;
        a->is.array.shape[d] = ((int64_t)p[0] << 24) | (p[1] << 16) | (p[2] << 8) | p[3];
    }
    const size_t bytes = rnnp_tensor_elements(&a->is.array);
    if (bytes > INT32_MAX) return cli_fail("%s: its header promises more elements than 2^31", path);
    if (bytes == 0) return cli_fail("%s: it has no elements", path);
    a->packed = gzdirect(file) ? 0 : size;
    if (array_is_bomb(a))
        return cli_fail("%s: %zu bytes would become %zu elements; if they really do, gunzip the file first", path, size,
                        bytes);
    return CLI_OK;
}

static int read_idx(const char *path, int stays, array *a)
{
    gzFile file;
    size_t size, begin = 0;
    TRY(bytes_open(path, &file, &size));
    int code = read_header(file, path, size, a, &begin);
    if (code == CLI_OK && stays && gzdirect(file) && size == begin + rnnp_tensor_elements(&a->is.array)) {
        array_stay(a, path, file, begin);
        return CLI_OK;
    }
    if (code == CLI_OK) code = read_bytes(file, path, rnnp_tensor_elements(&a->is.array), &a->bytes);
    if (code == CLI_OK) a->end = array_size(a, 0);
    gzclose(file);
    return code;
}

int array_read_idx(const char *path, array *a) { return read_idx(path, 0, a); }

int array_open_idx(const char *path, array *a) { return read_idx(path, 1, a); }
