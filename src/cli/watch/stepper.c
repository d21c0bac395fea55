/* SPDX-License-Identifier: Apache-2.0 */
#include "stepper.h"

#include <stdlib.h>
#include <string.h>

/* ---- Opening ---- */

/* steps 0: one, or as many as an operator's stride wants. */
static int open_stream(const cli_model *m, const cli_call *call, size_t steps, rnnp_stream **stream)
{
    FREED rnnp_carried *carried = cli_alloc(call->carry.n, sizeof *carried);
    rnnp_stream_options options;
    size_t multiple = 1;
    rnnp_stream_options_init(&options);
    options.steps = steps;
    options.carried = carried;
    options.n_carried = call->carry.n;
    for (size_t i = 0; i < call->carry.n; i++)
        carried[i] = (rnnp_carried){call->carry.at[i].name, call->carry.at[i].value};
    TRY(cli_status(m->context, rnnp_stream_create(m->plan, &options, stream)));
    options.steps = 0;
    TRY(cli_status(m->context, rnnp_stream_multiple(m->plan, &options, &multiple)));
    return multiple == 1 ? CLI_OK
                         : cli_fail("%s takes %zu time steps at once: an operator has a stride; watch steps one by one",
                                    m->path, multiple);
}

/* The signal is the f32 input; lengths may be another one. */
static int find_inputs(stepper *s, const cli_model *m)
{
    s->data = SIZE_MAX;
    for (size_t i = 0; i < s->n_inputs; i++) {
        rnnp_tensor *t = &s->inputs[i];
        TRY(cli_status(m->context, rnnp_stream_input(s->one, i, t)));
        if (t->dtype == RNNP_DTYPE_F32 && s->data == SIZE_MAX) {
            s->data = i;
            s->channels = rnnp_tensor_elements(t);
        } else if ((t->dtype == RNNP_DTYPE_I32 || t->dtype == RNNP_DTYPE_I64) && rnnp_tensor_elements(t) == 1) {
            t->data = s->lengths;
        } else {
            return cli_fail("%s: input %zu is %s %s; watch gives a model one f32 signal, and lengths%s", m->path, i + 1,
                            rnnp_dtype_name(t->dtype), cli_shape(t->rank, t->shape, NULL),
                            s->data == SIZE_MAX ? "" : "; states are named by --carry");
        }
    }
    return s->data != SIZE_MAX ? CLI_OK : cli_fail("%s has no f32 input", m->path);
}

static int is_carried(const cli_call *call, const char *output)
{
    for (size_t i = 0; i < call->carry.n; i++)
        if (strcmp(call->carry.at[i].value, output) == 0) return 1;
    return 0;
}

static int find_output(stepper *s, const cli_model *m, const cli_call *call, const char *name)
{
    size_t i = 0;
    s->output = 0;
    for (size_t k = 0; k < rnnp_model_output_count(m->model) && i < s->n_outputs; k++) {
        rnnp_port_info port = {.struct_size = sizeof port};
        TRY(cli_status(m->context, rnnp_model_output_info(m->model, k, &port)));
        if (is_carried(call, port.name)) continue;
        TRY(cli_status(m->context, rnnp_stream_output(s->one, i, &s->outputs[i])));
        if (name && strcmp(port.name, name) == 0) s->output = i, name = NULL;
        i++;
    }
    if (name) return cli_misuse("--output: the model has no output '%s'", name);
    if (!s->n_outputs) return cli_fail("%s has no outputs but carried states", m->path);
    const rnnp_tensor *t = &s->outputs[s->output];
    s->width = rnnp_tensor_elements(t);
    return t->dtype == RNNP_DTYPE_F32 && s->width
               ? CLI_OK
               : cli_fail("%s: output %zu is %s %s; a score needs f32", m->path, s->output + 1,
                          rnnp_dtype_name(t->dtype), cli_shape(t->rank, t->shape, NULL));
}

/* Whether the block's tensor is n of the step's behind each other: one axis is n times as long, and those before it are
 * 1. */
static int is_block_of(const rnnp_tensor *block, const rnnp_tensor *step, size_t n)
{
    size_t axis = 0;
    if (block->rank != step->rank) return 0;
    while (axis < block->rank && block->shape[axis] == step->shape[axis] && step->shape[axis] == 1) axis++;
    return axis < block->rank && block->shape[axis] == (int64_t)n * step->shape[axis] &&
           rnnp_tensor_elements(block) == n * rnnp_tensor_elements(step);
}

/* Without blocks where the output has no axis of time, or it is not the first one: a step at a time is right then. */
static int open_block(stepper *s, const cli_model *m, const cli_call *call, size_t block)
{
    s->block = 1;
    if (block < 2) return CLI_OK;
    TRY(open_stream(m, call, block, &s->many));
    for (size_t i = 0; i < s->n_inputs; i++)
        TRY(cli_status(m->context, rnnp_stream_input(s->many, i, &s->block_inputs[i])));
    for (size_t i = 0; i < s->n_outputs; i++)
        TRY(cli_status(m->context, rnnp_stream_output(s->many, i, &s->block_outputs[i])));
    if (is_block_of(&s->block_inputs[s->data], &s->inputs[s->data], block) &&
        is_block_of(&s->block_outputs[s->output], &s->outputs[s->output], block)) {
        s->block = block;
        return CLI_OK;
    }
    rnnp_stream_destroy(s->many);
    s->many = NULL;
    return CLI_OK;
}

/* One is 1 step, the other a block. */
static void set_lengths(stepper *s)
{
    for (size_t i = 0; i < s->n_inputs; i++) {
        if (i == s->data) continue;
        const int64_t lengths[2] = {1, (int64_t)s->block};
        for (size_t k = 0; k < 2; k++) {
            const int32_t narrow = (int32_t)lengths[k];
            if (s->inputs[i].dtype == RNNP_DTYPE_I32)
                memcpy(&s->lengths[k], &narrow, sizeof narrow);
            else
                s->lengths[k] = lengths[k];
        }
        s->inputs[i].data = &s->lengths[0];
        s->block_inputs[i].data = &s->lengths[1];
    }
}

int stepper_open(stepper *s, const cli_model *m, const cli_call *call, const char *output, size_t block)
{
    *s = (stepper){.context = m->context};
    TRY(open_stream(m, call, 0, &s->one));
    s->n_inputs = rnnp_model_input_count(m->model) - call->carry.n;
    s->n_outputs = rnnp_model_output_count(m->model) - call->carry.n;
    s->inputs = cli_alloc(s->n_inputs, sizeof *s->inputs);
    s->block_inputs = cli_alloc(s->n_inputs, sizeof *s->inputs);
    s->outputs = cli_alloc(s->n_outputs, sizeof *s->outputs);
    s->block_outputs = cli_alloc(s->n_outputs, sizeof *s->outputs);
    TRY(find_inputs(s, m));
    TRY(find_output(s, m, call, output));
    TRY(open_block(s, m, call, block));
    set_lengths(s);
    s->x = cli_alloc(s->block * s->channels, sizeof *s->x);
    s->y = cli_alloc(s->block * s->width, sizeof *s->y);
    return CLI_OK;
}

int stepper_open_windows(stepper *s, const cli_model *m, const char *output, size_t steps, size_t every)
{
    *s = (stepper){.context = m->context, .block = 1};
    TRY(window_open(&s->window, m, output, steps, every));
    s->channels = s->window.channels;
    s->width = s->window.width;
    s->x = cli_alloc(s->channels, sizeof *s->x);
    s->y = cli_alloc(s->width, sizeof *s->y);
    return CLI_OK;
}

void stepper_close(stepper *s)
{
    window_close(&s->window);
    rnnp_stream_destroy(s->one);
    rnnp_stream_destroy(s->many);
    free(s->inputs);
    free(s->outputs);
    free(s->block_inputs);
    free(s->block_outputs);
    free(s->x);
    free(s->y);
    *s = (stepper){0};
}

/* ---- Steps ---- */

void stepper_reset(stepper *s)
{
    window_begin(&s->window);
    if (s->one) rnnp_stream_reset(s->one);
    if (s->many) rnnp_stream_reset(s->many);
    s->stepped = 0;
}

static int hand_over(stepper *s)
{
    const size_t bytes = stepper_state_bytes(s);
    FREED unsigned char *state = cli_alloc(bytes, 1);
    s->stepped = 0;
    TRY(cli_status(s->context, rnnp_stream_save(s->many, state, bytes)));
    return cli_status(s->context, rnnp_stream_load(s->one, state, bytes));
}

int stepper_run(stepper *s, size_t n)
{
    s->scored = 1;
    if (s->window.steps) return window_put(&s->window, s->x, s->y, &s->scored);
    if (s->many && n == s->block) {
        s->block_inputs[s->data].data = s->x;
        s->block_outputs[s->output].data = s->y;
        s->stepped = 1;
        return cli_status(s->context,
                          rnnp_stream_step(s->many, s->block_inputs, s->n_inputs, s->block_outputs, s->n_outputs));
    }
    if (s->stepped) TRY(hand_over(s));
    for (size_t i = 0; i < n; i++) {
        s->inputs[s->data].data = s->x + i * s->channels;
        s->outputs[s->output].data = s->y + i * s->width;
        const rnnp_status status = rnnp_stream_step(s->one, s->inputs, s->n_inputs, s->outputs, s->n_outputs);
        if (status != RNNP_OK) return cli_status(s->context, status);
    }
    return CLI_OK;
}

/* ---- State ---- */

size_t stepper_state_bytes(const stepper *s) { return s->one ? rnnp_stream_state_bytes(s->one) : 0; }

int stepper_save(stepper *s, void *state)
{
    return cli_status(s->context, rnnp_stream_save(s->one, state, stepper_state_bytes(s)));
}

int stepper_load(stepper *s, const void *state)
{
    const size_t bytes = stepper_state_bytes(s);
    TRY(cli_status(s->context, rnnp_stream_load(s->one, state, bytes)));
    if (!s->many) return CLI_OK;
    s->stepped = 1;
    return cli_status(s->context, rnnp_stream_load(s->many, state, bytes));
}
