/* SPDX-License-Identifier: Apache-2.0 */
#include "simd.h"

#define RNNP_PROBE_DOT(acc, a, b) __asm__ volatile("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b))
#define RNNP_PROBE_DOT_NEEDS RNNP_CPU_AVX512VNNI
#include "../tmpl/probe.inc.h"
