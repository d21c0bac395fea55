/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that pad, pick, put and order elements, and Einsum: errors, dynamic dimensions, time, and bits. Their
 * values are compared in order_rules.py.
 */
#include "graph.h"
#include "rnnpack/packed.h"
#include "rnnpack/train.h"

ONE_CONTEXT(1)

/* ---- Errors ---- */

/* Adds one node to a model whose inputs are x f32[2,3] and i i64[2,1], and closes it. */
static rnnp_status try_node(const char *text)
{
    OWNED(model) model = make_model(context);
    graph g = {.model = model, .at = "x: f32[2,3]; i: i64[2,1]; flags: bool[2,3]; few: i64[n]; k: i64[]; u: f32[2,1]"};
    char op[GRAPH_WORD];
    rnnp_value y = 0;

    for (; graph_next(&g); (void)graph_accept(&g, ';')) graph_statement(&g);
    g.at = text;
    (void)graph_word(&g, op);
    const int opset = graph_accept(&g, '@') ? (int)graph_number(&g) : 17;
    graph_args a;
    graph_read_args(&g, &a, 0);
    rnnp_status status = rnnp_model_add_node(model, op, opset, "node", a.value, a.n, a.attr, a.n_attrs, &y, 1);
    if (status == RNNP_OK) status = rnnp_model_add_output(model, "y", y);
    return status == RNNP_OK ? rnnp_model_close(model) : status;
}

TEST(test_errors)
{
    static const struct {
        const char *text;
        rnnp_status status;
        const char *words;
    } cases[] = {
        {"Pad(x)", RNNP_ERR_ARG, "Pad node: there are no pads"},
        {"Pad@10(x)", RNNP_ERR_ARG, "there are no pads"},
        {"Pad@10(x, {0,0,0,0})", RNNP_ERR_ARG, "pads are an attribute before opset 11"},
        {"Pad(x, {1,1,1})", RNNP_ERR_SHAPE, "3 pads for 2 axes, expected 4"},
        {"Pad(x, {0,-2,0,-2})", RNNP_ERR_SHAPE, "axis 1 has 3 elements, too few for pads -2 and -2"},
        {"Pad(x, {0,0,0,0}, _, {0,1})", RNNP_ERR_ARG, "axes are an input since opset 18"},
        {"Pad@18(x, {0,0,0,0}, _, {1,1})", RNNP_ERR_SHAPE, "axis 1 is given twice"},
        {"Pad@18(x, {0,0}, _, {2})", RNNP_ERR_SHAPE, "axis 2 of a tensor of rank 2"},
        {"Pad(x, {0,0,0,0}, k)", RNNP_ERR_TYPE, "input 0 is f32 but input 2 is i64"},
        {"Pad(x, x)", RNNP_ERR_TYPE, "input 1 of type f32"},
        {"Pad(x, {0,0,0,0}, mode=wrap)", RNNP_ERR_UNSUPPORTED, "mode wrap is not known in opset 17"},
        {"Pad(x, {0,-3,0,1}, mode=edge)", RNNP_ERR_SHAPE, "axis 1 has no elements to repeat"},
        {"GatherElements(x, few)", RNNP_ERR_SHAPE, "the data has rank 2 and the indices 1"},
        {"GatherElements(x, i, axis=2)", RNNP_ERR_SHAPE, "axis 2 of a tensor of rank 2"},
        {"GatherElements(x, u)", RNNP_ERR_TYPE, "input 1 of type f32"},
        {"GatherElements(x, i64[3,1]{0,0,0}, axis=1)", RNNP_ERR_SHAPE, "3 indices along axis 0 of 2 elements"},
        {"GatherElements(x, i64[2,1]{0,5}, axis=1)", RNNP_OK, NULL},
        {"GatherElements(f32[2,1]~1, i64[2,1]{0,5}, axis=1)", RNNP_ERR_ARG, "index 5, but axis 1 has 1 elements"},
        {"ScatterElements(x, i, u, axis=1, reduction=mean)", RNNP_ERR_UNSUPPORTED, "reduction mean"},
        {"ScatterElements(x, i, i, axis=1)", RNNP_ERR_TYPE, "input 0 is f32 but input 2 is i64"},
        {"ScatterElements(x, i, x, axis=1)", RNNP_ERR_SHAPE, "a dimension of the updates is 3 and 1"},
        {"ScatterElements(flags, i, flags, axis=1, reduction=add)", RNNP_ERR_TYPE, "input 0 of type bool"},
        {"ScatterND(x, i, u)", RNNP_ERR_SHAPE, "a dimension of the updates is 1 and 3"},
        {"ScatterND(x, i64[1,3]{0,0,0}, u)", RNNP_ERR_SHAPE, "tuples of 3 indices into 2 axes"},
        {"GatherND(x, few)", RNNP_ERR_UNSUPPORTED, "the last dimension of the indices is dynamic"},
        {"GatherND(x, i, batch_dims=2)", RNNP_ERR_SHAPE, "batch_dims is 2, but the data has rank 2"},
        {"GatherND(x, i64[3,1]{0,0,0}, batch_dims=1)", RNNP_ERR_SHAPE, "a batch dimension is 2 and 3"},
        {"GatherND(x, i, batch_dims=-1)", RNNP_ERR_ARG, "batch_dims is -1"},
        {"OneHot(i, i64{-4}, {0,1})", RNNP_ERR_SHAPE, "depth is -4"},
        {"OneHot(i, i64{4}, {0,1,2})", RNNP_ERR_SHAPE, "values has shape [3], expected [2]"},
        {"TopK(x)", RNNP_ERR_ARG, "K is missing"},
        {"TopK@9(x)", RNNP_ERR_ARG, "k must be an attribute"},
        {"TopK(x, {4})", RNNP_ERR_SHAPE, "K is 4, but axis 1 has 3 elements"},
        {"TopK(x, {-1})", RNNP_ERR_SHAPE, "K is -1"},
        {"TopK(x, {1,1})", RNNP_ERR_SHAPE, "K has 2 elements"},
        {"CumSum(x, i64{2})", RNNP_ERR_SHAPE, "axis 2 of a tensor of rank 2"},
        {"CumSum(flags, i64{0})", RNNP_ERR_TYPE, "input 0 of type bool"},
        {"ReverseSequence(x, few, batch_axis=1)", RNNP_OK, NULL},
        {"ReverseSequence(x, i, batch_axis=1)", RNNP_ERR_SHAPE, "the lengths 2, expected 2 or more and 1"},
        {"ReverseSequence(x, few, batch_axis=2, time_axis=0)", RNNP_ERR_ARG, "batch_axis is 2"},
        {"ReverseSequence(f32[2,1]~1, i64[1]{3})", RNNP_ERR_ARG, "length 0 is 3, but there are 2 steps"},
        {"Trilu(few)", RNNP_ERR_SHAPE, "the input has rank 1"},
        {"Einsum(x)", RNNP_ERR_ARG, "Einsum node: there is no equation"},
        {"Einsum(x, u, equation='ij')", RNNP_ERR_ARG, "the equation has 1 terms for 2 operands"},
        {"Einsum(x, equation='ij,jk')", RNNP_ERR_ARG, "a term at position 3 beyond its 1 operands"},
        {"Einsum(x, equation='i j ->jx')", RNNP_ERR_ARG, "label x of the result is in no operand"},
        {"Einsum(x, equation='ij->jj')", RNNP_ERR_ARG, "label j of the result is there twice"},
        {"Einsum(x, equation='ij-j')", RNNP_ERR_ARG, "'-' at position 2 of the equation is not expected"},
        {"Einsum(x, equation='ij->i2')", RNNP_ERR_ARG, "'2' at position 5 of the equation is not expected"},
        {"Einsum(x, equation='..ij')", RNNP_ERR_ARG, "'.' at position 0 of the equation"},
        {"Einsum(x, equation='...i...')", RNNP_ERR_ARG, "a second ... in one term, at position 4"},
        {"Einsum(x, equation='...i->i')", RNNP_ERR_ARG, "there is ... in the operands only"},
        {"Einsum(x, equation='ij->...')", RNNP_ERR_ARG, "there is ... in the result only"},
        {"Einsum(x, equation='abcdefghi')", RNNP_ERR_UNSUPPORTED, "label i at position 8"},
        {"Einsum(x, equation='ijk')", RNNP_ERR_SHAPE, "operand 0 has rank 2, but its term 3 labels"},
        {"Einsum(x, equation='ii')", RNNP_ERR_SHAPE, "a repeated label is 2 and 3"},
        {"Einsum(x, x, equation='ij,ji->')", RNNP_ERR_SHAPE, "label i is 2, but 3 in operand 1"},
        {"Einsum(i, equation='ij')", RNNP_ERR_TYPE, "input 0 of type i64"},
        {"Einsum(x, x, x, x, x, equation='ab,cd,ef,gh,ij->a')", RNNP_OK, NULL},
        {"Einsum(x, x, x, x, x, equation='ab,cd,ef,gh,ij->abcdefgh')", RNNP_OK, NULL},
        {"Einsum(x, x, x, x, x, equation='ab,cd,ef,gh,ij->abcdefghi')", RNNP_ERR_UNSUPPORTED, "label i at position 24"},
        {"Einsum(x, x, x, x, x, x, equation='ab,cd,ef,gh,ij,abcdefghij->')", RNNP_ERR_UNSUPPORTED, "more than 8"},
        {"Einsum(x, x, x, x, x, x, x, equation='ab,cd,ef,gh,ij,ab,ij->cdefgh')", RNNP_ERR_UNSUPPORTED,
         "the product of the first 5 operands has a rank above 8"},
        {"Multinomial(x, sample_size=-1)", RNNP_ERR_ARG, "sample_size -1"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const rnnp_status status = try_node(cases[i].text);

        if (status == cases[i].status && (!cases[i].words || strstr(rnnp_last_error(context), cases[i].words)))
            continue;
        fail_msg("%s: %d %s", cases[i].text, (int)status, status == RNNP_OK ? "" : rnnp_last_error(context));
    }
}

/* What only data tells is an error of the run, and so is a shape that no memory holds. */
TEST(test_errors_of_runs)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"-> y = GatherElements(x, i, axis=0)", "index 7, but axis 0 has 3 elements"},
        {"-> y = GatherND(x, Unsqueeze(i, {2}))", "index 7, but axis 0 has 3 elements"},
        {"-> y = ScatterElements(x, i, x, axis=1)", "index 7, but axis 1 has 2 elements"},
        {"-> y = ScatterND(x, Unsqueeze(i, {2}), ConstantOfShape({3,2,2}))", "index 7, but axis 0 has 3 elements"},
        {"-> y = ReverseSequence(x, Reshape(Slice(i, {0}, {1}, {0}), {-1}), batch_axis=1, time_axis=0)",
         "length 1 is 7, but there are 3 steps"},
        {"-> y = CumSum(x, Slice(Reshape(i, {-1}), {1}, {2}))", "axis 7 of a tensor of rank 2"},
        {"-> y = Multinomial'pick'(x)", "Multinomial pick: draws random numbers"},
        {"y, where = TopK(x, Slice(Reshape(i, {-1}), {1}, {2})); -> y, where",
         "dimension 1 of output 0 depends on input data"},
        {"-> y = OneHot(i, Slice(Reshape(i, {-1}), {1}, {2}), {0,1})", "dimension 2 of output 0 depends on input data"},
        {"-> y = Pad(x, Slice(Reshape(i, {-1}), {0}, {4}))", "dimension 0 of output 0 depends on input data"},
        {"-> y = Pad(x, {0,2305843009213693952,0,0})", "output 0 does not fit in memory"},
        {"-> y = Pad(x, {4611686018427387904,0,4611686018427387904,0})", "axis 0 are too large"},
    };
    const float x[6] = {1, 2, 3, 4, 5, 6};
    const int64_t index[6] = {0, 7, 0, 0, 0, 0};
    const rnnp_tensor in[] = {{RNNP_DTYPE_F32, 2, {3, 2}, .const_data = x},
                              {RNNP_DTYPE_I64, 2, {3, 2}, .const_data = index}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        OWNED(model) model = make_graph(context, "x: f32[?,2]; i: i64[?,2]; %s", cases[i].text);
        OWNED(plan) plan = make_plan(model);
        DROPPED(free_outputs) produced got = run_plan(plan, in, 2);

        if (got.status == RNNP_OK || !strstr(rnnp_last_error(context), cases[i].words))
            fail_msg("%s: %s", cases[i].text, got.status == RNNP_OK ? "runs" : rnnp_last_error(context));
    }
}

/* An output that depends on chance is left out by asking for others. */
TEST(test_without_chance)
{
    const float x[2] = {1, 2};
    const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {1, 2}, .const_data = x};
    float y[2];
    rnnp_tensor out[] = {{.data = NULL}, {.data = y}};
    OWNED(model) model = make_graph(context, "x: f32[1,2]; -> pick = Multinomial(x), y = Neg(x)");
    OWNED(plan) plan = make_plan(model);

    OWNED_NEW(run, run, plan, &in, 1);
    OK(rnnp_run_execute(run, &in, 1, out, 2));
    assert_true(y[0] == -1 && y[1] == -2);
}

/* ---- Dynamic dimensions ---- */

/* Text with x f32[n,4,5], and the dimensions of y that are known when it is closed; -1 for the others. */
TEST(test_dynamic)
{
    static const struct {
        const char *text;
        size_t rank;
        int64_t dim[5];
    } cases[] = {
        {"-> y = Pad(x, {0,1,0,0,2,0})", 3, {-1, 7, 5}},
        {"-> y = Pad(x, {1,0,0,-1,0,0})", 3, {-1, 4, 5}},
        {"-> y = Pad(x, Concat({0,0,0}, {1}, {0,3}, axis=0))", 3, {-1, 4, 8}},
        {"-> y = ConstantOfShape(ScatterND(Shape(x), i64[1,1]{0}, {7}))", 3, {7, 4, 5}},
        {"-> y = ConstantOfShape(ScatterND(Shape(x), i64[1,1]{1}, {7}))", 3, {-1, 7, 5}},
        {"-> y = ConstantOfShape(ScatterElements(Shape(x), {2,0}, {7,8}, axis=0))", 3, {8, 4, 7}},
        {"-> y = ConstantOfShape(ScatterElements(Shape(x), {1}, {7}, axis=0, reduction=add))", 3, {-1, -1, -1}},
        {"-> y = ConstantOfShape(GatherElements(Shape(x), {2,1,0,-1}))", 4, {5, 4, -1, 5}},
        {"-> y = ConstantOfShape(GatherND(Shape(x), i64[2,1]{2,-2}))", 2, {5, 4}},
        {"-> y = ConstantOfShape(Pad(Shape(x), {1,1}, i64{2}))", 5, {2, -1, 4, 5, 2}},
        {"-> y = ConstantOfShape(Pad(Shape(x), {-1,1}, mode=edge))", 3, {4, 5, 5}},
        {"-> y = ConstantOfShape(Reshape(Trilu(Reshape(Concat(Shape(x), {1}, axis=0), {2,2})), {-1}))",
         4,
         {-1, 4, 0, 1}},
        {"-> y = Einsum(x, x, equation='bik,bjk')", 2, {4, 4}},
        {"-> y = Einsum(x, x, equation='b...k,b...k->k...')", 2, {5, 4}},
        {"-> y = Einsum(x, f32[3,5,2]~1, equation='bik,gkh->bgih')", 4, {-1, 3, 4, 2}},
        {"-> y = OneHot(x, Gather(Shape(x), i64{1}), f32[2]{0,1}, axis=0)", 4, {4, -1, 4, 5}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        OWNED(model) model = make_graph(context, "x: f32[n,4,5]; %s", cases[i].text);
        OWNED(plan) plan = make_plan(model);
        FREED float *x = numbers(60, 1, 1.0f);
        const rnnp_tensor in = tensor3(x, 3, 4, 5);
        rnnp_port_info port = {.struct_size = sizeof port};

        OK(rnnp_model_output_info(model, 0, &port));
        int same = port.rank == cases[i].rank;
        for (size_t d = 0; d < port.rank && same; d++)
            same = port.shape[d] == (cases[i].dim[d] < 0 ? RNNP_DYNAMIC : cases[i].dim[d]);
        if (!same)
            fail_msg("%s: rank %zu, %lld, %lld", cases[i].text, port.rank, (long long)port.shape[0],
                     (long long)port.shape[1]);
        DROPPED(free_outputs) produced got = run_plan(plan, &in, 1);
        if (got.status != RNNP_OK) fail_msg("%s: %s", cases[i].text, rnnp_last_error(context));
        for (size_t d = 0; d < port.rank; d++)
            assert_true(cases[i].dim[d] < 0 || got.out[0].shape[d] == cases[i].dim[d]);
    }
}

/* ---- Squeeze without axes: a run removes what is 1 in it, and what was made of shapes follows ---- */

TEST(test_squeeze)
{
    OWNED(model)
    model = make_graph(context, "x: f32[batch,3,steps,1]; y = Squeeze'all'(x);"
                                "-> y, dims = Shape(y), size = Size(y), second = Gather(Shape(y), i64{1})");
    OWNED(plan) plan = make_plan(model);
    rnnp_port_info port = {.struct_size = sizeof port};
    rnnp_node_info info = {.struct_size = sizeof info};
    FREED float *x = numbers(64, 1, 1.0f);

    OK(rnnp_model_output_info(model, 0, &port));
    assert_int_equal(port.rank, 3);
    OK(rnnp_model_node_info(model, 0, &info));
    assert_string_equal(info.name, "all");
    assert_non_null(strstr(info.note, "without axes"));
    for (int64_t batch = 1; batch <= 2; batch++) {
        for (int64_t steps = 1; steps <= 4; steps += 3) {
            const rnnp_tensor in = {RNNP_DTYPE_F32, 4, {batch, 3, steps, 1}, .const_data = x};
            const size_t rank = 1 + (size_t)(batch > 1) + (size_t)(steps > 1);
            DROPPED(free_outputs) produced got = run_plan(plan, &in, 1);

            if (rank == 1) {
                assert_int_equal(got.status, RNNP_ERR_ARG);
                assert_says(context, "index 1, but axis 0 has 1 elements");
                continue;
            }
            assert_int_equal(got.status, RNNP_OK);
            assert_int_equal(got.out[0].rank, rank);
            assert_int_equal(got.out[1].shape[0], rank);
            assert_int_equal(*(int64_t *)got.out[2].data, batch * steps * 3);
            assert_int_equal(*(int64_t *)got.out[3].data, batch > 1 ? 3 : steps);
            assert_memory_equal(got.out[0].data, x, (size_t)(batch * steps * 3) * sizeof *x);
        }
    }
}

/* ---- Time: a stream has the bits of a run, or the operator is refused ---- */

enum { STEPS = 6, BATCH = 2, WIDTH = 8 };

/* Of one output of so many floats a step and channel, both in front. */
static void check_stream(const char *text)
{
    FREED float *x = numbers(STEPS * BATCH * WIDTH, 3, 1.0f);
    OWNED(model) model = make_graph(context, "x: f32[?,?,8]; a = gru[8,8]#2(x); %s", text);
    OWNED(plan) plan = make_plan(model);
    const rnnp_tensor in = tensor3(x, STEPS, BATCH, WIDTH);
    DROPPED(free_outputs) produced whole = run_plan(plan, &in, 1);
    OWNED(stream) stream = make_stream(plan, BATCH, 2);

    assert_int_equal(whole.status, RNNP_OK);
    const size_t bytes = rnnp_tensor_elements(&whole.out[0]) * rnnp_dtype_bytes(whole.out[0].dtype) / STEPS * 2;
    FREED char *y = malloc(bytes);
    for (size_t t = 0; t < STEPS; t += 2) {
        const rnnp_tensor step = tensor3(x + t * BATCH * WIDTH, 2, BATCH, WIDTH);
        rnnp_tensor out = {.data = y};

        OK(rnnp_stream_step(stream, &step, 1, &out, 1));
        if (memcmp(y, (char *)whole.out[0].data + t / 2 * bytes, bytes) != 0) fail_msg("%s: step %zu", text, t);
    }
}

TEST(test_streams)
{
    static const char *const texts[] = {
        "-> y = Pad(a, {0,0,2,0,0,-1})",
        "-> y = Pad(a, {0,0,2,0,0,3}, mode=reflect)",
        "-> y = CumSum(a, i64{2}, reverse=1)",
        "y, i = TopK(a, {3}, axis=2); -> y",
        "y, i = TopK(a, {3}, axis=2); -> i",
        "-> y = Trilu(Reshape(a, {0,0,2,4}))",
        "-> y = OneHot(ArgMax(a, axis=2, keepdims=0), i64{8}, f32[2]{-1,1}, axis=-1)",
        "-> y = GatherElements(a, ArgMax(a, axis=2), axis=2)",
        "-> y = GatherND(a, Concat(Unsqueeze(ArgMax(a, axis=2), {3}), axis=3), batch_dims=2)",
        "-> y = ScatterElements(a, ArgMax(a, axis=2), ReduceMax(a, axes={2}), axis=2, reduction=add)",
        "-> y = Transpose(ScatterND(Transpose(a), i64[1,1]{3}, Transpose(ReduceMax(a, axes={2}))))",
        "-> y = Einsum(Reshape(a, {0,0,2,4}), f32[2,4,3]~5, equation='tbgi,gih->tbgh')",
        "-> y = Einsum(a, a, equation='tbi,tbj->tbij')",
        "-> y = Einsum(f32[8,3]~5, a, equation='io,...i->...o')",
        "-> y = Einsum(a, f32[8]~5, x, equation='tbi,i,tbi->tb')",
        "-> y = Squeeze(MatMul(a, f32[8,1]~4))",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) check_stream(texts[i]);
}

/* One step of one channel keeps the axes that a longer call would have. */
TEST(test_stream_of_ones)
{
    OWNED(model) model = make_graph(context, "x: f32[?,?,5]; -> y = Squeeze(MatMul(gru[5,8]#2(x), f32[8,1]~4))");
    OWNED(plan) plan = make_plan(model);
    OWNED(stream) stream = make_stream(plan, 1, 1);
    const float x[5] = {1, 2, 3, 4, 5};
    const rnnp_tensor in = tensor3(x, 1, 1, 5);
    DROPPED(free_outputs) produced got = run_plan(plan, &in, 1);
    float y = 0;
    rnnp_tensor out = {.data = &y};

    assert_int_equal(got.out[0].rank, 0);
    OK(rnnp_stream_step(stream, &in, 1, &out, 1));
    assert_int_equal(out.rank, 2);
    assert_memory_equal(&y, got.out[0].data, sizeof y);
}

TEST(test_streams_refused)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"-> y = Pad(a, {1,0,0,-1,0,0})", "Pad"},
        {"-> y = CumSum(a, i64{0})", "CumSum"},
        {"y, i = TopK(a, {1}, axis=0); -> y", "TopK"},
        {"-> y = Trilu(Transpose(a, perm={1,0,2}))", "Trilu"},
        {"-> y = GatherElements(a, ArgMax(a, axis=0), axis=0)", "ArgMax"},
        {"-> y = GatherElements(a, i64[1,1,1]{0}, axis=0)", "GatherElements"},
        {"-> y = GatherND(a, i64[1,1]{0})", "GatherND"},
        {"-> y = ScatterElements(a, i64[1,1,1]{0}, f32[1,1,1]{2}, axis=2)", "ScatterElements"},
        {"-> y = ScatterND(a, i64[1,3]{0,0,0}, f32[1]{2})", "ScatterND"},
        {"-> y = ReverseSequence(a, i64[2]{1,1})", "ReverseSequence"},
        {"-> y = Einsum(a, a, equation='tbi,sbi->tsb')", "Einsum"},
        {"-> y = Einsum(a, equation='tbi->bi')", "Einsum"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        OWNED(model) model = make_graph(context, "x: f32[?,?,8]; a = gru[8,8]#2(x); %s", cases[i].text);
        OWNED(plan) plan = make_plan(model);
        rnnp_stream *stream;

        REFUSED(context, rnnp_stream_create(plan, NULL, &stream), RNNP_ERR_UNSUPPORTED, cases[i].words);
    }
}

/* A trainer takes 16 rows and then one. */
TEST(test_trainer_of_one_row)
{
    static const char *const axes[] = {"", ", {1}"};
    float x[17 * 5], target[17], w[2][5];
    const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {17, 5}, .data = x}, want = {RNNP_DTYPE_F32, 1, {17}, .data = target};
    const rnnp_train_batch batch = {.struct_size = sizeof batch, .inputs = &in, .n_inputs = 1, .target = &want};
    rnnp_train_options options;

    fill(x, 17 * 5, 1, 1.0f);
    fill(target, 17, 2, 1.0f);
    rnnp_train_options_init(&options);
    options.loss = RNNP_LOSS_MSE;
    for (size_t i = 0; i < 2; i++) {
        OWNED(model)
        model = make_graph(context, "x: f32[batch,5]; -> y = Squeeze(MatMul(x, f32[5,1]~3)%s)", axes[i]);
        OWNED_NEW(trainer, trainer, model, &options);

        OK(rnnp_trainer_step(trainer, &batch, NULL));
        OK(rnnp_trainer_get_parameter(trainer, 0, w[i]));
    }
    assert_memory_equal(w[0], w[1], sizeof w[0]);
}

/* ---- Einsum: the chain, on every path ---- */

/* Element (i,j,g) of 'gid,jdge->ijg' with e summed out of the second first: one chain over d. */
static void reference(const float *a, const float *b, size_t I, size_t J, size_t G, size_t D, size_t E, float *y)
{
    for (size_t at = 0; at < I * J * G; at++) {
        const size_t i = at / (J * G), j = at / G % J, g = at % G;
        float chain = 0.0f;

        for (size_t d = 0; d < D; d++) {
            float sum = 0.0f;

            for (size_t e = 0; e < E; e++) sum += b[((j * D + d) * G + g) * E + e];
            chain = fmaf(a[(g * I + i) * D + d], sum, chain);
        }
        y[at] = chain;
    }
}

TEST(test_chain)
{
    static const size_t sizes[][5] = {{1, 1, 1, 1, 1}, {5, 37, 3, 70, 2}, {2, 3, 20, 9, 1}, {33, 1, 2, 17, 3}};

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const size_t I = sizes[s][0], J = sizes[s][1], G = sizes[s][2], D = sizes[s][3], E = sizes[s][4];
        FREED float *a = numbers(G * I * D, 1, 1.0f), *b = numbers(J * D * G * E, 2, 1.0f);
        FREED float *want = malloc(I * J * G * sizeof *want);
        const rnnp_tensor in[] = {tensor3(a, (int64_t)G, (int64_t)I, (int64_t)D),
                                  {RNNP_DTYPE_F32, 4, {(int64_t)J, (int64_t)D, (int64_t)G, (int64_t)E}, .data = b}};
        OWNED(model)
        model = make_graph(context, "a: f32[?,?,?]; b: f32[?,?,?,?]; -> y = Einsum(a, b, equation='gid,jdge->ijg')");
        OWNED(plan) plan = make_plan(model);
        DROPPED(free_outputs) produced got = run_plan(plan, in, 2);

        assert_int_equal(got.status, RNNP_OK);
        reference(a, b, I, J, G, D, E, want);
        assert_memory_equal(got.out[0].data, want, I * J * G * sizeof *want);
    }
}

/* Depth over two labels, as they stand in the first operand; and the operands the other way round. */
TEST(test_order)
{
    enum { I = 3, J = 4, K = 5, L = 6 };
    FREED float *a = numbers(I * L * K, 1, 1.0f), *b = numbers(K * J * L, 2, 1.0f);
    const rnnp_tensor in[] = {tensor3(a, I, L, K), tensor3(b, K, J, L)};
    OWNED(model)
    model = make_graph(context, "a: f32[?,?,?]; b: f32[?,?,?]; -> y = Einsum(a, b, equation='ilk,kjl->ij'),"
                                "z = Einsum(b, a, equation='kjl,ilk->ij')");
    OWNED(plan) plan = make_plan(model);
    DROPPED(free_outputs) produced got = run_plan(plan, in, 2);

    assert_int_equal(got.status, RNNP_OK);
    for (size_t at = 0; at < I * J; at++) {
        const size_t i = at / J, j = at % J;
        float y = 0.0f, z = 0.0f;

        for (size_t l = 0; l < L; l++) {
            for (size_t k = 0; k < K; k++) y = fmaf(a[(i * L + l) * K + k], b[(k * J + j) * L + l], y);
        }
        for (size_t k = 0; k < K; k++) {
            for (size_t l = 0; l < L; l++) z = fmaf(a[(i * L + l) * K + k], b[(k * J + j) * L + l], z);
        }
        assert_memory_equal((float *)got.out[0].data + at, &y, sizeof y);
        assert_memory_equal((float *)got.out[1].data + at, &z, sizeof z);
    }
}

/* A constant second operand is packed by the plan, from its own elements, a file or before they are released. */
TEST(test_packed)
{
    static const struct {
        const char *text;
        int packs;
    } cases[] = {
        {"Einsum(x, f32[3,5,4]~7, equation='btgi,gih->btgh')", 1},
        {"Einsum(x, f32[3,4,5]~7, equation='...gi,ghi->...gh')", 1},
        {"Einsum(x, f32[5,3,4]~7, equation='btgi,igh->bth')", 0},
        {"Einsum(x, f32[3,5,4]~7, equation='btgi,gih->bth')", 1},
        {"Einsum(x, f32[5,3]~7, equation='btgi,ig->bt')", 0},
        {"Einsum(x, f32[3,5]~7, equation='btgi,gi->')", 1},
        {"Einsum(x, f32[4,2]~7, equation='btgi,hk->btgihk')", 1},
        {"Einsum(x, f32[1,5,4]~7, equation='btgi,gih->btgh')", 0},
        {"Einsum(x, f32[5,4,3]~7, equation='btgi,ihg->btgh')", 0},
        {"Einsum(x, f32[5,4,2]~7, equation='btgi,ihe->btgh')", 0},
        {"Einsum(x, f32[5,5]~7, equation='btgi,ii->btg')", 0},
        {"Einsum(x, f32[4,5,2]~7, equation='...gi,...ih->...gh')", 0},
    };
    FREED float *x = numbers(2 * 4 * 3 * 5, 1, 1.0f);
    const rnnp_tensor in = {RNNP_DTYPE_F32, 4, {2, 4, 3, 5}, .data = x};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        OWNED(model) model = make_graph(context, "x: f32[?,?,3,5]; -> y = %s", cases[i].text);
        OWNED(plan) plan = make_plan(model);
        DROPPED(free_outputs) produced want = run_plan(plan, &in, 1);
        OWNED(context) scalar = capped_context(NULL, "generic", 1);
        OWNED(model) same = make_graph(scalar, "x: f32[?,?,3,5]; -> y = %s", cases[i].text);
        OWNED(plan) other = make_plan(same);
        DROPPED(free_outputs) produced got = run_plan(other, &in, 1);

        assert_int_equal(want.status, RNNP_OK);
        assert_true(equal_outputs(&want, &got));
        assert_int_equal(rnnp_plan_node_place(plan, 0),
                         cases[i].packs ? RNNP_WEIGHTS_PLACE_PLAN : RNNP_WEIGHTS_PLACE_NONE);
        OK(rnnp_model_release_weights(model, NULL));
        DROPPED(free_outputs) produced released = run_plan(plan, &in, 1);
        assert_true(equal_outputs(&want, &released));
    }
}
