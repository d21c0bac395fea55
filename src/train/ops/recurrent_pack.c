/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights of a recurrent node packed for training, once per step. Of a direction, per part:
 *
 *     bias | start of n's recurrent chain (GRU, reset after) | W, R of z = x W^T + h R^T | W, R of dx = dz W, dh = dz R
 *
 * All are right sides of plain products: [columns / nr][k][nr]. In the first two the columns, in the others k are in
 * panel order (kernels/ops.h) with panels of RNNP_TRAIN_LANES units, and zeros for units beyond hidden.
 */
#include "recurrent.h"

#include "../../cells/weights.h"

#include <string.h>

/* Panels of `gates` gates become columns of nr without another order: nr are whole gates, or there is one gate. */
static int fits_gates(const rnnp_variant *gemm, size_t gates)
{
    const size_t nr = gemm->traits.nr;

    return nr % RNNP_TRAIN_LANES == 0 && (gates == 1 || gates * RNNP_TRAIN_LANES % nr == 0);
}

static const rnnp_variant *find_gemm(const rnnp_variant *usual, size_t gates)
{
    const rnnp_variant_list *list = rnnp_tables[usual->isa];

    for (size_t i = 0; i < list->count && !fits_gates(usual, gates); i++) {
        if (list->rows[i].op == RNNP_OP_gemm && !list->rows[i].needs && fits_gates(&list->rows[i], gates))
            return &list->rows[i];
    }
    return usual;
}

void rnnp_bptt_plan_pack(rnnp_bptt *net)
{
    const size_t H = net->layer.hidden, I = net->layer.input;
    const rnnp_variant *usual =
        rnnp_select_for(net->layer.select, RNNP_OP_gemm, net->gates * H * (I + H) * sizeof(float));
    size_t *total = &net->prepared_floats;

    net->gemm = usual;
    *total = 0;
    for (size_t i = 0; i < net->parts; i++) {
        rnnp_bptt_part *part = &net->part[i];
        rnnp_recurrent_part *of = &part->of;

        part->gemm = find_gemm(usual, of->gates);
        of->bias = rnnp_take_floats(total, of->columns);
        of->bias_h = rnnp_take_floats(total, of->op == RNNP_OP_gru_step ? of->panels * of->lanes : 0);
        of->wx = rnnp_take_floats(total, rnnp_packed_size(1, of->columns, I, part->gemm->traits.nr));
        of->wh = rnnp_take_floats(total, rnnp_packed_size(1, of->columns, H, part->gemm->traits.nr));
        part->wx_back = rnnp_take_floats(total, rnnp_packed_size(1, I, of->columns, usual->traits.nr));
        part->wh_back = rnnp_take_floats(total, rnnp_packed_size(1, H, of->columns, usual->traits.nr));
    }
}

/* w [gates * hidden][depth]: for products over depth. */
static void pack_forward(const rnnp_bptt *net, const rnnp_bptt_part *part, const float *w, size_t depth, float *packed,
                         size_t i, size_t n)
{
    const size_t H = net->layer.hidden, gates = part->of.gates, nr = part->gemm->traits.nr;
    const size_t lanes = gates == 1 ? nr : RNNP_TRAIN_LANES;
    size_t from, to;

    rnnp_share((H + lanes - 1) / lanes, i, n, &from, &to);
    const size_t first = from * lanes, end = to * lanes < H ? to * lanes : H;
    if (first < end)
        rnnp_pack_f32(packed + first * gates * depth, w + first * depth, gates, end - first, depth, lanes,
                      gates * lanes / nr, H * depth, depth, 1);
}

/* The same w for products over its rows, which are taken in panel order. */
static void pack_back(const rnnp_bptt *net, const rnnp_bptt_part *part, const float *w, size_t width, float *packed,
                      size_t i, size_t n)
{
    const size_t H = net->layer.hidden, gates = part->of.gates, nr = net->gemm->traits.nr, columns = part->of.columns;
    size_t from, to;

    rnnp_share((width + nr - 1) / nr, i, n, &from, &to);
    for (size_t j = from; j < to; j++) {
        const size_t count = width - j * nr < nr ? width - j * nr : nr;
        float *panel = packed + j * nr * columns;

        for (size_t k = 0; k < columns; k++, panel += nr) {
            const size_t unit = k / (gates * RNNP_TRAIN_LANES) * RNNP_TRAIN_LANES + k % RNNP_TRAIN_LANES;
            const size_t row = k / RNNP_TRAIN_LANES % gates * H + unit, copied = unit < H ? count : 0;

            if (copied) memcpy(panel, w + row * width + j * nr, copied * sizeof *panel);
            memset(panel + copied, 0, (nr - copied) * sizeof *panel);
        }
    }
}

void rnnp_bptt_pack(const rnnp_bptt *net, const rnnp_recurrent_source *source, float *prepared, size_t part,
                    size_t parts)
{
    const size_t H = net->layer.hidden, I = net->layer.input, G = net->gates;

    for (size_t d = 0; d < rnnp_directions(net->layer.direction); d++) {
        float *block = prepared + d * net->prepared_floats;

        for (size_t i = 0; i < net->parts; i++) {
            const rnnp_bptt_part *p = &net->part[i];
            const size_t row = (d * G + p->of.first_gate) * H;
            const float *w = source->w + row * I, *r = source->r + row * H;

            pack_forward(net, p, w, I, block + p->of.wx, part, parts);
            pack_forward(net, p, r, H, block + p->of.wh, part, parts);
            pack_back(net, p, w, I, block + p->wx_back, part, parts);
            pack_back(net, p, r, H, block + p->wh_back, part, parts);
            if (part == 0)
                rnnp_recurrent_pack_bias(&net->layer, &p->of, source->b ? source->b + d * 2 * G * H : NULL, block);
        }
    }
}
