/* SPDX-License-Identifier: Apache-2.0
 *
 * A piece is a call of its own on one thread, whose memory is a part of the workspace: what is below, and behind it
 * what its loop needs.
 */
#include "pieces.h"

#include "memory.h"

typedef struct piece {
    rnnp_loop loop;
    rnnp_recurrent_call call;
} piece;

typedef struct pieces {
    const rnnp_recurrent *layer;
    const rnnp_recurrent_call *call;
    size_t rows, count, steps, bytes; /* parts of the rows; pieces; steps of a phase; bytes of a piece */
} pieces;

static size_t directions(const rnnp_recurrent *layer) { return rnnp_directions(layer->direction); }

size_t rnnp_pieces_rows(const rnnp_recurrent *layer, size_t batch, int has_lengths, size_t threads)
{
    const size_t rows = threads / directions(layer);
    size_t columns = 0;
    if (threads < 2 || rows > batch) return 0;
    if (rows <= 1) return rows;
    for (size_t k = 0; k < layer->parts; k++) columns += layer->part[k].columns;
    const size_t bytes = columns * (layer->input + layer->hidden) * rnnp_format_bytes(layer->format);
    return has_lengths || rnnp_home_of(layer->select, 2 * bytes) != RNNP_HOME_L2 ? 0 : rows;
}

/* Of the largest, which may be one with fewer rows: it prepares more steps at once. */
static size_t piece_bytes(const rnnp_recurrent *layer, size_t steps, size_t batch, size_t rows)
{
    rnnp_recurrent_memory more, fewer;
    rnnp_recurrent_plan_memory(layer, steps, (batch + rows - 1) / rows, 1, &more);
    rnnp_recurrent_plan_memory(layer, steps, batch / rows, 1, &fewer);
    return rnnp_align64(sizeof(piece)) + (more.floats > fewer.floats ? more : fewer).floats * sizeof(float);
}

size_t rnnp_pieces_workspace(const rnnp_recurrent *layer, size_t steps, size_t batch, size_t threads)
{
    size_t most = 0;
    for (size_t n = 2; n <= threads && n / directions(layer) <= batch; n++) {
        const size_t rows = rnnp_pieces_rows(layer, batch, 0, n);
        const size_t bytes = rows ? rows * directions(layer) * piece_bytes(layer, steps, batch, rows) : 0;
        most = bytes > most ? bytes : most;
    }
    return most;
}

static const float *at_row(const float *p, size_t offset) { return p ? p + offset : NULL; }
static float *at_own_row(float *p, size_t offset) { return p ? p + offset : NULL; }

static void begin(const pieces *all, piece *p, size_t d, size_t part)
{
    const rnnp_recurrent_call *whole = all->call;
    size_t row, end;
    rnnp_share(whole->batch, part, all->rows, &row, &end);
    p->call = *whole;
    p->call.batch = end - row;
    p->call.x = at_row(whole->x, row * whole->x_row);
    p->call.h0 = at_row(whole->h0, row * whole->h0_row);
    p->call.c0 = at_row(whole->c0, row * whole->h0_row);
    p->call.g = at_row(whole->g, row * whole->g_row);
    p->call.y = at_own_row(whole->y, row * whole->y_row);
    p->call.h = at_own_row(whole->h, row * whole->h_row);
    p->call.c = at_own_row(whole->c, row * whole->h_row);
    p->call.workspace = (char *)p + rnnp_align64(sizeof *p);
    rnnp_loop_begin(&p->loop, all->layer, &p->call, 1);
    rnnp_loop_begin_direction(&p->loop, d);
}

/* A phase of one piece, or of all of them. */
static void run_phase(void *arg, size_t phase, size_t i, size_t n)
{
    const pieces *all = arg;
    const size_t first = phase * all->steps, left = all->call->steps - first;
    const size_t end = n == 1 ? all->count : i + 1;
    for (size_t k = i; k < end; k++) {
        piece *p = (piece *)(void *)((char *)all->call->workspace + k * all->bytes);
        if (phase == 0) begin(all, p, k / all->rows, k % all->rows);
        rnnp_loop_run(&p->loop, first, first + (left < all->steps ? left : all->steps));
        if (left <= all->steps) rnnp_loop_end_direction(&p->loop);
    }
}

void rnnp_pieces_forward(const rnnp_recurrent *layer, const rnnp_recurrent_call *call, size_t rows, size_t steps)
{
    pieces all = {.layer = layer,
                  .call = call,
                  .rows = rows,
                  .count = rows * directions(layer),
                  .bytes = piece_bytes(layer, call->steps, call->batch, rows)};
    rnnp_recurrent_memory w;
    rnnp_recurrent_plan_memory(layer, call->steps, (call->batch + rows - 1) / rows, 1, &w);
    const size_t chunk = w.chunk ? w.chunk : 1; /* phases are whole chunks */
    all.steps = (steps + chunk - 1) / chunk * chunk;
    if (all.steps == 0) all.steps = 1;
    const size_t phases = call->steps > 0 ? (call->steps + all.steps - 1) / all.steps : 1;
    rnnp_team_phases(call->team, all.count, phases, run_phase, &all);
}
