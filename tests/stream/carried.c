/* SPDX-License-Identifier: Apache-2.0
 *
 * State that a model has as inputs and outputs: a stream carries it, with the bits of runs whose caller does.
 */
#include "../model/graph.h"

enum { STEPS = 20, MOST = 8 };

typedef struct carried_case {
    const char *graph;
    rnnp_carried pair[2];
    size_t pairs;
    size_t batch; /* symbols are N */
    int is_found; /* by rnnp_model_find_carried() */
} carried_case;

static const carried_case cases[] = {
    {"x: f32[1,N,3]; h: f32[1,N,4]; y, hn = gru[3,4]#2(x, _, h); -> y, hn", {{"h", "hn"}}, 1, 3, 1},
    {"x: f32[1,N,3]; h: f32[1,N,4]; c: f32[1,N,4]; y, p, q = lstm[3,4]#2(x, _, h, c); -> y, h_out = p, c_out = q",
     {{"c", "c_out"}, {"h", "h_out"}},
     2,
     2,
     1},
    {"x: f32[N,2,1]; cache_in: f32[N,2,3]; all = Concat(cache_in, x, axis=2); y = Conv(all, f32[5,2,4]~1);"
     "next = Slice(all, {1}, {4}, {2}); -> y, cache_out = next",
     {{"cache_in", "cache_out"}},
     1,
     4,
     1},
    /* the state's axis of channels is not the first, and a layer's state is only a part of it */
    {"x: f32[1,N,3]; s: f32[2,N,4]; a, b = Split(s, {1,1}, axis=0); y, p = gru[3,4]#1(x, _, a);"
     "z, q = gru[4,4]#2(y, _, b); t = Concat(p, q, axis=0); -> z, done = t",
     {{"s", "done"}},
     1,
     3,
     1},
    /* delays: one carried output is another's input */
    {"x: f32[N,3]; a: f32[N,3]; b: f32[N,3]; y = Add(x, a); -> y, a_next = b, b_next = Relu(x)",
     {{"a", "a_next"}, {"b", "b_next"}},
     2,
     2,
     1},
    {"x: f32[1,N,3]; h0: f32[1,N,4]; y, p = gru[3,4]#2(x, _, h0); z, q = gru[4,4]#3(y); -> z, last = p",
     {{"h0", "last"}},
     1,
     2,
     0},
};

ONE_CONTEXT(1)

static rnnp_stream *open_carried(const rnnp_plan *plan, const carried_case *c, size_t batch)
{
    OPTIONS(stream, options);
    options.batch = batch;
    options.carried = c->pair;
    options.n_carried = c->pairs;
    NEW(stream, stream, plan, &options);
    return stream;
}

typedef struct ports {
    rnnp_tensor in[MOST], out[MOST];
    size_t n_in, n_out;
} ports;

static ports ports_of(const rnnp_stream *stream)
{
    ports p = {.n_in = 0};

    while (rnnp_stream_input(stream, p.n_in, &p.in[p.n_in]) == RNNP_OK) p.n_in++;
    while (rnnp_stream_output(stream, p.n_out, &p.out[p.n_out]) == RNNP_OK) p.n_out++;
    for (size_t i = 0; i < p.n_in; i++) p.in[i].data = calloc(rnnp_tensor_elements(&p.in[i]) + 1, 8);
    for (size_t k = 0; k < p.n_out; k++) p.out[k].data = calloc(rnnp_tensor_elements(&p.out[k]) + 1, 8);
    return p;
}

static void free_ports(ports *p)
{
    for (size_t i = 0; i < p->n_in; i++) free(p->in[i].data);
    for (size_t k = 0; k < p->n_out; k++) free(p->out[k].data);
}

static void step(rnnp_stream *stream, ports *p, uint32_t seed)
{
    for (size_t i = 0; i < p->n_in; i++) fill(p->in[i].data, rnnp_tensor_elements(&p->in[i]), seed + (uint32_t)i, 1.0f);
    OK(rnnp_stream_step(stream, p->in, p->n_in, p->out, p->n_out));
}

/* ---- Against runs ---- */

static size_t input_named(const rnnp_model *model, const char *name)
{
    rnnp_port_info info = {.struct_size = sizeof info};

    for (size_t i = 0;; i++) {
        OK(rnnp_model_input_info(model, i, &info));
        if (strcmp(info.name, name) == 0) return i;
    }
}

static size_t output_named(const rnnp_model *model, const char *name)
{
    rnnp_port_info info = {.struct_size = sizeof info};

    for (size_t k = 0;; k++) {
        OK(rnnp_model_output_info(model, k, &info));
        if (strcmp(info.name, name) == 0) return k;
    }
}

/* Inputs of a run: those of a stream's step, and zeros for those that the caller carries. */
static size_t run_inputs(const rnnp_model *model, const carried_case *c, const ports *p, rnnp_tensor *in)
{
    size_t n = rnnp_model_input_count(model), visible = 0;
    rnnp_port_info info = {.struct_size = sizeof info};

    for (size_t i = 0; i < n; i++) {
        int carried = 0;

        for (size_t j = 0; j < c->pairs; j++) carried |= input_named(model, c->pair[j].input) == i;
        if (!carried) {
            in[i] = p->in[visible++];
            continue;
        }
        OK(rnnp_model_input_info(model, i, &info));
        in[i] = (rnnp_tensor){.dtype = info.dtype, .rank = info.rank};
        for (size_t d = 0; d < info.rank; d++)
            in[i].shape[d] = info.shape[d] == RNNP_DYNAMIC ? (int64_t)c->batch : info.shape[d];
        in[i].data = calloc(rnnp_tensor_elements(&in[i]), sizeof(float));
    }
    assert_int_equal(visible, p->n_in);
    return n;
}

TEST(test_as_runs)
{
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const carried_case *c = &cases[k];
        OWNED(model) model = make_graph(context, "%s", c->graph);
        OWNED(plan) plan = make_plan(model);
        OWNED(stream) stream = open_carried(plan, c, c->batch);
        DROPPED(free_ports) ports p = ports_of(stream);
        rnnp_tensor in[MOST];
        const size_t n = run_inputs(model, c, &p, in);

        for (uint32_t t = 0; t < STEPS; t++) {
            step(stream, &p, 100 * t);
            produced got = run_plan(plan, in, n);
            OK(got.status);
            for (size_t o = 0, visible = 0; o < got.n; o++) {
                int carried = 0;

                for (size_t j = 0; j < c->pairs; j++) carried |= output_named(model, c->pair[j].output) == o;
                if (carried) continue;
                assert_memory_equal(got.out[o].data, p.out[visible].data,
                                    rnnp_tensor_elements(&got.out[o]) * sizeof(float));
                visible++;
            }
            for (size_t j = 0; j < c->pairs; j++) {
                const rnnp_tensor *to = &in[input_named(model, c->pair[j].input)];

                memcpy(to->data, got.out[output_named(model, c->pair[j].output)].data,
                       rnnp_tensor_elements(to) * sizeof(float));
            }
            free_outputs(&got);
        }
        for (size_t j = 0; j < c->pairs; j++) free(in[input_named(model, c->pair[j].input)].data);
    }
}

/* A size that is open, and is no time: the caller gives all shapes. */
TEST(test_given_shapes)
{
    enum { WIDTH = 6, BATCH = 2 };
    static const rnnp_carried pair = {"s", "t"};
    OWNED(model)
    model = make_graph(context, "x: f32[batch,width]; s: f32[batch,3]; m = ReduceMean(x, axes={1}, keepdims=1);"
                                "t = Add(s, m); -> y = m, t");
    OWNED(plan) plan = make_plan(model);
    const rnnp_tensor shapes[] = {{RNNP_DTYPE_F32, 2, {BATCH, WIDTH}, .data = NULL},
                                  {RNNP_DTYPE_F32, 2, {BATCH, 3}, .data = NULL}};
    float x[BATCH * WIDTH], y[BATCH], saved[BATCH * 3 + 2], sum[BATCH] = {0};
    rnnp_tensor in = shapes[0], out = {.data = y};
    rnnp_stream *refused;
    OPTIONS(stream, options);

    options.batch = BATCH;
    options.carried = &pair;
    options.n_carried = 1;
    options.inputs = shapes;
    options.n_inputs = 2;
    OWNED_NEW(stream, stream, plan, &options);
    in.data = x;
    for (uint32_t t = 0; t < STEPS; t++) {
        fill(x, BATCH * WIDTH, t, 1.0f);
        OK(rnnp_stream_step(stream, &in, 1, &out, 1));
        for (size_t b = 0; b < BATCH; b++) sum[b] += y[b];
    }
    assert_int_equal(rnnp_stream_state_bytes(stream), sizeof saved);
    OK(rnnp_stream_save(stream, saved, sizeof saved));
    for (size_t i = 0; i < BATCH * 3; i++) assert_memory_equal(&saved[i], &sum[i / 3], sizeof sum[0]);
    options.batch = 3;
    REFUSED(context, rnnp_stream_create(plan, &options, &refused), RNNP_ERR_SHAPE, "the stream has batch 3");
    options.batch = BATCH;
    options.n_inputs = 1;
    REFUSED(context, rnnp_stream_create(plan, &options, &refused), RNNP_ERR_ARG, "1 inputs were given");
    options.n_inputs = 2;
    options.time_axis = RNNP_AXIS(0);
    REFUSED(context, rnnp_stream_create(plan, &options, &refused), RNNP_ERR_ARG, "has no axis of time");
}

/* ---- State ---- */

TEST(test_saved_and_reset)
{
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const carried_case *c = &cases[k];
        OWNED(model) model = make_graph(context, "%s", c->graph);
        OWNED(plan) plan = make_plan(model);
        OWNED(stream) stream = open_carried(plan, c, c->batch);
        DROPPED(free_ports) ports p = ports_of(stream), first = ports_of(stream);
        const size_t bytes = rnnp_stream_state_bytes(stream);
        FREED void *saved = malloc(bytes);

        step(stream, &first, 1);
        for (uint32_t t = 2; t < 6; t++) step(stream, &p, t);
        OK(rnnp_stream_save(stream, saved, bytes));
        step(stream, &p, 7);
        FREED float *want = malloc(rnnp_tensor_elements(&p.out[0]) * sizeof *want);
        memcpy(want, p.out[0].data, rnnp_tensor_elements(&p.out[0]) * sizeof *want);
        step(stream, &p, 8);
        OK(rnnp_stream_load(stream, saved, bytes));
        step(stream, &p, 7);
        assert_memory_equal(p.out[0].data, want, rnnp_tensor_elements(&p.out[0]) * sizeof *want);
        rnnp_stream_reset(stream);
        step(stream, &p, 1);
        assert_memory_equal(p.out[0].data, first.out[0].data, rnnp_tensor_elements(&p.out[0]) * sizeof *want);
    }
}

/* Row `row` of a tensor with channels, where `alone` has one. */
static void copy_row(const rnnp_tensor *from, const rnnp_tensor *alone, size_t row)
{
    size_t axis = 0, outer = 1, inner = 1;

    while (axis < from->rank && from->shape[axis] == alone->shape[axis]) axis++;
    for (size_t d = 0; d < axis; d++) outer *= (size_t)from->shape[d];
    for (size_t d = axis + 1; d < from->rank; d++) inner *= (size_t)from->shape[d];
    for (size_t o = 0; o < outer; o++)
        memcpy((float *)alone->data + o * inner,
               (const float *)from->data + (o * (size_t)from->shape[axis] + row) * inner, inner * sizeof(float));
}

/* Channels that come, wait and move to a stream of their own have the bits of one that was always alone. */
TEST(test_rows)
{
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const carried_case *c = &cases[k];
        OWNED(model) model = make_graph(context, "%s", c->graph);
        OWNED(plan) plan = make_plan(model);
        OWNED(stream) together = open_carried(plan, c, c->batch);
        OWNED(stream) alone = open_carried(plan, c, 1);
        OWNED(stream) moved = open_carried(plan, c, 1);
        DROPPED(free_ports)
        ports all = ports_of(together), one = ports_of(alone), two = ports_of(moved), want = ports_of(alone);
        const size_t row = c->batch - 1, bytes = rnnp_stream_row_state_bytes(alone);
        FREED void *saved = malloc(bytes);

        assert_int_equal(bytes, rnnp_stream_row_state_bytes(together));
        for (uint32_t t = 0; t < STEPS; t++) {
            uint8_t active[MOST];

            for (size_t r = 0; r < c->batch; r++) active[r] = (t + r) % 3 != 0;
            for (size_t i = 0; i < all.n_in; i++) {
                fill(all.in[i].data, rnnp_tensor_elements(&all.in[i]), t * 10 + (uint32_t)i, 1.0f);
                copy_row(&all.in[i], &one.in[i], row);
                copy_row(&all.in[i], &two.in[i], row);
            }
            if (t == STEPS / 2) {
                OK(rnnp_stream_reset_row(together, row));
                rnnp_stream_reset(alone);
                rnnp_stream_reset(moved);
            }
            OK(rnnp_stream_step_rows(together, active, all.in, all.n_in, all.out, all.n_out));
            if (!active[row]) continue;
            OK(rnnp_stream_step(alone, one.in, one.n_in, one.out, one.n_out));
            copy_row(&all.out[0], &want.out[0], row);
            assert_memory_equal(want.out[0].data, one.out[0].data, rnnp_tensor_elements(&one.out[0]) * sizeof(float));
            OK(rnnp_stream_step(moved, two.in, two.n_in, two.out, two.n_out));
            assert_memory_equal(two.out[0].data, one.out[0].data, rnnp_tensor_elements(&one.out[0]) * sizeof(float));
            OK(rnnp_stream_save_row(together, row, saved, bytes));
            OK(rnnp_stream_load(moved, saved, bytes));
        }
    }
}

/* ---- Pairs that are found, and those that are refused ---- */

TEST(test_found)
{
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const carried_case *c = &cases[k];
        OWNED(model) model = make_graph(context, "%s", c->graph);
        rnnp_carried found[MOST];
        size_t n;

        OK(rnnp_model_find_carried(model, found, MOST, &n));
        for (size_t i = 0; i < n && c->is_found; i++) {
            int named = 0;

            for (size_t j = 0; j < c->pairs; j++)
                named |=
                    strcmp(found[i].input, c->pair[j].input) == 0 && strcmp(found[i].output, c->pair[j].output) == 0;
            assert_true(named);
        }
        if (c->is_found) assert_int_equal(n, c->pairs);
        const size_t all = n;
        OK(rnnp_model_find_carried(model, NULL, 0, &n));
        assert_int_equal(n, all);
    }
    /* by name, sizes that may be one are enough */
    OWNED(model) open = make_graph(context, "x: f32[N,3]; h: f32[M,3]; a = Add(x, h); -> hn = a");
    OWNED(model) other = make_graph(context, "x: f32[N,3]; h: f32[M,3]; a = Add(x, h); -> y = a");
    rnnp_carried pair;
    size_t count;
    OK(rnnp_model_find_carried(open, &pair, 1, &count));
    assert_int_equal(count, 1);
    assert_string_equal(pair.output, "hn");
    OK(rnnp_model_find_carried(other, &pair, 1, &count));
    assert_int_equal(count, 0);
    OWNED(model) model = make_graph(context, "%s", cases[0].graph);
    REFUSED(context, rnnp_model_find_carried(model, NULL, 0, NULL), RNNP_ERR_ARG, "n is NULL");
}

TEST(test_refused)
{
    static const struct {
        rnnp_carried pair[2];
        size_t n, batch, steps;
        rnnp_status status;
        const char *words;
    } bad[] = {
        {{{"g", "hn"}}, 1, 1, 1, RNNP_ERR_ARG, "no input \"g\""},
        {{{"h", "g"}}, 1, 1, 1, RNNP_ERR_ARG, "no output \"g\""},
        {{{"h", NULL}}, 1, 1, 1, RNNP_ERR_ARG, "no name"},
        {{{"h", "hn"}, {"x", "hn"}}, 2, 1, 1, RNNP_ERR_ARG, "\"hn\" is carried twice"},
        {{{"h", "hn"}, {"h", "y"}}, 2, 1, 1, RNNP_ERR_ARG, "\"h\" is carried twice"},
        {{{"x", "y"}}, 1, 1, 1, RNNP_ERR_SHAPE, "output y cannot become input x"},
        {{{"h", "hn"}}, 1, 1, 2, RNNP_ERR_ARG, "a step of this model is a run"},
    };
    OWNED(model) model = make_graph(context, "%s", cases[0].graph);
    OWNED(plan) plan = make_plan(model);
    rnnp_stream *stream;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        OPTIONS(stream, options);
        options.batch = bad[i].batch;
        options.steps = bad[i].steps;
        options.carried = bad[i].pair;
        options.n_carried = bad[i].n;
        REFUSED(context, rnnp_stream_create(plan, &options, &stream), bad[i].status, bad[i].words);
    }
    OWNED(stream) good = open_carried(plan, &cases[0], 2);
    DROPPED(free_ports) ports p = ports_of(good);
    assert_int_equal(p.n_in, 1);
    assert_int_equal(p.n_out, 1);
    REFUSED(context, rnnp_stream_step(good, p.in, 2, p.out, 2), RNNP_ERR_ARG, "the stream has 1 and 1");
}
