/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange.h"

#include <math.h>

enum { HALF = GRID_OCTAVES * GRID_PARTS };

/* From 2^-17 (0) to 0.5 (HALF). */
static float lattice(size_t i) { return ldexpf(1 + (float)(i % GRID_PARTS) / GRID_PARTS, (int)(i / GRID_PARTS) - 17); }

/* 1 less an edge is a float: it has no digit below 2^-24. */
float grid_edge(size_t bin)
{
    if (bin == GRID_BINS) return nextafterf(1, 2);
    if (bin == 0) return 0;
    return bin <= HALF + 1 ? lattice(bin - 1) : 1 - lattice(2 * HALF + 1 - bin);
}

size_t grid_bin(float p)
{
    size_t first = 0, end = GRID_BINS; /* it is one of [first, end) */
    while (end - first > 1) {
        const size_t middle = first + (end - first) / 2;
        if (grid_edge(middle) <= p)
            first = middle;
        else
            end = middle;
    }
    return first;
}
