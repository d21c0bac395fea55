/* SPDX-License-Identifier: Apache-2.0 */
#include "npy.h"
#include "system.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct npy_type {
    const char *descr;
    rnnp_dtype dtype;
} types[] = {
    {"<f4", RNNP_DTYPE_F32}, {"<f8", RNNP_DTYPE_F64},  {"<i4", RNNP_DTYPE_I32},
    {"<i8", RNNP_DTYPE_I64}, {"|b1", RNNP_DTYPE_BOOL}, {"|u1", RNNP_DTYPE_U8},
};
static const unsigned char magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

__attribute__((format(__printf__, 2, 3))) static int refuse(char *message, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(message, NPY_MESSAGE, format, list);
    va_end(list);
    return 0;
}

/* ---- The header: a Python dict literal with the keys descr, fortran_order and shape ------------ */

typedef struct cursor {
    const char *at, *end;
} cursor;

static void skip_space(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n')) c->at++;
}

/* Takes `token` if it comes next. */
static int take(cursor *c, const char *token)
{
    const size_t length = strlen(token);
    skip_space(c);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, token, length) != 0) return 0;
    c->at += length;
    return 1;
}

/* A quoted string without escapes, as NumPy writes them; 0 when it does not fit. */
static int take_string(cursor *c, char *text, size_t size)
{
    skip_space(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) return 0;
    const char quote = *c->at++;
    size_t length = 0;
    while (c->at < c->end && *c->at != quote && *c->at != '\\' && length + 1 < size) text[length++] = *c->at++;
    text[length] = '\0';
    if (c->at == c->end || *c->at != quote) return 0;
    c->at++;
    return 1;
}

static int take_dimension(cursor *c, int64_t *dimension)
{
    skip_space(c);
    if (c->at == c->end || *c->at < '0' || *c->at > '9') return 0;
    int64_t v = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        const int digit = *c->at - '0';
        if (v > (INT64_MAX - digit) / 10) return 0;
        v = v * 10 + digit;
    }
    *dimension = v;
    return 1;
}

/* "()", "(3,)", "(3, 4)" */
static int take_shape(cursor *c, rnnp_tensor *array, char *message)
{
    if (!take(c, "(")) return refuse(message, "the header's shape is not a tuple");
    array->rank = 0;
    int comma = 1;
    while (!take(c, ")")) {
        if (array->rank == RNNP_MAX_RANK) return refuse(message, "more than %d dimensions", RNNP_MAX_RANK);
        if (!comma || !take_dimension(c, &array->shape[array->rank]))
            return refuse(message, "dimension %zu of the header's shape is not a number that fits", array->rank);
        array->rank++;
        comma = take(c, ",");
    }
    if (array->rank == 1 && !comma) return refuse(message, "the header's shape is not a tuple");
    return 1;
}

/* "<f4": byte order, kind and bytes; of U characters of 4 bytes. */
static int take_descr(cursor *c, npy_layout *l, char *message)
{
    static const char *const known[] = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"};
    char *const text = l->dtype, *end;
    if (!take_string(c, text, sizeof l->dtype)) return refuse(message, "the header's descr is not a plain dtype");
    for (char *s = text; *s; s++) *s = *s >= ' ' && *s <= '~' ? *s : '?';
    const int ordered = *text && strchr("<>|", *text) && text[1] >= 'A' && text[2] >= '0' && text[2] <= '9';
    const unsigned long n = ordered ? strtoul(text + 2, &end, 10) : 0;
    int good = 0;
    for (size_t i = 0; ordered && i < COUNT(known); i++) good = good || strcmp(text + 1, known[i]) == 0;
    good = good || (n && !*end && n < 1 << 24 && (text[1] == 'S' || text[1] == 'U'));
    if (!good) return refuse(message, "dtype '%s' is not one of f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1 S U", text);
    l->kind = text[1];
    l->item = n * (l->kind == 'U' ? 4 : 1);
    l->big = *text == '>';
    return 1;
}

static int take_fortran_order(cursor *c, npy_layout *l, char *message)
{
    l->fortran = take(c, "True");
    return l->fortran || take(c, "False") ? 1 : refuse(message, "the header's fortran_order is neither True nor False");
}

static int parse_header(cursor c, npy_layout *l, char *message)
{
    enum { DESCR, FORTRAN_ORDER, SHAPE, N_KEYS };
    static const char *const keys[N_KEYS] = {"descr", "fortran_order", "shape"};
    int seen[N_KEYS] = {0};
    if (!take(&c, "{")) return refuse(message, "the header is not a dict");
    int comma = 1;
    while (!take(&c, "}")) {
        char key[16];
        if (!comma || !take_string(&c, key, sizeof key) || !take(&c, ":"))
            return refuse(message, "the header is not a dict of descr, fortran_order and shape");
        int k = 0;
        while (k < N_KEYS && strcmp(key, keys[k]) != 0) k++;
        if (k == N_KEYS || seen[k]++)
            return refuse(message, "the header has %s key", k == N_KEYS ? "an unknown" : "a repeated");
        const int ok = k == DESCR   ? take_descr(&c, l, message)
                       : k == SHAPE ? take_shape(&c, &l->array, message)
                                    : take_fortran_order(&c, l, message);
        if (!ok) return 0;
        comma = take(&c, ",");
    }
    for (int k = 0; k < N_KEYS; k++)
        if (!seen[k]) return refuse(message, "the header has no %s", keys[k]);
    skip_space(&c);
    return c.at == c.end ? 1 : refuse(message, "text after the header's dict");
}

int npy_parse_header(const void *bytes, size_t have, size_t size, npy_layout *l, char *message)
{
    const unsigned char *const b = bytes;
    if (size < sizeof magic || memcmp(b, magic, sizeof magic) != 0) return refuse(message, "not a .npy file");
    if (size < 8) return refuse(message, "cut off in its header");
    const unsigned version = b[6];
    if (version < 1 || version > 3 || b[7] != 0)
        return refuse(message, "format version %u.%u, not 1.0, 2.0 or 3.0", version, (unsigned)b[7]);
    const size_t start = version == 1 ? 10 : 12;
    if (size < start) return refuse(message, "cut off in its header");
    size_t length = (size_t)b[8] | (size_t)b[9] << 8;
    if (version > 1) length |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
    if (length > size - start) return refuse(message, "cut off in its header");
    if (length > have - start) return refuse(message, "its header has %zu bytes", length);

    *l = (npy_layout){.offset = start + length};
    const char *const text = (const char *)b + start;
    if (!parse_header((cursor){text, text + length}, l, message)) return 0;
    const size_t elements = rnnp_tensor_elements(&l->array), data = size - l->offset;
    if (elements == SIZE_MAX || elements > SIZE_MAX / l->item) /* SIZE_MAX: the product does not fit */
        return refuse(message, "its shape is larger than memory");
    if (data != elements * l->item)
        return refuse(message, "has %zu bytes of data, its shape and dtype need %zu", data, elements * l->item);
    return 1;
}

int npy_check_bools(const npy_layout *l, const unsigned char *elements, size_t first, size_t n, char *message)
{
    for (size_t i = 0; l->kind == 'b' && i < n; i++)
        if (elements[i] > 1)
            return refuse(message, "element %zu is bool but holds %u", first + i, (unsigned)elements[i]);
    return 1;
}

int npy_parse_layout(const void *bytes, size_t size, npy_layout *l, char *message)
{
    return npy_parse_header(bytes, size, size, l, message) &&
           npy_check_bools(l, (const unsigned char *)bytes + l->offset, 0, rnnp_tensor_elements(&l->array), message);
}

int npy_parse(const void *bytes, size_t size, rnnp_tensor *array, size_t *offset, char *message)
{
    npy_layout l;
    if (!npy_parse_layout(bytes, size, &l, message)) return 0;
    if (l.fortran) return refuse(message, "stored in Fortran order; save np.ascontiguousarray(a) instead");
    *array = l.array;
    *offset = l.offset;
    for (size_t i = 0; i < COUNT(types); i++) {
        if (strcmp(l.dtype, types[i].descr) != 0) continue;
        array->dtype = types[i].dtype;
        return 1;
    }
    return refuse(message, "dtype '%s' is not one of <f4 <f8 <i4 <i8 |b1 |u1", l.dtype);
}

/* ---- Files ------------------------------------------------------------------------------------- */

/* Reads to the end, also what has no known size; NULL with errno set. */
static unsigned char *read_all(FILE *file, size_t *size)
{
    unsigned char *bytes = NULL;
    size_t room = 0;
    *size = 0;
    do {
        cli_grow(&bytes, &room, *size + (1 << 16), 1);
        *size += fread(bytes + *size, 1, room - *size, file);
    } while (*size == room);
    if (!ferror(file)) return bytes;
    free(bytes);
    return NULL;
}

unsigned char *npy_load(const char *path, size_t *size, char *message)
{
    const char *reason;
    FILE *const file = cli_fopen(path, &reason);
    if (!file) return refuse(message, "%s: %s", path, reason), NULL;
    errno = 0;
    unsigned char *const bytes = read_all(file, size);
    const int error = errno;
    fclose(file);
    if (!bytes) refuse(message, "%s: %s", path, strerror(error ? error : EIO));
    return bytes;
}

int npy_read(const char *path, rnnp_tensor *array, char *message)
{
    *array = (rnnp_tensor){0};
    size_t size = 0, offset = 0;
    unsigned char *const bytes = npy_load(path, &size, message);
    if (!bytes) return 0;
    char why[NPY_MESSAGE];
    if (!npy_parse(bytes, size, array, &offset, why)) {
        free(bytes);
        return refuse(message, "%.120s: %.130s", path, why);
    }
    memmove(bytes, bytes + offset, size - offset);
    array->data = bytes;
    return 1;
}

int npy_write(const char *path, const rnnp_tensor *array, char *message)
{
    const char *descr = NULL;
    for (size_t i = 0; i < COUNT(types); i++)
        if (types[i].dtype == array->dtype) descr = types[i].descr;
    if (!descr) return refuse(message, "%s: dtype %s has no .npy form", path, rnnp_dtype_name(array->dtype));

    /* np.save pads the header so that the data starts at a multiple of 64; one rank-8 header fits in 256. */
    enum { START = 10, ALIGN = 64, ROOM = 320 };
    char header[ROOM];
    int n = snprintf(header, ROOM, "%*s{'descr': '%s', 'fortran_order': False, 'shape': (", START, "", descr);
    for (size_t d = 0; d < array->rank; d++)
        n += snprintf(header + n, (size_t)(ROOM - n), "%lld%s", (long long)array->shape[d],
                      d + 1 < array->rank ? ", "
                      : array->rank == 1  ? ","
                                          : "");
    n += snprintf(header + n, (size_t)(ROOM - n), "), }");
    const int padded = (n + ALIGN) / ALIGN * ALIGN; /* at least one byte more, the newline */
    memset(header + n, ' ', (size_t)(padded - n));
    header[padded - 1] = '\n';
    memcpy(header, magic, sizeof magic);
    header[6] = 1;
    header[7] = 0;
    header[8] = (char)((padded - START) & 0xff);
    header[9] = (char)((padded - START) >> 8);

    FILE *const file = fopen(path, "wb");
    if (!file) return refuse(message, "%s: %s", path, strerror(errno));
    fwrite(header, 1, (size_t)padded, file);
    fwrite(array->data, rnnp_dtype_bytes(array->dtype), rnnp_tensor_elements(array), file);
    const char *const why = cli_fclose(file);
    return why ? refuse(message, "%s: %s", path, why) : 1;
}
