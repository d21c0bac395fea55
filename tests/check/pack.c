/* SPDX-License-Identifier: Apache-2.0
 *
 * Packing, element by element: the variants' problems would not show a lane beyond the units that is not 0.
 */
#include "check.h"

typedef struct pack {
    rnnp_panels panels;
    rnnp_unpacked from;
    float *packed;
    size_t parts, k; /* how many write it; rows before k are packed on their own */
} pack;

static void pack_go(const void *arg)
{
    const pack *p = arg;
    rnnp_unpacked above = p->from, below = p->from;
    if (p->k == 0) {
        for (size_t i = 0; i < p->parts; i++) rnnp_panels_pack(&p->panels, &p->from, p->packed, i, p->parts);
        return;
    }
    above.depth = p->k;
    below.depth -= p->k;
    below.w = (const float *)p->from.w + p->k * p->from.k_stride;
    rnnp_panels_pack_rows(&p->panels, &below, p->k, p->from.depth, p->packed, 0, 1);
    rnnp_panels_pack_rows(&p->panels, &above, 0, p->from.depth, p->packed, 0, 1);
}

static const char *pack_holds(const pack *p)
{
    const rnnp_unpacked *from = &p->from;
    const float *at = p->packed;
    const size_t gates = p->panels.gates / p->panels.slices, lanes = p->panels.lanes, group = p->panels.k_group;
    const size_t groups = (from->depth + group - 1) / group;
    for (size_t first = 0; first < from->units; first += lanes)
        for (size_t i = 0; i < p->panels.slices * groups * gates; i++)
            for (size_t j = 0; j < lanes * group; j++, at++) {
                const size_t slice = i / (groups * gates), k = i / gates % groups * group + j % group;
                const size_t g = slice * gates + i % gates, unit = first + j / group;
                const size_t w = g * from->gate_stride + unit * from->unit_stride + k * from->k_stride;
                if (*at != (unit < from->units && k < from->depth ? ((const float *)from->w)[w] : 0))
                    return "an element is not where it belongs";
            }
    return (size_t)(at - p->packed) * sizeof *at == rnnp_panels_bytes(&p->panels, from->units, from->depth)
               ? NULL
               : "rnnp_panels_bytes is another number";
}

const char *check_pack(arena *a, memory *m)
{
    static const size_t huge[][2] = {{SIZE_MAX, 1}, {1, SIZE_MAX}, {(size_t)1 << 40, (size_t)1 << 40}};
    rng r = {.state = 1};
    for (size_t i = 0; i < 400; i++) {
        pack p = {.panels = {.gates = (uint16_t)rng_in(&r, 1, 4),
                             .lanes = (uint16_t)(4 << rng_in(&r, 0, 4)),
                             .slices = 1,
                             .k_group = (uint16_t)(i < 200 ? 1 : 1 << rng_in(&r, 0, 2)),
                             .format = RNNP_FORMAT_f32},
                  .from = {.units = rng_in(&r, 1, 70), .depth = rng_in(&r, 1, 50)},
                  .parts = rng_in(&r, 1, 3)};
        if (p.panels.gates % 2 == 0 && rng_one_in(&r, 2)) p.panels.slices = 2;
        const size_t n = p.panels.gates * p.from.units * p.from.depth;
        const int k_last = rng_one_in(&r, 2);
        p.from.gate_stride = p.from.units * p.from.depth;
        p.from.unit_stride = k_last ? p.from.depth : 1;
        p.from.k_stride = k_last ? 1 : p.from.units;
        if (rng_one_in(&r, 3)) p.k = rng_in(&r, 0, p.from.depth - 1) / p.panels.k_group * p.panels.k_group;
        arena_reset(a);
        memory_reset(m, i % 2 ? AT_BEGIN : AT_END, 0);
        float *w = arena_floats(a, n);
        for (size_t k = 0; k < n; k++) w[k] = (float)(k + 1);
        p.from.w = memory_floats(m, INPUT, w, n);
        const size_t bytes = rnnp_panels_bytes(&p.panels, p.from.units, p.from.depth);
        p.packed = memory_floats(m, OUTPUT, NULL, bytes / sizeof(float));
        const char *wrong = memory_call(m, pack_go, &p);
        if (!wrong) wrong = pack_holds(&p);
        if (wrong) return wrong;
    }
    const rnnp_panels panels = {4, 16, 1, 4, RNNP_FORMAT_f32, 0};
    for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++)
        if (rnnp_panels_bytes(&panels, huge[i][0], huge[i][1]) != SIZE_MAX) return "bytes overflow";
    return NULL;
}
