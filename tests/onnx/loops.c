/* SPDX-License-Identifier: Apache-2.0
 *
 * Loop and Scan: how often they go round, what they carry and stack, what they read of the graph around them; written
 * and packed again; in streams.
 */
#include "wire_checks.h"

/* ---- Graphs ---- */

/* A body of a Loop with these carried values, of shape [2] each, whose names are separated by blanks. */
static buffer body_of(const char *values, const char *results)
{
    buffer b = {0};

    wire_typed_port(&b, 11, "i", WIRE_I64, "");
    wire_typed_port(&b, 11, "on", WIRE_BOOL, "");
    while (*values) {
        char name[16] = "";
        const size_t length = strcspn(values, " ");

        memcpy(name, values, length);
        wire_port(&b, 11, name, "2");
        values += length + strspn(values + length, " ");
    }
    wire_results(&b, results);
    return b;
}

/* Count and condition are NULL where they are absent. The body is freed. */
static void add_loop(buffer *graph, const char *count, const char *condition, const char *values, const char *to,
                     buffer *body)
{
    DROPPED(free_buffer) buffer node = {0};

    wire_text(&node, 1, count ? count : "");
    wire_text(&node, 1, condition ? condition : "");
    wire_head(&node, "Loop", values, to);
    wire_attr_graph(&node, "body", body);
    wire_message(graph, 1, &node);
}

static void add_count(buffer *graph, const char *name, int64_t n)
{
    wire_constant(graph, name, WIRE_I64, NULL, 0, &n, sizeof n);
}

static void add_pair(buffer *graph, const char *name, float a, float b)
{
    wire_constant(graph, name, WIRE_F32, (const int64_t[]){2}, 1, (const float[]){a, b}, 2 * sizeof(float));
}

static const float pair[2] = {1, -2};
static const rnnp_tensor one_pair = {RNNP_DTYPE_F32, 1, {2}, .const_data = pair};

static rnnp_tensor number(const int64_t *n) { return (rnnp_tensor){RNNP_DTYPE_I64, 0, {0}, .const_data = n}; }
static rnnp_tensor flag_of(const uint8_t *flag) { return (rnnp_tensor){RNNP_DTYPE_BOOL, 0, {0}, .const_data = flag}; }

/* The model, the file it writes, and its packed file give the same. */
static void check_saved(rnnp_context *context, const rnnp_model *model, const rnnp_tensor *in, size_t n,
                        const float *want, size_t n_want)
{
    DROPPED(free_buffer) const buffer onnx = save(context, model), packed = write_for_all(model);
    OWNED(model) loaded = load(context, &onnx);
    OWNED(model) opened = NULL;

    OK(rnnp_packed_open_memory(context, packed.at, packed.size, NULL, &opened));
    check(context, model, in, n, want, n_want);
    check(context, loaded, in, n, want, n_want);
    check(context, opened, in, n, want, n_want);
    DROPPED(free_buffer) const buffer second = save(context, loaded);
    OWNED(model) reloaded = load(context, &second);
    DROPPED(free_buffer) const buffer third = save(context, reloaded);
    assert_same_bytes(&second, &third);
}

/* ---- Loops that count ---- */

/* s goes to s + x, n times; stacked, too. on_known: the body says that it goes on by what it is given. */
static buffer sum_of(int64_t n)
{
    buffer graph = {0}, body = body_of("s", "on sum row");

    wire_node(&body, "Add", "s x", "sum", -1);
    wire_node(&body, "Neg", "sum", "row", -1);
    wire_port(&graph, 11, "x", "2");
    add_pair(&graph, "zero", 0, 0);
    if (n >= 0)
        add_count(&graph, "n", n);
    else
        wire_typed_port(&graph, 11, "n", WIRE_I64, "");
    add_loop(&graph, "n", NULL, "zero", "last rows", &body);
    wire_results(&graph, n >= 0 ? "rows last" : "last");
    return wire_model(&graph, 17);
}

TEST(test_count)
{
    static const float rows[] = {-1, 2, -2, 4, -3, 6};
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = open_with(context, sum_of(3), NULL);

    check_saved(context, model, &one_pair, 1, rows, 6);
    OWNED(model) by_data = open_with(context, sum_of(-1), NULL);
    for (int64_t n = -1; n < 4; n++) {
        const rnnp_tensor in[] = {one_pair, number(&n)};
        const float times = (float)(n < 0 ? 0 : n), want[] = {times * 1, times * -2};

        check_saved(context, by_data, in, 2, want, 2);
    }
}

/* None at all: stacks are empty, carried values as they came. */
TEST(test_none)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = open_with(context, sum_of(0), NULL);

    check_saved(context, model, &one_pair, 1, NULL, 0);
    for (int dead = 0; dead < 2; dead++) {
        const uint8_t no = 0;
        buffer graph = {0}, body = body_of("s", "on sum");

        wire_node(&body, "Add", "s s", "sum", -1);
        wire_port(&graph, 11, "x", "2");
        add_count(&graph, "n", 5);
        if (dead)
            wire_constant(&graph, "c", WIRE_BOOL, NULL, 0, &no, 1);
        else
            wire_typed_port(&graph, 11, "c", WIRE_BOOL, "");
        add_loop(&graph, "n", "c", "x", "y", &body);
        wire_results(&graph, "y");
        OWNED(model) never = open_with(context, wire_model(&graph, 13), NULL);
        const rnnp_tensor in[] = {one_pair, flag_of(&no)};
        check_saved(context, never, in, dead ? 1 : 2, pair, 2);
    }
}

/* The number of the iteration, as a number and as a list of one; a stack of it. */
TEST(test_iteration)
{
    OWNED(context) context = make_context(NULL, 1);

    for (int list = 0; list < 2; list++) {
        static const float want[] = {0, 1, 2, 3};
        buffer graph = {0}, body = {0};
        DROPPED(free_buffer) buffer node = {0};

        wire_typed_port(&body, 11, "i", WIRE_I64, list ? "1" : "");
        wire_typed_port(&body, 11, "on", WIRE_BOOL, list ? "1" : "");
        wire_head(&node, "Cast", "i", "row");
        wire_attr_int(&node, "to", WIRE_F32);
        wire_message(&body, 1, &node);
        wire_results(&body, "on row");
        add_count(&graph, "n", 4);
        add_loop(&graph, "n", NULL, "", "rows", &body);
        wire_port(&graph, 12, "rows", list ? "4 1" : "4");
        OWNED(model) model = open_with(context, wire_model(&graph, 11), NULL);
        check_saved(context, model, NULL, 0, want, 4);
    }
}

/* Each takes the other's place; a value that stays; one that is the graph's around it. */
TEST(test_exchange)
{
    OWNED(context) context = make_context(NULL, 1);
    static const float want[] = {8, -16, 5, -10, 1, -2, 1, -2}; /* Fibonacci's */
    buffer graph = {0}, body = body_of("a b same out", "on b sum same x");
    DROPPED(free_buffer) buffer node = {0};

    wire_node(&body, "Add", "a b", "sum", -1);
    wire_port(&graph, 11, "x", "2");
    add_count(&graph, "n", 5);
    add_pair(&graph, "zero", 0, 0);
    add_loop(&graph, "n", NULL, "zero x x zero", "p q same out", &body);
    wire_head(&node, "Concat", "q p same out", "y");
    wire_attr_int(&node, "axis", 0);
    wire_message(&graph, 1, &node);
    wire_results(&graph, "y");
    OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
    check_saved(context, model, &one_pair, 1, want, 8);
}

/* ---- Loops that end by data ---- */

/* s doubles while its sum is below the limit; without a count, or with one. */
static buffer doubling(int64_t most)
{
    buffer graph = {0}, body = body_of("s", "below twice");

    wire_node(&body, "Add", "s s", "twice", -1);
    wire_node(&body, "ReduceSum", "twice", "total", 0);
    wire_node(&body, "Less", "total limit", "below", -1);
    wire_port(&graph, 11, "x", "2");
    wire_port(&graph, 11, "limit", "");
    if (most) add_count(&graph, "most", most);
    add_loop(&graph, most ? "most" : NULL, NULL, "x", "y", &body);
    wire_results(&graph, "y");
    return wire_model(&graph, 17);
}

TEST(test_condition)
{
    OWNED(context) context = make_context(NULL, 1);
    static const float ones[] = {1, 1};

    for (int64_t most = 0; most < 6; most += 2) {
        OWNED(model) model = open_with(context, doubling(most), NULL);

        for (int i = 1; i < 6; i++) {
            const float limit = (float)(1 << (i + 1)), times = most && i > most ? (float)(1 << most) : (float)(1 << i);
            const float want[] = {times, times};
            const rnnp_tensor in[] = {{RNNP_DTYPE_F32, 1, {2}, .const_data = ones},
                                      {RNNP_DTYPE_F32, 0, {0}, .const_data = &limit}};

            check_saved(context, model, in, 2, want, 2);
        }
    }
}

/* The caller's limit, and nothing lost: the run goes on with other data. */
TEST(test_limit)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = open_with(context, doubling(0), NULL);
    OPTIONS(plan, options);
    const float zeros[] = {0, 0}, ones[] = {1, 1}, limit = 64;
    rnnp_tensor in[] = {{RNNP_DTYPE_F32, 1, {2}, .const_data = zeros}, {RNNP_DTYPE_F32, 0, {0}, .const_data = &limit}};
    float y[2];
    rnnp_tensor out = {.data = y};

    options.max_iterations = 6;
    OWNED_NEW(plan, plan, model, &options);
    OWNED_NEW(run, run, plan, in, 2);
    REFUSED(context, rnnp_run_execute(run, in, 2, &out, 1), RNNP_ERR_LIMIT,
            "LoopBegin y/begin: more than 6 iterations");
    in[0].const_data = ones;
    OK(rnnp_run_execute(run, in, 2, &out, 1));
    assert_true(y[0] == 32); /* the sum of 5 doublings is 64: not below */
}

/* ---- Loops, branches and the graph around them ---- */

/* What an iteration reads is there for the next one: values from before the loop, in memory that its body could use. */
TEST(test_memory_of_values)
{
    OWNED(context) context = make_context(NULL, 1);
    buffer graph = {0}, body = body_of("s", "on sum");

    wire_node(&body, "Abs", "early", "a", -1); /* the last reader of `early` in the file */
    wire_node(&body, "Add", "a late", "b", -1);
    wire_node(&body, "Neg", "b", "c", -1);
    wire_node(&body, "Sub", "s c", "sum", -1);
    wire_port(&graph, 11, "x", "2");
    add_count(&graph, "n", 4);
    wire_node(&graph, "Neg", "x", "early", -1);
    add_loop(&graph, "n", NULL, "early", "y", &body);
    wire_node(&graph, "Add", "x x", "late", -1); /* behind the loop in the file, needed in it */
    wire_results(&graph, "y");
    OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
    /* each iteration adds |x| + 2 x */
    const float want[] = {-1 + 4 * 3, 2 + 4 * -2};
    check_saved(context, model, &one_pair, 1, want, 2);
}

/* Three times three rounds, where the inner loop reads values of the outer one, and an If between them. */
TEST(test_nested)
{
    OWNED(context) context = make_context(NULL, 1);
    buffer graph = {0}, inner = body_of("t", "on more"), outer = body_of("s", "on sum rows");
    buffer then_branch = {0}, else_branch = {0};

    wire_node(&inner, "Add", "t s", "more", -1);
    wire_results(&then_branch, "p");
    wire_node(&then_branch, "Add", "u x", "p", -1);
    wire_results(&else_branch, "u");
    add_loop(&outer, "n", NULL, "x", "u", &inner); /* x + 3 s */
    wire_if(&outer, "flag", "sum", &then_branch, &else_branch);
    wire_node(&outer, "Abs", "sum", "rows", -1);
    wire_port(&graph, 11, "x", "2");
    wire_typed_port(&graph, 11, "flag", WIRE_BOOL, "");
    add_count(&graph, "n", 3);
    add_loop(&graph, "n", NULL, "x", "y rows", &outer);
    wire_results(&graph, "y rows");
    OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
    for (uint8_t flag = 0; flag < 2; flag++) {
        float want[] = {1, -2};
        const rnnp_tensor in[] = {one_pair, flag_of(&flag)};

        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 2; k++) want[k] = 3 * want[k] + pair[k] + (float)flag * pair[k];
        check_saved(context, model, in, 2, want, 2);
    }
}

/* A loop on one side only. */
TEST(test_in_branch)
{
    OWNED(context) context = make_context(NULL, 1);
    buffer graph = {0}, body = body_of("s", "on sum"), then_branch = {0}, else_branch = {0};

    wire_node(&body, "Gather", "x far", "row", -1);
    wire_node(&body, "Add", "s row", "sum", -1);
    wire_results(&then_branch, "p");
    add_loop(&then_branch, "n", NULL, "x", "p", &body);
    wire_results(&else_branch, "x");
    wire_port(&graph, 11, "x", "2");
    wire_typed_port(&graph, 11, "flag", WIRE_BOOL, "");
    wire_typed_port(&graph, 11, "far", WIRE_I64, "");
    add_count(&graph, "n", 3);
    wire_if(&graph, "flag", "y", &then_branch, &else_branch);
    wire_results(&graph, "y");
    OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
    for (uint8_t flag = 0; flag < 2; flag++) {
        const int64_t at = flag ? 1 : 7; /* which is out of range, in a loop that is not reached */
        const float want[] = {flag ? 1 - 6 : 1, flag ? -2 - 6 : -2};
        const rnnp_tensor in[] = {one_pair, flag_of(&flag), number(&at)};

        check_saved(context, model, in, 3, want, 2);
    }
}

/* ---- Scan ---- */

static void attr_ints(buffer *node, const char *name, const int64_t *values, size_t n)
{
    DROPPED(free_buffer) buffer attr = {0};

    wire_text(&attr, 1, name);
    for (size_t i = 0; i < n; i++) wire_int(&attr, 8, values[i]);
    wire_int(&attr, 20, 7);
    wire_message(node, 5, &attr);
}

/* Running sums over x [T][3] and z [3][T], the latter from its end; rows along axis 1, and backwards. */
static buffer scan_of(int scans, int64_t opset)
{
    DROPPED(free_buffer) buffer node = {0};
    buffer graph = {0}, body = {0};

    wire_port(&body, 11, "s", "3");
    wire_port(&body, 11, "a", "3");
    wire_port(&body, 11, "b", "3");
    wire_node(&body, "Add", "a b", "ab", -1);
    wire_node(&body, "Add", "s ab", "sum", -1);
    wire_node(&body, "Identity", "sum", "row", -1);
    wire_node(&body, "Identity", "sum", "back", -1);
    wire_results(&body, "sum row back");
    wire_port(&graph, 11, "x", "T 3");
    wire_port(&graph, 11, "z", "3 S");
    wire_constant(&graph, "zero", WIRE_F32, (const int64_t[]){3}, 1, (const float[]){0, 0, 0}, 12);
    wire_head(&node, "Scan", "zero x z", "last rows back");
    wire_attr_graph(&node, "body", &body);
    wire_attr_int(&node, "num_scan_inputs", scans);
    attr_ints(&node, "scan_input_axes", (const int64_t[]){0, 1}, 2);
    attr_ints(&node, "scan_input_directions", (const int64_t[]){0, 1}, 2);
    attr_ints(&node, "scan_output_axes", (const int64_t[]){1, 0}, 2);
    attr_ints(&node, "scan_output_directions", (const int64_t[]){0, 1}, 2);
    wire_message(&graph, 1, &node);
    wire_node(&graph, "Transpose", "rows", "turned", -1);
    DROPPED(free_buffer) buffer concat = {0};
    wire_head(&concat, "Concat", "turned back", "y");
    wire_attr_int(&concat, "axis", 0);
    wire_message(&graph, 1, &concat);
    wire_results(&graph, "y");
    return wire_model(&graph, opset);
}

TEST(test_scan)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = open_with(context, scan_of(2, 16), NULL);

    for (int64_t steps = 1; steps < 5; steps++) {
        float x[4 * 3], z[3 * 4], want[2 * 4 * 3];
        const rnnp_tensor in[] = {{RNNP_DTYPE_F32, 2, {steps, 3}, .const_data = x},
                                  {RNNP_DTYPE_F32, 2, {3, steps}, .const_data = z}};

        for (int64_t i = 0; i < 12; i++) x[i] = (float)(i * i), z[i] = (float)(100 - 7 * i);
        for (int64_t c = 0; c < 3; c++) {
            float sum = 0;

            for (int64_t t = 0; t < steps; t++) {
                sum += x[t * 3 + c] + z[c * steps + steps - 1 - t];
                want[t * 3 + c] = want[(2 * steps - 1 - t) * 3 + c] = sum;
            }
        }
        check_saved(context, model, in, 2, want, (size_t)(2 * steps * 3));
    }
    /* one has more rows than the other */
    const float some[12] = {0};
    const rnnp_tensor in[] = {{RNNP_DTYPE_F32, 2, {2, 3}, .const_data = some},
                              {RNNP_DTYPE_F32, 2, {3, 3}, .const_data = some}};
    OWNED(plan) plan = make_plan(model);
    rnnp_run *run;
    REFUSED(context, rnnp_run_create(plan, in, 2, &run), RNNP_ERR_SHAPE, "rows that are scanned is 2 and 3");
    refused(context, scan_of(4, 16), RNNP_ERR_FORMAT, "num_scan_inputs");
    refused(context, scan_of(1, 16), RNNP_ERR_FORMAT, "scan_input_axes has 2 entries, expected 1");
    refused(context, scan_of(2, 8), RNNP_ERR_UNSUPPORTED, "Scan");
}

/* ---- Streams and training ---- */

/* A loop within each step: its values have time, its rounds do not. */
TEST(test_stream)
{
    enum { T = 5 };
    OWNED(context) context = make_context(NULL, 1);

    for (int over_time = 0; over_time < 2; over_time++) {
        buffer graph = {0}, body = {0};
        float x[T * 3], r[9], w[9];
        DROPPED(free_buffer) buffer node = {0};

        fill(x, T * 3, 1, 1);
        fill(w, 9, 2, 0.5f);
        fill(r, 9, 3, 0.5f);
        wire_typed_port(&body, 11, "i", WIRE_I64, "");
        wire_typed_port(&body, 11, "on", WIRE_BOOL, "");
        wire_port(&body, 11, "s", over_time ? "1 3" : "T 1 3");
        wire_results(&body, "on sum");
        if (over_time) wire_node(&body, "Gather", "x i", "row", -1);
        wire_node(&body, "Add", over_time ? "s row" : "s x", "sum", -1);
        wire_port(&graph, 11, "x", "T 1 3");
        wire_constant(&graph, "w", WIRE_F32, (const int64_t[]){1, 3, 3}, 3, w, sizeof w);
        wire_constant(&graph, "r", WIRE_F32, (const int64_t[]){1, 3, 3}, 3, r, sizeof r);
        wire_constant(&graph, "none", WIRE_F32, (const int64_t[]){1, 3}, 2, (const float[3]){0}, 12);
        add_count(&graph, "n", 3);
        wire_head(&node, "RNN", "x w r", "h");
        wire_attr_int(&node, "hidden_size", 3);
        wire_message(&graph, 1, &node);
        add_loop(&graph, "n", NULL, over_time ? "none" : "x", "p", &body);
        wire_results(&graph, "h p");
        OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
        OWNED(plan) plan = make_plan(model);
        OWNED(stream) stream = NULL;
        if (over_time) {
            REFUSED(context, rnnp_stream_create(plan, NULL, &stream), RNNP_ERR_UNSUPPORTED, "Gather");
            continue;
        }
        if (rnnp_stream_create(plan, NULL, &stream) != RNNP_OK) fail_msg("%s", rnnp_last_error(context));
        const rnnp_tensor whole = tensor3(x, T, 1, 3);
        DROPPED(free_outputs) produced o = run_plan(plan, &whole, 1);
        for (int t = 0; t < T; t++) {
            float h[3], p[3];
            rnnp_tensor out[] = {{.data = h}, {.data = p}};
            const rnnp_tensor step = tensor3(x + 3 * t, 1, 1, 3);

            OK(rnnp_stream_step(stream, &step, 1, out, 2));
            assert_memory_equal(h, (const float *)o.out[0].data + 3 * t, sizeof h);
            assert_memory_equal(p, (const float *)o.out[1].data + 3 * t, sizeof p);
        }
    }
}

/* ---- Files that are wrong ---- */

TEST(test_bad_files)
{
    OWNED(context) context = make_context(NULL, 1);
    buffer graph, body;

#define BEGIN(values, results)       \
    graph = (buffer){0};             \
    body = body_of(values, results); \
    wire_port(&graph, 11, "x", "2"); \
    add_count(&graph, "n", 3)
#define END(count, condition, values, to, status, words)   \
    add_loop(&graph, count, condition, values, to, &body); \
    wire_results(&graph, "y");                             \
    refused(context, wire_model(&graph, 17), status, words)

    BEGIN("s", "on s");
    END(NULL, NULL, "x", "y", RNNP_ERR_ARG, "never ends");
    BEGIN("s", "on s");
    END("x", NULL, "x", "y", RNNP_ERR_TYPE, "input 0 of type f32");
    BEGIN("s", "on s");
    END("n", "x", "x", "y", RNNP_ERR_TYPE, "of type f32");
    BEGIN("s", "s s");
    END("n", NULL, "x", "y", RNNP_ERR_TYPE, "of type f32");
    BEGIN("s", "on s");
    wire_ints(&graph, "two", (const int64_t[]){2, 2}, 2);
    END("two", NULL, "x", "y", RNNP_ERR_SHAPE, "number of iterations is not one number");
    BEGIN("s", "on i");
    END("n", NULL, "x", "y", RNNP_ERR_TYPE, "carried value 0 is f32 at first and i64 after an iteration");
    BEGIN("s", "on t");
    wire_ints(&body, "zero", (const int64_t[]){0}, 1);
    wire_node(&body, "Unsqueeze", "s zero", "t", -1);
    END("n", NULL, "x", "y", RNNP_ERR_UNSUPPORTED, "carried value 0 has shape [2] at first and [1,2] after");
    BEGIN("s", "on s");
    END("n", NULL, "x x", "y z", RNNP_ERR_FORMAT, "its body has 3 and 2, expected 4 and 3");
    BEGIN("s", "on s");
    END("n", NULL, "x", "y z", RNNP_ERR_FORMAT, "expected 3 and 3");
    BEGIN("s t", "on s");
    END("n", NULL, "x x", "y", RNNP_ERR_FORMAT, "has 4 inputs and 1 outputs");
    BEGIN("s", "on p");
    wire_node(&body, "Neg", "nobody", "p", -1);
    END("n", NULL, "x", "y", RNNP_ERR_FORMAT, "reads \"nobody\"");
    BEGIN("s", "on p");
    wire_node(&body, "Neg", "y", "p", -1);
    END("n", NULL, "x", "y", RNNP_ERR_FORMAT, "cycle");
    /* what a body has, nobody outside of it sees */
    BEGIN("s", "on p");
    wire_node(&body, "Neg", "s", "p", -1);
    add_loop(&graph, "n", NULL, "x", "z", &body);
    wire_node(&graph, "Add", "p z", "y", -1);
    wire_results(&graph, "y");
    refused(context, wire_model(&graph, 17), RNNP_ERR_FORMAT, "reads \"p\"");
    graph = (buffer){0};
    wire_port(&graph, 11, "x", "2");
    wire_node(&graph, "Loop", "x x x", "y", -1);
    wire_results(&graph, "y");
    refused(context, wire_model(&graph, 17), RNNP_ERR_FORMAT, "Loop y has no body");
}

/* A stack needs to know beforehand how many rows it gets. */
TEST(test_stack_by_data)
{
    OWNED(context) context = make_context(NULL, 1);
    buffer graph = {0}, body = body_of("s", "on sum sum");
    const int64_t n = 3;

    wire_node(&body, "Add", "s x", "sum", -1);
    wire_port(&graph, 11, "x", "2");
    wire_typed_port(&graph, 11, "n", WIRE_I64, "");
    add_loop(&graph, "n", NULL, "x", "last y", &body);
    wire_results(&graph, "y");
    OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
    OWNED(plan) plan = make_plan(model);
    const rnnp_tensor in[] = {one_pair, number(&n)};
    rnnp_run *run;
    REFUSED(context, rnnp_run_create(plan, in, 2, &run), RNNP_ERR_UNSUPPORTED, "depends on input data");
}

/* Loops in loops, as deep as loops may be, and deeper. */
TEST(test_depth)
{
    OWNED(context) context = make_context(NULL, 1);

    for (size_t depth = 15; depth < 18; depth++) {
        OWNED(model) model = make_model(context);
        const int64_t two = 2;
        const rnnp_tensor count = number(&two);
        rnnp_value n, x, begin[24][3] = {{0}}, y;

        OK(rnnp_model_add_constant(model, "n", &count, &n));
        OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 1, (const int64_t[]){1}, NULL, &x));
        const rnnp_attr carried = {.name = "carried", .kind = RNNP_ATTR_INT, .i = 1};
        y = x;
        for (size_t i = 0; i < depth; i++) {
            OK(rnnp_model_add_node(model, "LoopBegin", 17, NULL, (const rnnp_value[]){n, RNNP_NONE, y}, 3, &carried, 1,
                                   begin[i], 3));
            y = begin[i][2];
        }
        y = node2(model, "Add", y, x);
        for (size_t i = depth; i-- > 0;) {
            const rnnp_value in[] = {begin[i][0], n, RNNP_NONE, RNNP_NONE, y, begin[i][2]};

            y = 0;
            OK(rnnp_model_add_node(model, "LoopEnd", 17, NULL, in, 6, &carried, 1, &y, 1));
        }
        OK(rnnp_model_add_output(model, "y", y));
        if (depth > 16) {
            REFUSED(context, rnnp_model_close(model), RNNP_ERR_ARG, "more than 16 loops");
            continue;
        }
        OK(rnnp_model_close(model));
        const float one = 1, want = 1 + (float)(1 << depth);
        check(context, model, &(rnnp_tensor){RNNP_DTYPE_F32, 1, {1}, .const_data = &one}, 1, &want, 1);
    }
}

/* The condition is a value that is carried, as it was in the iteration: on by a, which becomes b. */
TEST(test_condition_is_carried)
{
    static const float want[] = {4, -8};
    OWNED(context) context = make_context(NULL, 1);
    buffer graph = {0}, body = {0};

    wire_typed_port(&body, 11, "i", WIRE_I64, "");
    wire_typed_port(&body, 11, "on", WIRE_BOOL, "");
    wire_typed_port(&body, 11, "a", WIRE_BOOL, "");
    wire_typed_port(&body, 11, "b", WIRE_BOOL, "");
    wire_port(&body, 11, "s", "2");
    wire_node(&body, "Add", "s x", "sum", -1);
    wire_node(&body, "Not", "a", "off", -1);
    wire_results(&body, "a b off sum");
    wire_port(&graph, 11, "x", "2");
    wire_constant(&graph, "yes", WIRE_BOOL, NULL, 0, &(uint8_t){1}, 1);
    add_count(&graph, "n", 9);
    add_loop(&graph, "n", NULL, "yes yes x", "p q y", &body);
    wire_results(&graph, "y");
    OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
    check_saved(context, model, &one_pair, 1, want, 2);
}

/* A body gives a value of the graph around it that the file computes behind the loop. */
TEST(test_result_from_behind)
{
    static const float want[] = {-1, 2};
    OWNED(context) context = make_context(NULL, 1);
    buffer graph = {0}, body = body_of("s", "on late");

    wire_port(&graph, 11, "x", "2");
    add_count(&graph, "n", 2);
    add_loop(&graph, "n", NULL, "x", "y", &body);
    wire_node(&graph, "Neg", "x", "late", -1);
    wire_results(&graph, "y");
    OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
    check_saved(context, model, &one_pair, 1, want, 2);
}

/* h goes three times through a layer: in a loop, or one by one. */
static rnnp_model *layers_of(rnnp_context *context, int in_loop)
{
    static const float w[] = {0.5f, -1, 2, 0.25f}, r[] = {1, 0.5f, -0.5f, 1};
    buffer graph = {0}, body = {0};

    wire_port(&graph, 11, "x", "1 1 2");
    wire_constant(&graph, "W", WIRE_F32, (const int64_t[]){1, 2, 2}, 3, w, sizeof w);
    wire_constant(&graph, "R", WIRE_F32, (const int64_t[]){1, 2, 2}, 3, r, sizeof r);
    wire_typed_port(&body, 11, "i", WIRE_I64, "");
    wire_typed_port(&body, 11, "on", WIRE_BOOL, "");
    wire_port(&body, 11, "h", "1 1 2");
    for (int i = 0; i < (in_loop ? 1 : 3); i++) {
        static const char *const from[] = {"x W R", "h0 W R", "h1 W R"}, *const to[] = {"y0 h0", "y1 h1", "y2 last"};
        DROPPED(free_buffer) buffer node = {0};

        wire_head(&node, "RNN", in_loop ? "h W R" : from[i], in_loop ? "rows next" : to[i]);
        wire_attr_int(&node, "hidden_size", 2);
        wire_message(in_loop ? &body : &graph, 1, &node);
    }
    wire_results(&body, "on next");
    add_count(&graph, "n", 3);
    if (in_loop)
        add_loop(&graph, "n", NULL, "x", "last", &body);
    else
        free_buffer(&body);
    wire_results(&graph, "last");
    return open_with(context, wire_model(&graph, 17), NULL);
}

TEST(test_layer_in_loop)
{
    OWNED(context) context = make_context(NULL, 2);
    OWNED(model) loop = layers_of(context, 1);
    OWNED(model) apart = layers_of(context, 0);
    OWNED(plan) plan = make_plan(apart);
    const rnnp_tensor x = tensor3(pair, 1, 1, 2);
    DROPPED(free_outputs) produced want = run_plan(plan, &x, 1);

    OK(want.status);
    check_saved(context, loop, &x, 1, want.out[0].data, 2);
}

/* ---- As calls of the model API: loops in each other ---- */

static void begin_one(rnnp_model *model, rnnp_value n, rnnp_value initial, rnnp_value *out)
{
    const rnnp_attr carried = {.name = "carried", .kind = RNNP_ATTR_INT, .i = 1};

    memset(out, 0, 3 * sizeof *out);
    OK(rnnp_model_add_node(model, "LoopBegin", 17, NULL, (const rnnp_value[]){n, RNNP_NONE, initial}, 3, &carried, 1,
                           out, 3));
}

static rnnp_value end_one(rnnp_model *model, rnnp_value n, const rnnp_value *begin, rnnp_value result)
{
    const rnnp_attr carried = {.name = "carried", .kind = RNNP_ATTR_INT, .i = 1};
    const rnnp_value in[] = {begin[0], n, RNNP_NONE, RNNP_NONE, result, begin[2]};
    rnnp_value y = 0;

    OK(rnnp_model_add_node(model, "LoopEnd", 17, NULL, in, 6, &carried, 1, &y, 1));
    return y;
}

static void add_ports(rnnp_model *model, int64_t times, rnnp_value *n, rnnp_value *x)
{
    const rnnp_tensor count = number(&times);

    OK(rnnp_model_add_constant(model, "n", &count, n));
    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 1, (const int64_t[]){2}, NULL, x));
}

/* Which loop lies in which is known late: the third begins with a value of the first, and its body reads the second. */
TEST(test_nesting)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_model(context);
    rnnp_value n, x, a[3], b[3], c[3];
    float want[2];

    add_ports(model, 2, &n, &x);
    begin_one(model, n, x, a);
    begin_one(model, n, x, b);
    begin_one(model, n, a[2], c);
    const rnnp_value inner = end_one(model, n, c, node2(model, "Add", c[2], b[2]));
    OK(rnnp_model_add_output(model, "y", end_one(model, n, a, end_one(model, n, b, inner))));
    OK(rnnp_model_close(model));
    for (size_t k = 0; k < 2; k++) {
        float outer = pair[k];

        for (int i = 0; i < 2; i++) {
            float middle = pair[k];
            for (int j = 0; j < 2; j++) middle = outer + 2 * middle;
            outer = middle;
        }
        want[k] = outer;
    }
    check_saved(context, model, &one_pair, 1, want, 2);
}

/* Loops that have ended come to lie deeper when the loop around them is found to lie in others. */
TEST(test_depth_found_late)
{
    enum { DEEP = 9 };
    OWNED(context) context = make_context(NULL, 1);

    for (size_t more = 6; more < 9; more++) { /* 9 + 1 + more */
        OWNED(model) model = make_model(context);
        rnnp_value n, x, outer[DEEP][3], middle[3], inner[DEEP][3];

        add_ports(model, 1, &n, &x);
        for (size_t i = 0; i < more; i++) begin_one(model, n, i ? outer[i - 1][2] : x, outer[i]);
        begin_one(model, n, x, middle);
        for (size_t i = 0; i < DEEP; i++) begin_one(model, n, i ? inner[i - 1][2] : middle[2], inner[i]);
        rnnp_value y = node2(model, "Add", inner[DEEP - 1][2], x);
        for (size_t i = DEEP; i-- > 0;) y = end_one(model, n, inner[i], y);
        y = end_one(model, n, middle, node2(model, "Add", y, outer[more - 1][2]));
        for (size_t i = more; i-- > 0;) y = end_one(model, n, outer[i], y);
        OK(rnnp_model_add_output(model, "y", y));
        if (more > 6) {
            REFUSED(context, rnnp_model_close(model), RNNP_ERR_ARG, "more than 16 loops lie in each other");
            continue;
        }
        OK(rnnp_model_close(model));
        check_saved(context, model, &one_pair, 1, (const float[]){3, -6}, 2);
    }
}

/* Each stack with its rows elsewhere takes a node of its own in a file. */
TEST(test_many_stacks)
{
    enum { STACKS = 40, TIMES = 3 };
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_model(context);
    int64_t axes[STACKS];
    rnnp_value n, x, begin[2] = {0}, in[4 + STACKS], stacks[STACKS] = {0}, y = 0;
    float want[2 * STACKS * TIMES];

    add_ports(model, TIMES, &n, &x);
    OK(rnnp_model_add_node(model, "LoopBegin", 17, "b", (const rnnp_value[]){n, RNNP_NONE}, 2, NULL, 0, begin, 2));
    memcpy(in, (const rnnp_value[]){begin[0], n, RNNP_NONE, RNNP_NONE}, 4 * sizeof *in);
    for (size_t i = 0; i < STACKS; i++) {
        axes[i] = 1;
        in[4 + i] = x;
    }
    const rnnp_attr attrs[] = {{.name = "axes", .kind = RNNP_ATTR_INTS, .ints = axes, .count = STACKS},
                               {.name = "axis", .kind = RNNP_ATTR_INT, .i = 1}};
    OK(rnnp_model_add_node(model, "LoopEnd", 17, "e", in, 4 + STACKS, attrs, 1, stacks, STACKS));
    OK(rnnp_model_add_node(model, "Concat", 17, "c", stacks, STACKS, attrs + 1, 1, &y, 1));
    OK(rnnp_model_add_output(model, "y", y));
    OK(rnnp_model_close(model));
    for (size_t i = 0; i < 2 * STACKS * TIMES; i++) want[i] = pair[i / (STACKS * TIMES)];
    check_saved(context, model, &one_pair, 1, want, 2 * STACKS * TIMES);
}

/* ---- Pairs that are none ---- */

typedef struct pieces {
    rnnp_value x, n, begin[3], end;
} pieces;

static const rnnp_attr one_carried = {.name = "carried", .kind = RNNP_ATTR_INT, .i = 1};

static pieces begin_pieces(rnnp_model *model)
{
    const int64_t three = 3;
    const rnnp_tensor count = number(&three);
    pieces p = {.end = 0};

    OK(rnnp_model_add_constant(model, "n", &count, &p.n));
    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 1, (const int64_t[]){2}, NULL, &p.x));
    OK(rnnp_model_add_node(model, "LoopBegin", 17, "b", (const rnnp_value[]){p.n, RNNP_NONE, p.x}, 3, &one_carried, 1,
                           p.begin, 3));
    return p;
}

static void end_pieces(rnnp_model *model, pieces *p, const rnnp_value *in)
{
    OK(rnnp_model_add_node(model, "LoopEnd", 17, "e", in, 6, &one_carried, 1, &p->end, 1));
}

TEST(test_calls)
{
    OWNED(context) context = make_context(NULL, 1);

    for (int fault = 0; fault < 7; fault++) {
        static const char *const words[] = {"it has no LoopEnd",
                                            "outside of it",
                                            "are not those of b",
                                            "does not come from a LoopBegin",
                                            "outside of it",
                                            "output z is a value of its body",
                                            NULL};
        OWNED(model) model = make_model(context);
        pieces p = begin_pieces(model);
        const rnnp_value sum = node2(model, "Add", p.begin[2], p.x);
        const rnnp_value in[] = {p.begin[0], p.n, RNNP_NONE, RNNP_NONE, sum, p.begin[2]};
        rnnp_value wrong[6];

        memcpy(wrong, in, sizeof in);
        if (fault == 2) wrong[1] = RNNP_NONE;
        if (fault == 3) wrong[0] = p.begin[1];
        if (fault != 0) end_pieces(model, &p, fault == 2 || fault == 3 ? wrong : in);
        rnnp_value y = fault == 0 ? sum : p.end;
        if (fault == 1) {
            pieces other = p;
            end_pieces(model, &other, in);
            y = node2(model, "Add", y, other.end);
        }
        if (fault == 4) y = node2(model, "Add", y, sum);
        OK(rnnp_model_add_output(model, "y", y));
        if (fault == 5) OK(rnnp_model_add_output(model, "z", sum));
        if (words[fault]) {
            FAILS(rnnp_model_close(model), RNNP_ERR_ARG);
            if (!strstr(rnnp_last_error(context), words[fault])) fail_msg("%s", rnnp_last_error(context));
            continue;
        }
        OK(rnnp_model_close(model));
        check(context, model, &one_pair, 1, (const float[]){4, -8}, 2);
    }
    OWNED(model) model = make_model(context);
    const pieces p = begin_pieces(model);
    rnnp_value out[3] = {0};
    const rnnp_value none[] = {p.n, RNNP_NONE, RNNP_NONE};
    REFUSED(context, rnnp_model_add_node(model, "LoopBegin", 17, "b", none, 2, &one_carried, 1, out, 3), RNNP_ERR_ARG,
            "carried is 1, expected 0 to 0");
    REFUSED(context, rnnp_model_add_node(model, "LoopBegin", 17, "b", none, 3, &one_carried, 1, out, 3), RNNP_ERR_ARG,
            "input 2 is absent");
    REFUSED(context, rnnp_model_add_node(model, "LoopBegin", 17, "b", none, 2, NULL, 0, out, 3), RNNP_ERR_ARG,
            "3 outputs, expected 2");
    REFUSED(context, rnnp_model_add_node(model, "LoopEnd", 17, "e", p.begin, 1, NULL, 0, out, 0), RNNP_ERR_ARG,
            "1 inputs, expected 4 at least");
    REFUSED(context, rnnp_model_add_node(model, "LoopBegin", 17, "b", none, 1, NULL, 0, out, 2), RNNP_ERR_ARG,
            "1 inputs, expected 2 at least");
}

/* Whatever allocation fails, nothing is left behind. */
TEST(test_allocations)
{
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    DROPPED(free_buffer) const buffer file = sum_of(3), scan = scan_of(2, 16);
    rnnp_model *model, *other;
    rnnp_run *run;

    UNTIL_OK(heap, rnnp_onnx_open_memory(context, scan.at, scan.size, NULL, &other)) assert_null(other);
    UNTIL_OK(heap, rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model)) assert_null(model);
    OWNED(plan) plan = make_plan(model);
    UNTIL_OK(heap, rnnp_run_create(plan, &one_pair, 1, &run)) assert_null(run);
    rnnp_run_destroy(run);
    rnnp_plan_destroy(plan);
    plan = NULL;
    buffer written = {0};
    UNTIL_OK(heap, rnnp_onnx_write(model, take_bytes, &written)) written.size = 0;
    free(written.at);
    rnnp_model_destroy(model);
    rnnp_model_destroy(other);
}
