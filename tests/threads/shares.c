/* SPDX-License-Identifier: Apache-2.0
 *
 * shares [--quick]: how threads share a layer. Grids cover all rows and panels exactly once, and none has a smaller
 * largest share; and with 2 to 32 threads each way of sharing gives the bits of one thread alone, inside the memory
 * that was asked for.
 */
#include "../model/build.h"
#include "tests/bare_layer.h"

#include "src/cells/groups.h"
#include "src/cells/lockstep.h"
#include "src/cells/pieces.h"
#include "src/threads/threads.h"

static int quick;

/* ---- Grids ---- */

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static void check_grid(size_t panels, size_t lanes, size_t rows, size_t tile, size_t n)
{
    const rnnp_traits traits = {.mr = (uint16_t)tile};
    const rnnp_area area = rnnp_area_of(panels, lanes, rows, &traits);
    const rnnp_grid grid = rnnp_grid_of(&area, n);
    unsigned char seen[70][80] = {{0}};
    size_t most_rows = 0, most_panels = 0;

    assert_true(grid.rows >= 1 && grid.panels >= 1 && grid.rows * grid.panels <= n);
    assert_true(lanes * area.line % 16 == 0 && (grid.unit == 1 || grid.unit == area.line));
    for (size_t i = 0; i < n; i++) {
        const rnnp_rectangle at = rnnp_grid_share(&grid, &area, i);

        assert_true(i < grid.rows * grid.panels || at.panels == 0);
        assert_int_equal(at.panel % grid.unit, 0);
        for (size_t r = 0; r < at.rows; r++)
            for (size_t p = 0; p < at.panels; p++) seen[at.row + r][at.panel + p]++;
        most_rows = at.rows > most_rows ? at.rows : most_rows;
        most_panels = at.panels > most_panels ? at.panels : most_panels;
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t p = 0; p < panels; p++) assert_int_equal(seen[r][p], 1);
    /* no other grid is better, by the measure that grids have for themselves */
    const double own = rnnp_grid_largest(&grid, &area);
    for (size_t unit = area.line;; unit = 1) {
        for (size_t by_rows = 1; by_rows <= smaller(n, rows ? rows : 1); by_rows++)
            for (size_t by_panels = 1; by_panels <= smaller(n / by_rows, (panels + unit - 1) / unit); by_panels++) {
                const rnnp_grid other = {by_rows, by_panels, unit};

                assert_true(own <= rnnp_grid_largest(&other, &area) + 1e-12);
            }
        if (unit == 1) break;
    }
    /* and the measure is at least the largest share of all work, and not far from it where shares are large */
    if (rows > 0) {
        const double area_share = (double)(most_rows * most_panels) / (double)(rows * panels);

        assert_true(own > 0.5 * area_share && own <= 1.0 + 1e-12);
    }
}

TEST(test_grids)
{
    static const size_t lanes[] = {4, 8, 16, 24, 32, 48}, tiles[] = {1, 3, 4, 6, 8, 12};

    for (size_t panels = 1; panels <= 80; panels += panels < 20 ? 1 : 13)
        for (size_t rows = 0; rows <= 70; rows += rows < 8 ? 1 : 11)
            for (size_t k = 0; k < 6; k++)
                for (size_t n = 1; n <= 40; n += n < 9 ? 1 : 5)
                    check_grid(panels, lanes[k], rows, tiles[(k + rows) % 6], n);
}

/* The shapes that grids were made for. */
TEST(test_known_grids)
{
    static const struct {
        size_t panels, lanes, rows, tile, n, by_rows, by_panels;
    } cases[] = {
        {8, 16, 1, 6, 32, 1, 8},    /* one row: panels alone, and no more threads than those */
        {8, 16, 64, 6, 16, 4, 4},   /* few panels, many rows */
        {8, 16, 64, 6, 32, 4, 8},   /* */
        {64, 16, 16, 6, 32, 1, 32}, /* many panels */
        {16, 8, 64, 3, 16, 2, 8},   /* two panels fill a line, which no two threads write */
        {16, 8, 1, 3, 16, 1, 16},   /* unless that takes half of the threads */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const rnnp_traits traits = {.mr = (uint16_t)cases[i].tile};
        const rnnp_area area = rnnp_area_of(cases[i].panels, cases[i].lanes, cases[i].rows, &traits);
        const rnnp_grid grid = rnnp_grid_of(&area, cases[i].n);

        assert_int_equal(grid.rows, cases[i].by_rows);
        assert_int_equal(grid.panels, cases[i].by_panels);
    }
}

/* ---- Layers ---- */

enum { MOST_LAYERS = 3, MOST_STEPS = 13, MOST_BATCH = 70 };

/* A stack, its memory, and what comes out: y of every layer, h and c. */
typedef struct subject {
    size_t layers, steps, batch;
    int lengths, states;
    size_t batch_first;
    rnnp_recurrent layer[MOST_LAYERS];
    void *packed[MOST_LAYERS];
    float *x, *start;
    int32_t length[MOST_BATCH];
} subject;

typedef struct outputs {
    size_t n;
    float *all;
} outputs;

static void free_outputs_(outputs *o) { free(o->all); }

static void *lines(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);

    assert_non_null(p);
    return p;
}

static void put_layer(subject *s, const rnnp_context *context, rnnp_cell cell, int reset_after,
                      rnnp_direction direction, size_t input, size_t hidden)
{
    rnnp_recurrent *l = &s->layer[s->layers];
    const size_t rows = 2 * 4 * hidden;

    *l = bare_layer(context, cell, reset_after, direction, input, hidden);
    rnnp_recurrent_prepare(l);
    FREED float *w = numbers(rows * input, 1, 0.3f), *r = numbers(rows * hidden, 2, 0.3f), *b = numbers(2 * rows, 3, 1);
    s->packed[s->layers] = lines(rnnp_recurrent_pack_bytes(l));
    rnnp_recurrent_pack(l, &(rnnp_recurrent_source){.w = w, .r = r, .b = b, .is_f32 = 1}, s->packed[s->layers], 0, 1);
    s->layers++;
}

static void end_subject(subject *s)
{
    for (size_t l = 0; l < s->layers; l++) free(s->packed[l]);
    free(s->x);
    free(s->start);
}

static size_t y_floats(const subject *s, size_t l)
{
    return s->steps * s->batch * rnnp_directions(s->layer[l].direction) * s->layer[l].hidden;
}

static size_t state_floats(const subject *s, size_t l)
{
    return s->batch * rnnp_directions(s->layer[l].direction) * s->layer[l].hidden;
}

typedef enum way { ALONE, STEPS, PIECES, GROUPS, USUAL } way;

/* Workspaces are as large as was asked for: whoever writes behind them overwrites a mark. */
static outputs run(const subject *s, rnnp_team *team, size_t threads, way how)
{
    rnnp_stacked stack[MOST_LAYERS];
    outputs o = {0};
    void *workspace[MOST_LAYERS];
    size_t bytes[MOST_LAYERS], at = 0;

    for (size_t l = 0; l < s->layers; l++) o.n += y_floats(s, l) + 2 * state_floats(s, l);
    o.all = lines(o.n * sizeof(float));
    memset(o.all, 0x55, o.n * sizeof(float));
    for (size_t l = 0; l < s->layers; l++) {
        const rnnp_recurrent *r = &s->layer[l];
        const size_t H = r->hidden, I = r->input, D = rnnp_directions(r->direction), B = s->batch,
                     first = s->batch_first;
        float *y = o.all + at, *h = y + y_floats(s, l), *c = h + state_floats(s, l);

        bytes[l] = rnnp_recurrent_workspace(r, s->steps, B, threads);
        workspace[l] = lines(bytes[l]);
        memset(workspace[l], 0xff, bytes[l] + 64); /* NaN: nobody reads what nobody wrote */
        stack[l].layer = r;
        stack[l].call = (rnnp_recurrent_call){
            .packed = s->packed[l],
            .steps = s->steps,
            .batch = B,
            .x = l ? stack[l - 1].call.y : s->x,
            .x_step = first ? I : B * I,
            .x_row = first ? s->steps * I : I,
            .lengths = s->lengths ? s->length : NULL,
            .h0 = s->states ? s->start : NULL,
            .c0 = s->states && r->has_c ? s->start + 1 : NULL,
            .h0_dir = B * H,
            .h0_row = H,
            .y = y,
            .y_step = first ? D * H : D * B * H,
            .y_dir = first ? H : B * H,
            .y_row = first ? s->steps * D * H : H,
            .h = h,
            .c = r->has_c ? c : NULL,
            .h_dir = B * H,
            .h_row = H,
            .team = how == ALONE ? NULL : team,
            .threads = threads,
            .workspace = workspace[l],
        };
        at += y_floats(s, l) + 2 * state_floats(s, l);
    }
    rnnp_groups groups;
    if (how == GROUPS && rnnp_groups_of(stack, s->layers, threads, 0, &groups)) {
        rnnp_groups_forward(stack, s->layers, &groups);
    } else {
        for (size_t l = 0; l < s->layers; l++) {
            const size_t D = rnnp_directions(s->layer[l].direction), each = threads / D;
            const size_t rows = rnnp_pieces_rows(&s->layer[l], s->batch, s->lengths, threads);

            if (how == STEPS && each > 0)
                rnnp_lockstep_forward(&s->layer[l], &stack[l].call, each * D);
            else if (how == PIECES && rows > 0)
                rnnp_pieces_forward(&s->layer[l], &stack[l].call, rows, 1 + s->steps / 3);
            else
                rnnp_recurrent_forward(&s->layer[l], &stack[l].call);
        }
    }
    for (size_t l = 0; l < s->layers; l++) {
        for (size_t i = 0; i < 64; i++) assert_int_equal(((unsigned char *)workspace[l])[bytes[l] + i], 0xff);
        free(workspace[l]);
    }
    return o;
}

/* A host's pool: one thread, tasks from the last to the first. */
static void backwards(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    (void)user;
    for (size_t i = n; i-- > 0;) task(arg, i);
}

static const size_t counts[] = {2, 3, 4, 5, 8, 16, 32};
enum { COUNTS = sizeof counts / sizeof *counts };

typedef struct teams {
    rnnp_context *context;
    rnnp_team *own[COUNTS], *host[COUNTS];
} teams;

static void make_teams(teams *t)
{
    static const rnnp_parallel host = {NULL, 64, backwards};

    t->context = make_context(NULL, 1);
    for (size_t i = 0; i < COUNTS; i++) {
        OK(rnnp_team_create(&t->context->allocator, counts[i], 1, NULL, &t->own[i]));
        OK(rnnp_team_create(&t->context->allocator, counts[i], 1, &host, &t->host[i]));
    }
}

static void free_teams(teams *t)
{
    for (size_t i = 0; i < COUNTS; i++) {
        rnnp_team_destroy(t->own[i]);
        rnnp_team_destroy(t->host[i]);
    }
    rnnp_context_destroy(t->context);
}

/* `turn` says which of the places: all of them take too long. */
static void check_subject(const teams *t, subject *s, size_t turn)
{
    s->x = numbers(s->steps * s->batch * s->layer[0].input, 7, 1.0f);
    s->start = numbers(2 * s->batch * s->layer[0].hidden + 1, 8, 0.5f);
    for (size_t b = 0; b < s->batch; b++) s->length[b] = (int32_t)((b * 5 + turn) % (s->steps + 1));
    DROPPED(free_outputs_) outputs want = run(s, NULL, 1, ALONE);
    for (size_t i = 0; i < COUNTS; i++)
        for (way how = STEPS; how <= USUAL; how++) {
            const int is_stack = s->layers > 1;

            if ((how == GROUPS) != is_stack && how != USUAL) continue;
            rnnp_team *team = (turn + i) % 3 ? t->host[i] : t->own[i];
            DROPPED(free_outputs_) outputs got = run(s, team, counts[i], how);
            assert_memory_equal(want.all, got.all, want.n * sizeof(float));
        }
    end_subject(s);
}

static const struct {
    rnnp_cell cell;
    int reset_after;
} cells[] = {{RNNP_CELL_LSTM, 0}, {RNNP_CELL_GRU, 0}, {RNNP_CELL_GRU, 1}, {RNNP_CELL_RNN, 0}};

TEST(test_layers)
{
    static const size_t batches[] = {1, 2, 3, 5, 16, 33, 70}, hiddens[] = {1, 33, 64, 100, 130}, steps[] = {1, 3, 13};
    size_t turn = 0;
    teams t;

    make_teams(&t);
    for (size_t b = 0; b < 7; b++)
        for (size_t h = 0; h < 5; h++)
            for (size_t k = 0; k < 4; k++, turn++) {
                const rnnp_direction direction = (rnnp_direction)((turn + b) % 3);
                subject s = {.steps = steps[(turn + turn / 3) % 3],
                             .batch = batches[b],
                             .lengths = turn % 4 == 3,
                             .states = turn % 2,
                             .batch_first = turn % 5 > 2};

                if (quick && turn % 13) continue;
                put_layer(&s, t.context, cells[k].cell, cells[k].reset_after, direction, turn % 2 ? 40 : 5, hiddens[h]);
                check_subject(&t, &s, turn);
            }
    free_teams(&t);
}

TEST(test_stacks)
{
    static const size_t batches[] = {1, 3, 16, 50}, hiddens[] = {7, 64, 100}, steps[] = {1, 2, 6, 13};
    size_t turn = 0;
    teams t;

    make_teams(&t);
    for (size_t b = 0; b < 4; b++)
        for (size_t h = 0; h < 3; h++)
            for (size_t n = 0; n < 4; n++, turn++) {
                subject s = {
                    .steps = steps[n], .batch = batches[b], .lengths = turn % 4 == 3, .batch_first = turn % 5 > 2};
                size_t input = 40;

                if (quick && turn % 13) continue;
                for (size_t l = 0; l < 2 + turn % 2; l++) {
                    const size_t k = (turn / 2 + l * (turn % 3)) % 4, hidden = hiddens[(h + l * (turn % 2)) % 3];

                    put_layer(&s, t.context, cells[k].cell, cells[k].reset_after,
                              turn % 7 == 6 ? RNNP_DIRECTION_REVERSE : RNNP_DIRECTION_FORWARD, input, hidden);
                    input = hidden;
                }
                check_subject(&t, &s, turn);
            }
    free_teams(&t);
}

int tests_begin(char **arguments)
{
    quick = is_quick(arguments);
    return 0;
}
