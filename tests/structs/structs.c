/* SPDX-License-Identifier: Apache-2.0
 *
 * Every struct that carries its size, as programs of other versions give it: too small, older, of this version, newer
 * with nothing new in it, and newer with a field that this library does not know. all.sh sees to it that none is
 * missing.
 */
#include "../model/graph.h"
#include "../packed/packed.h"

#include "rnnpack/kernels.h"
#include "rnnpack/metrics.h"
#include "rnnpack/train.h"
#include "rnnpack/tune.h"

enum { IN = INPUT, OUT = HIDDEN, MOST = 16384, BEYOND = 64 };

/* ---- What the structs are given with ---- */

static rnnp_context *context;
static rnnp_model *model, *opened;
static rnnp_plan *plan;
static rnnp_trainer *trainer;
static rnnp_attribution *attribution;
static rnnp_layer *layer_of_kernels;
static rnnp_records *set;
static rnnp_record_host host;
static buffer file;
static float x[STEPS * BATCH * IN], y[STEPS * BATCH * OUT];
static void *workspace;
static size_t lstm; /* the node */

static rnnp_tensor input, target;

int tests_begin(char **arguments)
{
    DROPPED(free_layer) layer l = make_layer(RNNP_CELL_LSTM, IN, OUT, RNNP_DIRECTION_FORWARD, 1);
    rnnp_node_info node = {.struct_size = sizeof node};
    rnnp_train_options options;
    size_t bytes;

    (void)arguments;
    context = make_context(NULL, 1);
    model = make_graph(context, "x: f32[steps, batch, 7]; -> y = lstm[7,19](x)");
    for (lstm = 0; rnnp_model_node_info(model, lstm, &node) == RNNP_OK && strcmp(node.op, "LSTM") != 0;) lstm++;
    plan = make_plan(model);
    file = write_model(model, NULL, 0);
    OK(rnnp_packed_open_memory(context, file.at, file.size, NULL, &opened));
    rnnp_train_options_init(&options);
    options.loss = RNNP_LOSS_MSE;
    OK(rnnp_trainer_create(model, &options, &trainer));
    OK(rnnp_attribution_create(model, NULL, &attribution));
    OK(rnnp_layer_create(context, &l.options, l.weights, RNNP_MATH_U35, &layer_of_kernels));
    OK(rnnp_layer_workspace_bytes(layer_of_kernels, STEPS, BATCH, &bytes));
    workspace = aligned_alloc(64, (bytes + 63) / 64 * 64);
    OK(rnnp_records_create(context, &set));
    OK(rnnp_records_host(context, &host));
    fill(x, STEPS * BATCH * IN, 3, 1.0f);
    input = tensor3(x, STEPS, BATCH, IN);
    target = tensor3(y, STEPS, BATCH, OUT);
    return 0;
}

void tests_end(void)
{
    free(workspace);
    rnnp_records_destroy(set);
    rnnp_layer_destroy(layer_of_kernels);
    rnnp_attribution_destroy(attribution);
    rnnp_trainer_destroy(trainer);
    rnnp_plan_destroy(plan);
    rnnp_model_destroy(opened);
    free(file.at);
    rnnp_model_destroy(model);
    rnnp_context_destroy(context);
}

/* ---- Structs that are read ---- */

static rnnp_status read_context_options(void *s)
{
    OWNED(context) made = NULL;
    const rnnp_status status = rnnp_context_create(s, &made);

    return status;
}

static void fill_layer_args(void *s)
{
    rnnp_layer_args *a = s;

    a->steps = STEPS;
    a->batch = BATCH;
    a->x = x;
    a->y = y;
    a->workspace = workspace;
}

static rnnp_status read_layer_args(void *s) { return rnnp_layer_forward(layer_of_kernels, s); }

static rnnp_status read_load_options(void *s)
{
    OWNED(model) loaded = NULL;
    const rnnp_status status = rnnp_packed_open_memory(context, file.at, file.size, s, &loaded);

    return status;
}

static void fill_recurrent_options(void *s)
{
    rnnp_recurrent_options *o = s;

    o->cell = RNNP_CELL_GRU;
    o->input = IN;
    o->hidden = OUT;
}

static rnnp_status read_recurrent_options(void *s)
{
    size_t bytes;

    return rnnp_layer_bytes(context, s, RNNP_MATH_U35, &bytes);
}

static rnnp_status read_plan_options(void *s)
{
    size_t bytes;

    return rnnp_plan_bytes(model, s, &bytes);
}

static rnnp_status read_stream_options(void *s)
{
    size_t bytes;

    return rnnp_stream_bytes(plan, s, &bytes);
}

static int take_none(void *user, const void *bytes, size_t size)
{
    (void)user;
    (void)bytes;
    (void)size;
    return 0;
}

static rnnp_status read_packed_options(void *s) { return rnnp_packed_write(model, s, take_none, NULL); }

static void fill_train_options(void *s) { ((rnnp_train_options *)s)->loss = RNNP_LOSS_MSE; }

static rnnp_status read_train_options(void *s)
{
    OWNED(trainer) made = NULL;
    const rnnp_status status = rnnp_trainer_create(model, s, &made);

    return status;
}

static void fill_optimizer(void *s) { rnnp_optimizer_init(s, RNNP_OPTIMIZER_ADAMW); }

static rnnp_status read_optimizer(void *s)
{
    const rnnp_train_options options = {.struct_size = sizeof options, .loss = RNNP_LOSS_MSE, .optimizer = s};

    return read_train_options((void *)(uintptr_t)&options);
}

static void fill_batch(void *s)
{
    rnnp_train_batch *b = s;

    b->inputs = &input;
    b->n_inputs = 1;
    b->target = &target;
}

static rnnp_status read_batch(void *s) { return rnnp_trainer_evaluate(trainer, s, NULL); }

static rnnp_status read_attribution_options(void *s)
{
    OWNED(attribution) made = NULL;
    const rnnp_status status = rnnp_attribution_create(model, s, &made);

    return status;
}

static void fill_attribution_batch(void *s)
{
    rnnp_attribution_batch *b = s;

    b->inputs = &input;
    b->n_inputs = 1;
}

static rnnp_status read_attribution_batch(void *s) { return rnnp_attribution_run(attribution, s); }

static rnnp_status read_tune_options(void *s) { return rnnp_tune(context, NULL, 0, s, set); }

static rnnp_status no_message(void *user, size_t to, size_t tag, const void *data, size_t bytes, size_t *request)
{
    (void)user, (void)to, (void)tag, (void)data, (void)bytes, (void)request;
    return RNNP_ERR_IO;
}

static rnnp_status no_answer(void *user, size_t from, size_t tag, void *data, size_t bytes, size_t *request)
{
    return no_message(user, from, tag, data, bytes, request);
}

static rnnp_status no_wait(void *user, size_t request) { return no_message(user, request, 0, NULL, 0, NULL); }

static const char *no_reason(void *user) { return user; }

/* Of a process alone, which needs no messages. */
static void fill_peers(void *s)
{
    rnnp_peers *peers = s;

    peers->ranks = 1;
    peers->send = no_message;
    peers->receive = no_answer;
    peers->wait = no_wait;
    peers->reason = no_reason;
}

static rnnp_status read_peers(void *s)
{
    char byte = 0;

    return rnnp_peers_gather(context, s, 1, &byte);
}

static void fill_shape(void *s)
{
    rnnp_shape *shape = s;

    shape->cell = RNNP_CELL_RNN;
    shape->input = shape->hidden = shape->batch = shape->steps = 1;
}

static rnnp_status read_shape(void *s)
{
    const rnnp_tune_options no_time = {.struct_size = sizeof no_time, .seconds = 1e-9};

    return rnnp_tune(context, s, 1, &no_time, set);
}

static void fill_schedule(void *s) { rnnp_schedule_init(s, RNNP_SCHEDULE_COSINE, 0.5f); }

static rnnp_status read_schedule(void *s) { return isnan(rnnp_schedule_rate(s, 1)) ? RNNP_ERR_ARG : RNNP_OK; }

static rnnp_status read_quantize_options(void *s)
{
    OWNED(model) quantized = NULL;
    const rnnp_status status = rnnp_model_quantize(model, s, &quantized);

    return status;
}

/* ---- Structs that are written ---- */

static rnnp_status write_host(void *s) { return rnnp_context_host(context, s); }
static rnnp_status write_variant(void *s) { return rnnp_context_variant_info(context, 0, s); }
static rnnp_status write_input(void *s) { return rnnp_model_input_info(model, 0, s); }
static rnnp_status write_node(void *s) { return rnnp_model_node_info(model, lstm, s); }
static rnnp_status write_packed(void *s) { return rnnp_model_packed_info(opened, s); }
static rnnp_status write_block(void *s) { return rnnp_model_packed_block_info(opened, 0, s); }
static rnnp_status write_parameter(void *s) { return rnnp_trainer_parameter_info(trainer, 0, s); }
static rnnp_status write_explanation(void *s) { return rnnp_plan_explain(plan, lstm, BATCH, STEPS, s); }
static rnnp_status write_place(void *s) { return rnnp_records_place_info("records", 0, s); }

static rnnp_status write_result(void *s)
{
    const rnnp_train_batch batch = {.struct_size = sizeof batch, .inputs = &input, .n_inputs = 1, .target = &target};

    return rnnp_trainer_evaluate(trainer, &batch, s);
}

static rnnp_status write_found(void *s)
{
    const rnnp_record_key key = {
        .layer = "lstm", .precision = "f32", .input = IN, .hidden = OUT, .batch = 1, .steps = 1, .threads = 1};

    return rnnp_records_find(set, &host, &key, NULL, NULL, s);
}

static rnnp_status write_summary(void *s)
{
    static const double counts[] = {3, 1, 0, 2};

    return rnnp_metrics_classes(2, counts, NULL, s);
}

static rnnp_status write_shape(void *s)
{
    static const size_t one[] = {1};
    size_t count;

    return rnnp_model_shapes(model, one, 1, one, 1, s, 1, &count);
}

/* A struct that only the library fills, for a function of the program: its size is the library's. */
static int look(void *user, const rnnp_tune_progress *progress)
{
    *(size_t *)user = progress->struct_size;
    return 1;
}

static void look_at_layer(void *user, const rnnp_quantized_layer *seen) { *(size_t *)user = seen->struct_size; }

/* ---- All of them ---- */

typedef struct entry {
    const char *type;
    size_t bytes, older; /* where the last field begins */
    rnnp_status (*call)(void *s);
    void (*fill)(void *s); /* what must be given */
    int is_result;
    int is_silent; /* there is no context that could keep a sentence */
} entry;

#define READ(type_, last, call_, ...)                                                                      \
    {                                                                                                      \
        .type = #type_, .bytes = sizeof(type_), .older = offsetof(type_, last), .call = call_, __VA_ARGS__ \
    }
#define WRITTEN(type_, last, call_, ...) READ(type_, last, call_, .is_result = 1, __VA_ARGS__)

static const entry entries[] = {
    READ(rnnp_context_options, log_user, read_context_options, .fill = NULL, .is_silent = 1),
    READ(rnnp_layer_args, turn, read_layer_args, .fill = fill_layer_args),
    READ(rnnp_load_options, f64_as_f32, read_load_options, .fill = NULL),
    READ(rnnp_recurrent_options, last_step, read_recurrent_options, .fill = fill_recurrent_options),
    READ(rnnp_plan_options, steps, read_plan_options, .fill = NULL),
    READ(rnnp_stream_options, time_axis, read_stream_options, .fill = NULL),
    READ(rnnp_packed_options, n_isas, read_packed_options, .fill = NULL),
    READ(rnnp_train_options, threads, read_train_options, .fill = fill_train_options),
    READ(rnnp_optimizer, decay, read_optimizer, .fill = fill_optimizer),
    READ(rnnp_train_batch, d_inputs, read_batch, .fill = fill_batch),
    READ(rnnp_peers, user, read_peers, .fill = fill_peers),
    READ(rnnp_attribution_options, threads, read_attribution_options, .fill = NULL),
    READ(rnnp_attribution_batch, rows, read_attribution_batch, .fill = fill_attribution_batch),
    READ(rnnp_tune_options, progress_user, read_tune_options, .fill = NULL),
    READ(rnnp_shape, n_layers, read_shape, .fill = fill_shape),
    READ(rnnp_quantize_options, user, read_quantize_options, .fill = NULL),
    READ(rnnp_schedule, drops, read_schedule, .fill = fill_schedule, .is_silent = 1),
    WRITTEN(rnnp_host_info, threads, write_host, .is_silent = 0),
    WRITTEN(rnnp_variant_info, chosen, write_variant, .is_silent = 0),
    WRITTEN(rnnp_port_info, symbol, write_input, .is_silent = 0),
    WRITTEN(rnnp_node_info, weights, write_node, .is_silent = 0),
    WRITTEN(rnnp_packed_info, n_blocks, write_packed, .is_silent = 0),
    WRITTEN(rnnp_packed_block_info, layout, write_block, .is_silent = 0),
    WRITTEN(rnnp_parameter_info, frozen, write_parameter, .is_silent = 0),
    WRITTEN(rnnp_explanation, stack_reason, write_explanation, .is_silent = 0),
    WRITTEN(rnnp_records_place, reason, write_place, .is_silent = 1),
    WRITTEN(rnnp_train_result, norm, write_result, .is_silent = 0),
    WRITTEN(rnnp_record_found, reason, write_found, .is_silent = 0),
    WRITTEN(rnnp_summary_metrics, kappa, write_summary, .is_silent = 1),
    WRITTEN(rnnp_shape, n_layers, write_shape, .is_silent = 0),
};

/* A program's struct in memory of which nothing beyond `size` is the library's to touch. */
static unsigned char *given(const entry *e, size_t size, unsigned char *block)
{
    /* a size that is too small or absurd leaves the library struct_size alone */
    const size_t end = size < sizeof size || size > MOST ? sizeof size : size;

    memset(block, 0, MOST);
    memcpy(block, &e->bytes, sizeof e->bytes);
    if (e->fill) e->fill(block);
    memset(block + end, 0xa5, MOST - end);
    memcpy(block, &size, sizeof size);
    return block;
}

static void assert_untouched(const entry *e, const unsigned char *block, size_t from)
{
    size_t kept;

    memcpy(&kept, block, sizeof kept);
    assert_int_equal(kept, from); /* struct_size */
    for (size_t i = from; i < MOST; i++)
        if (block[i] != 0xa5) fail_msg("%s: byte %zu of %zu was written", e->type, i, from);
}

static void check_size(const entry *e, size_t size, rnnp_status expected, const char *words)
{
    static unsigned char block[MOST];
    const rnnp_status status = e->call(given(e, size, block));

    if (status != expected) fail_msg("%s of %zu bytes: %s", e->type, size, rnnp_last_error(context));
    if (size >= sizeof size && size <= MOST) assert_untouched(e, block, size);
    if (!words || e->is_silent) return;
    assert_says(context, e->type);
    assert_says(context, words);
}

TEST(test_sizes)
{
    static unsigned char block[MOST];

    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        const entry *e = &entries[i];
        const size_t newer = e->bytes + BEYOND;

        assert_true(newer < MOST);
        check_size(e, 0, RNNP_ERR_ARG, "_init() first");
        check_size(e, sizeof(size_t) - 1, RNNP_ERR_ARG, "struct_size is 7");
        check_size(e, SIZE_MAX, RNNP_ERR_ARG, "_init() first");
        check_size(e, e->older, RNNP_OK, NULL);
        check_size(e, e->bytes, RNNP_OK, NULL);

        /* Newer, and what is new in it is 0. */
        given(e, newer, block);
        memset(block + e->bytes, 0, BEYOND);
        if (e->call(block) != RNNP_OK) fail_msg("newer %s: %s", e->type, rnnp_last_error(context));
        assert_untouched(e, block, newer);

        /* A result's new fields become 0; one that would be read cannot be. */
        given(e, newer, block);
        memset(block + e->bytes, 0, BEYOND);
        block[newer - 1] = 1;
        assert_int_equal(e->call(block), e->is_result ? RNNP_OK : RNNP_ERR_ARG);
        if (e->is_result) assert_int_equal(block[newer - 1], 0);
        if (e->is_result || e->is_silent) continue;
        assert_says(context, e->type);
        assert_says(context, "a newer version");
    }
}

/* Arrays of structs of another size, and what an _init makes of any memory. */
TEST(test_arrays)
{
    static const size_t batches[] = {1, 2, 3}, one[] = {1};
    struct {
        rnnp_shape known;
        uint64_t unknown[3];
    } shapes[3];
    OPTIONS(tune, options);
    rnnp_shape plain;
    size_t count, seen = 0;

    memset(&plain, 0x5a, sizeof plain);
    rnnp_shape_init(&plain);
    assert_int_equal(plain.struct_size, sizeof plain);
    for (size_t i = sizeof plain.struct_size; i < sizeof plain; i++)
        assert_int_equal(((const unsigned char *)&plain)[i], 0);

    memset(shapes, 0x5a, sizeof shapes);
    shapes[0].known.struct_size = sizeof shapes[0];
    OK(rnnp_model_shapes(model, batches, 3, one, 1, &shapes[0].known, 3, &count));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(shapes[i].known.struct_size, sizeof shapes[0]);
        assert_int_equal(shapes[i].known.batch, batches[i]);
        assert_int_equal(shapes[i].known.weights, RNNP_WEIGHTS_F32);
        assert_int_equal(shapes[i].unknown[0] | shapes[i].unknown[2], 0);
    }
    options.progress = look; /* which ends it */
    options.progress_user = &seen;
    options.seconds = 600;
    OK(rnnp_tune(context, &shapes[0].known, 3, &options, set));
    assert_int_equal(seen, sizeof(rnnp_tune_progress));
    OPTIONS(quantize, quantize);
    OWNED(model) quantized = NULL;
    quantize.layer = look_at_layer;
    quantize.user = &seen;
    OK(rnnp_model_quantize(model, &quantize, &quantized));
    assert_int_equal(seen, sizeof(rnnp_quantized_layer));
    shapes[2].unknown[1] = 1;
    assert_int_equal(rnnp_tune(context, &shapes[0].known, 3, &options, set), RNNP_ERR_ARG);
    assert_says(context, "a newer version");
    shapes[2].unknown[1] = 0;
    shapes[2].known.struct_size = sizeof(rnnp_shape);
    assert_int_equal(rnnp_tune(context, &shapes[0].known, 3, &options, set), RNNP_ERR_ARG);
    assert_says(context, "shape 2: struct_size is");
}
