/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RNNP_CLOCK_H
#define RNNP_CLOCK_H

/* A clock that only goes forward: in seconds, and in nanoseconds without a floating-point operation. */
double rnnp_clock(void);
unsigned long long rnnp_clock_ns(void);

#endif
