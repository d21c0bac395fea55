/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* ---- Elements ---- */

/* Where element [i][j][k] begins. */
static const unsigned char *element(const array *a, size_t i, size_t j, size_t k)
{
    const size_t n = array_size(a, 0), m = array_size(a, 1), w = array_size(a, 2);
    const size_t at = a->is.fortran ? i + n * (j + m * k) : (i * m + j) * w + k;
    return a->bytes + a->is.offset + at * a->is.item;
}

/* The bits of a number, its lowest byte first or last. */
static uint64_t bits_of(const array *a, const unsigned char *p, size_t bytes)
{
    uint64_t bits = 0;
    for (size_t b = 0; b < bytes; b++) bits |= (uint64_t)p[b] << (8 * (a->is.big ? bytes - 1 - b : b));
    return bits;
}

/* IEEE 754's binary16: 1 sign, 5 of the exponent, 10 of the fraction. */
static double half(uint64_t bits)
{
    const int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
    const double size = exponent == 31  ? (fraction ? NAN : INFINITY)
                        : exponent == 0 ? ldexp(fraction, -24)
                                        : ldexp(1024 + fraction, exponent - 25);
    return bits >> 15 ? -size : size;
}

static double real(uint64_t bits, size_t bytes)
{
    const uint32_t low = (uint32_t)bits;
    float f;
    double d;
    memcpy(&f, &low, sizeof f);
    memcpy(&d, &bits, sizeof d);
    return bytes == 2 ? half(bits) : bytes == 4 ? (double)f : d;
}

/* The sign of a whole number of fewer than 8 bytes goes on to the left. */
static int64_t whole(uint64_t bits, size_t bytes)
{
    const uint64_t sign = UINT64_C(1) << (8 * bytes - 1);
    const uint64_t wide = (bits ^ sign) - sign;
    int64_t x;
    memcpy(&x, &wide, sizeof x);
    return x;
}

double array_number(const array *a, size_t i, size_t j, size_t k)
{
    const uint64_t bits = bits_of(a, element(a, i, j, k), a->is.item);
    return a->is.kind == 'f'   ? real(bits, a->is.item)
           : a->is.kind == 'i' ? (double)whole(bits, a->is.item)
                               : (double)bits;
}

/* ---- Texts ---- */

/* One character of UCS-4 as UTF-8, behind *to. 0: it is none. */
static int put_utf8(char **to, uint32_t c)
{
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    const int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return 0;
    for (int i = n - 1; i > 0; i--, c >>= 6) (*to)[i] = (char)(0x80 | (c & 63));
    (*to)[0] = (char)(n == 1 ? c : lead[n] | c);
    *to += n;
    return 1;
}

/* 0: a zero stands within the text, or a character is none. */
static int text_of(const array *a, size_t i, char *text)
{
    const unsigned char *p = element(a, i, 0, 0);
    const size_t wide = a->is.kind == 'U' ? 4 : 1;
    size_t n = a->is.item / wide;
    while (n && bits_of(a, p + (n - 1) * wide, wide) == 0) n--;
    for (size_t c = 0; c < n; c++) {
        const uint32_t character = (uint32_t)bits_of(a, p + c * wide, wide);
        if (wide == 1 && character) *text++ = (char)character;
        if (wide == 1 ? !character : !put_utf8(&text, character)) return 0;
    }
    *text = '\0';
    return 1;
}

static int number_text(const array *a, size_t i, char *text)
{
    const uint64_t bits = bits_of(a, element(a, i, 0, 0), a->is.item);
    if (a->is.kind == 'i')
        snprintf(text, 32, "%lld", (long long)whole(bits, a->is.item));
    else if (a->is.kind != 'f')
        snprintf(text, 32, "%llu", (unsigned long long)bits);
    else if (isfinite(real(bits, a->is.item)))
        text_shortest(real(bits, a->is.item), a->is.item <= 4, text);
    else
        return 0;
    return 1;
}

int array_texts(const array *a, text_list *texts)
{
    FREED char *text = cli_alloc(a->is.item + 32, 1); /* UTF-8 takes no more bytes than UCS-4 */
    for (size_t i = 0; i < array_size(a, 0); i++) {
        if (array_is_text(a) ? !text_of(a, i, text) : !number_text(a, i, text))
            return cli_fail("%s: that of sequence %zu is %s", a->name, i + 1,
                            array_is_text(a) ? "no text" : "not finite");
        text_add(texts, text_trim(text));
    }
    return CLI_OK;
}

/* ---- Files ---- */

int array_take(array *a, char *name, unsigned char *bytes, size_t size)
{
    char message[NPY_MESSAGE];
    *a = (array){.bytes = bytes, .name = name};
    return npy_parse_layout(bytes, size, &a->is, message) ? CLI_OK : cli_fail("%s: %s", name, message);
}

int array_read_npy(const char *path, array *a)
{
    char message[NPY_MESSAGE];
    size_t size = 0;
    unsigned char *bytes = npy_load(path, &size, message);
    return bytes ? array_take(a, cli_copy(path), bytes, size) : cli_fail("%s", message);
}

void array_free(array *a)
{
    free(a->bytes);
    free(a->name);
    *a = (array){0};
}

int array_is_bomb(const array *a)
{
    enum { PER_ELEMENT = sizeof(float), PER_SEQUENCE = 32 };
    const double elements = (double)rnnp_tensor_elements(&a->is.array),
                 sequences = a->is.array.rank > 1 ? (double)array_size(a, 0) : 0;
    return a->packed && !archive_bounded(elements * PER_ELEMENT + sequences * PER_SEQUENCE, a->packed);
}

/* ---- idx ---- */

/* Bytes of the file as it is on disk. */
static int file_size(int fd, size_t *bytes)
{
    struct stat about;
    if (fstat(fd, &about) != 0) return 0;
    *bytes = (size_t)about.st_size;
    return 1;
}

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

/* Two zero bytes, the type (8: bytes), the rank, then sizes with the highest byte first. */
static int read_open_idx(gzFile file, const char *path, size_t packed, array *a)
{
    unsigned char head[4 + 4 * RNNP_MAX_RANK];
    if (gzread(file, head, 4) != 4 || head[0] || head[1] || head[2] != 8 || head[3] < 1 || head[3] > 3 ||
        gzread(file, head + 4, 4u * head[3]) != 4 * head[3])
        return cli_fail("%s: not an idx file of bytes", path);
    *a = (array){.is = {.kind = 'u', .item = 1, .array.rank = head[3]}, .name = cli_copy(path)};
    for (size_t d = 0; d < head[3]; d++) {
        const unsigned char *p = head + 4 + 4 * d;
        a->is.array.shape[d] = ((int64_t)p[0] << 24) | (p[1] << 16) | (p[2] << 8) | p[3];
    }
    const size_t bytes = rnnp_tensor_elements(&a->is.array);
    if (bytes > INT32_MAX) return cli_fail("%s: its header promises more elements than 2^31", path);
    if (bytes == 0) return cli_fail("%s: it has no elements", path);
    a->packed = gzdirect(file) ? 0 : packed;
    if (array_is_bomb(a))
        return cli_fail("%s: %zu bytes would become %zu elements; if they really do, gunzip the file first", path,
                        packed, bytes);
    return read_bytes(file, path, bytes, &a->bytes);
}

int array_read_idx(const char *path, array *a)
{
    const char *why = NULL;
    size_t packed = 0;
    const int fd = cli_open(path, &why);
    gzFile file = fd >= 0 && file_size(fd, &packed) ? gzdopen(fd, "rb") : NULL;
    if (!file) {
        if (fd >= 0) close(fd);
        return cli_fail("%s: %s", path, why ? why : "cannot be read");
    }
    const int code = read_open_idx(file, path, packed, a);
    gzclose(file);
    return code;
}
