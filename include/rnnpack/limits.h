/* SPDX-License-Identifier: Apache-2.0
 *
 * The limits of this machine: how fast it multiplies, reads memory and meets at a barrier, measured with the context's
 * instruction set on the context's team. No kernel can be faster; benchmarks report the share that one reaches.
 *
 * A cloud machine is not the same machine every second: other tenants take a sibling thread, clocks move. So each
 * function measures one short burst and returns what the machine gave just then. For the limit, take the best of many
 * bursts; to judge a sample, measure beside it.
 *
 * Every function here
 *   context  whose ISA and team are measured
 *   seconds  least length of the burst, above 0 and at most 10; the call takes about twice as long, or some twenty
 *            times where the team's threads do not run at once
 *   together NULL, or gets the number of threads that ran at once, for nine tenths of the burst at least. A total over
 *            the team can be relied on when it is the team's number. It is less when the team was busy with another
 *            call, a host's pool runs tasks in turn, or the threads have fewer CPUs than they are: tries are repeated
 *            for 20 times `seconds`, and the rate is what that many threads got done
 *   Returns  RNNP_OK; RNNP_ERR_ARG for NULL or a length out of range; others as said
 *   Errors   leave the result untouched
 *   Threads  any; a call that finds the team busy measures the calling thread alone
 *   Memory   none, except rnnp_limit_read
 */
#ifndef RNNPACK_LIMITS_H
#define RNNPACK_LIMITS_H

#include "rnnpack/rnnpack.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Floating-point operations per second of fused multiply-adds on f32 registers, two operations each, in total over
 * the team. Without an FMA instruction (generic on x86-64) the rate of its exact emulation. */
RNNP_API rnnp_status rnnp_limit_fma(rnnp_context *context, double seconds, double *flops, size_t *together);

/* Operations per second of 8-bit dot products (VNNI), two operations per product, in total over the team.
 * RNNP_ERR_UNSUPPORTED where this CPU, or this ISA, has none. */
RNNP_API rnnp_status rnnp_limit_dot(rnnp_context *context, double seconds, double *ops, size_t *together);

/* Bytes per second when `bytes` bytes (rounded up to 512 per thread), split evenly over the team, are read front to
 * back again and again: the bandwidth of the cache level where that footprint lives. The memory comes from the
 * context's allocator for the time of the call. RNNP_ERR_MEMORY. */
RNNP_API rnnp_status rnnp_limit_read(rnnp_context *context, double seconds, size_t bytes, double *rate,
                                     size_t *together);

/* Rounds per second of an empty loop, of the slowest of the team's threads. A thread that has its core for itself does
 * about one a cycle; a sibling thread of the core that is busy, be it another tenant's, halves the rate at once, which
 * rnnp_limit_fma hardly shows (by 2 % on a Zen 3) although products take a third longer. So this tells of a sample
 * whether it had its cores for itself: compare with the best rate seen. */
RNNP_API rnnp_status rnnp_limit_loop(rnnp_context *context, double seconds, double *rate);

/* Seconds of one barrier among the team inside a call. RNNP_ERR_UNSUPPORTED without a team, or when it is busy. */
RNNP_API rnnp_status rnnp_limit_barrier(rnnp_context *context, double seconds, double *barrier);

/* Seconds of one reading of the clock that the other functions time with. */
RNNP_API rnnp_status rnnp_limit_timer(rnnp_context *context, double seconds, double *timer);

/* Cycles per second of the calling thread's core, from a chain of exclusive ors that takes one cycle each on
 * every core we know: an estimate. */
RNNP_API rnnp_status rnnp_limit_clock(rnnp_context *context, double seconds, double *hertz);

#ifdef __cplusplus
}
#endif
#endif
