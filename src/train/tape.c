/* SPDX-License-Identifier: Apache-2.0
 *
 * One slice, forwards and backwards.
 */
#include "../real.h"
#include "training.h"

#include <string.h>

/* ---- Rows of a tensor ---- */

/* Rows [first, first + n) of a tensor with `rows` of them, n as meta says, to a tensor of n rows, or back. */
static void copy_rows(void *part, void *whole, const rnnp_meta *meta, size_t axis, size_t rows, size_t first, int back)
{
    const size_t n = (size_t)meta->dim[axis];
    size_t blocks = 1, bytes = rnnp_dtype_bytes(meta->dtype); /* [blocks][rows][bytes] */
    for (size_t d = 0; d < axis; d++) blocks *= (size_t)meta->dim[d];
    for (size_t d = axis + 1; d < meta->rank; d++) bytes *= (size_t)meta->dim[d];
    for (size_t i = 0; i < blocks && bytes; i++) {
        char *ours = (char *)part + i * n * bytes, *theirs = (char *)whole + (i * rows + first) * bytes;
        memcpy(back ? theirs : ours, back ? ours : theirs, n * bytes);
    }
}

/* ---- Where things are ---- */

static const rnnp_model *model_of(const rnnp_tape_run *run) { return run->pass->trainer->model; }

/* The elements of a value; NULL for one that nobody reads. inputs: the caller's, NULL for none. */
static void *value_data(const rnnp_trainer *t, const rnnp_tape *tape, const rnnp_tensor *inputs, char *memory,
                        int32_t v)
{
    const int32_t root = tape->root[v];
    switch ((rnnp_tape_storage)tape->storage[root]) {
    case RNNP_TAPE_PARAMETER: return t->values + t->parameters[t->parameter_of[root]].offset;
    case RNNP_TAPE_KNOWN: return (void *)tape->meta[root].known;
    case RNNP_TAPE_MEMORY: return memory ? memory + tape->offset[root] : NULL;
    case RNNP_TAPE_SHARED:
        for (size_t i = 0; inputs && i < t->model->n_inputs; i++) {
            if (t->model->inputs[i] == root) return inputs[i].data;
        }
        return NULL;
    default: return NULL;
    }
}

static void *value_of(const rnnp_tape_run *run, int32_t v)
{
    return value_data(run->pass->trainer, run->tape, run->pass->batch->inputs, run->memory, v);
}

static void *gradient_of(const rnnp_tape_run *run, int32_t v)
{
    const rnnp_trainer *t = run->pass->trainer;
    const rnnp_tape *tape = run->tape;
    const int32_t root = tape->root[v];
    if (tape->storage[root] == RNNP_TAPE_PARAMETER) return run->gradient + t->parameters[t->parameter_of[root]].offset;
    return run->memory + tape->d_offset[root];
}

/* Tensors of one call. */
typedef struct call_tensors {
    rnnp_tensor *in, *out, *d_in, *d_out;
} call_tensors;

static call_tensors tensors_of(const rnnp_tape *tape, char *memory)
{
    rnnp_tensor *at = (rnnp_tensor *)(void *)(memory + tape->slots);
    return (call_tensors){at, at + tape->slots_in, at + tape->slots_in + tape->slots_out,
                          at + 2 * tape->slots_in + tape->slots_out};
}

/* Dtypes and shapes; no data yet. */
static void set_types(const rnnp_tape_call *call, rnnp_tensor *in, rnnp_tensor *out)
{
    for (size_t i = 0; i < rnnp_node_slots_in(call->shape.node); i++)
        in[i] = rnnp_meta_tensor(&call->shape.inputs[i], NULL);
    for (size_t i = 0; out && i < rnnp_node_slots_out(call->shape.node); i++)
        out[i] = rnnp_meta_tensor(&call->shape.outputs[i], NULL);
}

/* ---- Prepare ---- */

void rnnp_tape_prepare(const rnnp_trainer *t, const rnnp_tape *tape, char *prepared, rnnp_tensor *inputs, size_t part,
                       size_t parts)
{
    for (size_t c = 0; c < tape->n_calls; c++) {
        const rnnp_tape_call *call = &tape->calls[c];
        const rnnp_node *node = call->shape.node;
        if (!call->prepared_bytes) continue;
        set_types(call, inputs, NULL);
        for (size_t i = 0; i < node->n_inputs; i++)
            inputs[i].data = node->inputs[i] == RNNP_NONE ? NULL : value_data(t, tape, NULL, NULL, node->inputs[i]);
        call->row->prepare(&call->shape, inputs, prepared + call->prepared, part, parts);
    }
}

/* ---- Forward ---- */

static void gather_inputs(const rnnp_tape_run *run)
{
    const rnnp_model *model = model_of(run);
    const rnnp_tape *tape = run->tape;
    for (size_t i = 0; i < model->n_inputs; i++) {
        const int32_t v = model->inputs[i];
        if (tape->storage[v] == RNNP_TAPE_MEMORY)
            copy_rows(run->memory + tape->offset[v], run->pass->batch->inputs[i].data, &tape->meta[v],
                      (size_t)run->pass->trainer->rows.axis[v], run->pass->rows, run->first, 0);
    }
}

static rnnp_gradient_call gradient_call(const rnnp_tape_run *run, const rnnp_tape_call *call, const call_tensors *at,
                                        size_t workspace)
{
    return (rnnp_gradient_call){
        .shape = call->shape,
        .slice = &run->slice,
        .inputs = at->in,
        .outputs = at->out,
        .kept = run->memory + call->kept,
        .workspace = run->memory + workspace,
        .prepared = call->prepared_bytes ? run->pass->prepared + call->prepared : NULL,
        .d_outputs = at->d_out,
        .d_inputs = at->d_in,
        .batch_axis = call->batch_axis,
    };
}

static rnnp_status run_forward(const rnnp_tape_run *run, const rnnp_tape_call *call)
{
    const rnnp_node *node = call->shape.node;
    call_tensors at = tensors_of(run->tape, run->memory);
    set_types(call, at.in, at.out);
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] != RNNP_NONE) at.in[i].data = value_of(run, node->inputs[i]);
    }
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE) at.out[i].data = value_of(run, node->outputs[i]);
    }
    if (call->row && call->row->forward) {
        at.d_in = at.d_out = NULL;
        const rnnp_gradient_call forward = gradient_call(run, call, &at, call->forward_space);
        return call->row->forward(&forward);
    }
    const rnnp_exec exec = {.context = call->shape.context,
                            .select = call->shape.select,
                            .math = call->shape.math,
                            .threads = 1,
                            .workspace = run->memory + call->forward_space};
    return node->op->run(&exec, node, at.in, at.out);
}

static void scatter_outputs(const rnnp_tape_run *run)
{
    const rnnp_model *model = model_of(run);
    const rnnp_trainer *t = run->pass->trainer;
    for (size_t k = 0; run->pass->batch->outputs && k < model->n_outputs; k++) {
        const int32_t v = model->outputs[k].value;
        const rnnp_meta *meta = &run->tape->meta[v];
        void *data = run->pass->batch->outputs[k].data;
        if (data && t->rows.axis[v] != RNNP_TIME_NONE)
            copy_rows(value_of(run, v), data, meta, (size_t)t->rows.axis[v], run->pass->rows, run->first, 1);
        else if (data && run->first == 0 && rnnp_meta_bytes(meta)) /* the same for all rows */
            memcpy(data, value_of(run, v), rnnp_meta_bytes(meta));
    }
}

/* ---- Loss ---- */

/* Block by block of what lies together in the batch, so that its targets stay where they are and what the loss reads is
 * still near for its gradient. */
static void run_loss(const rnnp_tape_run *run, double *loss)
{
    const rnnp_pass *pass = run->pass;
    const rnnp_trainer *t = pass->trainer;
    const rnnp_meta *meta = &run->tape->meta[t->loss_value];
    const rnnp_tensor *target = pass->batch->target, *weights = pass->batch->weights;
    const rnnp_selection *select = &t->context->selection;
    const size_t axis = (size_t)t->rows.axis[t->model->outputs[t->options.output].value], k = pass->loss.k;
    const size_t bytes = rnnp_dtype_bytes(target->dtype) * (t->options.loss == RNNP_LOSS_SPARSE ? 1 : k);
    const int back = pass->backward && run->tape->needed[t->loss_value];
    float *dy = back ? gradient_of(run, t->loss_value) : NULL;
    size_t blocks = 1;
    double weight = 0;
    for (size_t d = 0; d < axis; d++) blocks *= (size_t)meta->dim[d];
    const size_t of_row = blocks && k ? rnnp_meta_elements(meta) / blocks / run->tape->rows / k : 0; /* items */
    if (of_row == 0) return;
    rnnp_loss_items items = {.n = of_row * run->tape->rows,
                             .y = value_of(run, t->loss_value),
                             .target = (const char *)target->data + of_row * run->first * bytes,
                             .target_dtype = target->dtype,
                             .weight = weights ? (const float *)weights->data + of_row * run->first : NULL};
    for (size_t b = 0; b < blocks; b++) {
        rnnp_loss_add(&pass->loss, &items, select, loss, &weight);
        if (back) rnnp_loss_back(&pass->loss, &items, select, (float)(1.0 / pass->weight), dy + b * items.n * k);
        items.y += items.n * k;
        items.target = (const char *)items.target + of_row * pass->rows * bytes;
        if (weights) items.weight += of_row * pass->rows;
    }
}

/* ---- Scores ---- */

static size_t largest(const float *y, size_t rows, size_t row, size_t blocks, size_t inner)
{
    size_t best = 0;
    for (size_t e = 0; e < blocks * inner; e++) {
        const float *at = &y[(e / inner * rows + row) * inner + e % inner],
                    *was = &y[(best / inner * rows + row) * inner + best % inner];
        if (*at > *was) best = e;
    }
    return best;
}

/* e^-d, and 0 where that is none of a sum with a term of 1. */
static double fade(double d) { return d > 700 ? 0 : rnnp_real_exp(-d); }

/* Softmax of y [k] at j, and its slopes by y to dy, which may be NULL. */
static double softmax(const float *y, size_t k, size_t j, float *dy)
{
    double max = (double)y[0], sum = 0;
    for (size_t i = 1; i < k; i++) max = (double)y[i] > max ? (double)y[i] : max;
    for (size_t i = 0; i < k; i++) sum += fade(max - (double)y[i]);
    const double p = fade(max - (double)y[j]) / sum;
    for (size_t i = 0; dy && i < k; i++) dy[i] = (float)(p * ((i == j ? 1 : 0) - fade(max - (double)y[i]) / sum));
    return p;
}

/* Sigmoid of y, and its slope to dy, which may be NULL: p (1 - p) without a difference of large numbers. */
static double sigmoid(double y, float *dy)
{
    const double e = fade(y < 0 ? -y : y), p = 1 / (1 + e), q = e / (1 + e);
    if (dy) *dy = (float)(p * q);
    return y < 0 ? q : p;
}

static void run_scores(const rnnp_tape_run *run)
{
    const rnnp_pass *pass = run->pass;
    const rnnp_trainer *t = pass->trainer;
    const rnnp_meta *meta = &run->tape->meta[t->loss_value];
    const size_t axis = (size_t)t->rows.axis[t->model->outputs[t->options.output].value], rows = run->tape->rows;
    const float *y = value_of(run, t->loss_value);
    float *dy = pass->backward && run->tape->needed[t->loss_value] ? gradient_of(run, t->loss_value) : NULL;
    const size_t k = axis + 1 < meta->rank ? (size_t)meta->dim[meta->rank - 1] : 1; /* classes */
    size_t blocks = 1, inner = 1;
    for (size_t d = 0; d < axis; d++) blocks *= (size_t)meta->dim[d];
    for (size_t d = axis + 1; d < meta->rank; d++) inner *= (size_t)meta->dim[d];
    if (dy) memset(dy, 0, rnnp_meta_bytes(meta));
    for (size_t r = 0; r < rows; r++) {
        size_t *target = &pass->scores->target[run->first + r];
        if (*target == RNNP_TARGET_LARGEST) *target = largest(y, rows, r, blocks, inner);
        const size_t at = (*target / inner * rows + r) * inner + *target % inner, group = at - at % k;
        double *value = &pass->scores->value[run->first + r];
        if (t->link && k > 1)
            *value = softmax(y + group, k, at - group, dy ? dy + group : NULL);
        else if (t->link)
            *value = sigmoid((double)y[at], dy ? dy + at : NULL);
        else
            *value = (double)y[at];
        if (dy && !t->link) dy[at] = 1.0f;
    }
}

/* ---- Backward ---- */

static rnnp_status run_backward(const rnnp_tape_run *run, const rnnp_tape_call *call)
{
    const rnnp_tape *tape = run->tape;
    const rnnp_node *node = call->shape.node;
    const call_tensors at = tensors_of(tape, run->memory);
    set_types(call, at.in, at.out);
    set_types(call, at.d_in, at.d_out);
    for (size_t i = 0; i < node->n_inputs; i++) {
        const int32_t v = node->inputs[i];
        if (v == RNNP_NONE) continue;
        if (tape->storage[tape->root[v]] != RNNP_TAPE_MEMORY || rnnp_gradient_bit(call->row->keeps_inputs, i))
            at.in[i].data = value_of(run, v);
        if (call->inputs[i].flow == RNNP_FLOW_WRITE)
            at.d_in[i].data = gradient_of(run, v);
        else if (call->inputs[i].flow == RNNP_FLOW_ADD)
            at.d_in[i].data = run->memory + call->inputs[i].scratch;
    }
    for (size_t i = 0; i < node->n_outputs; i++) {
        const int32_t v = node->outputs[i];
        if (v == RNNP_NONE) continue;
        if (rnnp_gradient_bit(call->row->keeps_outputs, i)) at.out[i].data = value_of(run, v);
        if (tape->needed[v]) at.d_out[i].data = gradient_of(run, v);
    }
    const rnnp_gradient_call backward = gradient_call(run, call, &at, call->backward_space);
    const rnnp_status status = call->row->backward(&backward);
    for (size_t i = 0; i < node->n_inputs && status == RNNP_OK; i++) {
        if (call->inputs[i].flow == RNNP_FLOW_ADD)
            rnnp_train_add(run->pass->trainer, gradient_of(run, node->inputs[i]), at.d_in[i].data,
                           rnnp_meta_elements(&call->shape.inputs[i]));
    }
    return status;
}

/* Parameters that these shapes leave without influence. */
static void clear_unreached(const rnnp_tape_run *run)
{
    const rnnp_trainer *t = run->pass->trainer;
    for (size_t i = 0; i < t->n_parameters; i++) {
        const rnnp_train_parameter *p = &t->parameters[i];
        if (!p->info.frozen && !run->tape->needed[p->value])
            memset(run->gradient + p->offset, 0, p->elements * sizeof(float));
    }
}

static void scatter_d_inputs(const rnnp_tape_run *run)
{
    const rnnp_model *model = model_of(run);
    const rnnp_tape *tape = run->tape;
    for (size_t i = 0; i < model->n_inputs; i++) {
        const int32_t v = model->inputs[i];
        if (tape->wanted[i] && tape->needed[v])
            copy_rows(gradient_of(run, v), run->pass->batch->d_inputs[i].data, &tape->meta[v],
                      (size_t)run->pass->trainer->rows.axis[v], run->pass->rows, run->first, 1);
    }
}

/* Which parameters have their gradient when the backward pass of a call has gone by; SIZE_MAX: from the beginning. */
static void leave(const rnnp_tape_run *run, size_t call)
{
    for (size_t i = 0; run->node != SIZE_MAX && i < run->pass->trainer->n_parameters; i++)
        if (run->tape->last_call[i] == call) rnnp_joins_leave((rnnp_pass *)run->pass, run->node, i);
}

rnnp_status rnnp_tape_run_slice(const rnnp_tape_run *run, double *loss)
{
    const rnnp_tape *tape = run->tape;
    const rnnp_train_batch *batch = run->pass->batch;
    rnnp_status status = RNNP_OK;
    gather_inputs(run);
    for (size_t c = 0; c < tape->n_calls && status == RNNP_OK; c++) {
        if (batch->outputs || tape->calls[c].for_loss) status = run_forward(run, &tape->calls[c]);
        rnnp_slice_meanwhile(&run->slice);
    }
    if (status != RNNP_OK) return status;
    scatter_outputs(run);
    if (run->pass->scores)
        run_scores(run);
    else if (batch->target)
        run_loss(run, loss);
    if (!run->pass->backward) return RNNP_OK;
    clear_unreached(run);
    leave(run, SIZE_MAX);
    for (size_t c = tape->n_calls; c-- > 0 && status == RNNP_OK;) {
        if (!tape->calls[c].backward) continue;
        status = run_backward(run, &tape->calls[c]);
        if (status == RNNP_OK) leave(run, c);
        rnnp_slice_meanwhile(&run->slice);
    }
    if (status == RNNP_OK) scatter_d_inputs(run);
    return status;
}

void rnnp_tape_destroy(const rnnp_context *context, rnnp_tape *tape)
{
    struct rnnp_block *arena = tape ? tape->arena : NULL;
    rnnp_arena_free(context, &arena); /* the tape is in it */
}
