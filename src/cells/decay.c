/* SPDX-License-Identifier: Apache-2.0 */
#include "decay.h"

void rnnp_decay_part(const rnnp_recurrent *layer, const char *block, const rnnp_decay *d, rnnp_act act, float *m,
                     float *scratch)
{
    const size_t H = layer->hidden;
    const rnnp_gemm_args args = {.m = d->rows,
                                 .n = H,
                                 .k = H,
                                 .a = d->from,
                                 .lda = d->ldfrom,
                                 .b = block + layer->split_at,
                                 .c0 = rnnp_const_floats_at(block, layer->split_bias),
                                 .c = m,
                                 .ldc = H,
                                 .act = {act, 0, 0},
                                 .math = (int)layer->math,
                                 .scratch = scratch};
    if (d->rows > 0) layer->split->fn.gemm(&args);
}

void rnnp_decay_row(const rnnp_selection *select, const rnnp_decay *d, size_t row, const float *a, float *y)
{
    const rnnp_binary_args args = {.a = a,
                                   .b = d->g + (d->order ? d->order[row] : row) * d->g_row,
                                   .y = y,
                                   .n = d->hidden,
                                   .a_step = 1,
                                   .b_step = d->g_unit};
    select->op[RNNP_OP_mul_f32]->fn.mul_f32(&args);
}

void rnnp_decay_rows(const rnnp_selection *select, const rnnp_decay *d)
{
    for (size_t r = 0; r < d->rows; r++) {
        const float *from = d->from + r * d->ldfrom;
        float *to = d->to + r * d->ldto, *m = d->split ? d->split + r * d->hidden : NULL;
        rnnp_binary_args args = {.a = from, .b = m, .y = to, .n = d->hidden, .a_step = 1, .b_step = 1};
        if (!m) {
            rnnp_decay_row(select, d, r, from, to);
            continue;
        }
        select->op[RNNP_OP_sub_f32]->fn.sub_f32(&args);
        rnnp_decay_row(select, d, r, m, m);
        args.a = to;
        select->op[RNNP_OP_add_f32]->fn.add_f32(&args);
    }
}
