/* SPDX-License-Identifier: Apache-2.0 */
#include "panels.h"

#include <stdio.h>
#include <string.h>

enum { TILE = 4, K_LINE = 16, K_ROWS = 8 }; /* K_LINE: floats of a cache line */

const char *const rnnp_format_names[RNNP_FORMAT_COUNT] = {
#define RNNP_FORMAT(name, public, type, k_group) #name,
#include "weights.def"
#undef RNNP_FORMAT
};

/* ---- Sizes ---- */

static size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

static size_t times(size_t a, size_t b) { return b && a > SIZE_MAX / b ? SIZE_MAX : a * b; }

size_t rnnp_panels_bytes(const rnnp_panels *p, size_t units, size_t depth)
{
    if (units > SIZE_MAX - p->lanes || depth > SIZE_MAX - p->k_group) return SIZE_MAX;
    const size_t panels = times(rnnp_panels_count(p, units), rnnp_panels_columns(p) * rnnp_format_bytes(p->format));
    return times(panels, round_up(depth, p->k_group));
}

/* ---- What fits what ---- */

int rnnp_panels_same(const rnnp_panels *a, const rnnp_panels *b)
{
    return a->gates == b->gates && a->lanes == b->lanes && a->slices == b->slices && a->k_group == b->k_group &&
           a->format == b->format;
}

rnnp_panels rnnp_panels_as_matrix(const rnnp_panels *p)
{
    return (rnnp_panels){1, (uint16_t)rnnp_panels_slice(p), 1, p->k_group, p->format};
}

void rnnp_panels_text(const rnnp_panels *p, char text[RNNP_PANELS_TEXT])
{
    snprintf(text, RNNP_PANELS_TEXT, "lanes %u gates %u slices %u k %u %s", p->lanes, p->gates, p->slices, p->k_group,
             rnnp_format_names[p->format]);
}

/* ---- Formats ---- */

static float encode_f32(float w) { return w; }

/* to[i * step] = from[i], in the format */
typedef void put_fn(void *to, size_t step, const float *from, size_t n);

#define RNNP_FORMAT(name, public, type, k_group)                               \
    _Static_assert(K_ROWS % (k_group) == 0, "a group is packed at once");      \
    static void put_##name(void *to, size_t step, const float *from, size_t n) \
    {                                                                          \
        type *t = to;                                                          \
        for (size_t i = 0; i < n; i++) t[i * step] = encode_##name(from[i]);   \
    }
#include "weights.def"
#undef RNNP_FORMAT

static put_fn *const put[RNNP_FORMAT_COUNT] = {
#define RNNP_FORMAT(name, public, type, k_group) put_##name,
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

/* `lanes` units of a gate for some k, of which `count` are there: whole tiles where a stride is 1, the rest element by
 * element. */
static void pack_block(float *to, size_t ld, const float *from, size_t count, size_t lanes, size_t depth,
                       size_t unit_stride, size_t k_stride)
{
    const size_t whole = count / TILE * TILE;
    size_t done = 0;
    if (k_stride == 1 && depth == K_LINE) {
        for (; done < whole; done += TILE)
            for (size_t k = 0; k < K_LINE; k += TILE)
                turn_tile(to + k * ld + done, ld, from + done * unit_stride + k, unit_stride);
    } else if (unit_stride == 1) {
        for (; done < whole; done += TILE)
            for (size_t k = 0; k < depth; k++)
                memcpy(to + k * ld + done, from + k * k_stride + done, TILE * sizeof *to);
    }
    for (size_t k = 0; k < depth && done < lanes; k++)
        for (size_t lane = done; lane < lanes; lane++)
            to[k * ld + lane] = lane < count ? from[lane * unit_stride + k * k_stride] : 0;
}

/* The same through a block of f32, for other formats than that. `first` is the first k; zeros follow the last row, up
 * to a whole k_group. */
static void pack_encoded(const rnnp_panels *p, char *to, const rnnp_unpacked *from, const float *w, size_t count,
                         size_t rows, size_t first)
{
    float block[K_LINE * RNNP_MOST_LANES];
    const size_t lanes = p->lanes, group = p->k_group, whole = round_up(rows, group);
    const size_t bytes = rnnp_format_bytes(p->format);
    pack_block(block, lanes, w, count, lanes, rows, from->unit_stride, from->k_stride);
    memset(block + rows * lanes, 0, (whole - rows) * lanes * sizeof *block);
    for (size_t k = first; k < first + whole; k++)
        put[p->format](to + (k / group * rnnp_panels_slice(p) * group + k % group) * bytes, group,
                       block + (k - first) * lanes, lanes);
}

/* Reads whole lines: where k runs along memory, a line of every unit of a panel at a time; where units do, a few rows
 * from end to end, across all panels (more rows at once evict each other when their stride is a power of two). */
void rnnp_panels_pack_rows(const rnnp_panels *p, const rnnp_unpacked *from, size_t k_first, size_t depth, void *packed,
                           size_t part, size_t parts)
{
    const int by_rows = from->unit_stride == 1, plain = p->format == RNNP_FORMAT_f32 && p->k_group == 1;
    const size_t lanes = p->lanes, per_slice = p->gates / p->slices, ld = per_slice * lanes;
    const size_t step = by_rows ? K_ROWS : K_LINE, all = rnnp_panels_count(p, from->units);
    const size_t first_panel = all * part / parts, panels = all * (part + 1) / parts - first_panel;
    const size_t blocks = (from->depth + step - 1) / step, bytes = rnnp_format_bytes(p->format);
    const size_t slice_bytes = round_up(depth, p->k_group) * ld * bytes;
    for (size_t i = 0; i < panels * blocks; i++) {
        const size_t panel = first_panel + (by_rows ? i % panels : i / blocks);
        const size_t k = (by_rows ? i / panels : i % blocks) * step, unit = panel * lanes;
        const size_t rows = from->depth - k < step ? from->depth - k : step;
        const size_t units = from->units - unit < lanes ? from->units - unit : lanes, count = from->w ? units : 0;
        for (size_t g = 0; g < p->gates; g++) {
            char *to = (char *)packed + (panel * p->slices + g / per_slice) * slice_bytes +
                       g % per_slice * lanes * p->k_group * bytes;
            const float *w =
                from->w ? from->w + g * from->gate_stride + unit * from->unit_stride + k * from->k_stride : NULL;
            if (plain)
                pack_block((float *)(void *)to + (k_first + k) * ld, ld, w, count, lanes, rows, from->unit_stride,
                           from->k_stride);
            else
                pack_encoded(p, to, from, w, count, rows, k_first + k);
        }
    }
}

void rnnp_panels_pack(const rnnp_panels *p, const rnnp_unpacked *from, void *packed, size_t part, size_t parts)
{
    rnnp_panels_pack_rows(p, from, 0, from->depth, packed, part, parts);
}
