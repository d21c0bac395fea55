/* SPDX-License-Identifier: Apache-2.0
 *
 * Packing, element by element: the variants' problems would not show a lane beyond the units that is not 0.
 */
#include "check.h"

typedef struct pack {
    float *packed;
    const float *w;
    size_t gates, units, depth, lanes, slices, gate_stride, unit_stride, k_stride;
} pack;

static void pack_go(const void *arg)
{
    const pack *p = arg;
    rnnp_pack_f32(p->packed, p->w, p->gates, p->units, p->depth, p->lanes, p->slices, p->gate_stride, p->unit_stride,
                  p->k_stride);
}

static const char *pack_holds(const pack *p)
{
    const float *at = p->packed;
    const size_t gates = p->gates / p->slices;
    for (size_t first = 0; first < p->units; first += p->lanes)
        for (size_t i = 0; i < p->slices * p->depth * gates; i++)
            for (size_t unit = first; unit < first + p->lanes; unit++, at++) {
                const size_t slice = i / (p->depth * gates), k = i / gates % p->depth, g = slice * gates + i % gates;
                const size_t from = g * p->gate_stride + unit * p->unit_stride + k * p->k_stride;
                if (*at != (unit < p->units ? p->w[from] : 0)) return "an element is not where it belongs";
            }
    return at == p->packed + rnnp_packed_size(p->gates, p->units, p->depth, p->lanes)
               ? NULL
               : "rnnp_packed_size is another number";
}

const char *check_pack(arena *a, memory *m)
{
    rng r = {1};
    for (size_t i = 0; i < 200; i++) {
        pack p = {.gates = rng_in(&r, 1, 4),
                  .units = rng_in(&r, 1, 70),
                  .depth = rng_in(&r, 1, 50),
                  .lanes = (size_t)4 << rng_in(&r, 0, 4)};
        p.slices = p.gates % 2 == 0 && rng_one_in(&r, 2) ? 2 : 1;
        const size_t n = p.gates * p.units * p.depth;
        const int k_last = rng_one_in(&r, 2);
        p.gate_stride = p.units * p.depth;
        p.unit_stride = k_last ? p.depth : 1;
        p.k_stride = k_last ? 1 : p.units;
        arena_reset(a);
        memory_reset(m, i % 2 ? AT_BEGIN : AT_END, 0);
        float *w = arena_floats(a, n);
        for (size_t k = 0; k < n; k++) w[k] = (float)(k + 1);
        p.w = memory_floats(m, INPUT, w, n);
        p.packed = memory_floats(m, OUTPUT, NULL, rnnp_packed_size(p.gates, p.units, p.depth, p.lanes));
        const char *wrong = memory_call(m, pack_go, &p);
        if (!wrong) wrong = pack_holds(&p);
        if (wrong) return wrong;
    }
    return NULL;
}
