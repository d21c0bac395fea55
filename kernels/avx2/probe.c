/* SPDX-License-Identifier: Apache-2.0 */
#include "simd.h"

#define RNNP_PROBE_DOT(acc, a, b) __asm__ volatile("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b))
#define RNNP_PROBE_DOT_NEEDS RNNP_CPU_AVXVNNI
#include "../tmpl/probe.inc.h"
