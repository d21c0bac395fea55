/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: VL doubles in two registers of the type nh, by h_add, h_sub, h_mul, h_div, h_set and h_shl52 on one of
 * them.
 */
typedef struct nd {
    nh lo, hi;
} nd;

#define PAIR(d, h) \
    AI nd d(nd a, nd b) { return (nd){h(a.lo, b.lo), h(a.hi, b.hi)}; }
PAIR(d_add, h_add)
PAIR(d_sub, h_sub)
PAIR(d_mul, h_mul)
PAIR(d_div, h_div)
#undef PAIR
AI nd d_set(double a) { return (nd){h_set(a), h_set(a)}; }
AI nd d_shl52(nd a) { return (nd){h_shl52(a.lo), h_shl52(a.hi)}; }
