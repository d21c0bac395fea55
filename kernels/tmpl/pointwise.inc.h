/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: stamps every TMPL op of ops.def for the ISA whose simd.h was included. Each is one line below;
 * declarations, table rows, tests and benchmarks follow from ops.def.
 */
#include "name.inc.h"
#include "gates.inc.h"
#include "rows.inc.h"
#include "conv.inc.h"
#include "pow.inc.h"
#include "back.inc.h"
#include "update.inc.h"

#define UNARY(op, expression)                                \
    void RNNP_NAME(op)(const rnnp_unary_args *a)             \
    {                                                        \
        vf alpha = vf_set(a->alpha), beta = vf_set(a->beta); \
        (void)alpha;                                         \
        (void)beta;                                          \
        size_t i = 0;                                        \
        for (; i + WIDE <= a->n; i += WIDE) {                \
            vf x = vf_load(a->x + i);                        \
            vf_store(a->y + i, expression);                  \
        }                                                    \
        if (i < a->n) {                                      \
            vf x = vf_load_n(a->x + i, a->n - i);            \
            vf_store_n(a->y + i, expression, a->n - i);      \
        }                                                    \
    }
UNARY(exp_f32_u35, exp_u35(x))
UNARY(exp_f32_u10, exp_u10(x))
UNARY(exp_f32_fast, exp_fast(x))
UNARY(tanh_f32_u35, tanh_u35(x))
UNARY(tanh_f32_u10, tanh_u10(x))
UNARY(tanh_f32_fast, tanh_fast(x))
UNARY(sigmoid_f32_u35, sigmoid_u35(x))
UNARY(sigmoid_f32_u10, sigmoid_u10(x))
UNARY(sigmoid_f32_fast, sigmoid_fast(x))
UNARY(log_f32_u35, log_u35(x))
UNARY(log_f32_u10, log_u10(x))
UNARY(softplus_f32_u35, softplus_u35(x))
UNARY(softplus_f32_u10, softplus_u10(x))
UNARY(elu_f32_u35, elu_u35(x, alpha))
UNARY(elu_f32_u10, elu_u10(x, alpha))
UNARY(selu_f32_u35, selu_u35(x, alpha, beta))
UNARY(selu_f32_u10, selu_u10(x, alpha, beta))
UNARY(celu_f32, celu_f32(x, alpha))
UNARY(mish_f32, mish_f32(x))
UNARY(erf_f32, erf_f32(x))
UNARY(gelu_f32, gelu_f32(x))
UNARY(gelu_tanh_f32, gelu_tanh_f32(x))
UNARY(relu_f32, relu_f32(x))
UNARY(leaky_relu_f32, leaky_relu_f32(x, alpha))
UNARY(thresholded_relu_f32, thresholded_relu_f32(x, alpha))
UNARY(hard_sigmoid_f32, hard_sigmoid_f32(x, alpha, beta))
UNARY(hard_swish_f32, hard_swish_f32(x))
UNARY(softsign_f32, softsign_f32(x))
UNARY(affine_f32, affine_f32(x, alpha, beta))
UNARY(clip_f32, clip_f32(x, alpha, beta))
UNARY(sqrt_f32, vf_sqrt(x))
UNARY(neg_f32, vf_from(vi_add(vf_bits(x), vi_set(0x80000000u))))
UNARY(scaled_tanh_f32_u35, vf_mul(alpha, tanh_u35(vf_mul(beta, x))))
UNARY(scaled_tanh_f32_u10, vf_mul(alpha, tanh_u10(vf_mul(beta, x))))
UNARY(scaled_tanh_f32_fast, vf_mul(alpha, tanh_fast(vf_mul(beta, x))))

AI vf operand(const float *p, size_t i, size_t step, size_t n) { return step ? vf_load_up_to(p + i, n) : vf_set(*p); }
#define BINARY(op, f)                                                                                                  \
    void RNNP_NAME(op)(const rnnp_binary_args *args)                                                                   \
    {                                                                                                                  \
        for (size_t i = 0, n = args->n; i < args->n; i += WIDE, n -= WIDE)                                             \
            vf_store_up_to(args->y + i, f(operand(args->a, i, args->a_step, n), operand(args->b, i, args->b_step, n)), \
                           n);                                                                                         \
    }
BINARY(add_f32, vf_add)
BINARY(sub_f32, vf_sub)
BINARY(mul_f32, vf_mul)
BINARY(div_f32, vf_div)
BINARY(prelu_f32, leaky_relu_f32)

void RNNP_NAME(pow_f32)(const rnnp_binary_args *a)
{
    if (a->n && a->b_step == 0 && *a->b == 2) {
        RNNP_NAME(mul_f32)(&(rnnp_binary_args){a->a, a->a, a->y, a->n, a->a_step, a->a_step});
        return;
    }
    for (size_t i = 0; i < a->n; i++) a->y[i] = pow_float(a->a[i * a->a_step], a->b[i * a->b_step]);
}

void RNNP_NAME(activate)(const rnnp_gemm_args *g, float *c, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0, n = g->n; i < g->n; i += WIDE, n -= WIDE) {
            float *p = c + r * g->ldc + i;
            vf_store_up_to(p, gate_act(&g->act, g->math, vf_load_up_to(p, n)), n);
        }
}

#define CALL(op, args, f) \
    void RNNP_NAME(op)(const args *a) { f(a); }
CALL(softmax_f32_u35, rnnp_row_args, softmax_u35)
CALL(softmax_f32_u10, rnnp_row_args, softmax_u10)
CALL(softmax_f32_fast, rnnp_row_args, softmax_fast)
CALL(log_softmax_f32_u35, rnnp_row_args, log_softmax_u35)
CALL(log_softmax_f32_u10, rnnp_row_args, log_softmax_u10)
CALL(log_softmax_f32_fast, rnnp_row_args, log_softmax_fast)
CALL(reduce_sum_f32, rnnp_row_args, reduce_sum)
CALL(reduce_mean_f32, rnnp_row_args, reduce_mean)
CALL(reduce_max_f32, rnnp_row_args, reduce_max)
CALL(transpose_f32, rnnp_move_args, transpose)
CALL(gather_f32, rnnp_gather_args, gather)
CALL(conv_f32, rnnp_conv_args, conv)
#define RNNP_PART(cell, reset, part, ...)                 \
    CALL(part##_gates_f32, rnnp_gates_args, part##_gates) \
    CALL(part##_gates_back_f32, rnnp_gates_back_args, part##_gates_back)
#include "../cells.def"
CALL(act_back_f32, rnnp_act_back_args, act_back)
CALL(softmax_back_f32, rnnp_row_back_args, softmax_back)
CALL(log_softmax_back_f32, rnnp_row_back_args, log_softmax_back)
CALL(penalty_f32, rnnp_update_args, penalty)
CALL(sgd_f32, rnnp_update_args, sgd)
CALL(rmsprop_f32, rnnp_update_args, rmsprop)
CALL(adam_f32, rnnp_update_args, adam)
