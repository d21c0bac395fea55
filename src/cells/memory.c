/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

/* A bound in double, for two directions at once: no section has more than 4 gates of padded units per row, a step's
 * scratch is at most twice that or 2 * 2^16 floats and the quantised rows of h and x, and a chunk has at most batch or
 * RNNP_FAR_CHUNK_ROWS rows. */
int rnnp_recurrent_fits(size_t input, size_t hidden, size_t batch, size_t threads)
{
    double units = (double)hidden + 64, depth = (double)input + units, rows = (double)batch + RNNP_FAR_CHUNK_ROWS;
    double packed = 2 * 4 * units * depth, each = rows * (16 * units + depth),
           scratch = (double)threads * (rows * (8 * units + 2 * (depth + 128)) + 131072);
    return sizeof(float) * (packed + 2 * (each + scratch)) < 0x1p60;
}

enum { CHUNK_ROWS = 64, CHUNK_BYTES = 256 * 1024 };

/* From these batches on a step multiplies x and h in one pass: it has rows enough by itself, and pre-activations of
 * many steps would push weights out of L2. Far weights (which no cache holds from step to step) are split whatever the
 * width, in long chunks: the input's half then passes once in many steps, and the recurrent half alone may stay. On
 * Zen 3 with hidden 1024, batch 16, chunks of 256 rows took 1.15 to 1.3 times less than one pass. */
enum { HOIST_BELOW = 48, HOIST_BELOW_WIDE = 16, WIDE_BYTES = 128 * 1024 };

size_t rnnp_recurrent_args_floats(const rnnp_recurrent *layer)
{
    return rnnp_align16(layer->parts * sizeof(rnnp_step_args) / sizeof(float));
}

void rnnp_recurrent_plan_memory(const rnnp_recurrent *layer, size_t steps, size_t batch, size_t threads,
                                rnnp_recurrent_memory *w)
{
    size_t columns = 0, H = layer->hidden, state = batch * H;
    w->chunk = w->scratch_floats = w->project_floats = w->floats = 0;
    int hoist = steps > 1 && batch > 0;
    for (size_t i = 0; i < layer->parts; i++) {
        const rnnp_recurrent_part *p = &layer->part[i];
        hoist &= p->project != NULL;
        columns += p->columns;
        size_t scratch = rnnp_align16(rnnp_step_scratch(&p->step->traits, batch, H, layer->input));
        if (scratch > w->scratch_floats) w->scratch_floats = scratch;
    }
    const size_t z_bytes = CHUNK_ROWS * columns * sizeof(float);
    const size_t weight_bytes = columns * (layer->input + H) * rnnp_format_bytes(layer->format);
    const int far = rnnp_home_of(layer->select, weight_bytes) == RNNP_HOME_MEMORY, wide = z_bytes > WIDE_BYTES;
    const size_t usual = far ? RNNP_FAR_CHUNK_ROWS : z_bytes > CHUNK_BYTES ? CHUNK_ROWS / 2 : CHUNK_ROWS;
    const size_t chosen = layer->choice.chunk, rows = chosen ? chosen : usual;
    hoist &= chosen ? chosen != RNNP_CHUNK_NONE : batch < (wide && !far ? HOIST_BELOW_WIDE : HOIST_BELOW);
    if (hoist) w->chunk = batch >= rows ? 1 : rows / batch;
    if (w->chunk > steps) w->chunk = steps;
    for (size_t i = 0; i < layer->parts; i++)
        w->z[i] = rnnp_take_floats(&w->floats, w->chunk * batch * layer->part[i].columns);
    for (size_t i = 0; w->chunk && i < layer->parts; i++) {
        const size_t floats = rnnp_gemm_scratch(&layer->part[i].project->traits, w->chunk * batch, layer->input);
        if (floats > w->project_floats) w->project_floats = floats;
    }
    w->scratch = rnnp_take_floats(&w->floats, w->scratch_floats * threads);
    w->project = rnnp_take_floats(&w->floats, w->project_floats * threads);
    w->h = rnnp_take_floats(&w->floats, 2 * state);
    w->c = rnnp_take_floats(&w->floats, layer->has_c ? state : 0);
    w->u = rnnp_take_floats(&w->floats, layer->parts > 1 ? state : 0);
    w->rh = rnnp_take_floats(&w->floats, layer->parts > 1 ? state : 0);
    w->decayed = rnnp_take_floats(&w->floats, layer->decays ? state : 0);
    w->split_scratch =
        rnnp_take_floats(&w->floats, layer->splits ? rnnp_gemm_scratch(&layer->split->traits, batch, H) : 0);
    w->x = rnnp_take_floats(&w->floats, (w->chunk ? w->chunk : 1) * batch * layer->input);
    w->order = rnnp_take_floats(&w->floats, batch * (sizeof(uint32_t) / sizeof(float)));
    w->args = rnnp_take_floats(&w->floats, threads * rnnp_recurrent_args_floats(layer));
}
