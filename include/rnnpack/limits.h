/* SPDX-License-Identifier: Apache-2.0
 *
 * The limits of this machine: how fast it multiplies, reads memory and synchronises threads, measured with the
 * context's instruction set and team. No kernel can be faster; benchmarks report the share of the limit that a
 * kernel reaches.
 *
 * The speed of a cloud machine varies from second to second: other tenants use the sibling thread of a core, and clock
 * frequencies change. Each function therefore measures one short burst and returns what the machine delivered at that
 * moment. For the limit, take the best of many bursts; to judge a sample, measure next to it.
 *
 * All functions here
 *   context  the instruction set and team to measure
 *   seconds  minimum length of the burst, greater than 0 and at most 10. The call takes about twice as long, or about
 *            twenty times if the team's threads do not all run at the same time
 *   together NULL, or receives how many threads ran at the same time for at least nine tenths of the burst. A total
 *            over the team is reliable if this equals the team's size. It is smaller if the team was busy with another
 *            call, if a host's pool runs tasks one after another, or if there are fewer CPUs than threads. In these
 *            cases the measurement is repeated for 20 times `seconds`, and the rate is that of so many threads
 *   Returns  RNNP_OK; RNNP_ERR_ARG for NULL or a length out of range; other errors as stated
 *   Errors   leave the result untouched
 *   Memory   no allocation, except by rnnp_limit_read()
 *   Threads  any; a call that finds the team busy measures the calling thread alone
 */
#ifndef RNNPACK_LIMITS_H
#define RNNPACK_LIMITS_H

#include "rnnpack/rnnpack.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Floating-point operations per second of fused multiply-adds on f32 registers, counted as two operations each, in
 * total over the team. Without an FMA instruction (generic on x86-64) the rate of its exact emulation. */
RNNP_API rnnp_status rnnp_limit_fma(const rnnp_context *context, double seconds, double *flops, size_t *together);

/* Operations per second of 8-bit dot products (VNNI), two operations per product, in total over the team.
 * RNNP_ERR_UNSUPPORTED if this CPU or instruction set has none. */
RNNP_API rnnp_status rnnp_limit_dot(const rnnp_context *context, double seconds, double *ops, size_t *together);

/* Bytes per second when `bytes` bytes, rounded up to 512 per thread and split evenly over the team, are read from start
 * to end again and again: the bandwidth of the cache level that holds them. The memory comes from the context's
 * allocator and is freed before the return. RNNP_ERR_MEMORY. */
RNNP_API rnnp_status rnnp_limit_read(const rnnp_context *context, double seconds, size_t bytes, double *rate,
                                     size_t *together);

/* Iterations per second of an empty loop, of the slowest thread of the team. A thread that has a core to itself does
 * about one per cycle. Any load on the core's sibling thread, including another tenant's, halves this rate at once,
 * while rnnp_limit_fma() hardly shows it (2 % on a Zen 3, where products take a third longer). Compare with the best
 * rate seen to tell whether a sample had its cores to itself. */
RNNP_API rnnp_status rnnp_limit_loop(const rnnp_context *context, double seconds, double *rate);

/* Seconds of one barrier of the team inside a call. RNNP_ERR_UNSUPPORTED without a team, or if it is busy. */
RNNP_API rnnp_status rnnp_limit_barrier(const rnnp_context *context, double seconds, double *barrier);

/* Seconds that one reading takes of the clock that the other functions use. */
RNNP_API rnnp_status rnnp_limit_timer(const rnnp_context *context, double seconds, double *timer);

/* Cycles per second of the calling thread's core: an estimate from a chain of exclusive ors, which take one cycle
 * each on every core we know. */
RNNP_API rnnp_status rnnp_limit_clock(const rnnp_context *context, double seconds, double *hertz);

#ifdef __cplusplus
}
#endif
#endif
