/* SPDX-License-Identifier: Apache-2.0
 *
 * What attributions refuse, by name, and that every allocation may fail once.
 */
#include "explain.h"

ONE_CONTEXT(1)

static explained e;

static rnnp_status create(const char *text, const rnnp_attribution_options *options)
{
    OWNED(model) model = make_graph(context, "%s", text);
    OWNED(attribution) attribution = (rnnp_attribution *)context;
    const rnnp_status status = rnnp_attribution_create(model, options, &attribution);

    if (status != RNNP_OK) assert_null(attribution);
    return status;
}

#define UNSUPPORTED(text, options, words) REFUSED(context, create(text, options), RNNP_ERR_UNSUPPORTED, words)

TEST(test_models)
{
    static const char floor_text[] = "x: f32[batch,3]; w = f32[3,2]~1; v = MatMul(x, w); y = Floor'cut'(v); -> y";
    rnnp_attribution_options o = method(RNNP_ATTRIBUTION_INTEGRATED);
    const rnnp_attribution_options occlusion = method(RNNP_ATTRIBUTION_OCCLUSION);
    rnnp_attribution *attribution;

    UNSUPPORTED(floor_text, &o, "cut");
    assert_says(context, "Floor");
    assert_says(context, "has no gradient, and lies between an input and the score");
    OK(create(floor_text, &occlusion)); /* which needs none */
    o.method = RNNP_ATTRIBUTION_GRADIENT;
    UNSUPPORTED(floor_text, &o, "Floor");
    /* beside the score, and below no input, it does no harm */
    OK(create("x: f32[batch,3]; w = f32[3,2]~1; f = Floor(w); y = MatMul(x, f); -> y", &o));
    OK(create("x: f32[batch,3]; w = f32[3,2]~1; y = MatMul(x, w); z = Floor(y); -> y, z", &o));
    o.output = 1;
    UNSUPPORTED("x: f32[batch,3]; w = f32[3,2]~1; y = MatMul(x, w); z = Floor(y); -> y, z", &o, "Floor");
    REFUSED(context, create("x: f32[batch,3]; y = Tanh(x); -> y", &o), RNNP_ERR_ARG, "output 1 of a model with 1");
    o.output = 0;
    OK(create("x: f32[batch,3]; y = Tanh(x); -> y", &o)); /* no weights */
    UNSUPPORTED("x: i64[batch,5]; t = f32[9,4]~1; v = Gather(t, x); y = ReduceSum(v, {1}, keepdims=0); -> y", &o,
                "input x is i64");
    UNSUPPORTED("x: f32[batch,T,3]; n = i64{2}; go, i, s = LoopBegin(n, _, x, carried=1); a = Tanh(s);"
                "y = LoopEnd(go, n, _, _, a, s, carried=1); -> y",
                &o, "loops cannot be differentiated");
    REFUSED(context, create("x: f32[rows,3]; y = Tanh(x); -> y", &o), RNNP_ERR_SHAPE, "symbol batch");
    o.batch = "rows";
    OK(create("x: f32[rows,3]; y = Tanh(x); -> y", &o));
    o.batch = NULL;
    REFUSED(context, create("x: f32[batch,3]; m = ReduceMean(x, axes={0}); y = Sub(x, m); -> y", &o), RNNP_ERR_SHAPE,
            "mixes the rows");
    REFUSED(context, create("x: f32[batch,3]; y = ArgMax(x, axis=1); -> y", &o), RNNP_ERR_TYPE, "the score is of f32");

    OWNED(model) model = make_graph(context, "x: f32[steps,batch,3]; y = lstm[3,8](x); -> y");
    OWNED(model) small = quantized_to(model, RNNP_WEIGHTS_S8);
    REFUSED(context, rnnp_attribution_create(small, &o, &attribution), RNNP_ERR_UNSUPPORTED,
            "its weights are s8; only models with weights in f32 can be differentiated");
    FAILS(rnnp_attribution_create(NULL, &o, &attribution), RNNP_ERR_ARG);
    REFUSED(context, rnnp_attribution_create(model, &o, NULL), RNNP_ERR_ARG, "attribution is NULL");
    OWNED(model) open = make_model(context);
    FAILS(rnnp_attribution_create(open, &o, &attribution), RNNP_ERR_STATE);
}

TEST(test_options)
{
    static const struct {
        rnnp_attribution_options o;
        const char *words;
    } bad[] = {
        {{.method = (rnnp_attribution_method)3}, "unknown method 3"},
        {{.score = (rnnp_score)7}, "unknown score 7"},
        {{.math = (rnnp_math)9}, "unknown math class 9"},
        {{.tolerance = -1}, "tolerance=-1"},
        {{.tolerance = NAN}, "tolerance="},
        {{.points = 6}, "points=6 is not a multiple of 4"},
        {{.points = SIZE_MAX / 4 * 4}, "is not a multiple of 4 below"},
        {{.most_points = 8}, "most_points=8"},
        {{.time_axis = -1}, "time_axis=-1"},
        {{.batch = ""}, "is empty"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rnnp_attribution_options o = bad[i].o;
        o.struct_size = sizeof o;
        REFUSED(context, create("x: f32[batch,3]; y = Tanh(x); -> y", &o), RNNP_ERR_ARG, bad[i].words);
    }
}

TEST(test_batches)
{
    OWNED(model)
    model = make_graph(context, "x: f32[batch,3]; n: i64[batch,1]; m = Cast(n, to=1); y = Add(x, m); -> y");
    const rnnp_attribution_options o = method(RNNP_ATTRIBUTION_INTEGRATED);
    OWNED_NEW(attribution, attribution, model, &o);
    float x[] = {1, 2, 3, 4, 5, 6}, b[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, a[6];
    int64_t n[] = {1, 2};
    size_t targets[] = {0, 3};
    rnnp_tensor in[] = {{RNNP_DTYPE_F32, 2, {2, 3}, .data = x}, {RNNP_DTYPE_I64, 2, {2, 1}, .data = n}};
    rnnp_tensor base[] = {{RNNP_DTYPE_F32, 2, {3, 3}, .data = b}, {.data = NULL}},
                out[] = {{.data = a}, {.data = NULL}};
    rnnp_attribution_batch batch = {.struct_size = sizeof batch, .inputs = in, .n_inputs = 2, .attributions = out};

#define BAD(status, words) REFUSED(context, rnnp_attribution_run(attribution, &batch), status, words)
    OK(rnnp_attribution_run(attribution, &batch));
    FAILS(rnnp_attribution_run(NULL, &batch), RNNP_ERR_ARG);
    REFUSED(context, rnnp_attribution_run(attribution, NULL), RNNP_ERR_ARG, "batch is NULL");
    batch.targets = targets;
    BAD(RNNP_ERR_ARG, "target 3 of row 1: output y has 3 elements in a row");
    targets[1] = 2;
    OK(rnnp_attribution_run(attribution, &batch));
    batch.baselines = base;
    BAD(RNNP_ERR_SHAPE, "the baseline of input x has shape [3,3], the input [2,3]");
    base[0].shape[0] = 2;
    base[0].dtype = RNNP_DTYPE_F64;
    BAD(RNNP_ERR_TYPE, "the baseline of input x is f64");
    base[0].dtype = RNNP_DTYPE_F32;
    b[4] = NAN;
    BAD(RNNP_ERR_ARG, "the baseline of input x: element 4 is nan");
    b[4] = 0;
    base[1] = in[1];
    BAD(RNNP_ERR_ARG, "input n is not attributed, so it has no baseline");
    base[1].data = NULL;
    OK(rnnp_attribution_run(attribution, &batch));
    out[1].data = n;
    BAD(RNNP_ERR_ARG, "input n is not attributed: it is i64");
    out[1].data = NULL;
    x[4] = INFINITY;
    BAD(RNNP_ERR_ARG, "input x: row 1, element 1 of it is inf");
    x[4] = 5;
    in[0].shape[1] = 2;
    BAD(RNNP_ERR_SHAPE, "input x");
    in[0].shape[1] = 3;
    in[0].shape[0] = 0;
    BAD(RNNP_ERR_SHAPE, "input");
    in[0].shape[0] = 2;
    batch.n_inputs = 1;
    BAD(RNNP_ERR_ARG, "1 inputs were given");
    batch.n_inputs = 2;
    OK(rnnp_attribution_run(attribution, &batch)); /* still works */
    for (size_t i = 0; i < 6; i++) assert_true(a[i] == (i == 0 || i == 5 ? x[i] - b[i] : 0));
}

/* A model that gives the same for every input: nothing is attributed, and that is complete. */
TEST(test_constant)
{
    OWNED(model)
    model = make_graph(context, "x: f32[batch,3]; z = f32[1]{0}; c = f32[1]{2.5}; m = Mul(x, z); y = Add(m, c); -> y");
    float x[] = {1, 2, 3};
    const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {1, 3}, .data = x};

    for (int m = 0; m <= RNNP_ATTRIBUTION_OCCLUSION; m++) {
        const rnnp_attribution_options o = method((rnnp_attribution_method)m);
        OK(explain(model, &o, &in, 1, NULL, NULL, &e));
        for (size_t i = 0; i < 3; i++) assert_true(e.a[0][i] == 0);
        assert_true(e.rows[0].score == 2.5 && e.rows[0].sum == 0 && e.rows[0].complete);
    }
}

/* What gradients cannot see is found by the residual: a model of steps has none, but differs. */
TEST(test_not_complete)
{
    OWNED(model)
    model = make_graph(context, "x: f32[batch,2]; z = f32[1]{0.3}; g = Greater(x, z); one = f32[1]{1}; no = f32[1]{0};"
                                "y = Where(g, one, no); -> y");
    float x[] = {1, 0};
    const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {1, 2}, .data = x};
    const rnnp_attribution_options o = method(RNNP_ATTRIBUTION_INTEGRATED);

    OK(explain(model, &o, &in, 1, NULL, NULL, &e));
    assert_false(e.rows[0].complete);
    assert_int_equal(e.rows[0].points, 1024);
    assert_true(e.rows[0].residual == -1);
}

TEST(test_not_finite)
{
    OWNED(model) root = make_graph(context, "x: f32[batch,1]; y = Sqrt(x); -> y");
    OWNED(model) log = make_graph(context, "x: f32[batch,1]; y = Log(x); -> y");
    float x[] = {1, 0};
    const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {2, 1}, .data = x};
    rnnp_attribution_options o = method(RNNP_ATTRIBUTION_GRADIENT);

    /* (x - b) infinity at x = b = 0 is no number */
    REFUSED(context, explain(root, &o, &in, 1, NULL, NULL, &e), RNNP_ERR_STATE, "row 1: the sum of its attributions");
    o.method = RNNP_ATTRIBUTION_OCCLUSION;
    REFUSED(context, explain(log, &o, &in, 1, NULL, NULL, &e), RNNP_ERR_STATE, "row 1: its score is -inf");
}

TEST(test_every_allocation)
{
    FREED float *x = numbers(5 * 20 * 3, 3, 1);
    const rnnp_tensor in = tensor3(x, 5, 20, 3);
    static float a[5 * 20 * 3];
    rnnp_tensor out = {.data = a};
    const rnnp_attribution_batch batch = {
        .struct_size = sizeof batch, .inputs = &in, .n_inputs = 1, .attributions = &out};

    for (int m = 0; m <= RNNP_ATTRIBUTION_OCCLUSION; m++) {
        WATCHED heap = {0};
        OWNED(context) own = make_context(&heap, 1);
        OWNED(model) model = make_graph(own, "x: f32[steps,batch,3]; y = gru[3,8](x); -> y");
        OWNED(attribution) attribution = NULL;
        const rnnp_attribution_options o = method((rnnp_attribution_method)m);
        UNTIL_OK(heap, rnnp_attribution_create(model, &o, &attribution)) assert_null(attribution);
        UNTIL_OK(heap, rnnp_attribution_run(attribution, &batch)) {
        }
    }
}
