/* SPDX-License-Identifier: Apache-2.0
 *
 * Every allocation fails once: building, closing, planning, running and streaming a model either works or
 * says RNNP_ERR_MEMORY, leaves nothing behind, and gives results where it works.
 */
#include "../model/build.h"

enum { INPUT = 3, HIDDEN = 6, STEPS = 4 };

/* What a scenario makes; everything may be NULL. */
typedef struct objects {
    rnnp_model *model;
    rnnp_plan *plan;
    rnnp_run *run;
    rnnp_stream *stream;
} objects;

static rnnp_status build(rnnp_context *context, const layer *lstm, const layer *gru, const float *w, rnnp_model **m)
{
    static const char *const names[] = {"steps", "batch", NULL};
    static const int64_t shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT}, axes[] = {0};
    const rnnp_tensor one = {RNNP_DTYPE_F32, 1, {HIDDEN}, .const_data = w},
                      list = {RNNP_DTYPE_I64, 1, {1}, .const_data = axes};
    rnnp_value x, y, h, c, a;

    TRY(rnnp_model_create(context, m));
    TRY(rnnp_model_add_input(*m, "x", RNNP_DTYPE_F32, 3, shape, names, &x));
    TRY(rnnp_model_add_recurrent(*m, &lstm->options, lstm->weights, x, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, &h, &c));
    TRY(rnnp_model_add_constant(*m, "scale", &one, &a));
    TRY(rnnp_model_add_node(*m, "Mul", 17, NULL, (rnnp_value[]){a, a}, 2, NULL, 0, &a, 1));
    TRY(rnnp_model_add_node(*m, "Mul", 17, "scaled", (rnnp_value[]){y, a}, 2, NULL, 0, &y, 1));
    TRY(rnnp_model_add_recurrent(*m, &gru->options, gru->weights, y, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, NULL, NULL));
    TRY(rnnp_model_add_dense(*m, y, w, HIDDEN, HIDDEN, 1, w, "Softmax", &y));
    TRY(rnnp_model_add_dropout(*m, y, 0.5f, &y));
    TRY(rnnp_model_add_output(*m, "y", y));
    TRY(rnnp_model_add_constant(*m, NULL, &list, &a));
    TRY(rnnp_model_add_node(*m, "Squeeze", 17, NULL, (rnnp_value[]){h, a}, 2, NULL, 0, &h, 1));
    TRY(rnnp_model_add_output(*m, "h", h));
    return rnnp_model_close(*m);
}

static rnnp_status scenario(rnnp_context *context, const layer *lstm, const layer *gru, const float *data, objects *o,
                            float *y)
{
    const rnnp_tensor in = tensor3(data, STEPS, 2, INPUT), first = tensor3(data, 1, 2, INPUT);
    rnnp_tensor out[2] = {{.data = y}, {.data = NULL}}, last[2] = {{.data = y + STEPS * 2 * HIDDEN}, {.data = NULL}};
    OPTIONS(stream, options);
    size_t bytes;

    TRY(build(context, lstm, gru, data, &o->model));
    TRY(rnnp_plan_bytes(o->model, NULL, &bytes));
    TRY(rnnp_plan_create(o->model, NULL, &o->plan));
    TRY(rnnp_run_bytes(o->plan, &in, 1, &bytes));
    TRY(rnnp_run_create(o->plan, &in, 1, &o->run));
    TRY(rnnp_run_execute(o->run, &in, 1, out, 2));
    options.batch = 2;
    TRY(rnnp_stream_create(o->plan, &options, &o->stream));
    return rnnp_stream_step(o->stream, &first, 1, last, 2);
}

static void destroy(objects *o)
{
    rnnp_stream_destroy(o->stream);
    rnnp_run_destroy(o->run);
    rnnp_plan_destroy(o->plan);
    rnnp_model_destroy(o->model);
}

TEST(test_every_allocation)
{
    DROPPED(free_layer) layer lstm = make_layer(RNNP_CELL_LSTM, INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, 1);
    DROPPED(free_layer) layer gru = make_layer(RNNP_CELL_GRU, HIDDEN, HIDDEN, RNNP_DIRECTION_FORWARD, 2);
    FREED float *data = numbers(HIDDEN * HIDDEN, 3, 1.0f);
    float want[(STEPS + 1) * 2 * HIDDEN], got[(STEPS + 1) * 2 * HIDDEN];
    size_t failures = 0;

    for (size_t n = 0;; n++) { /* 0: nothing fails */
        test_heap heap = {0};
        rnnp_context *context = make_context(&heap, 1);
        const size_t before = atomic_load(&heap.calls), blocks = atomic_load(&heap.live_blocks);
        objects o = {0};

        heap.fail_at = n ? before + n : 0;
        const rnnp_status status = scenario(context, &lstm, &gru, data, &o, n ? got : want);
        const size_t calls = atomic_load(&heap.calls) - before;
        if (n && calls >= n) { /* the failing one was reached */
            assert_int_equal(status, RNNP_ERR_MEMORY);
            assert_says(context, "cannot allocate");
            failures++;
        } else {
            assert_int_equal(status, RNNP_OK);
            if (n) assert_memory_equal(got, want, sizeof want);
        }
        assert_int_equal(o.stream != NULL, status == RNNP_OK);
        destroy(&o);
        assert_int_equal(atomic_load(&heap.live_blocks), blocks);
        rnnp_context_destroy(context);
        assert_int_equal(atomic_load(&heap.live_blocks), 0);
        assert_int_equal(atomic_load(&heap.live_bytes), 0);
        if (n && status == RNNP_OK) break;
    }
    assert_true(failures > 15);
    /* stepping gave row 0 of the run */
    assert_memory_equal(want, want + STEPS * 2 * HIDDEN, 2 * HIDDEN * sizeof(float));
}

/* A failed call can be made again: the same objects work once there is memory. */
TEST(test_again)
{
    DROPPED(free_layer) layer lstm = make_layer(RNNP_CELL_LSTM, INPUT, HIDDEN, RNNP_DIRECTION_BIDIRECTIONAL, 1);
    FREED float *data = numbers(STEPS * 2 * INPUT, 3, 1.0f);
    float y[STEPS * 2 * 2 * HIDDEN];
    const rnnp_tensor in = tensor3(data, STEPS, 2, INPUT);
    rnnp_tensor out = {.data = y};
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    OWNED(model) model = make_model(context);
    const rnnp_value x = input3(model, "x", STEPS, 2, INPUT);
    rnnp_value value = RNNP_NONE;
    OWNED(plan) plan = NULL;
    OWNED(run) run = NULL;
    size_t failures = 0;

    UNTIL_OK(heap, rnnp_model_add_recurrent(model, &lstm.options, lstm.weights, x, RNNP_NONE, RNNP_NONE, RNNP_NONE,
                                            &value, NULL, NULL))
        failures++;
    UNTIL_OK(heap, rnnp_model_add_output(model, "y", value)) failures++;
    OK(rnnp_model_close(model)); /* a failed close is final */
    UNTIL_OK(heap, rnnp_plan_create(model, NULL, &plan)) failures++;
    UNTIL_OK(heap, rnnp_run_create(plan, &in, 1, &run)) failures++;
    OK(rnnp_run_execute(run, &in, 1, &out, 1));
    assert_int_equal(rnnp_model_node_count(model), 3); /* the dead ones of failed attempts are gone */
    assert_true(failures >= 8);
}
