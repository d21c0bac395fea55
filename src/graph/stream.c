/* SPDX-License-Identifier: Apache-2.0
 *
 * A stream: a program for a few time steps whose recurrent nodes keep their state between calls.
 */
#include "channels.h"

#include "../structs.h"

#include <limits.h>
#include <string.h>

static rnnp_status read_options(const rnnp_plan *plan, const rnnp_stream_options *given, rnnp_stream_options *o)
{
    const rnnp_status status = RNNP_STRUCT_READ(plan->context, rnnp_stream_options, given, o);

    if (status != RNNP_OK) return status;
    o->batch = o->batch ? o->batch : 1;
    if (o->batch > INT_MAX || o->steps >= INT_MAX)
        return rnnp_fail(plan->context, RNNP_ERR_ARG, "stream options: batch is %zu, steps is %zu", o->batch, o->steps);
    if (o->inputs && o->time_axis)
        return rnnp_fail(plan->context, RNNP_ERR_ARG,
                         "stream options: inputs and time_axis are given: a run of these shapes has no axis of time");
    if (o->time_axis < 0)
        return rnnp_fail(plan->context, RNNP_ERR_ARG, "stream options: time_axis is %d", o->time_axis);
    return RNNP_OK;
}

/* ---- Where time is ---- */

/* Takes time to be at one axis of one input, and wherever else inputs have a dimension of that name. */
static const rnnp_node *try_axis(rnnp_time *time, const rnnp_model *model, size_t input, size_t axis)
{
    const int64_t dim = model->values[model->inputs[input]].meta.dim[axis];

    for (size_t i = 0; i < model->n_inputs; i++) {
        const rnnp_meta *meta = &model->values[model->inputs[i]].meta;
        int *at = &time->axis[model->inputs[i]];

        *at = RNNP_TIME_NONE;
        for (size_t d = 0; i != input && rnnp_dim_is_symbol(dim) && d < meta->rank; d++) {
            if (meta->dim[d] == dim) *at = (int)d;
        }
    }
    time->axis[model->inputs[input]] = (int)axis;
    return rnnp_time_propagate(time, model);
}

static int has_state(const rnnp_model *model)
{
    for (size_t n = 0; n < model->n_nodes; n++) {
        if (model->nodes[n].op->state_arrays) return 1;
    }
    return 0;
}

static rnnp_status refuse(const rnnp_model *model, const rnnp_node *node, const char *why)
{
    return rnnp_node_fail(model->context, node, RNNP_ERR_UNSUPPORTED, "%s, so the model cannot be stepped", why);
}

static rnnp_status refuse_fault(const rnnp_model *model, const rnnp_node *node, const rnnp_fault *fault)
{
    const rnnp_pace *pace = &fault->pace;

    if (pace->covers)
        return rnnp_node_fail(model->context, node, RNNP_ERR_UNSUPPORTED,
                              "%s, so the model cannot be stepped; along time its windows cover %lld, with stride %lld "
                              "and pads %lld and %lld",
                              fault->why, (long long)pace->covers, (long long)(pace->down * pace->up),
                              (long long)pace->pads[0], (long long)pace->pads[1]);
    if (!fault->rate[0].down) return refuse(model, node, fault->why);
    return rnnp_node_fail(model->context, node, RNNP_ERR_UNSUPPORTED,
                          "%s: input %zu has %lld/%lld of the time steps and input %zu has %lld/%lld, so the model "
                          "cannot be stepped",
                          fault->why, fault->input[0], (long long)fault->rate[0].up, (long long)fault->rate[0].down,
                          fault->input[1], (long long)fault->rate[1].up, (long long)fault->rate[1].down);
}

static rnnp_status given_axis(rnnp_time *time, const rnnp_model *model, size_t axis)
{
    const rnnp_value_info *first = model->n_inputs ? &model->values[model->inputs[0]] : NULL;

    if (!first || axis >= first->meta.rank)
        return rnnp_fail(model->context, RNNP_ERR_ARG,
                         "stream options: time_axis is axis %zu, the first input has rank %zu", axis,
                         first ? first->meta.rank : 0);
    const rnnp_node *culprit = try_axis(time, model, 0, axis);
    return culprit ? refuse_fault(model, culprit, &time->fault) : RNNP_OK;
}

/* The first input with an axis that every node can be stepped along. Where nothing is recurrent the graph does
 * not say which of several such axes is time. */
static rnnp_status find_axis(rnnp_time *time, const rnnp_model *model, const rnnp_carries *carries)
{
    const rnnp_node *farthest = NULL;
    rnnp_fault fault = {0};
    const int ambiguous = !has_state(model);

    for (size_t i = 0; i < model->n_inputs; i++) {
        const rnnp_value_info *input = &model->values[model->inputs[i]];
        size_t found = 0, fits = 0;

        for (size_t d = 0; d < input->meta.rank && !carries->input[i]; d++) {
            const rnnp_node *culprit = try_axis(time, model, i, d);

            if (!culprit) {
                found = d;
                fits++;
            } else if (!farthest || culprit > farthest || (culprit == farthest && fault.misplaced)) {
                farthest = culprit;
                fault = time->fault;
            }
        }
        if (fits > 1 && ambiguous)
            return rnnp_fail(model->context, RNNP_ERR_ARG, "input %s could be stepped along %zu axes: set time_axis",
                             input->name, fits);
        if (fits) {
            try_axis(time, model, i, found);
            return RNNP_OK;
        }
    }
    if (farthest) return refuse_fault(model, farthest, &fault);
    return rnnp_fail(model->context, RNNP_ERR_UNSUPPORTED, "no input has an axis that could be time");
}

/* ---- Lengths ---- */

static int reads_lengths(const rnnp_node *node, size_t input)
{
    return node->op->lengths_input && input == node->op->lengths_input;
}

/* In a run an input of lengths counts the steps of whole sequences, in a stream those that its channels take in this
 * call. Recurrent layers can have both; anything else that is made of lengths would be another number. */
static rnnp_status check_lengths(const rnnp_model *model, struct rnnp_block **arena)
{
    uint8_t *counts = rnnp_arena_calloc(model->context, arena, model->n_values, 1); /* values that only count steps */

    if (!counts) return RNNP_ERR_MEMORY;
    for (size_t n = model->n_nodes; n-- > 0;) {
        const rnnp_node *node = &model->nodes[n];
        const int copies = node->op->is_view || strcmp(node->op->name, "Cast") == 0;
        int is_counted = 0;

        for (size_t i = 0; i < node->n_outputs; i++)
            is_counted |= node->outputs[i] != RNNP_NONE && counts[node->outputs[i]];
        if (is_counted && !copies)
            return refuse(model, node, "computes the lengths of sequences, which must be an input");
        for (size_t i = 0; i < node->n_inputs; i++) {
            if (node->inputs[i] != RNNP_NONE && ((is_counted && i == 0) || reads_lengths(node, i)))
                counts[node->inputs[i]] = 1;
        }
    }
    for (size_t n = 0; n < model->n_nodes; n++) {
        const rnnp_node *node = &model->nodes[n];

        for (size_t i = 0; i < node->n_inputs; i++) {
            const int32_t v = node->inputs[i];

            if (v == RNNP_NONE || !counts[v]) continue;
            if (model->values[v].is_constant) return refuse(model, node, "has constant lengths of whole sequences");
            if (!reads_lengths(node, i) && !(i == 0 && node->outputs[0] != RNNP_NONE && counts[node->outputs[0]]))
                return refuse(model, node, "computes with the lengths of whole sequences");
        }
    }
    for (size_t k = 0; k < model->n_outputs; k++) {
        if (counts[model->outputs[k].value])
            return rnnp_fail(model->context, RNNP_ERR_UNSUPPORTED,
                             "output %s is the lengths of whole sequences, so the model cannot be stepped",
                             model->outputs[k].name);
    }
    return RNNP_OK;
}

/* ---- Shapes ---- */

/* Where the graph and the names say nothing: a symbol of the inputs that is the only one beside time. */
static void guess_batch(const rnnp_model *model, const rnnp_time *time, uint8_t *is_batch)
{
    int64_t only = 0;

    for (size_t i = 0; i < model->n_inputs; i++) {
        const rnnp_meta *meta = &model->values[model->inputs[i]].meta;

        for (size_t d = 0; d < meta->rank; d++) {
            if (!rnnp_dim_is_symbol(meta->dim[d]) || (int)d == time->axis[model->inputs[i]]) continue;
            if (is_batch[RNNP_SYMBOL - meta->dim[d]] || (only && only != meta->dim[d])) return;
            only = meta->dim[d];
        }
    }
    if (only) is_batch[RNNP_SYMBOL - only] = 1;
}

/* Marks the symbols that count batch rows: those at the batch axes of recurrent layers, and by name. */
static void find_batch(const rnnp_model *model, const rnnp_time *time, uint8_t *is_batch)
{
    static const char *const names[] = {"N", "batch", "batch_size"};

    for (size_t s = 0; s < model->n_symbols; s++) {
        for (size_t i = 0; model->symbols[s] && i < sizeof names / sizeof names[0]; i++)
            is_batch[s] |= strcmp(model->symbols[s], names[i]) == 0;
    }
    for (size_t n = 0; n < model->n_nodes; n++) {
        const rnnp_node *node = &model->nodes[n];

        for (size_t i = 0; node->op->state_arrays && !node->late && i < node->n_inputs; i++) {
            const int axis = node->inputs[i] == RNNP_NONE ? -1 : node->op->batch_axis(node, 0, i);
            const int64_t dim = axis < 0 ? 0 : node->input_metas[i].dim[axis];

            if (rnnp_dim_is_symbol(dim) && (size_t)(RNNP_SYMBOL - dim) < model->n_symbols)
                is_batch[RNNP_SYMBOL - dim] = 1;
        }
    }
    guess_batch(model, time, is_batch);
}

static rnnp_status stream_shapes(const rnnp_model *model, const rnnp_time *time, size_t batch, size_t steps,
                                 const uint8_t *is_batch, rnnp_meta *inputs)
{
    for (size_t i = 0; i < model->n_inputs; i++) {
        const rnnp_value_info *input = &model->values[model->inputs[i]];

        inputs[i] = input->meta;
        for (size_t d = 0; d < input->meta.rank; d++) {
            const int64_t dim = input->meta.dim[d];

            if ((int)d == time->axis[model->inputs[i]])
                inputs[i].dim[d] = (int64_t)steps;
            else if (rnnp_dim_is_symbol(dim) && is_batch[RNNP_SYMBOL - dim])
                inputs[i].dim[d] = (int64_t)batch;
            else if (rnnp_dim_is_symbol(dim))
                return rnnp_fail(model->context, RNNP_ERR_SHAPE,
                                 "input %s: dimension %zu%s%s is neither time nor batch, so a stream needs its size",
                                 input->name, d, model->symbols[RNNP_SYMBOL - dim] ? ", " : "",
                                 model->symbols[RNNP_SYMBOL - dim] ? model->symbols[RNNP_SYMBOL - dim] : "");
        }
    }
    return RNNP_OK;
}

/* ---- Dependence on the number of steps ---- */

/* Every value with time has the steps of its rate there, and what was evaluated ahead does not depend on how many steps
 * a call brings: `other` is laid out for more. */
static rnnp_status check_steps(const rnnp_layout *layout, const rnnp_layout *other, const rnnp_time *time, size_t steps)
{
    const rnnp_model *model = layout->plan->model;

    for (size_t v = 0; v < model->n_values; v++) {
        const rnnp_rate rate = time->axis[v] == RNNP_TIME_NONE ? (rnnp_rate){1, 1} : time->rate[v];
        const int64_t wanted = (int64_t)steps / rate.down * rate.up;
        const rnnp_meta *a = &layout->inf.meta[v], *b = &other->inf.meta[v];
        const int32_t producer = model->values[v].producer;

        if (producer < 0 || layout->storage[v] == RNNP_STORE_NONE) continue;
        if (time->axis[v] != RNNP_TIME_NONE && a->dim[time->axis[v]] != wanted)
            return refuse(model, &model->nodes[producer], "changes the number of time steps");
        if (wanted > INT32_MAX)
            return rnnp_node_fail(model->context, &model->nodes[producer], RNNP_ERR_ARG,
                                  "its result has %lld steps in a call, which is too many", (long long)wanted);
        if (layout->storage[v] == RNNP_STORE_KNOWN && (!b->known || rnnp_meta_bytes(a) != rnnp_meta_bytes(b) ||
                                                       memcmp(a->known, b->known, rnnp_meta_bytes(a)) != 0))
            return rnnp_node_fail(model->context, &model->nodes[producer], RNNP_ERR_UNSUPPORTED,
                                  "its result depends on the length of the sequence, so the model cannot be stepped");
    }
    return RNNP_OK;
}

/* Whether inputs leave a size open that is not the batch. */
static int has_open_size(const rnnp_model *model, const uint8_t *is_batch)
{
    for (size_t i = 0; i < model->n_inputs; i++) {
        const rnnp_meta *meta = &model->values[model->inputs[i]].meta;

        for (size_t d = 0; d < meta->rank; d++) {
            if (rnnp_dim_is_symbol(meta->dim[d]) && !is_batch[RNNP_SYMBOL - meta->dim[d]]) return 1;
        }
    }
    return 0;
}

/* Where time is. A model that carries its state may have none: a step is then a run. */
static rnnp_status place_time(const rnnp_model *model, const rnnp_stream_options *o, rnnp_carries *carries,
                              rnnp_time *time, uint8_t *is_batch, int *has_time, struct rnnp_block **arena)
{
    rnnp_status status = rnnp_time_begin(time, model, arena);

    *has_time = 1;
    if (status != RNNP_OK) return status;
    if ((carries->n || o->inputs) && !o->time_axis) {
        find_batch(model, time, is_batch);
        *has_time = !o->inputs && has_open_size(model, is_batch);
        memset(is_batch, 0, model->n_symbols);
    }
    if (*has_time) {
        status = o->time_axis ? given_axis(time, model, (size_t)o->time_axis - 1) : find_axis(time, model, carries);
        if (status == RNNP_OK) status = check_lengths(model, arena);
    } else if (o->steps > 1) {
        status = rnnp_fail(model->context, RNNP_ERR_ARG,
                           "stream options: steps is %zu, but a step of this model is a run: it has no axis of time, "
                           "or time_axis must be given",
                           o->steps);
    }
    if (status == RNNP_OK) find_batch(model, time, is_batch);
    carries->time = *has_time ? time->axis : NULL;
    return status == RNNP_OK ? rnnp_carries_restart(carries, model, !*has_time, arena) : status;
}

/* A stream before it is made. */
typedef struct form {
    rnnp_stream_options o;
    rnnp_layout layout;
    rnnp_time time, channels;
    const rnnp_node *mixer; /* rnnp_channels_find */
    size_t multiple;        /* of time steps, of which options.steps is one */
    int32_t lengths;        /* the input that tells how much of a call a channel takes, or RNNP_NONE */
} form;

/* Strides divide the steps of a call. */
static rnnp_status choose_steps(const rnnp_model *model, form *f)
{
    f->multiple = (size_t)rnnp_time_multiple(&f->time, model);
    if (!f->o.steps && f->multiple < INT32_MAX) f->o.steps = f->multiple;
    if (f->o.steps && f->o.steps % f->multiple == 0) return RNNP_OK;
    return rnnp_fail(model->context, RNNP_ERR_ARG,
                     "stream options: steps is %zu, but the strides of the model along time need a multiple of %zu",
                     f->o.steps, f->multiple);
}

/* What differs between more steps and those asked for. */
static rnnp_status check_more(const rnnp_plan *plan, const form *f, const uint8_t *is_batch, rnnp_meta *inputs)
{
    const rnnp_stream_options *o = &f->o;
    rnnp_layout other;
    rnnp_status status = stream_shapes(plan->model, &f->time, o->batch, o->steps + f->multiple, is_batch, inputs);

    if (status == RNNP_OK) status = rnnp_layout_make(&other, plan, inputs, f->layout.carries, o->batch);
    if (status != RNNP_OK) return status;
    status = check_steps(&f->layout, &other, &f->time, o->steps);
    rnnp_layout_free(&other);
    return status;
}

/* As the caller says; several channels must be where the model has its batch. */
static rnnp_status given_shapes(const rnnp_model *model, const rnnp_stream_options *o, const uint8_t *is_batch,
                                rnnp_meta *inputs, struct rnnp_block **arena)
{
    int64_t *symbols = rnnp_arena_alloc(model->context, arena, model->n_symbols * sizeof *symbols);

    if (!symbols) return RNNP_ERR_MEMORY;
    const rnnp_status status = rnnp_inputs_check(model, o->inputs, o->n_inputs, 0, inputs, symbols);
    for (size_t s = 0; status == RNNP_OK && o->batch > 1 && s < model->n_symbols; s++) {
        if (is_batch[s] && symbols[s] != RNNP_DYNAMIC && symbols[s] != (int64_t)o->batch)
            return rnnp_fail(model->context, RNNP_ERR_SHAPE, "the stream has batch %zu, but %s is %lld in its inputs",
                             o->batch, model->symbols[s] ? model->symbols[s] : "that dimension", (long long)symbols[s]);
    }
    return status;
}

/* The first node that keeps earlier inputs. */
static const rnnp_node *with_history(const rnnp_layout *layout)
{
    for (size_t p = 0; p < layout->n_calls; p++) {
        if (layout->planned[p].lead) return &layout->plan->model->nodes[layout->order[p]];
    }
    return NULL;
}

/* Where nodes keep earlier inputs, one input of lengths must say how many each channel takes of them: as many multiples
 * as the slowest layers take steps. */
static rnnp_status find_lengths(form *f)
{
    const rnnp_model *model = f->layout.plan->model;
    const rnnp_node *keeper = with_history(&f->layout);

    f->lengths = RNNP_NONE;
    for (size_t n = 0; keeper && n < model->n_nodes; n++) {
        const rnnp_node *node = &model->nodes[n];
        const size_t i = node->op->lengths_input;

        if (!i || i >= node->n_inputs || node->inputs[i] == RNNP_NONE) continue;
        const rnnp_rate rate = f->time.rate[node->inputs[0]];
        int32_t v = node->inputs[i];
        while (model->values[v].producer >= 0) v = model->nodes[model->values[v].producer].inputs[0];
        const rnnp_dtype dtype = model->values[v].meta.dtype;
        if (f->lengths != RNNP_NONE && f->lengths != v)
            return refuse(model, keeper, "keeps earlier inputs, and there is more than one input of lengths");
        if (rate.up != 1 || rate.down != (int64_t)f->multiple || (dtype != RNNP_DTYPE_I32 && dtype != RNNP_DTYPE_I64))
            return rnnp_node_fail(model->context, keeper, RNNP_ERR_UNSUPPORTED,
                                  "keeps earlier inputs, so lengths must be whole numbers of the multiples of %zu time "
                                  "steps, but those of %s count %lld steps for each %lld",
                                  f->multiple, node->name, (long long)rate.up, (long long)rate.down);
        f->lengths = v;
    }
    return RNNP_OK;
}

/* On success there is a layout to free. */
static rnnp_status make_form(const rnnp_plan *plan, const rnnp_stream_options *given, struct rnnp_block **arena,
                             form *f)
{
    const rnnp_model *model = plan->model;
    rnnp_stream_options *o = &f->o;
    rnnp_status status = read_options(plan, given, o);

    if (status != RNNP_OK) return status;
    rnnp_meta *inputs = rnnp_arena_calloc(plan->context, arena, model->n_inputs, sizeof *inputs);
    uint8_t *is_batch = rnnp_arena_calloc(plan->context, arena, model->n_symbols, 1);
    rnnp_carries *carries = rnnp_arena_calloc(plan->context, arena, 1, sizeof *carries);
    int has_time;

    if (!inputs || !is_batch || !carries) return RNNP_ERR_MEMORY;
    if ((status = rnnp_carries_read(carries, model, o->carried, o->n_carried, arena)) != RNNP_OK ||
        (status = place_time(model, o, carries, &f->time, is_batch, &has_time, arena)) != RNNP_OK ||
        (status = choose_steps(model, f)) != RNNP_OK ||
        (status = o->inputs ? given_shapes(model, o, is_batch, inputs, arena)
                            : stream_shapes(model, &f->time, o->batch, o->steps, is_batch, inputs)) != RNNP_OK ||
        (status = rnnp_channels_find(&f->channels, &f->mixer, model, &f->time, is_batch, inputs, o->batch, arena)) !=
            RNNP_OK ||
        (status = rnnp_layout_make(&f->layout, plan, inputs, carries, o->batch)) != RNNP_OK)
        return status;
    status = rnnp_carries_check(carries, &f->layout);
    if (status == RNNP_OK && has_time) status = check_more(plan, f, is_batch, inputs);
    if (status == RNNP_OK) status = find_lengths(f);
    if (status != RNNP_OK) rnnp_layout_free(&f->layout);
    return status;
}

/* What a stream would be: bytes and multiple may be NULL. */
static rnnp_status measure(const rnnp_plan *plan, const rnnp_stream_options *options, size_t *bytes, size_t *multiple)
{
    struct rnnp_block *arena = NULL;
    form f;
    rnnp_status status = make_form(plan, options, &arena, &f);

    if (status == RNNP_OK) {
        const size_t needed = rnnp_program_bytes(&f.layout);

        if (needed == SIZE_MAX)
            status = rnnp_fail(plan->context, RNNP_ERR_MEMORY, "the activations do not fit in memory");
        else if (bytes)
            *bytes = needed;
        if (status == RNNP_OK && multiple) *multiple = f.multiple;
        rnnp_layout_free(&f.layout);
    }
    rnnp_arena_free(plan->context, &arena);
    return status;
}

rnnp_status rnnp_stream_bytes(const rnnp_plan *plan, const rnnp_stream_options *options, size_t *bytes)
{
    if (!plan) return RNNP_ERR_ARG;
    return bytes ? measure(plan, options, bytes, NULL) : rnnp_fail(plan->context, RNNP_ERR_ARG, "bytes is NULL");
}

rnnp_status rnnp_stream_multiple(const rnnp_plan *plan, const rnnp_stream_options *options, size_t *multiple)
{
    if (!plan) return RNNP_ERR_ARG;
    return multiple ? measure(plan, options, NULL, multiple)
                    : rnnp_fail(plan->context, RNNP_ERR_ARG, "multiple is NULL");
}

/* What only a stream's program has. */
static rnnp_status finish(rnnp_program *program, const form *f)
{
    const rnnp_model *model = program->plan->model;
    rnnp_status status = rnnp_channels_place(program, &f->layout, &f->channels, f->mixer);

    program->multiple = f->multiple;
    program->multiples = f->o.steps / f->multiple;
    for (size_t i = 0; i < program->n_inputs; i++) program->time[i] = f->time.axis[model->inputs[program->input[i]]];
    while (program->length_port < program->n_inputs &&
           model->inputs[program->input[program->length_port]] != f->lengths)
        program->length_port++;
    if (status == RNNP_OK && program->state_bytes) status = rnnp_model_mark(model, &program->mark);
    return status;
}

rnnp_status rnnp_stream_create(const rnnp_plan *plan, const rnnp_stream_options *options, rnnp_stream **stream)
{
    struct rnnp_block *arena = NULL;
    rnnp_program *program;
    form f;

    if (!stream) return plan ? rnnp_fail(plan->context, RNNP_ERR_ARG, "stream is NULL") : RNNP_ERR_ARG;
    *stream = NULL;
    if (!plan) return RNNP_ERR_ARG;
    rnnp_status status = make_form(plan, options, &arena, &f);
    if (status == RNNP_OK) {
        status = rnnp_program_create(&f.layout, &program);
        if (status == RNNP_OK) {
            status = finish(program, &f);
            if (status != RNNP_OK) rnnp_program_destroy(program);
        }
        rnnp_layout_free(&f.layout);
    }
    if (status == RNNP_OK) *stream = (rnnp_stream *)program;
    rnnp_arena_free(plan->context, &arena);
    return status;
}

void rnnp_stream_destroy(rnnp_stream *stream)
{
    if (stream) rnnp_program_destroy(&stream->program);
}

/* ---- Use ---- */

rnnp_status rnnp_stream_input(const rnnp_stream *stream, size_t index, rnnp_tensor *input)
{
    if (!stream) return RNNP_ERR_ARG;
    return rnnp_program_port(&stream->program, "input", stream->program.inputs, stream->program.n_inputs, index, input);
}

rnnp_status rnnp_stream_output(const rnnp_stream *stream, size_t index, rnnp_tensor *output)
{
    if (!stream) return RNNP_ERR_ARG;
    return rnnp_program_port(&stream->program, "output", stream->program.outputs, stream->program.n_outputs, index,
                             output);
}

rnnp_status rnnp_stream_step(rnnp_stream *stream, const rnnp_tensor *inputs, size_t n_inputs, rnnp_tensor *outputs,
                             size_t n_outputs)
{
    return stream ? rnnp_program_execute(&stream->program, NULL, inputs, n_inputs, outputs, n_outputs) : RNNP_ERR_ARG;
}

void rnnp_stream_reset(rnnp_stream *stream)
{
    for (size_t row = 0; stream && row < stream->program.batch; row++) rnnp_program_reset(&stream->program, row);
}
