/* SPDX-License-Identifier: Apache-2.0
 *
 * Which recurrent nodes of a graph form a stack: those connected through views, whatever lies between them in the file;
 * not those whose other inputs depend on the stack, whose steps or rows are others, or who need a whole sequence.
 */
#include "build.h"

#include "src/cells/wavefront.h"
#include "src/graph/engine.h"

enum { STEPS = 20, BATCH = 2, WIDTH = 24, OUTPUTS = 8 };

/* ---- Nodes ---- */

/* A recurrent node as files have them; input and hidden are WIDTH. */
typedef struct recurrent {
    const char *op, *direction;
    int batch_first;
    rnnp_value x, lengths, h0;
    rnnp_value y, h; /* results */
} recurrent;

static void add_recurrent(rnnp_model *model, recurrent *r, uint32_t seed)
{
    const size_t gates = strcmp(r->op, "LSTM") == 0 ? 4 : strcmp(r->op, "GRU") == 0 ? 3 : 1;
    const int64_t dirs = strcmp(r->direction, "bidirectional") == 0 ? 2 : 1, rows = (int64_t)gates * WIDTH;
    FREED float *w = numbers((size_t)(2 * rows) * WIDTH, seed, 0.3f);
    const rnnp_tensor tensor = tensor3(w, dirs, rows, WIDTH);
    const rnnp_attr attrs[] = {{.name = "hidden_size", .kind = RNNP_ATTR_INT, .i = WIDTH},
                               {.name = "layout", .kind = RNNP_ATTR_INT, .i = r->batch_first},
                               {.name = "direction", .kind = RNNP_ATTR_STRING, .s = r->direction}};
    rnnp_value inputs[6] = {r->x, 0, 0, RNNP_NONE, r->lengths, r->h0}, outputs[2] = {0, 0};

    OK(rnnp_model_add_constant(model, NULL, &tensor, &inputs[1]));
    OK(rnnp_model_add_constant(model, NULL, &tensor, &inputs[2]));
    OK(rnnp_model_add_node(model, r->op, 17, NULL, inputs, 6, attrs, 3, outputs, 2));
    r->y = outputs[0];
    r->h = outputs[1];
}

static recurrent recurrent_on(rnnp_model *model, const char *op, rnnp_value x)
{
    recurrent r = {.op = op, .direction = "forward", .x = x, .lengths = RNNP_NONE, .h0 = RNNP_NONE};

    add_recurrent(model, &r, 7);
    return r;
}

static rnnp_value squeeze(rnnp_model *model, rnnp_value x, int64_t axis)
{
    return node2(model, "Squeeze", x, ints(model, &axis, 1));
}

static rnnp_value reshape(rnnp_model *model, rnnp_value x, int64_t a, int64_t b, int64_t c)
{
    return node2(model, "Reshape", x, ints(model, (const int64_t[]){a, b, c}, 3));
}

static void output(rnnp_model *model, rnnp_value value)
{
    char name[32];

    snprintf(name, sizeof name, "output%zu", rnnp_model_output_count(model));
    OK(rnnp_model_add_output(model, name, value));
}

/* ---- Graphs: each adds its outputs ---- */

typedef void graph(rnnp_model *model, rnnp_value x, rnnp_value lengths);

static void through_squeeze(rnnp_model *model, rnnp_value x, rnnp_value lengths)
{
    const recurrent a = recurrent_on(model, "LSTM", x), b = recurrent_on(model, "GRU", squeeze(model, a.y, 1));
    const recurrent c = recurrent_on(model, "RNN", squeeze(model, b.y, 1));

    (void)lengths;
    output(model, c.y);
    output(model, a.h);
}

/* Transpose of an axis of size 1, Reshape, Identity, Dropout: all views. */
static void through_views(rnnp_model *model, rnnp_value x, rnnp_value lengths)
{
    const rnnp_attr perm = {.name = "perm", .kind = RNNP_ATTR_INTS, .ints = (const int64_t[]){0, 2, 1, 3}, .count = 4};
    const recurrent a = recurrent_on(model, "LSTM", x);
    rnnp_value v = reshape(model, node(model, "Transpose", &a.y, 1, &perm, 1), 0, 0, -1);

    (void)lengths;
    OK(rnnp_model_add_dropout(model, node1(model, "Identity", v), 0.5f, &v));
    output(model, recurrent_on(model, "LSTM", v).h);
}

static void batch_first(rnnp_model *model, rnnp_value x, rnnp_value lengths)
{
    recurrent a = {.op = "GRU", .direction = "reverse", .batch_first = 1, .x = x, .lengths = lengths, .h0 = RNNP_NONE};

    add_recurrent(model, &a, 3);
    a.x = squeeze(model, a.y, 2);
    add_recurrent(model, &a, 4);
    output(model, a.y);
}

/* What stands between the layers: y is used elsewhere (that goes behind the stack), and the initial state of the next
 * is computed (that goes before it). */
static void others_between(rnnp_model *model, rnnp_value x, rnnp_value lengths)
{
    const recurrent a = recurrent_on(model, "LSTM", x);
    const rnnp_value early = node1(model, "Relu", a.y), twice = node2(model, "Add", early, early);
    const rnnp_value zero = ints(model, (const int64_t[]){0}, 1), end = ints(model, (const int64_t[]){1}, 1);
    const rnnp_value first = node(model, "Slice", (rnnp_value[]){x, zero, end, zero}, 4, NULL, 0);
    recurrent b = {.op = "GRU",
                   .direction = "forward",
                   .x = squeeze(model, a.y, 1),
                   .lengths = lengths,
                   .h0 = node1(model, "Tanh", first)};

    add_recurrent(model, &b, 9);
    output(model, b.y);
    output(model, twice);
    output(model, a.y);
}

/* Two towers whose layers take turns in the file. */
static void towers(rnnp_model *model, rnnp_value x, rnnp_value lengths)
{
    const recurrent a = recurrent_on(model, "LSTM", x), b = recurrent_on(model, "GRU", node1(model, "Neg", x));
    const recurrent a2 = recurrent_on(model, "RNN", squeeze(model, a.y, 1));
    const recurrent b2 = recurrent_on(model, "LSTM", squeeze(model, b.y, 1));

    (void)lengths;
    output(model, node2(model, "Add", a2.y, b2.y));
}

/* The upper layer starts where the lower one ended. */
static void state_of_the_lower(rnnp_model *model, rnnp_value x, rnnp_value lengths)
{
    const recurrent a = recurrent_on(model, "GRU", x);
    recurrent b = {.op = "GRU", .direction = "forward", .x = squeeze(model, a.y, 1), .lengths = lengths, .h0 = a.h};

    add_recurrent(model, &b, 9);
    output(model, b.y);
}

static void not_a_view(rnnp_model *model, rnnp_value x, rnnp_value lengths)
{
    const recurrent a = recurrent_on(model, "GRU", x);

    (void)lengths;
    output(model, recurrent_on(model, "GRU", node1(model, "Relu", squeeze(model, a.y, 1))).y);
}

static void opposite(rnnp_model *model, rnnp_value x, rnnp_value lengths)
{
    const recurrent a = recurrent_on(model, "GRU", x);
    recurrent b = {
        .op = "RNN", .direction = "reverse", .x = squeeze(model, a.y, 1), .lengths = lengths, .h0 = RNNP_NONE};

    add_recurrent(model, &b, 9);
    output(model, b.y);
}

static void bidirectional(rnnp_model *model, rnnp_value x, rnnp_value lengths)
{
    recurrent a = recurrent_on(model, "GRU", x);

    a.direction = "bidirectional";
    a.lengths = lengths;
    a.x = squeeze(model, a.y, 1);
    add_recurrent(model, &a, 9);
    output(model, a.y);
}

/* The same memory with steps and rows exchanged. */
static void other_steps(rnnp_model *model, rnnp_value x, rnnp_value lengths)
{
    const recurrent a = recurrent_on(model, "GRU", x);

    (void)lengths;
    output(model, recurrent_on(model, "GRU", reshape(model, a.y, STEPS / 2, 2 * BATCH, WIDTH)).y);
}

static void other_layout(rnnp_model *model, rnnp_value x, rnnp_value lengths)
{
    const recurrent a = recurrent_on(model, "GRU", x);
    recurrent b = {.op = "RNN", .direction = "forward", .batch_first = 1, .lengths = RNNP_NONE, .h0 = RNNP_NONE};

    (void)lengths;
    b.x = reshape(model, a.y, BATCH, STEPS, WIDTH); /* not a transpose */
    add_recurrent(model, &b, 9);
    output(model, b.y);
}

static const struct {
    const char *name;
    graph *add;
    size_t stacks[2]; /* nodes in each, in the order of execution */
    int batch_first;
} graphs[] = {
    {"through_squeeze", through_squeeze, {3, 0}, 0},
    {"through_views", through_views, {2, 0}, 0},
    {"batch_first", batch_first, {2, 0}, 1},
    {"others_between", others_between, {2, 0}, 0},
    {"towers", towers, {2, 2}, 0},
    {"state_of_the_lower", state_of_the_lower, {0, 0}, 0},
    {"not_a_view", not_a_view, {0, 0}, 0},
    {"opposite", opposite, {0, 0}, 0},
    {"bidirectional", bidirectional, {0, 0}, 0},
    {"other_steps", other_steps, {0, 0}, 0},
    {"other_layout", other_layout, {0, 0}, 0},
};

/* ---- Runs ---- */

static rnnp_model *make_graph(rnnp_context *context, size_t g)
{
    const int64_t row[] = {BATCH}, steps = graphs[g].batch_first ? BATCH : STEPS;
    rnnp_model *model = make_model(context);
    const rnnp_value x = input3(model, "x", steps, graphs[g].batch_first ? STEPS : BATCH, WIDTH);
    rnnp_value lengths;

    OK(rnnp_model_add_input(model, "lengths", RNNP_DTYPE_I32, 1, row, NULL, &lengths));
    graphs[g].add(model, x, lengths);
    OK(rnnp_model_close(model));
    return model;
}

/* Outputs but those of `skipped` (bits). */
static void run_graph(const rnnp_plan *plan, size_t g, unsigned skipped, float *y, size_t stacks[2])
{
    static const int32_t lengths[BATCH] = {STEPS, STEPS - 7};
    const int64_t steps = graphs[g].batch_first ? BATCH : STEPS;
    FREED float *x = numbers(STEPS * BATCH * WIDTH, 3, 1.0f);
    const rnnp_tensor in[] = {tensor3(x, steps, graphs[g].batch_first ? STEPS : BATCH, WIDTH),
                              {RNNP_DTYPE_I32, 1, {BATCH}, .const_data = lengths}};
    rnnp_tensor out[OUTPUTS] = {{0}};

    OWNED_NEW(run, run, plan, in, 2);
    const rnnp_program *program = (const rnnp_program *)run;
    stacks[0] = stacks[1] = 0;
    for (size_t c = 0, n = 0; c < program->n_calls; c++) {
        if (program->calls[c].stack > 1) {
            assert_true(n < 2);
            stacks[n++] = program->calls[c].stack;
        }
    }
    for (size_t k = 0; k < rnnp_model_output_count(plan->model); k++)
        out[k].data = skipped >> k & 1 ? NULL : y + k * STEPS * BATCH * 2 * WIDTH;
    OK(rnnp_run_execute(run, in, 2, out, rnnp_model_output_count(plan->model)));
}

/* Both schedules against one thread, with all outputs and without each. */
TEST(test_graphs)
{
    enum { FLOATS = OUTPUTS * STEPS * BATCH * 2 * WIDTH };
    static float want[FLOATS], got[FLOATS];
    OWNED(context) one = make_context(NULL, 1), *three = make_context(NULL, 3);

    for (size_t g = 0; g < sizeof graphs / sizeof graphs[0]; g++) {
        OWNED(model) model_one = make_graph(one, g), *model_three = make_graph(three, g);
        OWNED(plan) plan_one = make_plan(model_one), *plan_three = make_plan(model_three);
        size_t stacks[2];

        for (unsigned skipped = 0; skipped + 1 < 1u << rnnp_model_output_count(model_one); skipped++) {
            memset(want, 0, sizeof want);
            run_graph(plan_one, g, skipped, want, stacks);
            assert_int_equal(stacks[0], 0);
            for (int schedule = RNNP_SCHEDULE_LAYERS; schedule <= RNNP_SCHEDULE_WAVEFRONT; schedule++) {
                memset(got, 0, sizeof got);
                plan_three->schedule = schedule;
                run_graph(plan_three, g, skipped, got, stacks);
                if (memcmp(stacks, graphs[g].stacks, sizeof stacks) != 0 || memcmp(got, want, sizeof got) != 0)
                    fail_msg("%s: stacks of %zu and %zu, outputs skipped %x", graphs[g].name, stacks[0], stacks[1],
                             skipped);
            }
        }
    }
}

/* A stream of the same plan has no stacks. */
TEST(test_stream)
{
    OWNED(context) context = make_context(NULL, 3);
    OWNED(model) model = make_graph(context, 0);
    OWNED(plan) plan = make_plan(model);
    OPTIONS(stream, options);

    options.batch = BATCH;
    options.steps = STEPS;
    OWNED_NEW(stream, stream, plan, &options);
    const rnnp_program *program = (const rnnp_program *)stream;
    for (size_t c = 0; c < program->n_calls; c++) assert_int_equal(program->calls[c].stack, 1);
}

/* A stack takes the memory it says; every allocation may fail. */
TEST(test_memory)
{
    const rnnp_tensor in[] = {tensor3(NULL, STEPS, BATCH, WIDTH), {RNNP_DTYPE_I32, 1, {BATCH}, .data = NULL}};
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 2);
    OWNED(model) model = make_graph(context, 3);
    OWNED(plan) plan = make_plan(model);
    const size_t before = atomic_load(&heap.live_bytes);
    size_t bytes;

    OK(rnnp_run_bytes(plan, in, 2, &bytes));
    NEW(run, run, plan, in, 2);
    assert_int_equal(atomic_load(&heap.live_bytes) - before, bytes);
    rnnp_run_destroy(run);
    for (size_t n = 1;; n++) {
        heap.fail_at = atomic_load(&heap.calls) + n;
        const rnnp_status status = rnnp_run_create(plan, in, 2, &run);
        heap.fail_at = 0;
        if (status == RNNP_OK) break;
        assert_int_equal(status, RNNP_ERR_MEMORY);
        assert_int_equal(atomic_load(&heap.live_bytes), before);
    }
    rnnp_run_destroy(run);
}

/* Lengths of an upper layer that do not fit: the node is named, and the next execution is as ever. */
TEST(test_bad_lengths)
{
    enum { G = 2 };
    FREED float *x = numbers(STEPS * BATCH * WIDTH, 3, 1.0f);
    float y[STEPS * BATCH * WIDTH], want[STEPS * BATCH * WIDTH];
    int32_t lengths[BATCH] = {3, STEPS};
    const rnnp_tensor in[] = {tensor3(x, BATCH, STEPS, WIDTH), {RNNP_DTYPE_I32, 1, {BATCH}, .data = lengths}};
    rnnp_tensor out = {.data = want};
    OWNED(context) context = make_context(NULL, 2);
    OWNED(model) model = make_graph(context, G);
    OWNED(plan) plan = make_plan(model);

    plan->schedule = RNNP_SCHEDULE_WAVEFRONT;
    OWNED_NEW(run, run, plan, in, 2);
    OK(rnnp_run_execute(run, in, 2, &out, 1));
    lengths[1] = STEPS + 1;
    out.data = y;
    REFUSED(context, rnnp_run_execute(run, in, 2, &out, 1), RNNP_ERR_ARG, "GRU");
    assert_says(context, "sequence_lens[1] is 21, there are 20 steps");
    lengths[1] = STEPS;
    OK(rnnp_run_execute(run, in, 2, &out, 1));
    assert_memory_equal(y, want, sizeof y);
}
