/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed weights: one description, one packer, one answer to whether a kernel can read what was packed for another.
 *
 * Weights of a cell with G gates are packed in panels of `lanes` hidden units. A panel holds, for each k in ascending
 * order, [gate][lane]: one tile then has all gates of its units in registers.
 *
 *     panel 0: k=0: i0..i7 o0..o7 f0..f7 g0..g7 | k=1: ...        (LSTM, lanes = 8)
 *     panel 1: k=0: i8..i15 ...
 *
 * With slices, the gates of a panel are two or more products of fewer columns, one after the other:
 *
 *     panel 0, slices 2: k=0: i0..i7 o0..o7 | k=1: ... | k=0: f0..f7 g0..g7 | k=1: ...
 *
 * A plain matrix is one gate whose units are the columns. Units past the last one, up to the panel's end, have zero
 * weights, and so has k past the depth, up to a whole k_group. With k_group weights of neighbouring k lie side by side:
 * [k / k_group][gate][lane][k % k_group]. In formats with a header each slice begins with a scale for each of its
 * columns, [gate][lane]. Pre-activations ("z") of one batch row have the same
 * column order without k: [panel][gate][lane].
 */
#ifndef RNNP_KERNELS_PANELS_H
#define RNNP_KERNELS_PANELS_H

#include <stddef.h>
#include <stdint.h>

typedef enum rnnp_format {
#define RNNP_FORMAT(name, public, type, k_group, header) RNNP_FORMAT_##name,
#include "weights.def"
#undef RNNP_FORMAT
    RNNP_FORMAT_COUNT
} rnnp_format;

typedef enum rnnp_product_kind {
#define RNNP_PRODUCT(name, format, left, offset) RNNP_PRODUCT_##name,
#include "products.def"
#undef RNNP_PRODUCT
    RNNP_PRODUCT_COUNT
} rnnp_product_kind;

typedef enum rnnp_left { RNNP_LEFT_FLOATS, RNNP_LEFT_BYTES, RNNP_LEFT_SIGNS } rnnp_left;

/* The columns of weights.def and products.def where the compiler must know them. */
enum {
#define RNNP_FORMAT(name, public, type, k_group, header) \
    RNNP_FORMAT_BYTES_##name = sizeof(type), RNNP_FORMAT_K_GROUP_##name = k_group, RNNP_FORMAT_HEADER_##name = header,
#include "weights.def"
#undef RNNP_FORMAT
#define RNNP_PRODUCT(name, format, left, offset)                                                               \
    RNNP_PRODUCT_FORMAT_##name = RNNP_FORMAT_##format, RNNP_PRODUCT_BYTES_##name = RNNP_FORMAT_BYTES_##format, \
    RNNP_PRODUCT_K_GROUP_##name = RNNP_FORMAT_K_GROUP_##format,                                                \
    RNNP_PRODUCT_HEADER_##name = RNNP_FORMAT_HEADER_##format, RNNP_PRODUCT_LEFT_##name = RNNP_LEFT_##left,     \
    RNNP_PRODUCT_OFFSET_##name = offset,
#include "products.def"
#undef RNNP_PRODUCT
};

extern const char *const rnnp_format_names[RNNP_FORMAT_COUNT];

/* Bytes of one weight, and of a column's header. */
static inline size_t rnnp_format_bytes(rnnp_format format)
{
    static const uint8_t bytes[] = {
#define RNNP_FORMAT(name, public, type, k_group, header) sizeof(type),
#include "weights.def"
#undef RNNP_FORMAT
    };
    return bytes[format];
}
static inline size_t rnnp_format_header(rnnp_format format)
{
    static const uint8_t bytes[] = {
#define RNNP_FORMAT(name, public, type, k_group, header) header,
#include "weights.def"
#undef RNNP_FORMAT
    };
    return bytes[format];
}

enum { RNNP_MOST_LANES = 64 };

typedef struct rnnp_panels {
    uint16_t gates, lanes, slices, k_group;
    rnnp_format format;
    uint16_t offset; /* added to each weight */
} rnnp_panels;

/* What is packed: w[gate * gate_stride + unit * unit_stride + k * k_stride]; all 0 where w is NULL. */
typedef struct rnnp_unpacked {
    const void *w; /* f32, or what the panels' format holds: for s8 int8_t from -127 to 127 */
    size_t units, depth, gate_stride, unit_stride, k_stride;
    int encoded;        /* 1: w is in the panels' format; 0: f32 */
    const float *scale; /* of formats with a header: scale[gate * units + unit]; NULL: 1 */
} rnnp_unpacked;

static inline rnnp_unpacked rnnp_unpacked_f32(const float *w, size_t units, size_t depth, size_t gate_stride,
                                              size_t unit_stride, size_t k_stride)
{
    const rnnp_unpacked from = {w, units, depth, gate_stride, unit_stride, k_stride, 0, NULL};
    return from;
}

/* Columns of one k of a panel, and of one of its slices. */
static inline size_t rnnp_panels_columns(const rnnp_panels *p) { return (size_t)p->gates * p->lanes; }
static inline size_t rnnp_panels_slice(const rnnp_panels *p) { return rnnp_panels_columns(p) / p->slices; }

/* Panels of so many units. */
static inline size_t rnnp_panels_count(const rnnp_panels *p, size_t units) { return (units + p->lanes - 1) / p->lanes; }

/* Bytes of packed columns: whole groups of k, and a header each. */
static inline size_t rnnp_columns_bytes(size_t columns, size_t depth, size_t k_group, size_t weight, size_t header)
{
    return columns * ((depth + k_group - 1) / k_group * k_group * weight + header);
}

/* Where a panel begins, in bytes from the first one. */
static inline size_t rnnp_panels_at(const rnnp_panels *p, size_t panel, size_t depth)
{
    return rnnp_columns_bytes(panel * rnnp_panels_columns(p), depth, p->k_group, rnnp_format_bytes(p->format),
                              rnnp_format_header(p->format));
}

/* Bytes of packed weights; SIZE_MAX on overflow, which no allocator can serve. */
size_t rnnp_panels_bytes(const rnnp_panels *p, size_t units, size_t depth);

/* Packs. Threads may each write one of `parts` parts; together they write every byte. */
void rnnp_panels_pack(const rnnp_panels *p, const rnnp_unpacked *from, void *packed, size_t part, size_t parts);

/* The same for from->depth rows from row k on of panels with this depth; k is a multiple of k_group, and so is the end
 * unless it is the last row. For sources whose k are not evenly spaced. */
void rnnp_panels_pack_rows(const rnnp_panels *p, const rnnp_unpacked *from, size_t k, size_t depth, void *packed,
                           size_t part, size_t parts);

/* 1 if weights packed for one can be read as the other. */
int rnnp_panels_same(const rnnp_panels *a, const rnnp_panels *b);

/* The same bytes as a plain matrix, whose columns are in panel order. */
rnnp_panels rnnp_panels_as_matrix(const rnnp_panels *p);

/* What panels have to be the same in: "lanes 8 gates 4 slices 1 k 1 f32". */
enum { RNNP_PANELS_TEXT = 64 };
void rnnp_panels_text(const rnnp_panels *p, char text[RNNP_PANELS_TEXT]);

#endif
