/* SPDX-License-Identifier: Apache-2.0
 *
 * One direction of a call, step by step. A layer has one part, or two for GRU with reset before the product, whose
 * second half needs r h of all units:
 *
 *     part            op               gates   chain over      writes
 *     RNN, LSTM, GRU  *_step           1 4 3   x, h            y (and c)
 *     reset before    gru_reset_step   2       x, h            u = z gate, rh = r h
 *                     gru_update_step  1       x, rh           y
 *
 * The input part of a chunk of steps is one product when that pays (its result is still in cache when it is
 * consumed); else each step multiplies x and h in one pass. The bits are the same: one chain per element.
 *
 * Lengths. Rows are taken in order of falling length, so the active ones are always the first: no work is done
 * on finished rows. A reverse direction walks t downwards and rows join at their own last step. Both halves
 * of the state buffer start with h0, hence a row that is not active needs no copying.
 */
#include "loop.h"

#include "decay.h"
#include "memory.h"
#include "packed.h"

#include <string.h>

/* ---- Rows and steps ---- */

/* Rows whose length exceeds t. */
static size_t active_rows(const rnnp_loop *o, size_t t)
{
    if (!o->order) return o->call->batch;
    size_t low = 0, high = o->call->batch;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if ((size_t)o->call->lengths[o->order[mid]] > t)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static int is_reverse(const rnnp_loop *o) { return o->d == 1 || o->layer->direction == RNNP_DIRECTION_REVERSE; }
static size_t time_of(const rnnp_loop *o, size_t step) { return is_reverse(o) ? o->call->steps - 1 - step : step; }

/* Where x of the chunk's active rows is gathered: [step in chunk][row][input]. */
static float *gathered(const rnnp_loop *o, const rnnp_chunk *chunk)
{
    return o->base + o->w->x + chunk->slot * o->call->batch * o->layer->input;
}

/* Where a part's pre-activations of the chunk are: [step in chunk][row][columns]. */
static float *projected(const rnnp_loop *o, const rnnp_chunk *chunk, size_t part)
{
    return o->base + o->w->z[part] + chunk->slot * o->call->batch * o->layer->part[part].columns;
}

void rnnp_loop_gather(const rnnp_loop *o, const rnnp_chunk *chunk, size_t i, size_t n)
{
    const rnnp_recurrent_call *c = o->call;
    size_t input = o->layer->input;
    for (size_t s = 0; s < chunk->count; s++) {
        size_t t = time_of(o, chunk->first + s), begin, end;
        rnnp_share(active_rows(o, t), i, n, &begin, &end);
        for (size_t r = begin; r < end; r++)
            memcpy(gathered(o, chunk) + (s * c->batch + r) * input,
                   c->x + t * c->x_step + (o->order ? o->order[r] : r) * c->x_row, input * sizeof(float));
    }
}

/* Input rows of a step: from the caller, or gathered. */
static const float *input_rows(const rnnp_loop *o, const rnnp_chunk *chunk, size_t s, size_t t, size_t *ld)
{
    *ld = o->gathers ? o->layer->input : o->call->x_row;
    return o->gathers ? gathered(o, chunk) + s * o->call->batch * o->layer->input : o->call->x + t * o->call->x_step;
}

/* ---- Shares ---- */

static rnnp_rectangle share_of_product(const rnnp_recurrent_part *p, size_t rows, size_t i, size_t n)
{
    if (n == 1) return (rnnp_rectangle){0, rows, 0, p->panels};
    const rnnp_area area = rnnp_area_of(p->panels, p->gates * p->lanes, rows, &p->project->traits);
    const rnnp_grid grid = rnnp_grid_of(&area, n);
    return rnnp_grid_share(&grid, &area, i);
}

static rnnp_area area_of_step(const rnnp_recurrent_part *p, size_t rows)
{
    return rnnp_area_of(p->panels, p->lanes, rows, &p->step->traits);
}

rnnp_largest rnnp_loop_largest_share(const rnnp_recurrent *layer, size_t part, size_t rows, size_t n)
{
    const rnnp_area area = area_of_step(&layer->part[part], rows);
    const rnnp_grid grid = rnnp_grid_of(&area, n);
    rnnp_largest share = {.time = rnnp_grid_time(&grid, &area), .panels = rnnp_grid_panels(&grid, &area)};
    if (grid.panels > 1) share.state = (double)((rows + grid.rows - 1) / grid.rows * layer->hidden * sizeof(float));
    return share;
}

typedef struct step_share {
    rnnp_rectangle at;
    size_t lanes, ended, ended_rows; /* rows that have ended, whose y is 0 */
} step_share;

/* Of the active rows, and of those that have ended. */
static step_share share_of_step(const rnnp_loop *o, size_t k, size_t rows, size_t i, size_t n)
{
    const rnnp_recurrent_part *p = &o->layer->part[k];
    const size_t batch = o->call->batch;
    step_share share = {{0, rows, 0, p->panels}, p->lanes, rows, batch - rows};
    if (n == 1) return share;
    const rnnp_area area = area_of_step(p, rows), rest = area_of_step(p, batch - rows);
    const rnnp_grid grid = rows == batch && n == o->threads ? o->grid[k] : rnnp_grid_of(&area, n);
    share.at = rnnp_grid_share(&grid, &area, i);
    if (rows == batch) return share;
    const rnnp_rectangle ended = rnnp_grid_share(&grid, &rest, i);
    share.ended = rows + ended.row;
    share.ended_rows = ended.rows;
    return share;
}

void rnnp_loop_project(const rnnp_loop *o, const rnnp_chunk *chunk, size_t i, size_t n)
{
    const rnnp_recurrent_call *c = o->call;
    const size_t first = chunk->first, count = chunk->count;
    size_t input = o->layer->input, t_last = time_of(o, first + count - 1), t_first = time_of(o, first);
    size_t t_max = t_first > t_last ? t_first : t_last, t_min = t_first < t_last ? t_first : t_last;
    /* One product for the whole chunk when its rows lie evenly spaced in memory: gathered and complete, one
     * row a step, or steps right behind each other. z keeps the order of the rows' memory. */
    const int even = !o->gathers || active_rows(o, t_max) == c->batch;
    for (size_t k = 0; k < o->layer->parts; k++) {
        const rnnp_recurrent_part *p = &o->layer->part[k];
        const size_t nr = p->gates * p->lanes;
        for (size_t s = 0; s < count; s += even ? count : 1) {
            const size_t t = even && !o->gathers ? t_min : time_of(o, first + s), slot = o->gathers ? s : t - t_min;
            const rnnp_rectangle at = share_of_product(p, even ? count * c->batch : active_rows(o, t), i, n);
            size_t ldx;
            const float *x = input_rows(o, chunk, s, t, &ldx);
            if (!o->gathers && c->batch == 1) ldx = c->x_step;
            const rnnp_gemm_args g = {.m = at.rows,
                                      .n = at.panels * nr,
                                      .k = input,
                                      .a = x + at.row * ldx,
                                      .lda = ldx,
                                      .b = o->block + p->wx + rnnp_panels_at(&p->step->traits.panels, at.panel, input),
                                      .c0 = rnnp_const_floats_at(o->block, p->bias) + at.panel * nr,
                                      .c = projected(o, chunk, k) + (slot * c->batch + at.row) * p->columns +
                                           at.panel * nr,
                                      .ldc = p->columns,
                                      .scratch = o->base + o->w->project + i * o->w->project_floats};
            if (at.rows > 0 && at.panels > 0) p->project->fn.gemm(&g);
        }
    }
}

/* y of the rows and units that a thread has just computed, rows in order; 0 for its part of those that have ended. */
static void scatter_rows(const rnnp_loop *o, size_t t, const float *h, const step_share *share)
{
    const rnnp_recurrent_call *c = o->call;
    const size_t H = o->layer->hidden, begin = share->at.panel * share->lanes;
    const size_t past = begin + share->at.panels * share->lanes, end = past < H ? past : H;
    for (size_t r = 0; c->y && begin < end && r < share->at.rows + share->ended_rows; r++) {
        const size_t row = r < share->at.rows ? share->at.row + r : share->ended + r - share->at.rows;
        float *y = c->y + t * c->y_step + o->d * c->y_dir + o->order[row] * c->y_row + begin;
        if (r < share->at.rows)
            memcpy(y, h + row * H + begin, (end - begin) * sizeof(float));
        else
            memset(y, 0, (end - begin) * sizeof(float));
    }
}

/* Where h of step s is written (s = -1: the initial state): in y when y is wanted for all rows, else in
 * the halves of the state buffer by turns. */
static float *state_h(const rnnp_loop *o, size_t steps_done, size_t *ld)
{
    const rnnp_recurrent_call *c = o->call;
    size_t H = o->layer->hidden;
    if (steps_done > 0 && c->y && !o->order) {
        *ld = c->y_row;
        return c->y + time_of(o, steps_done - 1) * c->y_step + o->d * c->y_dir;
    }
    *ld = H;
    return o->base + o->w->h + (steps_done & 1) * c->batch * H;
}

static float *state_c(const rnnp_loop *o, size_t *ld)
{
    const rnnp_recurrent_call *c = o->call;
    int own = o->order || !c->c;
    *ld = own ? o->layer->hidden : c->h_row;
    return own ? o->base + o->w->c : c->c + o->d * c->h_dir;
}

/* c, or u that passes from part to part; nothing for cells that have neither. */
static rnnp_state first_state(const rnnp_loop *o)
{
    rnnp_state rows = {o->base + o->w->u, o->layer->hidden};
    if (o->layer->has_c) rows.p = state_c(o, &rows.ld);
    return rows;
}

/* Decays the state before a step of one thread: c in place, h into a buffer of its own. */
static void decay_state(const rnnp_loop *o, size_t t, size_t step, size_t rows)
{
    const rnnp_recurrent *layer = o->layer;
    const rnnp_recurrent_call *c = o->call;
    rnnp_decay d = {.g = c->g + t * c->g_step,
                    .g_row = c->g_row,
                    .g_unit = c->g_unit,
                    .order = o->order,
                    .rows = rows,
                    .hidden = layer->hidden,
                    .to = o->base + o->w->decayed,
                    .ldto = layer->hidden};
    if (!layer->has_c) {
        d.from = state_h(o, step, &d.ldfrom);
    } else {
        float *state = state_c(o, &d.ldfrom);
        d.from = state;
        if (layer->splits) rnnp_decay_part(layer, o->block, &d, RNNP_ACT_TANH, d.to, o->base + o->w->split_scratch);
        d.split = layer->splits ? d.to : NULL;
        d.to = state;
        d.ldto = d.ldfrom;
    }
    rnnp_decay_rows(layer->select, &d);
}

/* A thread's arguments for the steps of a part: what does not change with the step is written once. */
static rnnp_step_args *step_args(const rnnp_loop *o, size_t k, size_t i)
{
    return (rnnp_step_args *)(void *)(o->base + o->w->args + i * rnnp_recurrent_args_floats(o->layer)) + k;
}

static void prepare_steps(const rnnp_loop *o)
{
    const size_t H = o->layer->hidden;
    for (size_t i = 0; i < o->threads; i++)
        for (size_t k = 0; k < o->layer->parts; k++) {
            const rnnp_recurrent_part *p = &o->layer->part[k];
            rnnp_step_args *s = step_args(o, k, i);
            memset(s, 0, sizeof *s);
            s->hidden = H;
            s->input = o->layer->input;
            s->wh = o->block + p->wh;
            s->zh = rnnp_const_floats_at(o->block, p->bias_h);
            s->scratch = o->base + o->w->scratch + i * o->w->scratch_floats;
            s->spec = &o->spec;
            if (o->w->chunk) {
                s->ldz = p->columns;
            } else {
                s->z = rnnp_const_floats_at(o->block, p->bias);
                s->wx = o->block + p->wx;
            }
            if (p->of->chain == RNNP_CHAIN_RH) {
                s->chain = o->base + o->w->rh;
                s->ldchain = H;
            }
            s->state[0] = first_state(o);
        }
}

void rnnp_loop_step(const rnnp_loop *o, const rnnp_chunk *chunk, size_t in_chunk, size_t k, size_t i, size_t n)
{
    const rnnp_recurrent_call *c = o->call;
    const rnnp_recurrent_part *p = &o->layer->part[k];
    const size_t step = chunk->first + in_chunk, t = time_of(o, step), rows = active_rows(o, t);
    const step_share share = share_of_step(o, k, rows, i, n);
    const size_t row = share.at.row; /* the first */
    rnnp_step_args *s = step_args(o, k, i);
    if (share.at.panels == 0) return;
    s->panel_begin = share.at.panel;
    s->panel_end = share.at.panel + share.at.panels;
    s->rows = share.at.rows;
    s->reverse = !o->layer->choice.one_way && ((step + c->turn) & 1);
    if (o->w->chunk) {
        /* forward chunks lie in z as time does, reverse ones too unless their rows were gathered */
        size_t slot = !is_reverse(o) || o->gathers ? in_chunk : chunk->count - 1 - in_chunk;
        s->z = projected(o, chunk, k) + (slot * c->batch + row) * p->columns;
    } else {
        s->x = input_rows(o, chunk, in_chunk, t, &s->ldx);
        s->x += row * s->ldx;
    }
    s->h = state_h(o, step, &s->ldh);
    if (o->layer->decays && rows > 0 && k == 0) decay_state(o, t, step, rows);
    if (o->layer->decays && !o->layer->has_c) {
        s->h = o->base + o->w->decayed;
        s->ldh = o->layer->hidden;
    }
    s->h += row * s->ldh;
    if (p->of->chain == RNNP_CHAIN_H) {
        s->chain = s->h;
        s->ldchain = s->ldh;
    } else if (n > 1) {
        s->chain = o->base + o->w->rh + row * s->ldchain;
    }
    float *y = state_h(o, step + 1, &s->ldy);
    if (n > 1) { /* one thread's row is 0, and so is that of share 0, whose arguments it uses */
        s->state[0] = first_state(o);
        s->state[0].p += row * s->state[0].ld;
    }
    s->y = y + row * s->ldy;
    if (k + 1 < o->layer->parts) {
        s->ldy = o->layer->hidden;
        s->y = o->base + o->w->rh + row * s->ldy;
    }
    if (s->rows > 0) p->step->fn.lstm_step(s); /* all step ops have one type */
    if (o->order && k + 1 == o->layer->parts) scatter_rows(o, t, y, &share);
}

static void copy_rows(float *to, size_t ld_to, const float *from, size_t ld_from, const uint32_t *order_to,
                      const uint32_t *order_from, size_t rows, size_t width)
{
    for (size_t r = 0; r < rows; r++) {
        float *p = to + (order_to ? order_to[r] : r) * ld_to;
        if (from)
            memmove(p, from + (order_from ? order_from[r] : r) * ld_from, width * sizeof(float));
        else
            memset(p, 0, width * sizeof(float));
    }
}

static void begin_states(const rnnp_loop *o)
{
    const rnnp_recurrent_call *c = o->call;
    size_t H = o->layer->hidden, ld;
    float *h = state_h(o, 0, &ld);
    copy_rows(h, ld, c->h0 ? c->h0 + o->d * c->h0_dir : NULL, c->h0_row, NULL, o->order, c->batch, H);
    if (o->order) memcpy(h + c->batch * H, h, c->batch * H * sizeof(float));
    if (!o->layer->has_c) return;
    float *cell = state_c(o, &ld);
    copy_rows(cell, ld, c->c0 ? c->c0 + o->d * c->h0_dir : NULL, c->h0_row, NULL, o->order, c->batch, H);
}

void rnnp_loop_end_direction(const rnnp_loop *o)
{
    const rnnp_recurrent_call *c = o->call;
    size_t H = o->layer->hidden, ld;
    if (c->h) {
        for (size_t r = 0; r < c->batch; r++) {
            size_t done = o->order && !is_reverse(o) ? (size_t)c->lengths[o->order[r]] : c->steps;
            const float *h = state_h(o, done, &ld) + r * ld;
            memcpy(c->h + o->d * c->h_dir + (o->order ? o->order[r] : r) * c->h_row, h, H * sizeof(float));
        }
    }
    if (c->c && o->layer->has_c && o->order) {
        const float *cell = state_c(o, &ld);
        copy_rows(c->c + o->d * c->h_dir, c->h_row, cell, ld, o->order, NULL, c->batch, H);
    }
}

void rnnp_loop_prepare(const rnnp_loop *o, const rnnp_chunk *chunk)
{
    if (o->gathers) rnnp_loop_gather(o, chunk, 0, 1);
    if (o->w->chunk) rnnp_loop_project(o, chunk, 0, 1);
}

void rnnp_loop_steps(const rnnp_loop *o, const rnnp_chunk *chunk)
{
    for (size_t s = 0; s < chunk->count; s++)
        for (size_t k = 0; k < o->layer->parts; k++) rnnp_loop_step(o, chunk, s, k, 0, 1);
}

void rnnp_loop_run(const rnnp_loop *o, size_t first, size_t end)
{
    for (rnnp_chunk c = {.first = first}; c.first < end; c.first += c.count) {
        c.count = end - c.first < o->chunk ? end - c.first : o->chunk;
        rnnp_loop_prepare(o, &c);
        rnnp_loop_steps(o, &c);
    }
}

/* ---- Beginning ---- */

/* Shell sort: no allocation, no recursion. */
void rnnp_rows_by_length(uint32_t *order, const int32_t *lengths, size_t n)
{
    for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
    for (size_t gap = n / 2; gap > 0; gap /= 2)
        for (size_t i = gap; i < n; i++) {
            uint32_t row = order[i];
            size_t j = i;
            for (; j >= gap && lengths[order[j - gap]] < lengths[row]; j -= gap) order[j] = order[j - gap];
            order[j] = row;
        }
}

void rnnp_loop_begin(rnnp_loop *o, const rnnp_recurrent *layer, const rnnp_recurrent_call *call, size_t threads)
{
    o->layer = layer;
    o->call = call;
    o->base = call->workspace;
    o->order = NULL;
    o->threads = threads;
    if (call->steps == 1 && call->batch == 1 && threads == 1) {
        o->w = &layer->one;
    } else {
        rnnp_recurrent_plan_memory(layer, call->steps, call->batch, threads, &o->planned);
        o->w = &o->planned;
    }
    o->chunk = o->w->chunk ? o->w->chunk : 1;
    for (size_t k = 0; threads > 1 && k < layer->parts; k++) {
        const rnnp_area area = area_of_step(&layer->part[k], call->batch);
        o->grid[k] = rnnp_grid_of(&area, threads);
    }
    if (call->lengths) {
        int full = 1;
        for (size_t b = 0; b < call->batch; b++) full &= (size_t)call->lengths[b] == call->steps;
        if (!full) {
            uint32_t *order = (uint32_t *)(void *)(o->base + o->w->order);
            rnnp_rows_by_length(order, call->lengths, call->batch);
            o->order = order;
        }
    }
    o->gathers = o->order || (o->w->chunk > 0 && call->batch > 1 && call->x_step != call->batch * call->x_row);
}

void rnnp_loop_begin_direction(rnnp_loop *o, size_t d)
{
    o->d = d;
    o->block = (const char *)o->call->packed + d * o->layer->bytes;
    o->spec = rnnp_recurrent_spec(o->layer, d, o->block);
    begin_states(o);
    prepare_steps(o);
}
