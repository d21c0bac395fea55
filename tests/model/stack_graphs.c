/* SPDX-License-Identifier: Apache-2.0
 *
 * Which recurrent nodes of a graph form a stack: those connected through views, whatever lies between them in the file;
 * not those whose other inputs depend on the stack, whose steps or rows are others, or who need a whole sequence.
 */
#include "graph.h"

#include "src/cells/wavefront.h"
#include "src/graph/engine.h"

enum { STEPS = 20, BATCH = 2, WIDTH = 24, OUTPUTS = 8 };

/* ---- Graphs ---- */

/* Weights of a recurrent node as files have them, of both widths WIDTH: input and recurrent are the same. */
#define LSTM "l = f32[1,96,24]~7*0.3;"
#define GRU "g = f32[1,72,24]~7*0.3; other = f32[1,72,24]~9*0.3; both = f32[2,72,24]~9*0.3;"
#define RNN "r = f32[1,24,24]~7*0.3;"
#define WEIGHTS LSTM GRU RNN
#define H "hidden_size=24"

static const struct {
    const char *name, *text;
    size_t stacks[2]; /* nodes in each, in the order of execution */
    int batch_first;
} graphs[] = {
    {"through squeeze",
     "a, ah = LSTM(x, l, l, _, _, _, " H "); b = GRU(Squeeze(a, {1}), g, g, " H ");"
     "c = RNN(Squeeze(b, {1}), r, r, " H "); -> c, ah",
     {3, 0},
     0},
    /* Transpose of an axis of size 1, Reshape, Identity, Dropout: all views. */
    {"through views",
     "a = LSTM(x, l, l, " H "); v = Reshape(Transpose(a, perm={0,2,1,3}), {0,0,-1});"
     "b, h = LSTM(Dropout@7(Identity(v), ratio=0.5), l, l, " H "); -> h",
     {2, 0},
     0},
    {"batch first",
     "a = GRU(x, g, g, _, lengths, " H ", layout=1, direction=reverse);"
     "b = GRU(Squeeze(a, {2}), other, other, _, lengths, " H ", layout=1, direction=reverse); -> b",
     {2, 0},
     1},
    /* What stands between the layers: y is used elsewhere (that goes behind the stack), and the initial state of the
     * next is computed (that goes before it). */
    {"others between",
     "a = LSTM(x, l, l, " H "); early = Relu(a); twice = Add(early, early); first = Slice(x, {0}, {1}, {0});"
     "b = GRU(Squeeze(a, {1}), other, other, _, lengths, Tanh(first), " H "); -> b, twice, a",
     {2, 0},
     0},
    /* Two towers whose layers take turns in the file. */
    {"towers",
     "a = LSTM(x, l, l, " H "); b = GRU(Neg(x), g, g, " H "); c = RNN(Squeeze(a, {1}), r, r, " H ");"
     "d = LSTM(Squeeze(b, {1}), l, l, " H "); -> y = Add(c, d)",
     {2, 2},
     0},
    /* The upper layer starts where the lower one ended. */
    {"state of the lower",
     "a, h = GRU(x, g, g, " H "); b = GRU(Squeeze(a, {1}), other, other, _, lengths, h, " H "); -> b",
     {0, 0},
     0},
    {"not a view", "a = GRU(x, g, g, " H "); -> b = GRU(Relu(Squeeze(a, {1})), g, g, " H ")", {0, 0}, 0},
    {"opposite",
     "a = GRU(x, g, g, " H "); -> b = RNN(Squeeze(a, {1}), r, r, _, lengths, " H ", direction=reverse)",
     {0, 0},
     0},
    {"bidirectional",
     "a = GRU(x, g, g, " H "); -> b = GRU(Squeeze(a, {1}), both, both, _, lengths, " H ", direction=bidirectional)",
     {0, 0},
     0},
    /* The same memory with steps and rows exchanged. */
    {"other steps", "a = GRU(x, g, g, " H "); -> b = GRU(Reshape(a, {10,4,24}), g, g, " H ")", {0, 0}, 0},
    /* not a transpose */
    {"other layout", "a = GRU(x, g, g, " H "); -> b = RNN(Reshape(a, {2,20,24}), r, r, " H ", layout=1)", {0, 0}, 0},
};

/* ---- Runs ---- */

static rnnp_model *make_model_of(rnnp_context *context, size_t g)
{
    const int steps = graphs[g].batch_first ? BATCH : STEPS;

    return make_graph(context, WEIGHTS "x: f32[%d, %d, 24]; lengths: i32[2]; %s", steps, STEPS * BATCH / steps,
                      graphs[g].text);
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
        OWNED(model) model_one = make_model_of(one, g), *model_three = make_model_of(three, g);
        OWNED(plan) plan_one = make_plan(model_one), *plan_three = make_plan(model_three);
        size_t stacks[2];

        for (unsigned skipped = 0; skipped + 1 < 1u << rnnp_model_output_count(model_one); skipped++) {
            memset(want, 0, sizeof want);
            run_graph(plan_one, g, skipped, want, stacks);
            assert_int_equal(stacks[0], 0);
            for (int schedule = RNNP_SCHEDULE_LAYERS; schedule <= RNNP_SCHEDULE_GROUPS; schedule++) {
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
    OWNED(model) model = make_model_of(context, 0);
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
    OWNED(model) model = make_model_of(context, 3);
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
    OWNED(model) model = make_model_of(context, G);
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
