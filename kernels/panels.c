/* SPDX-License-Identifier: Apache-2.0 */
#include "panels.h"

#include "halves.h"

#include <stdio.h>
#include <string.h>

enum { TILE = 4, K_LINE = 16, K_ROWS = 8 }; /* K_LINE: floats of a cache line */

const char *const rnnp_format_names[RNNP_FORMAT_COUNT] = {
#define RNNP_FORMAT(name, public, type, k_group, header) #name,
#include "weights.def"
#undef RNNP_FORMAT
};

/* ---- Sizes ---- */

static size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

static size_t times(size_t a, size_t b) { return b && a > SIZE_MAX / b ? SIZE_MAX : a * b; }

size_t rnnp_panels_bytes(const rnnp_panels *p, size_t units, size_t depth)
{
    if (units > SIZE_MAX - p->lanes || depth > SIZE_MAX - p->k_group) return SIZE_MAX;
    const size_t columns = times(rnnp_panels_count(p, units), rnnp_panels_columns(p));
    const size_t weights = times(round_up(depth, p->k_group), rnnp_format_bytes(p->format));
    const size_t header = rnnp_format_header(p->format);
    return weights > SIZE_MAX - header ? SIZE_MAX : times(columns, weights + header);
}

/* ---- What fits what ---- */

int rnnp_panels_same(const rnnp_panels *a, const rnnp_panels *b)
{
    return a->gates == b->gates && a->lanes == b->lanes && a->slices == b->slices && a->k_group == b->k_group &&
           a->format == b->format && a->offset == b->offset;
}

rnnp_panels rnnp_panels_as_matrix(const rnnp_panels *p)
{
    return (rnnp_panels){1, (uint16_t)rnnp_panels_slice(p), 1, p->k_group, p->format, p->offset};
}

void rnnp_panels_text(const rnnp_panels *p, char text[RNNP_PANELS_TEXT])
{
    const int n = snprintf(text, RNNP_PANELS_TEXT, "lanes %u gates %u slices %u k %u %s", p->lanes, p->gates, p->slices,
                           p->k_group, rnnp_format_names[p->format]);
    if (p->offset) snprintf(text + n, RNNP_PANELS_TEXT - (size_t)n, "+%u", p->offset);
}

/* ---- Formats ---- */

static float encode_f32(float w) { return w; }
static uint16_t encode_f16(float w) { return rnnp_f32_to_f16(w); }
static uint16_t encode_bf16(float w) { return rnnp_f32_to_bf16(w); }
/* A whole number already. */
static uint8_t encode_s8(float w) { return (uint8_t)(int8_t)w; }

/* to[i * step] = from[i * from_step] in the format; from is f32, or encoded already. */
typedef void put_fn(void *to, size_t step, const void *from, size_t from_step, int encoded, size_t n);

#define RNNP_FORMAT(name, public, type, k_group, header)                                                     \
    _Static_assert(K_ROWS % (k_group) == 0, "a group is packed at once");                                    \
    static void put_##name(void *to, size_t step, const void *from, size_t from_step, int encoded, size_t n) \
    {                                                                                                        \
        const type *own = from;                                                                              \
        const float *wide = from;                                                                            \
        type *t = to;                                                                                        \
        for (size_t i = 0; i < n; i++)                                                                       \
            t[i * step] = encoded ? own[i * from_step] : encode_##name(wide[i * from_step]);                 \
    }
#include "weights.def"
#undef RNNP_FORMAT

static put_fn *const put[RNNP_FORMAT_COUNT] = {
#define RNNP_FORMAT(name, public, type, k_group, header) put_##name,
#include "weights.def"
#undef RNNP_FORMAT
};

/* ---- Packing ---- */

/* Four vectors across are read as four vectors down. */
static void turn_tile(float *to, size_t ld, const float *from, size_t stride)
{
    float t[TILE][TILE];
    for (size_t lane = 0; lane < TILE; lane++) memcpy(t[lane], from + lane * stride, sizeof t[lane]);
    for (size_t k = 0; k < TILE; k++) {
        const float row[TILE] = {t[0][k], t[1][k], t[2][k], t[3][k]};
        memcpy(to + k * ld, row, sizeof row);
    }
}

/* `lanes` units of a gate for some k, of which `count` are there: whole tiles where k run along memory, rows where
 * units do, the rest element by element. */
static void pack_block(float *to, size_t ld, const float *from, size_t count, size_t lanes, size_t depth,
                       size_t unit_stride, size_t k_stride)
{
    const size_t whole = count / TILE * TILE;
    size_t done = 0;
    if (k_stride == 1 && depth == K_LINE) {
        for (; done < whole; done += TILE)
            for (size_t k = 0; k < K_LINE; k += TILE)
                turn_tile(to + k * ld + done, ld, from + done * unit_stride + k, unit_stride);
    } else if (unit_stride == 1 && count) {
        for (size_t k = 0; k < depth; k++) memcpy(to + k * ld, from + k * k_stride, count * sizeof *to);
        done = count;
    }
    for (size_t k = 0; k < depth && done < lanes; k++)
        for (size_t lane = done; lane < lanes; lane++)
            to[k * ld + lane] = lane < count ? from[lane * unit_stride + k * k_stride] : 0;
}

/* The same for any format. `first` is the first k; zeros follow the last row, up to a whole k_group. */
static void pack_encoded(const rnnp_panels *p, char *to, const rnnp_unpacked *from, size_t element, size_t count,
                         size_t rows, size_t first)
{
    const size_t lanes = p->lanes, group = p->k_group, whole = round_up(rows, group);
    const size_t bytes = rnnp_format_bytes(p->format), width = from->encoded ? bytes : sizeof(float);
    const char *w = from->w;
    for (size_t k = 0; k < whole; k++) {
        char *row = to + ((first + k) / group * rnnp_panels_slice(p) * group + (first + k) % group) * bytes;
        const size_t there = k < rows ? count : 0, stride = group * bytes;
        if (there)
            put[p->format](row, group, w + (element + k * from->k_stride) * width, from->unit_stride, from->encoded,
                           there);
        for (size_t lane = there; lane < lanes; lane++) memset(row + lane * stride, 0, bytes);
        for (size_t lane = 0; p->offset && lane < lanes; lane++) /* of formats of one byte */
            row[lane * stride] = (char)((uint8_t)row[lane * stride] + p->offset);
    }
}

/* The scales of a gate in a panel. */
static void pack_header(const rnnp_panels *p, char *to, const float *scale, size_t count)
{
    float *header = (float *)(void *)to;
    for (size_t lane = 0; lane < p->lanes; lane++) header[lane] = lane >= count ? 0.0f : scale ? scale[lane] : 1.0f;
}

/* Reads whole lines: where k runs along memory, a line of every unit of a panel at a time; where units do, a few rows
 * from end to end, across all panels (more rows at once evict each other when their stride is a power of two). */
void rnnp_panels_pack_rows(const rnnp_panels *p, const rnnp_unpacked *from, size_t k_first, size_t depth, void *packed,
                           size_t part, size_t parts)
{
    const int by_rows = from->unit_stride == 1, plain = p->format == RNNP_FORMAT_f32 && p->k_group == 1;
    const size_t header = rnnp_format_header(p->format);
    const size_t lanes = p->lanes, per_slice = p->gates / p->slices, ld = per_slice * lanes;
    const size_t step = by_rows ? K_ROWS : K_LINE, all = rnnp_panels_count(p, from->units);
    const size_t first_panel = part * (all / parts) + (part < all % parts ? part : all % parts); /* as rnnp_share() */
    const size_t panels = all / parts + (part < all % parts);
    const size_t bytes = rnnp_format_bytes(p->format);
    const size_t blocks = from->depth == 0 && header ? 1 : (from->depth + step - 1) / step; /* at least the header */
    const size_t slice_bytes = (round_up(depth, p->k_group) * bytes + header) * ld;
    for (size_t i = 0; i < panels * blocks; i++) {
        const size_t panel = first_panel + (by_rows ? i % panels : i / blocks);
        const size_t k = (by_rows ? i / panels : i % blocks) * step, unit = panel * lanes;
        const size_t rows = from->depth - k < step ? from->depth - k : step;
        const size_t units = from->units - unit < lanes ? from->units - unit : lanes, count = from->w ? units : 0;
        for (size_t g = 0; g < p->gates; g++) {
            char *slice = (char *)packed + (panel * p->slices + g / per_slice) * slice_bytes;
            char *to = slice + header * ld + g % per_slice * lanes * p->k_group * bytes;
            const size_t element = g * from->gate_stride + unit * from->unit_stride + k * from->k_stride;
            if (header && k_first + k == 0)
                pack_header(p, slice + g % per_slice * lanes * header,
                            count && from->scale ? from->scale + g * from->units + unit : NULL, count);
            if (plain)
                pack_block((float *)(void *)to + (k_first + k) * ld, ld,
                           count ? (const float *)from->w + element : NULL, count, lanes, rows, from->unit_stride,
                           from->k_stride);
            else
                pack_encoded(p, to, from, element, count, rows, k_first + k);
        }
    }
}

void rnnp_panels_pack(const rnnp_panels *p, const rnnp_unpacked *from, void *packed, size_t part, size_t parts)
{
    rnnp_panels_pack_rows(p, from, 0, from->depth, packed, part, parts);
}
