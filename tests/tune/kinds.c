/* SPDX-License-Identifier: Apache-2.0
 *
 * Dense layers and stacks, seen from a model: how they are listed, what a plan makes of their records, and that any
 * valid record gives the same bits.
 */
#include "fixture.h"

enum { INPUT = 7, HIDDEN = 21, UNITS = 37, LAYERS = 3, STEPS = 13, BATCH = 3, CASES = 40 / FEWER };

/* x -> 3 LSTMs -> MatMul (all steps); h of the last -> Gemm, with the weights as they are or transposed */
typedef struct subject {
    rnnp_context *context;
    rnnp_model *model;
    rnnp_record_host host;
} subject;

static rnnp_value gemm(rnnp_model *model, rnnp_value x, int transposed)
{
    const rnnp_attr attrs[] = {{.name = "transB", .kind = RNNP_ATTR_INT, .i = transposed}};
    float *w = numbers(HIDDEN * UNITS, 9, 0.2f);
    const int64_t rows = transposed ? UNITS : HIDDEN, columns = transposed ? HIDDEN : UNITS, all[] = {-1, HIDDEN};
    const rnnp_tensor tensor = {.dtype = RNNP_DTYPE_F32, .rank = 2, .shape = {rows, columns}, .data = w};
    rnnp_value inputs[2] = {node2(model, "Reshape", x, ints(model, all, 2)), RNNP_NONE}, y;

    OK(rnnp_model_add_constant(model, "gemm", &tensor, &inputs[1]));
    free(w);
    y = node(model, "Gemm", inputs, 2, attrs, 1);
    return y;
}

static subject make_subject(size_t threads, const char *cap, int transposed)
{
    subject s = {.context = capped_context(NULL, cap, threads)};
    float *w = numbers(HIDDEN * UNITS, 8, 0.2f);
    rnnp_value y, h, dense;

    s.host = host_of(s.context);
    s.model = make_model(s.context);
    y = input3(s.model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT);
    for (size_t i = 0; i < LAYERS; i++) {
        DROPPED(free_layer)
        layer l = make_layer(RNNP_CELL_LSTM, i ? HIDDEN : INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, (uint32_t)i);

        OK(rnnp_model_add_recurrent(s.model, &l.options, l.weights, y, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, &h, NULL));
    }
    OK(rnnp_model_add_dense(s.model, y, w, HIDDEN, UNITS, 0, NULL, NULL, &dense));
    free(w);
    OK(rnnp_model_add_output(s.model, "dense", dense));
    OK(rnnp_model_add_output(s.model, "gemm", gemm(s.model, h, transposed)));
    OK(rnnp_model_close(s.model));
    return s;
}

static void destroy_subject(subject *s)
{
    rnnp_model_destroy(s->model);
    rnnp_context_destroy(s->context);
}

static rnnp_shape dense_shape(size_t rows)
{
    return (rnnp_shape)SHAPE(.kind = RNNP_SHAPE_DENSE, .input = HIDDEN, .hidden = UNITS, .batch = rows, .steps = 1);
}

static rnnp_shape stack_shape(size_t batch, size_t steps)
{
    return (rnnp_shape)SHAPE(.kind = RNNP_SHAPE_STACK, .cell = RNNP_CELL_LSTM, .n_layers = LAYERS, .input = INPUT,
                             .hidden = HIDDEN, .batch = batch, .steps = steps);
}

static void put_shape(rnnp_records *set, const rnnp_record_host *host, const rnnp_shape *shape, size_t threads,
                      const char *words)
{
    rnnp_record_key key;

    rnnp_shape_key(shape, threads, &key);
    put(set, host, &key, words);
}

static rnnp_plan *plan_with(const subject *s, const rnnp_records *set, size_t batch, size_t steps)
{
    OPTIONS(plan, options);

    options.records = set;
    options.effort = set ? RNNP_EFFORT_CACHED : RNNP_EFFORT_NONE;
    options.batch = batch;
    options.steps = steps;
    NEW(plan, plan, s->model, &options);
    return plan;
}

/* ---- Shapes ---- */

static size_t count_kind(const rnnp_shape *shapes, size_t n, rnnp_shape_kind kind, size_t batch, size_t steps)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        found += shapes[i].kind == kind && shapes[i].batch == batch && shapes[i].steps == steps;
    return found;
}

TEST(test_shapes)
{
    static const size_t batches[] = {1, 4}, steps[] = {1, 50};
    rnnp_shape shapes[64] = {{.struct_size = sizeof *shapes}};
    size_t count;

    for (size_t threads = 1; threads <= 2; threads++) {
        DROPPED(destroy_subject) subject s = make_subject(threads, NULL, 0);
        const size_t stacks = threads > 1 ? 2 : 0;

        OK(rnnp_model_shapes(s.model, batches, 2, steps, 2, shapes, 64, &count));
        /* two layers (those above the lowest are alike) at four calls; rows 1, 4, 50, 200, of which the two products,
         * which are alike, share those of one step */
        assert_int_equal(count, 2 * 4 + 4 + stacks);
        for (size_t b = 0; b < 2; b++) {
            assert_int_equal(count_kind(shapes, count, RNNP_SHAPE_DENSE, batches[b], 1), 1);
            assert_int_equal(count_kind(shapes, count, RNNP_SHAPE_DENSE, 50 * batches[b], 1), 1);
            assert_int_equal(count_kind(shapes, count, RNNP_SHAPE_STACK, batches[b], 50), threads > 1);
            assert_int_equal(count_kind(shapes, count, RNNP_SHAPE_STACK, batches[b], 1), 0);
        }
        for (size_t i = 0; i < count; i++) {
            if (shapes[i].kind == RNNP_SHAPE_DENSE)
                assert_true(shapes[i].input == HIDDEN && shapes[i].hidden == UNITS && shapes[i].n_layers == 0);
            if (shapes[i].kind == RNNP_SHAPE_STACK)
                assert_true(shapes[i].input == INPUT && shapes[i].hidden == HIDDEN && shapes[i].n_layers == LAYERS);
        }
    }
}

/* Dimensions that the model fixes are what they are; layers that are not alike, and one alone, are no stack. */
TEST(test_fixed)
{
    static const size_t batches[] = {1, 16}, steps[] = {50, 7};
    OWNED(context) context = make_context(NULL, 2);
    OWNED(model) model = make_model(context);
    rnnp_value y = input3(model, "x", 9, RNNP_DYNAMIC, INPUT);
    rnnp_shape shapes[16] = {{.struct_size = sizeof *shapes}};
    size_t count;

    for (size_t i = 0; i < 2; i++) {
        DROPPED(free_layer)
        layer l = make_layer(RNNP_CELL_LSTM, i ? HIDDEN : INPUT, HIDDEN + i, RNNP_DIRECTION_FORWARD, (uint32_t)i);

        y = add_layer(model, &l, y);
    }
    close_with(model, "y", y);
    OK(rnnp_model_shapes(model, batches, 2, steps, 2, shapes, 16, &count));
    assert_int_equal(count, 2 * 2);
    for (size_t i = 0; i < count; i++) assert_true(shapes[i].kind == RNNP_SHAPE_LAYER && shapes[i].steps == 9);
}

/* ---- Plans ---- */

TEST(test_explain)
{
    DROPPED(destroy_subject) subject s = make_subject(2, NULL, 0);
    OWNED(records) set = make_set(s.context);
    const rnnp_shape stack = stack_shape(2, 10), all = dense_shape(20);
    const size_t lstm = find_node(s.model, "LSTM", 0), matmul = find_node(s.model, "MatMul", 0);
    const size_t last = find_node(s.model, "Gemm", 0);
    const rnnp_variant *v = NULL;
    char words[RNNP_RECORD_CHOICE];

    for (size_t i = 0; usable_variant(s.context, RNNP_OP_gemm, i); i++) v = usable_variant(s.context, RNNP_OP_gemm, i);
    snprintf(words, sizeof words, "product=%s threads=1", v->name);
    put_shape(set, &s.host, &stack, 2, "schedule=wavefront task=3");
    put_shape(set, &s.host, &all, 2, words);
    rnnp_plan *plan = plan_with(&s, set, 2, 10);
    rnnp_explanation e = {.struct_size = sizeof e};

    OK(rnnp_plan_explain(plan, matmul, 2, 10, &e));
    assert_int_equal(e.match, RNNP_MATCH_EXACT);
    assert_string_equal(e.choice, words);
    assert_string_equal(e.variant, v->name);
    assert_string_equal(rnnp_plan_node_variant(plan, matmul), v->name);
    assert_true(e.batch == 20 && e.steps == 1 && e.stack_layers == 0);
    OK(rnnp_plan_explain(plan, matmul, 2, 11, &e));
    assert_int_equal(e.match, RNNP_MATCH_NEAREST);
    OK(rnnp_plan_explain(plan, last, 2, 10, &e)); /* as many rows as the batch */
    assert_int_equal(e.match, RNNP_MATCH_NONE);
    OK(rnnp_plan_explain(plan, last, 20, 10, &e));
    assert_int_equal(e.match, v->traits.panels.lanes == s.context->selection.op[RNNP_OP_gemm]->traits.panels.lanes
                                  ? RNNP_MATCH_EXACT
                                  : RNNP_MATCH_NONE);
    OK(rnnp_plan_explain(plan, lstm, 2, 10, &e));
    assert_int_equal(e.match, RNNP_MATCH_NONE);
    assert_int_equal(e.stack_layers, LAYERS);
    assert_int_equal(e.stack_match, RNNP_MATCH_EXACT);
    assert_string_equal(e.stack_choice, "schedule=wavefront task=3");
    assert_string_equal(e.stack_reason, "");
    OK(rnnp_plan_explain(plan, lstm, 2, 100, &e));
    assert_int_equal(e.stack_match, RNNP_MATCH_NONE);
    assert_string_equal(e.stack_choice, "");
    assert_string_not_equal(e.stack_reason, "");
    OK(rnnp_plan_explain(plan, find_node(s.model, "LSTM", 1), 2, 10, &e)); /* not the lowest */
    assert_int_equal(e.stack_layers, 0);
    rnnp_plan_destroy(plan);

    plan = plan_with(&s, NULL, 2, 10);
    OK(rnnp_plan_explain(plan, matmul, 2, 10, &e));
    assert_int_equal(e.match, RNNP_MATCH_NONE);
    assert_string_equal(e.variant, e.usual);
    assert_string_not_equal(e.reason, "");
    rnnp_plan_destroy(plan);
}

/* ---- Bits ---- */

enum { FLOATS = STEPS * BATCH * UNITS + BATCH * UNITS };

/* Both outputs of a run, one behind the other. */
static void run(const subject *s, const rnnp_plan *plan, const float *x, size_t steps, size_t batch, float *got)
{
    const rnnp_tensor in = tensor3(x, (int64_t)steps, (int64_t)batch, INPUT);
    rnnp_tensor out[2];

    memset(got, 0xff, FLOATS * sizeof *got);
    OWNED_NEW(run, r, plan, &in, 1);
    OK(rnnp_run_output(r, 0, &out[0]));
    OK(rnnp_run_output(r, 1, &out[1]));
    out[0].data = got;
    out[1].data = got + rnnp_tensor_elements(&out[0]);
    OK(rnnp_run_execute(r, &in, 1, out, rnnp_model_output_count(s->model)));
}

static void random_words(const subject *s, rnnp_shape_kind kind, uint64_t *seed, char words[RNNP_RECORD_CHOICE])
{
    rnnp_choice choice = {.layer = {.chunk = 0}};

    if (kind == RNNP_SHAPE_DENSE)
        choice.product =
            (rnnp_product){below(seed, 4) ? random_variant(s->context, RNNP_OP_gemm, seed) : NULL, below(seed, 5)};
    else
        choice.stack =
            (rnnp_stack_choice){(rnnp_stack_schedule)below(seed, 3), below(seed, 2) ? 1 + below(seed, 20) : 0};
    rnnp_choice_print(kind, &choice, words);
}

static void put_random(rnnp_records *set, const subject *s, const rnnp_shape *shape, size_t threads, uint64_t *seed)
{
    char words[RNNP_RECORD_CHOICE];

    random_words(s, shape->kind, seed, words);
    put_shape(set, &s->host, shape, threads, below(seed, 9) ? words : "later=x");
}

TEST(test_bits)
{
    static const char *const caps[] = {NULL, "generic"};
    static float want[2][FLOATS], got[FLOATS];
    FREED float *x = numbers(STEPS * BATCH * INPUT, 3, 1.0f);
    uint64_t seed = 5;

    for (size_t place = 0; place < 12; place++) {
        const size_t threads = 1 + place % 3;
        DROPPED(destroy_subject) subject s = make_subject(threads, caps[place / 3 % 2], place >= 6);

        if (place % 6 == 0) { /* all steps and rows; the first few steps of one row */
            rnnp_plan *plain = plan_with(&s, NULL, 0, 0);

            run(&s, plain, x, STEPS, BATCH, want[0]);
            run(&s, plain, x, 5, 1, want[1]);
            rnnp_plan_destroy(plain);
        }
        for (size_t n = 0; n < CASES; n++) {
            const rnnp_shape shapes[] = {dense_shape(STEPS * BATCH), dense_shape(BATCH), dense_shape(5), dense_shape(1),
                                         stack_shape(BATCH, STEPS),  stack_shape(1, 5)};
            OWNED(records) set = make_set(s.context);

            for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
                put_random(set, &s, &shapes[i], threads, &seed);
            OWNED(plan) plan = plan_with(&s, set, n % 3 ? BATCH : 0, n % 3 == 1 ? STEPS : n % 3);
            run(&s, plan, x, STEPS, BATCH, got);
            assert_memory_equal(got, want[0], sizeof got);
            run(&s, plan, x, 5, 1, got);
            assert_memory_equal(got, want[1], 6 * UNITS * sizeof *got);
        }
    }
}
