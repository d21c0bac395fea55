/* SPDX-License-Identifier: Apache-2.0 */
#include "simd.h"

#define RNNP_PROBE_DOT(acc, a, b) \
    __asm__ volatile(".arch armv8.2-a+dotprod\n\tsdot %0.4s, %1.16b, %2.16b" : "+w"(acc) : "w"(a), "w"(b))
#define RNNP_PROBE_DOT_NEEDS RNNP_CPU_DOTPROD
#include "../tmpl/probe.inc.h"
