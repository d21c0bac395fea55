/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RNNP_CLOCK_H
#define RNNP_CLOCK_H

/* Seconds of a clock that only goes forward. */
double rnnp_clock(void);

#endif
