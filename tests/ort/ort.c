/* SPDX-License-Identifier: Apache-2.0
 *
 * ort.c RUNTIME PROVIDER: sessions of ONNX Runtime with rnnpack's execution provider give the bits of rnnpack alone.
 * Nodes that stay with ONNX Runtime are exact here, so that its kernels have the same bits. A session that may leave
 * nothing to ONNX Runtime shows that the provider took a graph.
 */
#include "host.h"

#include "rnnpack/onnx.h"
#include "tests/model/graph.h"
#include "tests/scratch.h"

static host ort;
static char runtime[1024], provider[1024];

int tests_begin(char **argv)
{
    if (!argv[0] || !argv[1]) return 2;
    snprintf(runtime, sizeof runtime, "%s", argv[0]);
    snprintf(provider, sizeof provider, "%s", argv[1]);
    host_open(&ort, runtime, provider);
    return 0;
}

void tests_end(void) { host_close(&ort); }

#ifdef __SANITIZE_ADDRESS__
/* 14 bytes of ONNX Runtime's own. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libonnxruntime"; }
#endif

enum { INPUT = 12, HIDDEN = 20, MOST_STEPS = 9, MOST_BATCH = 5 };

#define H "hidden_size=20"
#define WEIGHTS                                                                                      \
    "lw = f32[1,80,12]~1*0.4; lr = f32[1,80,20]~2*0.3; lb = f32[1,160]~3*0.2; lp = f32[1,60]~4*0.2;" \
    "gw = f32[1,60,12]~5*0.4; gr = f32[1,60,20]~6*0.3; gb = f32[1,120]~7*0.2;"                       \
    "rw = f32[1,20,12]~8*0.4; rr = f32[1,20,20]~9*0.3; rb = f32[1,40]~10*0.2;"                       \
    "lw2 = f32[2,80,12]~11*0.4; lr2 = f32[2,80,20]~12*0.3; lb2 = f32[2,160]~13*0.2;"                 \
    "gw2 = f32[2,60,12]~14*0.4; gr2 = f32[2,60,20]~15*0.3; gb2 = f32[2,120]~16*0.2;"                 \
    "gu = f32[1,60,20]~17*0.3; lu = f32[1,80,20]~18*0.3;"

static const struct graph_case {
    const char *name, *text;
    int alone, batch_first, refused; /* refused: ONNX Runtime alone does not run it */
} cases[] = {
    {"lstm", "y, h, c = LSTM(x, lw, lr, lb, " H "); -> y, h, c", 1, 0, 0},
    {"gru", "y, h = GRU(x, gw, gr, gb, " H "); -> y, h", 1, 0, 0},
    {"gru after", "y = GRU(x, gw, gr, gb, linear_before_reset=1, " H "); -> y", 1, 0, 0},
    {"rnn", "y, h = RNN(x, rw, rr, rb, " H "); -> y, h", 1, 0, 0},
    {"no bias, last state", "y, h = RNN(x, rw, rr, " H "); -> h", 1, 0, 0},
    {"lengths and states", "y, h, c = LSTM(x, lw, lr, lb, n, h0, c0, lp, " H "); -> y, h, c", 1, 0, 0},
    {"reverse", "y, h = GRU(x, gw, gr, gb, n, h0, direction=reverse, " H "); -> y, h", 1, 0, 0},
    {"both ways", "y, h, c = LSTM(x, lw2, lr2, lb2, n, direction=bidirectional, " H "); -> y, h, c", 1, 0, 0},
    {"gru both ways", "y, h = GRU(x, gw2, gr2, gb2, direction=bidirectional, linear_before_reset=1, " H "); -> y, h", 1,
     0, 0},
    {"activations", "y = LSTM(x, lw, lr, lb, activations={HardSigmoid,Relu,Tanh}, activation_alpha={0.3}, " H "); -> y",
     1, 0, 0},
    {"clip and coupled gates", "y = LSTM(x, lw, lr, lb, clip=0.4, input_forget=1, " H "); -> y", 1, 0, 0},
    {"batch first", "y, h = GRU(x, gw, gr, gb, layout=1, " H "); -> y, h", 1, 1, 1},
    {"stack", "a, ah = LSTM(x, lw, lr, lb, " H "); y, h = GRU(Squeeze(a, {1}), gu, gr, gb, n, " H "); -> y, h, ah", 1,
     0, 0},
    {"stack by transpose",
     "a = LSTM(x, lw, lr, lb, " H "); y = LSTM(Reshape(Transpose(a, perm={0,2,1,3}), {0,0,-1}), "
     "lu, lr, lb, " H "); -> y",
     1, 0, 0},
    {"others between", "a = LSTM(x, lw, lr, lb, " H "); y, h = GRU(Relu(Squeeze(a, {1})), gu, gr, gb, " H "); -> y, h",
     0, 0, 0},
    /* The upper node's state is made from the lower one's outside of both: they cannot be one part. */
    {"around", "a, ah = GRU(x, gw, gr, gb, " H "); y, h = GRU(Squeeze(a, {1}), gu, gr, gb, _, Neg(ah), " H "); -> y, h",
     0, 0, 0},
    {"read twice", "a = GRU(x, gw, gr, gb, " H "); s = Squeeze(a, {1}); y = GRU(s, gu, gr, gb, " H "); -> y, s", 0, 0,
     0},
    {"weights computed", "y = RNN(x, Neg(v), rr, rb, " H "); -> y", 0, 0, 0},
};

/* ---- One case ---- */

typedef struct opened {
    rnnp_model *model; /* of the file */
    rnnp_plan *plan;
    char path[128];
} opened;

static void open_case(rnnp_context *context, const char *folder, const struct graph_case *c, opened *o)
{
    OWNED(model)
    built = make_graph(context, WEIGHTS "x: f32[%s]; n: i32[b]; h0: f32[1,b,20]; c0: f32[1,b,20]; v: f32[1,20,12]; %s",
                       c->batch_first ? "b,t,12" : "t,b,12", c->text);
    snprintf(o->path, sizeof o->path, "%s/model.onnx", folder);
    OK(rnnp_onnx_write_file(built, o->path));
    OK(rnnp_onnx_open_file(context, o->path, NULL, &o->model));
    o->plan = make_plan(o->model);
}

static void close_case(const opened *o)
{
    rnnp_plan_destroy(o->plan);
    rnnp_model_destroy(o->model);
}

typedef struct feed {
    rnnp_tensor in[5];
    float *x, *h, *v;
    int32_t lengths[MOST_BATCH];
} feed;

/* The inputs that a model has, of so many steps and rows. */
static void make_feed(const rnnp_model *model, int batch_first, int64_t steps, int64_t batch, feed *f)
{
    rnnp_port_info port;

    f->x = numbers(MOST_STEPS * MOST_BATCH * INPUT, 30, 1.0f);
    f->h = numbers(MOST_BATCH * HIDDEN, 31, 0.5f);
    f->v = numbers(HIDDEN * INPUT, 32, 0.5f);
    for (int64_t b = 0; b < MOST_BATCH; b++) f->lengths[b] = (int32_t)(1 + (b * 5 + steps - 1) % steps);
    rnnp_port_info_init(&port);
    for (size_t i = 0; rnnp_model_input_info(model, i, &port) == RNNP_OK; i++) {
        const char *name = port.name;

        assert_true(i < 5);
        f->in[i] = strcmp(name, "x") == 0
                       ? tensor3(f->x, batch_first ? batch : steps, batch_first ? steps : batch, INPUT)
                   : strcmp(name, "v") == 0 ? tensor3(f->v, 1, HIDDEN, INPUT)
                   : strcmp(name, "n") == 0 ? (rnnp_tensor){RNNP_DTYPE_I32, 1, {batch}, .data = f->lengths}
                                            : tensor3(f->h, 1, batch, HIDDEN);
    }
}

static void free_feed(const feed *f)
{
    free(f->x);
    free(f->h);
    free(f->v);
}

/* Returns 1 if a session gives what the plan gives. */
static int same_as_plan(OrtSession *session, const opened *o, int batch_first, int64_t steps, int64_t batch)
{
    DROPPED(free_feed) feed f = {0};
    DROPPED(free_outputs) produced want = {0}, got = {0};

    make_feed(o->model, batch_first, steps, batch, &f);
    want = run_plan(o->plan, f.in, rnnp_model_input_count(o->model));
    OK(want.status);
    const told t = session_run(&ort, session, o->model, f.in, &got);
    if (*t.text) fail_msg("%s", t.text);
    for (size_t i = 0; i < got.n; i++) got.out[i].dtype = RNNP_DTYPE_F32;
    return equal_outputs(&want, &got);
}

/* ---- Tests ---- */

/* Each case by the provider, with other shapes and the first ones again; and by ONNX Runtime alone, which has other
 * bits, but not in all cases. */
TEST(test_bits)
{
    FOLDER(folder);
    OWNED(context) context = make_context(NULL, 1);
    size_t others = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct graph_case *c = &cases[i];
        DROPPED(close_case) opened o = {0};
        OrtSession *session;

        open_case(context, folder, c, &o);
        told t = session_open(&ort, o.path, &(session_kind){.with_provider = 1, .alone = c->alone}, &session);
        if (*t.text) fail_msg("%s: %s", c->name, t.text);
        if (!same_as_plan(session, &o, c->batch_first, 7, 3) || !same_as_plan(session, &o, c->batch_first, 1, 1) ||
            !same_as_plan(session, &o, c->batch_first, MOST_STEPS, MOST_BATCH) ||
            !same_as_plan(session, &o, c->batch_first, 7, 3))
            fail_msg("%s: other bits", c->name);
        ort.api.ReleaseSession(session);
        t = session_open(&ort, o.path, &(session_kind){0}, &session);
        if (c->refused) assert_true(*t.text);
        if (!session) continue;
        others += !same_as_plan(session, &o, c->batch_first, 7, 3);
        ort.api.ReleaseSession(session);
    }
    assert_true(others > 0);
}

typedef struct caller {
    OrtSession *session;
    const opened *o;
    int64_t steps;
    int same;
} caller;

static void *call(void *arg)
{
    caller *c = arg;

    c->same = 1;
    for (int64_t i = 0; i < 40; i++)
        c->same &= same_as_plan(c->session, c->o, 0, 1 + (c->steps + i) % MOST_STEPS, 1 + i % MOST_BATCH);
    return NULL;
}

/* One session, called by several threads with other shapes at the same time; more shapes than it keeps runs for. */
TEST(test_threads)
{
    FOLDER(folder);
    OWNED(context) context = make_context(NULL, 1);
    DROPPED(close_case) opened o = {0};
    OrtSession *session;
    caller callers[4];

    open_case(context, folder, &cases[12], &o);
    const told t = session_open(&ort, o.path, &(session_kind){1, 1, "threads", "2"}, &session);
    assert_string_equal(t.text, "");
    for (size_t i = 0; i < 4; i++) callers[i] = (caller){session, &o, (int64_t)i, 0};
    on_threads(4, call, callers, sizeof *callers);
    for (size_t i = 0; i < 4; i++) assert_true(callers[i].same);
    ort.api.ReleaseSession(session);
}

static void expect_refused(const char *path, const char *key, const char *value, const char *sentence)
{
    OrtSession *session;
    const told t = session_open(&ort, path, &(session_kind){1, 0, key, value}, &session);

    assert_null(session);
    if (!strstr(t.text, sentence)) fail_msg("%s=%s: %s", key, value, t.text);
}

/* Options that are none, and lengths that a session is run with: statuses with a sentence, and the session lives on. */
TEST(test_errors)
{
    FOLDER(folder);
    OWNED(context) context = make_context(NULL, 1);
    DROPPED(close_case) opened o = {0};
    DROPPED(free_feed) feed f = {0};
    OrtSession *session;
    produced got;

    open_case(context, folder, &cases[5], &o);
    expect_refused(o.path, "threads", "0", "option threads is \"0\"");
    expect_refused(o.path, "threads", "2x", "option threads is \"2x\"");
    expect_refused(o.path, "math", "exact", "option math is \"exact\"");
    expect_refused(o.path, "isa", "mmx", "mmx");
    expect_refused(o.path, "records", in(folder, "none"), "none");
    static const char *const usable[][2] = {{"threads", "all"}, {"isa", "generic"}, {"math", "u35"}};
    for (size_t i = 0; i < 3; i++) {
        const told t = session_open(&ort, o.path, &(session_kind){1, 1, usable[i][0], usable[i][1]}, &session);
        assert_string_equal(t.text, "");
        assert_true(same_as_plan(session, &o, 0, 6, 2));
        ort.api.ReleaseSession(session);
    }
    DONE(&ort, NULL);
    const told t = session_open(&ort, o.path, &(session_kind){.with_provider = 1, .alone = 1}, &session);
    assert_string_equal(t.text, "");
    make_feed(o.model, 0, 4, 2, &f);
    f.lengths[1] = 5;
    const told refused = session_run(&ort, session, o.model, f.in, &got);
    if (!strstr(refused.text, "sequence_lens[1] is 5, there are 4 steps")) fail_msg("%s", refused.text);
    f.lengths[1] = 4;
    assert_true(same_as_plan(session, &o, 0, 4, 2));
    ort.api.ReleaseSession(session);
}
