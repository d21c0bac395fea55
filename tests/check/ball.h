/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers with an error bound: the float result that a kernel computes lies within e of v, if every operation
 * errs by no more than its contract allows. Bounds of gates, cells and row ops follow by propagation, so none
 * is guessed:
 *
 *   one rounding      eps |v|, eps = 2^-24, and half the smallest denormal
 *   a b               |a| eb + |b| ea + ea eb
 *   f(x), monotone    the larger of |f(v +- e) - f(v)|, plus the error of f's class
 *   chain of k fma    each partial sum s_i is rounded: |err| <= eps sum |s_i| <= k eps sum |a||b| to first order;
 *                     (k + 4) eps sum |a||b| covers the second order and this oracle's own rounding
 *
 * e == 0 with v infinite or NaN: certainly so. e NaN: nothing is known (an infinity times what may be zero).
 * e == BITS: v must come out to the last bit.
 */
#ifndef BALL_H
#define BALL_H

#include "kernels/ops.h"

#define BITS (-1.0)

typedef struct ball {
    double v, e;
} ball;

ball ball_exact(double v);
ball ball_unknown(void);
ball ball_add(ball a, ball b);
ball ball_mul(ball a, ball b);
ball ball_fma(ball a, ball b, ball c);
ball ball_neg(ball a);
ball ball_div(ball a, ball b);
ball ball_sqrt(ball x);
ball ball_exp(int math, ball x);
ball ball_log(int math, ball x);
ball ball_tanh(int math, ball x);
ball ball_sigmoid(int math, ball x);
ball ball_clip(ball x, double low, double high);
ball ball_act(const rnnp_act_spec *act, int math, ball x);
/* Its derivative at x; at a kink that from below. */
ball ball_slope(const rnnp_act_spec *act, int math, ball x);
/* The product of a sigmoid and a tanh that share a division: one rounding more than the product of the two. */
ball ball_sigmoid_tanh(int math, ball x, ball y);
/* start + sum of a[i a_step] b[i b_step], i < k, as one chain; ball_chain_start's e is a bound already. */
ball ball_chain(ball start, const float *a, size_t a_step, const float *b, size_t b_step, size_t k);

/* Sum of a row of n in 16 lanes. */
ball ball_row_sum(const ball *x, size_t n);

/* 1 if a computed float agrees with the truth. */
int ball_holds(ball truth, float computed);

#endif
