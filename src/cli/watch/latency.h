/* SPDX-License-Identifier: Apache-2.0
 *
 * A histogram of times, in buckets whose edges are log-spaced: eight to each factor of two, so that a quantile is told
 * to within 13 %. It takes the same memory for any number of times.
 */
#ifndef RNNP_CLI_WATCH_LATENCY_H
#define RNNP_CLI_WATCH_LATENCY_H

#include <stddef.h>
#include <stdint.h>

enum { LATENCY_BUCKETS = 64 * 8 };

/* Zeroed at first. */
typedef struct latency {
    uint64_t count[LATENCY_BUCKETS], n;
    double most; /* seconds */
} latency;

void latency_add(latency *l, double seconds);
/* The upper edge of a bucket, seconds: its times are below that, and at least at the edge of the bucket before. */
double latency_edge(size_t bucket);
/* Seconds that this share of the times does not exceed: the upper edge of a bucket, or the longest time; 0 without
 * times. */
double latency_quantile(const latency *l, double share);

#endif
