/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Elements ---- */

/* Where element [i][j][k] begins. */
static const unsigned char *element(const array *a, size_t i, size_t j, size_t k)
{
    const size_t n = a->end - a->first, m = array_size(a, 1), w = array_size(a, 2);
    i -= a->first;
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
    if (!npy_parse_layout(bytes, size, &a->is, message)) return cli_fail("%s: %s", name, message);
    a->end = array_size(a, 0);
    return CLI_OK;
}

int array_read_npy(const char *path, array *a)
{
    char message[NPY_MESSAGE];
    size_t size = 0;
    unsigned char *bytes = npy_load(path, &size, message);
    return bytes ? array_take(a, cli_copy(path), bytes, size) : cli_fail("%s", message);
}

int array_is_bomb(const array *a)
{
    enum { PER_ELEMENT = sizeof(float), PER_SEQUENCE = 32 };
    const double elements = (double)rnnp_tensor_elements(&a->is.array),
                 sequences = a->is.array.rank > 1 ? (double)array_size(a, 0) : 0;
    return a->packed && !archive_bounded(elements * PER_ELEMENT + sequences * PER_SEQUENCE, a->packed);
}

/* ---- Arrays that stay in their files: what is compressed does not ---- */

enum {
    WINDOW = 1 << 20, /* bytes in memory, if a sequence has no more */
    HEADER = 1 << 17, /* of an .npy file, at most */
    SAMPLE = 1 << 14, /* bytes that are seen, so many times */
    SAMPLES = 16
};

struct array_file {
    char *path;
    gzFile file;
    size_t at; /* of the first element */
    size_t room;
};

void array_stay(array *a, const char *path, gzFile file, size_t at)
{
    a->file = cli_alloc(1, sizeof *a->file);
    *a->file = (struct array_file){cli_copy(path), file, at, 0};
    a->is.offset = 0;
    cli_grow(&a->bytes, &a->file->room, 1, 1);
}

void array_free(array *a)
{
    if (a->file) {
        gzclose(a->file->file);
        free(a->file->path);
        free(a->file);
    }
    free(a->bytes);
    free(a->name);
    *a = (array){0};
}

/* The CRC-32 of bytes of a file. */
static int sum_of(gzFile file, const char *path, size_t at, size_t n, uint32_t *sum)
{
    FREED unsigned char *some = cli_alloc(WINDOW, 1);
    *sum = (uint32_t)crc32(0, NULL, 0);
    for (size_t part; n > 0; n -= part, at += part) {
        part = n < WINDOW ? n : WINDOW;
        TRY(bytes_read(file, path, at, some, part));
        *sum = (uint32_t)crc32(*sum, some, (uInt)part);
    }
    return CLI_OK;
}

static int check_sum(const array_place *p, const char *name, gzFile file)
{
    uint32_t found;
    TRY(sum_of(file, p->path, p->at, p->size, &found));
    return found == *p->sum ? CLI_OK : cli_fail("%s is damaged: its checksum differs", name);
}

static int open_npy(const array_place *p, gzFile file, array *a)
{
    char message[NPY_MESSAGE];
    const size_t have = p->size < HEADER ? p->size : HEADER;
    FREED unsigned char *head = cli_alloc(have + 1, 1);
    if (!gzdirect(file)) return cli_fail("%s: not a .npy file", a->name);
    TRY(bytes_read(file, p->path, p->at, head, have));
    const int good = npy_parse_header(head, have, p->size, &a->is, message);
    if (p->sum && (p->check || !good)) TRY(check_sum(p, a->name, file));
    return good ? CLI_OK : cli_fail("%s: %s", a->name, message);
}

int array_open_npy(const array_place *p, char *name, array *a)
{
    gzFile file;
    size_t all;
    *a = (array){.name = name};
    TRY(bytes_open(p->path, &file, &all));
    const int code = open_npy(p, file, a);
    if (code == CLI_OK)
        array_stay(a, p->path, file, p->at + a->is.offset);
    else
        gzclose(file);
    return code;
}

/* Bytes of a sequence. */
static size_t row_of(const array *a) { return array_size(a, 1) * array_size(a, 2) * a->is.item; }

/* Where the bytes of sequence i of column c begin: in C order there is one column, in Fortran order there are as many
 * as a sequence has elements. */
static int read_rows(array *a, size_t i, size_t end)
{
    const size_t columns = a->is.fortran ? row_of(a) / a->is.item : 1, row = row_of(a) / columns;
    struct array_file *f = a->file;
    cli_grow(&a->bytes, &f->room, (end - i) * row * columns + 1, 1);
    for (size_t c = 0; c < columns; c++)
        TRY(bytes_read(f->file, f->path, f->at + (c * array_size(a, 0) + i) * row, a->bytes + c * (end - i) * row,
                       (end - i) * row));
    a->first = i;
    a->end = end;
    return CLI_OK;
}

int array_load(array *a, size_t i, size_t to)
{
    char message[NPY_MESSAGE];
    if (!a->file || (i >= a->first && i < a->end)) return CLI_OK;
    const size_t row = row_of(a), rows = row < WINDOW ? WINDOW / (row + !row) : 1;
    const size_t end = a->is.fortran || to - i < rows ? to : i + rows, each = row / a->is.item;
    TRY(read_rows(a, i, end));
    return npy_check_bools(&a->is, a->bytes, i * each, (end - i) * each, message)
               ? CLI_OK
               : cli_fail("%s: %s", a->name, message);
}

int array_sum(const array *a, size_t head, size_t from, size_t to, uint32_t *sum, uint64_t *bytes)
{
    const struct array_file *f = a->file;
    *bytes = (to - from) * row_of(a) + head;
    return sum_of(f->file, f->path, f->at + from * row_of(a) - head, (size_t)*bytes, sum);
}

int array_see(const array *a, dataset *set)
{
    const size_t n = array_size(a, 0);
    const size_t is[] = {(size_t)a->is.kind, a->is.item,      (size_t)a->is.big, (size_t)a->is.fortran, n,
                         array_size(a, 1),   array_size(a, 2)};
    dataset_see(set, is, sizeof is);
    if (!a->file) {
        dataset_see(set, a->bytes + a->is.offset, n * row_of(a));
        return CLI_OK;
    }
    /* Spread over the file, so that another one is noticed. */
    const struct array_file *f = a->file;
    const size_t all = n * row_of(a), piece = all < SAMPLE ? all : SAMPLE;
    FREED unsigned char *some = cli_alloc(piece, 1);
    for (size_t k = 0; k < SAMPLES; k++) {
        TRY(bytes_read(f->file, f->path, f->at + (all - piece) / (SAMPLES - 1) * k, some, piece));
        dataset_see(set, some, piece);
    }
    return CLI_OK;
}
