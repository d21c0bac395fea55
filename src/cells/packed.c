/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of a recurrent layer before it runs: its parts, their kernels, and its packed block.
 *
 *     per direction, per part:  bias | start of n's recurrent chain (GRU, reset after) | wx | wh
 *     then:                     D and its bias (decay.h) | peepholes (LSTM) | 1 if there are any
 */
#include "packed.h"

#include "memory.h"
#include "product.h"

#include <stdio.h>
#include <string.h>

/* The product that reads the same panels, meant for weights from memory if the step is, else for any. */
static const rnnp_variant *find_project(const rnnp_variant *step)
{
    const rnnp_panels panels = rnnp_panels_as_matrix(&step->traits.panels);
    const rnnp_variant_list *list = rnnp_rows_of(step->isa);
    const uint16_t home = step->traits.home == RNNP_HOME_MEMORY ? RNNP_HOME_MEMORY : RNNP_HOME_L2;
    for (size_t i = 0; i < list->count; i++)
        if (list->rows[i].op == RNNP_OP_gemm && rnnp_panels_same(&list->rows[i].traits.panels, &panels) &&
            !(list->rows[i].needs & ~step->needs) && list->rows[i].traits.home == home)
            return &list->rows[i];
    return NULL;
}

/* All of the gate spec but the peepholes, which the packed block decides. */
static void prepare_spec(rnnp_recurrent *layer, size_t d)
{
    const rnnp_act_spec *act = layer->act[d];
    rnnp_gate_spec *s = &layer->spec[d];
    memset(s, 0, sizeof *s);
    s->math = (int)layer->math;
    s->input_forget = layer->input_forget;
    s->clip = layer->clip;
    memcpy(s->act, act, sizeof s->act);
    s->plain = !layer->input_forget && !(layer->clip > 0);
    for (size_t i = 0; i < layer->traits->activations; i++) s->plain &= act[i].kind == layer->traits->act[i];
}

/* The kernel meant for weights of this size. */
static const rnnp_variant *by_home(const rnnp_recurrent *layer, rnnp_op op)
{
    const rnnp_panels *panels = &layer->select->at[layer->format][RNNP_HOME_L2][op]->traits.panels;
    const size_t columns = rnnp_panels_count(panels, layer->hidden) * rnnp_panels_columns(panels);
    return rnnp_select_wider(
        rnnp_select_for(layer->select, op, layer->format, columns * (layer->input + layer->hidden)), layer->hidden,
        RNNP_WIDE_ROWS);
}

rnnp_op rnnp_recurrent_op(const rnnp_recurrent *layer, size_t part)
{
    const rnnp_part *p = rnnp_cell_part(layer->cell, layer->reset_after, part);
    return p ? p->step : RNNP_OP_COUNT;
}

void rnnp_recurrent_prepare(rnnp_recurrent *layer)
{
    layer->parts = layer->gates = layer->bytes = 0;
    memset(layer->part, 0, sizeof layer->part);
    layer->traits = rnnp_cell_of(layer->cell);
    layer->has_c = layer->traits->states > 1;
    for (const rnnp_part *of; (of = rnnp_cell_part(layer->cell, layer->reset_after, layer->parts)); layer->parts++) {
        const size_t i = layer->parts;
        rnnp_recurrent_part *p = &layer->part[i];
        p->of = of;
        p->step = layer->choice.step[i] ? layer->choice.step[i] : by_home(layer, of->step);
        p->gates = of->gates;
        p->first_gate = layer->gates;
        const rnnp_panels *panels = &p->step->traits.panels;
        p->lanes = panels->lanes;
        p->panels = rnnp_panels_count(panels, layer->hidden);
        p->columns = p->panels * p->gates * p->lanes;
        p->project = find_project(p->step);
        p->bias = rnnp_take_bytes(&layer->bytes, p->columns * sizeof(float));
        p->bias_h = rnnp_take_bytes(&layer->bytes, of->own_start ? p->panels * p->lanes * sizeof(float) : 0);
        p->wx = rnnp_take_bytes(&layer->bytes, rnnp_panels_bytes(panels, layer->hidden, layer->input));
        p->wh = rnnp_take_bytes(&layer->bytes, rnnp_panels_bytes(panels, layer->hidden, layer->hidden));
        layer->gates += p->gates;
    }
    if (layer->splits) {
        const size_t H = layer->hidden;
        layer->split = rnnp_product_kernel(layer->select, RNNP_FORMAT_f32, H, H);
        layer->split_at = rnnp_take_bytes(&layer->bytes, rnnp_panels_bytes(&layer->split->traits.panels, H, H));
        layer->split_bias = rnnp_take_bytes(&layer->bytes, H * sizeof(float));
    }
    layer->peephole = rnnp_take_bytes(&layer->bytes, layer->traits->peepholes * layer->hidden * sizeof(float));
    /* one float, with zero padding: does this direction have peepholes? */
    rnnp_take_bytes(&layer->bytes, sizeof(float));
    for (size_t d = 0; d < rnnp_directions(layer->direction); d++) prepare_spec(layer, d);
    rnnp_recurrent_plan_memory(layer, 1, 1, 1, &layer->one);
}

size_t rnnp_recurrent_pack_bytes(const rnnp_recurrent *layer)
{
    if (!rnnp_recurrent_fits(layer->input, layer->hidden, 0, 1)) return SIZE_MAX;
    return layer->bytes * rnnp_directions(layer->direction);
}

size_t rnnp_recurrent_step_bytes(const rnnp_recurrent *layer)
{
    size_t bytes = 0;
    for (size_t i = 0; i < layer->parts; i++)
        bytes += rnnp_panels_bytes(&layer->part[i].step->traits.panels, layer->hidden, layer->hidden);
    return bytes * rnnp_directions(layer->direction);
}

const char *rnnp_recurrent_variant(const rnnp_recurrent *layer) { return layer->part[0].step->name; }

/* Zeros from the end of a section up to the next line, where the next one begins. */
static void pad(char *block, size_t end) { memset(block + end, 0, rnnp_align64(end) - end); }

void rnnp_recurrent_pack_bias(const rnnp_recurrent *layer, const rnnp_recurrent_part *p, const float *b, char *block)
{
    const size_t H = layer->hidden, G = layer->gates;
    float *bias = rnnp_floats_at(block, p->bias);
    memset(bias, 0, p->wx - p->bias);
    for (size_t g = 0; b && g < p->gates; g++) {
        const float *bx = b + (p->first_gate + g) * H, *bh = bx + G * H;
        const int apart = p->of->own_start && g + 1 == p->gates; /* GRU's n: r scales the recurrent part alone */
        for (size_t first = 0; first < H; first += p->lanes) {
            float *to = bias + first * p->gates + g * p->lanes;
            for (size_t u = first; u < H && u < first + p->lanes; u++) to[u - first] = apart ? bx[u] : bx[u] + bh[u];
        }
        if (apart) memcpy(block + p->bias_h, bh, H * sizeof *bh);
    }
}

static void pack_peephole(const rnnp_recurrent *layer, const float *peephole, char *block)
{
    memset(block + layer->peephole, 0, layer->bytes - layer->peephole);
    if (!peephole) return;
    memcpy(block + layer->peephole, peephole, layer->traits->peepholes * layer->hidden * sizeof *peephole);
    *rnnp_floats_at(block, layer->bytes - 64) = 1;
}

static void pack_split(const rnnp_recurrent *layer, const rnnp_recurrent_source *source, char *block, size_t part,
                       size_t parts)
{
    const size_t H = layer->hidden;
    rnnp_product_pack(layer->split, block + layer->split_at, source->split, H, H, H, 1, part, parts);
    if (part > 0) return;
    pad(block, layer->split_at + rnnp_panels_bytes(&layer->split->traits.panels, H, H));
    memset(block + layer->split_bias, 0, rnnp_align64(H * sizeof(float)));
    if (source->split_bias) memcpy(block + layer->split_bias, source->split_bias, H * sizeof(float));
}

/* Gates of a part, which begin at row `first` of w, a matrix [rows][depth]. */
static rnnp_unpacked part_of(const rnnp_recurrent *layer, const rnnp_recurrent_source *source, const void *w,
                             const float *scale, size_t first, size_t depth)
{
    const size_t H = layer->hidden, bytes = source->is_f32 ? sizeof(float) : rnnp_format_bytes(layer->format);
    rnnp_unpacked from = rnnp_unpacked_f32(NULL, H, depth, H * depth, depth, 1);

    from.w = (const char *)w + first * depth * bytes;
    from.encoded = !source->is_f32;
    from.scale = scale ? scale + first : NULL;
    return from;
}

void rnnp_recurrent_pack(const rnnp_recurrent *layer, const rnnp_recurrent_source *source, void *packed, size_t part,
                         size_t parts)
{
    const size_t H = layer->hidden, I = layer->input, G = layer->gates;
    for (size_t d = 0; d < rnnp_directions(layer->direction); d++) {
        char *block = (char *)packed + d * layer->bytes;
        for (size_t i = 0; i < layer->parts; i++) {
            const rnnp_recurrent_part *p = &layer->part[i];
            const size_t rows = (d * G + p->first_gate) * H;
            const rnnp_panels *panels = &p->step->traits.panels;
            const rnnp_unpacked w = part_of(layer, source, source->w, source->w_scale, rows, I);
            const rnnp_unpacked r = part_of(layer, source, source->r, source->r_scale, rows, H);
            rnnp_panels_pack(panels, &w, block + p->wx, part, parts);
            rnnp_panels_pack(panels, &r, block + p->wh, part, parts);
            if (part > 0) continue;
            rnnp_recurrent_pack_bias(layer, p, source->b ? source->b + d * 2 * G * H : NULL, block);
            pad(block, p->wx + rnnp_panels_bytes(panels, H, I));
            pad(block, p->wh + rnnp_panels_bytes(panels, H, H));
        }
        if (layer->splits) pack_split(layer, source, block, part, parts);
        if (part == 0) pack_peephole(layer, source->p ? source->p + d * layer->traits->peepholes * H : NULL, block);
    }
}

void rnnp_recurrent_layout(const rnnp_recurrent *layer, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "recurrent input %zu hidden %zu directions %zu bytes %zu:", layer->input,
                                   layer->hidden, rnnp_directions(layer->direction), layer->bytes);

    for (size_t i = 0; i < layer->parts && used < size; i++) {
        const rnnp_recurrent_part *p = &layer->part[i];

        char panels[RNNP_PANELS_TEXT];

        rnnp_panels_text(&p->step->traits.panels, panels);
        used += (size_t)snprintf(text + used, size - used, " %s %s at %zu %zu %zu %zu", rnnp_op_names[p->of->step],
                                 panels, p->bias, p->bias_h, p->wx, p->wh);
    }
    if (layer->splits && used < size) {
        char panels[RNNP_PANELS_TEXT];

        rnnp_panels_text(&layer->split->traits.panels, panels);
        used += (size_t)snprintf(text + used, size - used, " decay %s at %zu %zu", panels, layer->split_at,
                                 layer->split_bias);
    }
    if (used < size) snprintf(text + used, size - used, " peepholes at %zu", layer->peephole);
}

rnnp_gate_spec rnnp_recurrent_spec(const rnnp_recurrent *layer, size_t d, const char *block)
{
    rnnp_gate_spec spec = layer->spec[d];
    if (layer->traits->peepholes && *rnnp_const_floats_at(block, layer->bytes - 64) != 0) {
        spec.peephole = rnnp_const_floats_at(block, layer->peephole);
        spec.plain = 0;
    }
    return spec;
}
