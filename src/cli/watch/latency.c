/* SPDX-License-Identifier: Apache-2.0 */
#include "latency.h"

#include <math.h>

/* Below 8 ns a bucket is a nanosecond; above it the first three bits behind the highest one say which eighth. */
static size_t bucket_of(uint64_t ns)
{
    if (ns < 8) return (size_t)ns;
    const unsigned top = 63u - (unsigned)__builtin_clzll(ns);
    return 8 * (size_t)(top - 2) + (size_t)(ns >> (top - 3) & 7);
}

double latency_edge(size_t bucket)
{
    if (bucket < 8) return 1e-9 * (double)(bucket + 1);
    return 1e-9 * ldexp((double)(bucket % 8 + 9), (int)(bucket / 8) - 1);
}

void latency_add(latency *l, double seconds)
{
    const double ns = seconds > 0 ? fmin(seconds * 1e9, 0x1p62) : 0;
    l->count[bucket_of((uint64_t)ns)]++;
    l->n++;
    if (seconds > l->most) l->most = seconds;
}

double latency_quantile(const latency *l, double share)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += l->count[i];
        if (seen && (double)seen >= share * (double)l->n) return fmin(latency_edge(i), l->most);
    }
    return 0;
}
