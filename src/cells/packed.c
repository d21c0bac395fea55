/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of a recurrent layer before it runs: its parts, their kernels, and its packed block.
 *
 *     per direction, per part:  bias | start of n's recurrent chain (GRU, reset after) | wx | wh
 *     then:                     peepholes (LSTM) | 1 if there are any
 */
#include "weights.h"

#include <string.h>

/* The product with the same panels, meant for weights from memory if the step is, else for any. */
static const rnnp_variant *find_project(const rnnp_variant *step, size_t columns)
{
    const rnnp_variant_list *list = rnnp_tables[step->isa];
    const uint16_t home = step->traits.home == RNNP_HOME_MEMORY ? RNNP_HOME_MEMORY : RNNP_HOME_L2;
    for (size_t i = 0; i < list->count; i++)
        if (list->rows[i].op == RNNP_OP_gemm_f32 && list->rows[i].traits.nr == columns && !list->rows[i].needs &&
            list->rows[i].traits.home == home)
            return &list->rows[i];
    return NULL;
}

/* All of the gate spec but the peepholes, which the packed block decides. */
static void prepare_spec(rnnp_recurrent *layer, size_t d)
{
    const rnnp_act_spec *act = layer->act[d];
    rnnp_gate_spec *s = &layer->spec[d];
    rnnp_act_spec defaults[3];
    memset(s, 0, sizeof *s);
    s->math = (int)layer->math;
    s->input_forget = layer->input_forget;
    s->clip = layer->clip;
    memcpy(s->act, act, sizeof s->act);
    s->plain = !layer->input_forget && !(layer->clip > 0);
    rnnp_act_defaults(layer->cell, defaults);
    for (size_t i = 0; i < rnnp_cell_activations(layer->cell); i++) s->plain &= act[i].kind == defaults[i].kind;
}

void rnnp_recurrent_prepare(rnnp_recurrent *layer)
{
    static const rnnp_op whole[] = { 0, RNNP_OP_rnn_step_f32, RNNP_OP_lstm_step_f32, RNNP_OP_gru_step_f32 };
    layer->parts = 1;
    layer->gates = layer->floats = 0;
    memset(layer->part, 0, sizeof layer->part);
    if (layer->cell == RNNP_CELL_GRU && !layer->reset_after) {
        layer->parts = 2;
        layer->part[0].op = RNNP_OP_gru_reset_step_f32;
        layer->part[1].op = RNNP_OP_gru_update_step_f32;
    } else {
        layer->part[0].op = whole[layer->cell];
    }
    for (size_t i = 0; i < layer->parts; i++) {
        rnnp_recurrent_part *p = &layer->part[i];
        p->step = layer->select->op[p->op];
        p->gates = rnnp_op_gates(p->op);
        p->first_gate = layer->gates;
        p->lanes = p->step->traits.lanes;
        p->panels = (layer->hidden + p->lanes - 1) / p->lanes;
        p->columns = p->panels * p->gates * p->lanes;
        p->step = rnnp_select_for(layer->select, p->op, p->columns * (layer->input + layer->hidden) * sizeof(float));
        p->project = find_project(p->step, p->gates * p->lanes / rnnp_step_slices(&p->step->traits));
        p->bias = rnnp_take_floats(&layer->floats, p->columns);
        p->bias_h = rnnp_take_floats(&layer->floats, p->op == RNNP_OP_gru_step_f32 ? p->panels * p->lanes : 0);
        p->wx = rnnp_take_floats(&layer->floats, p->columns * layer->input);
        p->wh = rnnp_take_floats(&layer->floats, p->columns * layer->hidden);
        layer->gates += p->gates;
    }
    layer->peephole = rnnp_take_floats(&layer->floats, layer->cell == RNNP_CELL_LSTM ? 3 * layer->hidden : 0);
    /* one float, with zero padding: does this direction have peepholes? */
    rnnp_take_floats(&layer->floats, 1);
    for (size_t d = 0; d < rnnp_directions(layer->direction); d++) prepare_spec(layer, d);
}

/* A bound in double, for two directions at once: no section has more than 4 gates of padded units per row, a step's scratch is at most twice
 * that or 2 * 2^16 floats, and a chunk has at most batch or RNNP_FAR_CHUNK_ROWS rows. */
int rnnp_recurrent_fits(size_t input, size_t hidden, size_t batch, size_t threads)
{
    double units = (double)hidden + 64, depth = (double)input + units, rows = (double)batch + RNNP_FAR_CHUNK_ROWS;
    double packed = 2 * 4 * units * depth, each = rows * (16 * units + depth), scratch = (double)threads * (8 * rows * units + 131072);
    return sizeof(float) * (packed + 2 * (each + scratch)) < 0x1p60;
}

size_t rnnp_recurrent_pack_bytes(const rnnp_recurrent *layer)
{
    if (!rnnp_recurrent_fits(layer->input, layer->hidden, 0, 1)) return SIZE_MAX;
    return layer->floats * sizeof(float) * rnnp_directions(layer->direction);
}

size_t rnnp_recurrent_step_bytes(const rnnp_recurrent *layer)
{
    size_t floats = 0;
    for (size_t i = 0; i < layer->parts; i++) floats += layer->part[i].columns * layer->hidden;
    return floats * sizeof(float) * rnnp_directions(layer->direction);
}

const char *rnnp_recurrent_variant(const rnnp_recurrent *layer) { return layer->part[0].step->name; }

void rnnp_recurrent_pack(const rnnp_recurrent *layer, const rnnp_recurrent_source *source, void *packed)
{
    const size_t H = layer->hidden, I = layer->input, G = layer->gates, D = rnnp_directions(layer->direction);
    memset(packed, 0, layer->floats * sizeof(float) * D);
    for (size_t d = 0; d < D; d++) {
        float *block = (float *)packed + d * layer->floats;
        const float *b = source->b ? source->b + d * 2 * G * H : NULL;
        for (size_t i = 0; i < layer->parts; i++) {
            const rnnp_recurrent_part *p = &layer->part[i];
            const size_t slices = rnnp_step_slices(&p->step->traits);
            const float *w = source->w + (d * G + p->first_gate) * H * I, *r = source->r + (d * G + p->first_gate) * H * H;
            rnnp_pack_f32(block + p->wx, w, p->gates, H, I, p->lanes, slices, H * I, I, 1);
            rnnp_pack_f32(block + p->wh, r, p->gates, H, H, p->lanes, slices, H * H, H, 1);
            for (size_t g = 0; b && g < p->gates; g++)
                for (size_t u = 0; u < H; u++) {
                    const float *bx = b + (p->first_gate + g) * H + u, *bh = bx + G * H;
                    size_t lane = u % p->lanes, at = (u - lane) * p->gates + g * p->lanes + lane;
                    int apart = p->op == RNNP_OP_gru_step_f32 && g == 2; /* n: r scales the recurrent part alone */
                    block[p->bias + at] = apart ? *bx : *bx + *bh;
                    if (apart) block[p->bias_h + u] = *bh;
                }
        }
        if (source->p) {
            memcpy(block + layer->peephole, source->p + d * 3 * H, 3 * H * sizeof(float));
            block[layer->floats - rnnp_align16(1)] = 1;
        }
    }
}

rnnp_gate_spec rnnp_recurrent_spec(const rnnp_recurrent *layer, size_t d, const float *block)
{
    rnnp_gate_spec spec = layer->spec[d];
    if (layer->cell == RNNP_CELL_LSTM && block[layer->floats - rnnp_align16(1)] != 0) {
        spec.peephole = block + layer->peephole;
        spec.plain = 0;
    }
    return spec;
}
