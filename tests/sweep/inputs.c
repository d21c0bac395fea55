/* SPDX-License-Identifier: Apache-2.0 */
#include "inputs.h"

#include <stdlib.h>

/* Magnitudes; each stands for both signs. */
typedef struct region {
    float low, high;
} region;

static const region hard[] = {
    {0, 0x1.002p-126f}, /* zero and the denormals */
    {0.5f, 0.75f},      /* |tanh| and sigmoid(-x) around 1/2, where tanh leaves its straight part */
    {0.99f, 1.01f},     /* log around 0 */
    {4.99f, 5.01f},     /* clamp of the fast tanh */
    {8.5f, 9.5f},       /* tanh becomes 1 */
    {9.99f, 10.01f},    /* clamp of the fast sigmoid */
    {17, 18.5f},        /* elu becomes -1 */
    {87, 104.5f},       /* exp and sigmoid: denormal results, underflow, overflow */
    {0x1.fffp127f, INFINITY},
};

/* Where n of the range reduction changes: odd multiples of `spacing`, up to `last`. */
static const struct {
    double spacing, last;
} boundaries[KIND_COUNT] = {
    [KIND_EXP] = {0x1.62e42fefa39efp-2, 105},      [KIND_TANH] = {0x1.62e42fefa39efp-3, 9.5},
    [KIND_SIGMOID] = {0x1.62e42fefa39efp-2, 105},  [KIND_LOG] = {1, 0}, /* none: it takes the exponent */
    [KIND_SOFTPLUS] = {0x1.62e42fefa39efp-2, 105}, [KIND_ELU] = {0x1.62e42fefa39efp-2, 18},
};

enum {
    BOUNDARY_FLOATS = 1024, /* on each side of a boundary */
    NAN_FLOATS = 4096,      /* at both ends of the NaNs of each sign */
};

static uint32_t bits_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* Every step-th of the magnitudes [first, last], of both signs, in runs of bounded length. */
static int add(run_list *list, kind k, uint32_t first, uint32_t last, uint32_t step)
{
    for (uint32_t sign = 0; sign <= 1; sign++)
        for (uint32_t done = 0, count = (last - first) / step + 1; done < count;) {
            if (list->count == list->room) {
                const size_t room = list->room ? 2 * list->room : 1024;
                run *runs = realloc(list->runs, room * sizeof *runs);
                if (!runs) return 0;
                list->runs = runs;
                list->room = room;
            }
            const uint32_t left = count - done, most = BLOCK * RUN_BLOCKS, n = left < most ? left : most;
            list->runs[list->count++] = (run){k, (first + done * step) | sign << 31, step, n};
            list->inputs[k] += n;
            done += n;
        }
    return 1;
}

static int add_hard(run_list *list, kind k, uint32_t step)
{
    const uint32_t infinity = bits_of(INFINITY), last = 0x7fffffff;
    int ok = add(list, k, infinity + 1, infinity + NAN_FLOATS, step) && add(list, k, last - NAN_FLOATS, last, step);

    for (size_t i = 0; ok && i < sizeof hard / sizeof *hard; i++)
        ok = add(list, k, bits_of(hard[i].low), bits_of(hard[i].high), step);
    for (double at = boundaries[k].spacing; ok && at <= boundaries[k].last; at += 2 * boundaries[k].spacing) {
        const uint32_t bits = bits_of((float)at);
        ok = add(list, k, bits - BOUNDARY_FLOATS, bits + BOUNDARY_FLOATS, step);
    }
    return ok;
}

int run_list_fill(run_list *list, const int selected[KIND_COUNT], uint32_t stride)
{
    const uint32_t dense = stride / DENSE_STRIDE + (stride % DENSE_STRIDE != 0);

    for (kind k = 0; k < KIND_COUNT; k++) {
        if (!selected[k]) continue;
        if (!add(list, k, 0, 0x7fffffff, stride)) return 0;
        if (stride > 1 && !add_hard(list, k, dense)) return 0;
    }
    return 1;
}
