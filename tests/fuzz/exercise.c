/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that is done with a model, on one that comes from a hostile source.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "rnnpack/onnx.h"
#include "rnnpack/packed.h"

enum { PORTS = 32, STEP_MAX = 3, BATCH_MAX = 3 };
static const size_t most_bytes = 1 << 20; /* of one tensor */

typedef struct tensors {
    rnnp_tensor in[PORTS], out[PORTS];
    size_t n_in, n_out;
} tensors;

static size_t bytes_of(const rnnp_tensor *t)
{
    const size_t n = rnnp_tensor_elements(t);

    return n > most_bytes ? SIZE_MAX : n * rnnp_dtype_bytes(t->dtype);
}

static void release(tensors *t)
{
    for (size_t i = 0; i < t->n_in; i++) free(t->in[i].data);
    for (size_t i = 0; i < t->n_out; i++) free(t->out[i].data);
}

/* Exactly as large as it must be, so that a sanitizer sees the next byte. */
static int allocate(rnnp_tensor *t)
{
    const size_t bytes = bytes_of(t);

    if (bytes > most_bytes) return 0;
    fuzz_check((t->data = malloc(bytes)) || bytes == 0);
    if (bytes) memset(t->data, 0x5a, bytes);
    return 1;
}

static void fill(const rnnp_tensor *t, fuzz_bytes *b)
{
    const size_t n = rnnp_tensor_elements(t);
    fuzz_random r = fuzz_seed(fuzz_u8(b));
    const int wild = fuzz_u8(b) > 250; /* indices and lengths out of range */

    for (size_t i = 0; i < n; i++) {
        const int64_t x = wild ? fuzz_edge(&r) : (int64_t)fuzz_pick(&r, 4);

        switch (t->dtype) {
        case RNNP_DTYPE_F32: ((float *)t->data)[i] = (float)fuzz_pick(&r, 4096) / 1024 - 2; break;
        case RNNP_DTYPE_F64: ((double *)t->data)[i] = (double)fuzz_pick(&r, 4096) / 1024 - 2; break;
        case RNNP_DTYPE_I32: ((int32_t *)t->data)[i] = (int32_t)(uint32_t)(uint64_t)x; break;
        case RNNP_DTYPE_I64: ((int64_t *)t->data)[i] = x; break;
        default: ((uint8_t *)t->data)[i] = (uint8_t)(x & 1); break;
        }
    }
}

/* Inputs of the model's ports; the sizes of dynamic dimensions come from one number, equal for equal symbols. */
static int make_inputs(const rnnp_model *model, tensors *t, fuzz_bytes *b)
{
    const uint8_t sizes = fuzz_u8(b);

    for (size_t i = 0; i < rnnp_model_input_count(model); i++) {
        rnnp_tensor *x = &t->in[i];
        rnnp_port_info port = {.struct_size = sizeof port};

        fuzz_check(rnnp_model_input_info(model, i, &port) == RNNP_OK);
        x->dtype = port.dtype;
        x->rank = port.rank;
        for (size_t k = 0; k < port.rank; k++) {
            const unsigned letter = port.symbol[k] ? (unsigned char)port.symbol[k][0] : 0;

            x->shape[k] = port.shape[k] == RNNP_DYNAMIC ? (int64_t)((sizes >> (letter % 4)) % 5) : port.shape[k];
        }
        if (!allocate(x)) return 0;
        t->n_in = i + 1;
        fill(x, b);
    }
    return 1;
}

/* Whether it ran. */
static int run_once(const rnnp_plan *plan, size_t n_out, tensors *t)
{
    rnnp_run *run;
    size_t bytes = 0;
    int ran = 0;
    const rnnp_status known = rnnp_run_bytes(plan, t->in, t->n_in, &bytes);

    if (rnnp_run_create(plan, t->in, t->n_in, &run) != RNNP_OK) return 0;
    fuzz_check(known == RNNP_OK);
    while (t->n_out < n_out && rnnp_run_output(run, t->n_out, &t->out[t->n_out]) == RNNP_OK &&
           allocate(&t->out[t->n_out]))
        t->n_out++;
    if (t->n_out == n_out) ran = rnnp_run_execute(run, t->in, t->n_in, t->out, t->n_out) == RNNP_OK;
    rnnp_run_destroy(run);
    return ran;
}

static void check_same(const tensors *a, const tensors *b)
{
    fuzz_check(a->n_out == b->n_out);
    for (size_t i = 0; i < a->n_out; i++) {
        fuzz_check(a->out[i].dtype == b->out[i].dtype && bytes_of(&a->out[i]) == bytes_of(&b->out[i]));
        fuzz_check(bytes_of(&a->out[i]) == 0 || memcmp(a->out[i].data, b->out[i].data, bytes_of(&a->out[i])) == 0);
    }
}

/* The model that came back from a file gives the outputs of the first. */
static void run_again(const rnnp_model *model, const tensors *first)
{
    rnnp_plan *plan;
    tensors again = *first;

    again.n_out = 0;
    fuzz_check(rnnp_model_input_count(model) == first->n_in && rnnp_model_output_count(model) == first->n_out);
    if (rnnp_plan_create(model, NULL, &plan) != RNNP_OK) return; /* out of memory: the first plan is there, too */
    if (run_once(plan, first->n_out, &again)) check_same(first, &again);
    again.n_in = 0; /* they are the first's */
    release(&again);
    rnnp_plan_destroy(plan);
}

static void save_and_load(const rnnp_model *model, const tensors *first, int packed)
{
    fuzz_buffer file = {0};
    rnnp_model *loaded = NULL;

    if (packed) {
        if (rnnp_packed_write(model, NULL, fuzz_append, &file) == RNNP_OK &&
            rnnp_packed_open_memory(fuzz_context(), file.at, file.size, NULL, &loaded) == RNNP_OK) {
            fuzz_check(rnnp_packed_verify(loaded) == RNNP_OK);
            run_again(loaded, first);
        }
    } else if (rnnp_onnx_write(model, fuzz_append, &file) == RNNP_OK &&
               rnnp_onnx_open_memory(fuzz_context(), file.at, file.size, NULL, &loaded) == RNNP_OK) {
        run_again(loaded, first);
    }
    rnnp_model_destroy(loaded);
    free(file.at);
}

/* ---- Streams ---- */

static int stream_tensors(const rnnp_stream *stream, const rnnp_model *model, tensors *t, fuzz_bytes *b)
{
    for (; t->n_in < rnnp_model_input_count(model); t->n_in++) {
        fuzz_check(rnnp_stream_input(stream, t->n_in, &t->in[t->n_in]) == RNNP_OK);
        if (!allocate(&t->in[t->n_in])) return 0;
        fill(&t->in[t->n_in], b);
    }
    for (; t->n_out < rnnp_model_output_count(model); t->n_out++) {
        fuzz_check(rnnp_stream_output(stream, t->n_out, &t->out[t->n_out]) == RNNP_OK);
        if (!allocate(&t->out[t->n_out])) return 0;
    }
    return 1;
}

static void steps(rnnp_stream *stream, const rnnp_stream_options *options, tensors *t, fuzz_bytes *b)
{
    const size_t bytes = rnnp_stream_row_state_bytes(stream);
    uint8_t active[BATCH_MAX];
    uint8_t *state = malloc(bytes), *again = malloc(bytes);

    fuzz_check((state && again) || bytes == 0);
    for (size_t i = 0; i < options->batch; i++) active[i] = fuzz_u8(b) & 1;
    (void)rnnp_stream_step(stream, t->in, t->n_in, t->out, t->n_out);
    (void)rnnp_stream_step_rows(stream, active, t->in, t->n_in, t->out, t->n_out);
    if (rnnp_stream_save_row(stream, 0, state, bytes) == RNNP_OK) {
        /* A state is taken as it is: what comes back is what was given. */
        fuzz_check(rnnp_stream_load_row(stream, options->batch - 1, state, bytes) == RNNP_OK);
        fuzz_check(rnnp_stream_save_row(stream, options->batch - 1, again, bytes) == RNNP_OK);
        fuzz_check(bytes == 0 || memcmp(state, again, bytes) == 0);
    }
    (void)rnnp_stream_step(stream, t->in, t->n_in, t->out, t->n_out);
    rnnp_stream_reset(stream);
    free(state);
    free(again);
}

static void stream_once(const rnnp_plan *plan, const rnnp_model *model, fuzz_bytes *b)
{
    rnnp_stream_options options;
    rnnp_stream *stream;
    tensors t = {.n_in = 0};

    rnnp_stream_options_init(&options);
    options.batch = 1 + fuzz_below(b, BATCH_MAX);
    options.steps = 1 + fuzz_below(b, STEP_MAX);
    if (rnnp_stream_create(plan, &options, &stream) != RNNP_OK) return;
    if (stream_tensors(stream, model, &t, b)) steps(stream, &options, &t, b);
    release(&t);
    rnnp_stream_destroy(stream);
}

/* ---- */

static void look_at(const rnnp_model *model, const rnnp_plan *plan)
{
    for (size_t i = 0; i < rnnp_model_node_count(model) && i < PORTS; i++) {
        rnnp_node_info info = {.struct_size = sizeof info};

        fuzz_check(rnnp_model_node_info(model, i, &info) == RNNP_OK);
        (void)rnnp_plan_node_variant(plan, i);
        (void)rnnp_plan_node_place(plan, i);
    }
}

void fuzz_exercise(const rnnp_model *model, fuzz_bytes *b)
{
    rnnp_plan_options options;
    rnnp_plan *plan;
    tensors t = {.n_in = 0};
    const uint8_t what = fuzz_u8(b);

    if (rnnp_model_input_count(model) > PORTS || rnnp_model_output_count(model) > PORTS) return;
    rnnp_plan_options_init(&options);
    options.math = (rnnp_math)(what & 8 ? 1 + fuzz_below(b, 2) : RNNP_MATH_U35);
    if (rnnp_plan_create(model, &options, &plan) != RNNP_OK) return;
    look_at(model, plan);
    if (make_inputs(model, &t, b) && run_once(plan, rnnp_model_output_count(model), &t) && !(what & 8)) {
        run_again(model, &t);
        if (what & 1) save_and_load(model, &t, what & 2);
    }
    release(&t);
    if (what & 4) stream_once(plan, model, b);
    rnnp_plan_destroy(plan);
}

rnnp_model *fuzz_model(void)
{
    enum { INPUT = 3, HIDDEN = 5, UNITS = 2, WEIGHTS = 4 * HIDDEN * HIDDEN };
    static const char *const symbols[] = {"steps", "batch", NULL};
    static const int64_t shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT};
    static float w[WEIGHTS], r[WEIGHTS];
    rnnp_recurrent_options options;
    rnnp_model *model;
    rnnp_value x, y;

    for (size_t i = 0; i < WEIGHTS; i++) {
        w[i] = (float)(i % 13) / 16 - 0.375f;
        r[i] = (float)(i % 7) / 16 - 0.1875f;
    }
    const rnnp_recurrent_weights weights = {.w = w, .r = r};
    rnnp_recurrent_options_init(&options, RNNP_CELL_LSTM, INPUT, HIDDEN);
    fuzz_check(rnnp_model_create(fuzz_context(), &model) == RNNP_OK);
    fuzz_check(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 3, shape, symbols, &x) == RNNP_OK);
    fuzz_check(rnnp_model_add_recurrent(model, &options, &weights, x, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, NULL,
                                        NULL) == RNNP_OK);
    rnnp_recurrent_options_init(&options, RNNP_CELL_GRU, HIDDEN, HIDDEN);
    fuzz_check(rnnp_model_add_recurrent(model, &options, &weights, y, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, NULL,
                                        NULL) == RNNP_OK);
    fuzz_check(rnnp_model_add_dense(model, y, w, HIDDEN, UNITS, 0, NULL, NULL, &y) == RNNP_OK);
    fuzz_check(rnnp_model_add_output(model, "y", y) == RNNP_OK && rnnp_model_close(model) == RNNP_OK);
    return model;
}
