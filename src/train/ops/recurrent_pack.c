/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights of a recurrent node packed for training, once per step. Of a direction, per part:
 *
 *     bias | start of n's recurrent chain (GRU, reset after) | W, R of z = x W^T + h R^T | W, R of dx = dz W, dh = dz R
 *
 * and then, of a layer that splits its state: D | its bias | D of dc = dpre D.
 *
 * All are right sides of plain products. In the first two the columns, in the others k are in
 * panel order (kernels/panels.h) with panels of RNNP_TRAIN_LANES units, and zeros for units beyond hidden.
 */
#include "bptt.h"

#include "../../cells/product.h"
#include "../../cells/weights.h"

#include <string.h>

/* The panels of a product as `gates` gates of units. A slice of them is a panel of the product. */
static rnnp_panels as_gates(const rnnp_variant *gemm, size_t gates)
{
    rnnp_panels panels = gemm->traits.panels;

    if (gates == 1) return panels;
    panels.gates = (uint16_t)gates;
    panels.slices = (uint16_t)(gates * RNNP_TRAIN_LANES / panels.lanes);
    panels.lanes = RNNP_TRAIN_LANES;
    return panels;
}

/* Whether that is another order of nothing: panels are whole gates, or there is one gate. */
static int fits_gates(const rnnp_variant *gemm, size_t gates)
{
    const size_t columns = gemm->traits.panels.lanes;

    return columns % RNNP_TRAIN_LANES == 0 && (gates == 1 || gates * RNNP_TRAIN_LANES % columns == 0);
}

static const rnnp_variant *find_gemm(const rnnp_variant *usual, size_t gates)
{
    const rnnp_variant_list *list = rnnp_tables[usual->isa];

    for (size_t i = 0; i < list->count && !fits_gates(usual, gates); i++) {
        const rnnp_variant *row = &list->rows[i];

        if (row->op == RNNP_OP_gemm && row->traits.panels.format == usual->traits.panels.format && !row->needs &&
            fits_gates(row, gates))
            return row;
    }
    return usual;
}

/* Products of a step have 16 rows, the others up to 256. On AVX2 tiles of three rows (3x32 for 6x16) read weights more
 * often and rows of z less: with an L2 of 2 MiB a training step takes 3 to 6 % less time (hidden 128 and 256). */
static const rnnp_variant *kernel_for(const rnnp_selection *select, size_t n, size_t k)
{
    enum { LARGE_L2 = 1 << 20, LEAST_ROWS = 3 };
    const rnnp_variant *usual = rnnp_product_kernel(select, RNNP_FORMAT_f32, n, k);
    const int large = select->near_bytes >= LARGE_L2 && select->near_bytes != SIZE_MAX;

    return large ? rnnp_select_wider(usual, n, LEAST_ROWS) : usual;
}

void rnnp_bptt_plan_pack(rnnp_bptt *net)
{
    const size_t H = net->layer.hidden, I = net->layer.input;
    const size_t columns = net->gates * H;
    const rnnp_variant *usual = kernel_for(net->layer.select, columns, I + H);
    size_t *total = &net->prepared_bytes;

    net->gemm = kernel_for(net->layer.select, H, columns);
    const rnnp_panels *back = &net->gemm->traits.panels;
    *total = 0;
    for (size_t i = 0; i < net->parts; i++) {
        rnnp_bptt_part *part = &net->part[i];
        rnnp_recurrent_part *of = &part->of;

        part->gemm = find_gemm(usual, of->gates);
        part->panels = as_gates(part->gemm, of->gates);
        of->bias = rnnp_take_bytes(total, of->columns * sizeof(float));
        of->bias_h = rnnp_take_bytes(total, of->of->own_start ? of->panels * of->lanes * sizeof(float) : 0);
        of->wx = rnnp_take_bytes(total, rnnp_panels_bytes(&part->panels, H, I));
        of->wh = rnnp_take_bytes(total, rnnp_panels_bytes(&part->panels, H, H));
        part->wx_back = rnnp_take_bytes(total, rnnp_panels_bytes(back, I, of->columns));
        part->wh_back = rnnp_take_bytes(total, rnnp_panels_bytes(back, H, of->columns));
    }
    if (!net->layer.splits) return;
    net->layer.split_at = rnnp_take_bytes(total, rnnp_panels_bytes(&net->layer.split->traits.panels, H, H));
    net->layer.split_bias = rnnp_take_bytes(total, H * sizeof(float));
    net->split_back = rnnp_take_bytes(total, rnnp_panels_bytes(back, H, H));
}

/* w [gates * hidden][depth]: for products over depth. */
static void pack_forward(const rnnp_bptt *net, const rnnp_bptt_part *part, const float *w, size_t depth, char *packed,
                         size_t i, size_t n)
{
    const size_t H = net->layer.hidden;

    const rnnp_unpacked from = rnnp_unpacked_f32(w, H, depth, H * depth, depth, 1);
    rnnp_panels_pack(&part->panels, &from, packed, i, n);
}

/* The same w for products over its rows, which are taken in panel order, with zeros for units beyond hidden. */
static void pack_back(const rnnp_bptt *net, const rnnp_bptt_part *part, const float *w, size_t width, char *packed,
                      size_t i, size_t n)
{
    const size_t H = net->layer.hidden, columns = part->of.columns;
    const rnnp_panels *panels = &net->gemm->traits.panels;
    size_t k = 0;

    for (size_t unit = 0; unit < H; unit += RNNP_TRAIN_LANES) {
        const size_t left = H - unit, rows = left < RNNP_TRAIN_LANES ? left : RNNP_TRAIN_LANES;

        for (size_t g = 0; g < part->of.gates; g++, k += RNNP_TRAIN_LANES) {
            const rnnp_unpacked from = rnnp_unpacked_f32(w + (g * H + unit) * width, width, rows, 0, 1, width);
            const rnnp_unpacked none = rnnp_unpacked_f32(NULL, width, RNNP_TRAIN_LANES - rows, 0, 1, width);

            rnnp_panels_pack_rows(panels, &from, k, columns, packed, i, n);
            rnnp_panels_pack_rows(panels, &none, k + rows, columns, packed, i, n);
        }
    }
}

void rnnp_bptt_pack(const rnnp_bptt *net, const rnnp_recurrent_source *source, char *prepared, size_t part,
                    size_t parts)
{
    const size_t H = net->layer.hidden, I = net->layer.input, G = net->gates;

    for (size_t d = 0; d < rnnp_directions(net->layer.direction); d++) {
        char *block = prepared + d * net->prepared_bytes;

        for (size_t i = 0; i < net->parts; i++) {
            const rnnp_bptt_part *p = &net->part[i];
            const size_t row = (d * G + p->of.first_gate) * H;
            const float *w = (const float *)source->w + row * I, *r = (const float *)source->r + row * H;

            pack_forward(net, p, w, I, block + p->of.wx, part, parts);
            pack_forward(net, p, r, H, block + p->of.wh, part, parts);
            pack_back(net, p, w, I, block + p->wx_back, part, parts);
            pack_back(net, p, r, H, block + p->wh_back, part, parts);
            if (part == 0)
                rnnp_recurrent_pack_bias(&net->layer, &p->of, source->b ? source->b + d * 2 * G * H : NULL, block);
        }
        if (!net->layer.splits) continue;
        rnnp_product_pack(net->layer.split, block + net->layer.split_at, source->split, H, H, H, 1, part, parts);
        rnnp_product_pack(net->gemm, block + net->split_back, source->split, H, H, 1, H, part, parts);
        if (part > 0) continue;
        memset(block + net->layer.split_bias, 0, rnnp_align64(H * sizeof(float)));
        if (source->split_bias) memcpy(block + net->layer.split_bias, source->split_bias, H * sizeof(float));
    }
}
