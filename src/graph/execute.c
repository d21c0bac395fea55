/* SPDX-License-Identifier: Apache-2.0
 *
 * A program executed: arguments checked, the caller's pointers put in place, the calls run.
 */
#include "engine.h"
#include "../fpmode.h"
#include "ops/loop.h"

#include <string.h>

static rnnp_status input_fail(const rnnp_program *p, const rnnp_tensor *inputs, size_t i)
{
    const rnnp_context *context = p->plan->context;
    const rnnp_model *model = p->plan->model;
    const rnnp_tensor *want = &p->inputs[i], *got = &inputs[i];
    const char *name = model->values[model->inputs[p->input[i]]].name;

    if (got->dtype != want->dtype)
        return rnnp_fail(context, RNNP_ERR_TYPE, "input %s is %s, expected %s", name, rnnp_dtype_name(got->dtype),
                         rnnp_dtype_name(want->dtype));
    if (got->rank != want->rank)
        return rnnp_fail(context, RNNP_ERR_SHAPE, "input %s has rank %zu, expected %zu", name, got->rank, want->rank);
    for (size_t d = 0; d < want->rank; d++) {
        if (got->shape[d] == want->shape[d]) continue;
        if (p->multiple > 1 && p->time[i] == (int)d)
            return rnnp_fail(context, RNNP_ERR_SHAPE,
                             "input %s: dimension %zu is %lld, expected %lld: a step takes a multiple of %zu", name, d,
                             (long long)got->shape[d], (long long)want->shape[d], p->multiple);
        return rnnp_fail(context, RNNP_ERR_SHAPE, "input %s: dimension %zu is %lld, expected %lld", name, d,
                         (long long)got->shape[d], (long long)want->shape[d]);
    }
    return rnnp_fail(context, RNNP_ERR_ARG, "input %s has no data", name);
}

static int input_fits(const rnnp_tensor *want, const rnnp_tensor *got)
{
    int fits = got->dtype == want->dtype && got->rank == want->rank;

    for (size_t d = 0; fits && d < want->rank; d++) fits = got->shape[d] == want->shape[d];
    return fits && (got->data || rnnp_tensor_elements(want) == 0);
}

static rnnp_status check_ports(const rnnp_program *p, const rnnp_tensor *inputs, size_t n_inputs,
                               const rnnp_tensor *outputs, size_t n_outputs)
{
    if (n_inputs != p->n_inputs || n_outputs != p->n_outputs)
        return rnnp_fail(p->plan->context, RNNP_ERR_ARG, "%zu inputs and %zu outputs were given, %s has %zu and %zu%s",
                         n_inputs, n_outputs, p->n_carried ? "the stream" : "the model", p->n_inputs, p->n_outputs,
                         p->n_carried ? " without those that it carries" : "");
    if ((n_inputs && !inputs) || !outputs)
        return rnnp_fail(p->plan->context, RNNP_ERR_ARG, "%s is NULL", outputs ? "inputs" : "outputs");
    for (size_t i = 0; i < n_inputs; i++) {
        if (!input_fits(&p->inputs[i], &inputs[i])) return input_fail(p, inputs, i);
    }
    return RNNP_OK;
}

/* Outputs go to the caller, or to own memory when some channels wait. */
static void bind_ports(rnnp_program *p, const uint8_t *active, const rnnp_tensor *inputs, const rnnp_tensor *outputs)
{
    int changed = 0;

    for (size_t i = 0; i < p->n_binds; i++) {
        const rnnp_bind *b = &p->binds[i];
        void *data = b->is_output ? outputs[b->port].data : inputs[b->port].data;

        if (b->is_output && (active || !data)) data = b->own;
        changed |= p->data[b->root] != data;
        p->data[b->root] = data;
    }
    for (size_t i = 0; changed && i < p->n_patches; i++) p->patches[i].tensor->data = p->data[p->patches[i].root];
}

/* Which calls the wanted outputs need; a call with state always runs. */
static void choose_needed(rnnp_program *p)
{
    const rnnp_model *model = p->plan->model;

    memset(p->live, 0, model->n_values);
    for (size_t k = 0; k < p->n_outputs; k++) p->live[p->root[model->outputs[p->output[k]].value]] |= !p->skipped[k];
    for (size_t i = 0; i < p->n_carried; i++) p->live[p->carried[i].output] = 1;
    for (size_t c = p->n_calls; c-- > 0;) {
        rnnp_call *call = &p->calls[c];
        const rnnp_node *node = call->node;

        call->needed = call->exec.state != NULL;
        for (size_t i = 0; i < node->n_outputs; i++)
            call->needed |= node->outputs[i] != RNNP_NONE && p->live[p->root[node->outputs[i]]];
        for (size_t i = 0; call->needed && i < node->n_inputs; i++) {
            if (node->inputs[i] != RNNP_NONE) p->live[p->root[node->inputs[i]]] = 1;
        }
    }
}

/* One channel's state becomes its rows of the initial inputs, or zeros. */
static void begin_state(const rnnp_program *p, const rnnp_call *call, size_t row)
{
    const rnnp_operator *op = call->node->op;

    for (size_t i = 0; i < call->state_arrays; i++) {
        const rnnp_tensor none = {.data = NULL};
        const rnnp_tensor *initial = op->state_input ? &call->inputs[op->state_input + i] : &none;
        float *to = (float *)call->exec.state + (i * p->batch + row) * (call->row_bytes / sizeof *to);

        if (initial->dtype)
            memcpy(to, (const char *)initial->data + row * call->row_bytes, call->row_bytes);
        else
            for (size_t k = 0; k < call->row_bytes / sizeof *to; k++) to[k] = op->history_begins;
    }
}

/* Initial states from inputs, for channels that begin. */
static void begin_states(const rnnp_program *p, const rnnp_call *call, const uint8_t *active)
{
    for (size_t row = 0; row < p->batch; row++) {
        if (p->fresh[row] && (!active || active[row])) begin_state(p, call, row);
    }
}

/* How many multiples a channel takes. Recurrent layers read lengths themselves, and refuse those out of range. */
static size_t multiples_of(const rnnp_program *p, const rnnp_tensor *lengths, size_t row)
{
    if (!lengths) return p->multiples;
    const int64_t n = lengths->dtype == RNNP_DTYPE_I64 ? ((const int64_t *)lengths->data)[row]
                                                       : ((const int32_t *)lengths->data)[row];
    return n < 0 || (uint64_t)n > p->multiples ? 0 : (size_t)n;
}

/* How many steps the channels take in a call. */
static void count_steps(const rnnp_program *p, rnnp_call *call, const uint8_t *active, const rnnp_tensor *inputs)
{
    const rnnp_tensor *lengths = call->exec.lead && p->length_port < p->n_inputs ? &inputs[p->length_port] : NULL;

    call->exec.lengths = active || lengths ? p->lengths : NULL;
    for (size_t row = 0; call->exec.lengths && row < p->batch; row++) {
        const size_t n = !active || active[row] ? multiples_of(p, lengths, row) : 0;

        p->lengths[row] = (int32_t)(n * (call->steps / p->multiples));
    }
}

/* Whether the branches that a call is in are those taken. */
static int is_taken(const rnnp_side *side)
{
    for (; side; side = side->around) {
        if ((*(const uint8_t *)side->condition->data != 0) != side->taken) return 0;
    }
    return 1;
}

/* Calls from here on that run at once: a stack, as far up as it is needed. */
static size_t at_once(const rnnp_call *call)
{
    size_t n = 1;

    while (n < call->stack && call[n].needed && call[n].side == call->side) n++;
    return n;
}

static rnnp_status run_stack(const rnnp_program *p, const rnnp_call *calls, size_t n)
{
    const rnnp_stack_choice forced = {.schedule = (rnnp_stack_schedule)p->plan->schedule};
    rnnp_stack_node nodes[RNNP_STACK_NODES];

    for (size_t i = 0; i < n; i++)
        nodes[i] = (rnnp_stack_node){&calls[i].exec, calls[i].node, calls[i].inputs, calls[i].outputs};
    return calls->node->op->run_stack(nodes, n, forced.schedule == RNNP_SCHEDULE_FASTEST ? &calls->choice : &forced);
}

/* The calls from first to before last. */
static rnnp_status run_calls(const rnnp_program *p, const uint8_t *active, const rnnp_tensor *inputs, size_t first,
                             size_t last);

/* The loop that this call begins; the conditions under which that is made are those of all the loop. Loops lie in each
 * other as deep as loops.c allows. */
static rnnp_status run_loop(const rnnp_program *p, const uint8_t *active, const rnnp_tensor *inputs, size_t first)
{
    rnnp_call *begin = &p->calls[first], *end = &p->calls[begin->end];
    const uint8_t *go = begin->outputs[RNNP_LOOP_GO].data;
    const size_t most = p->plan->max_iterations;
    rnnp_status status;

    for (size_t i = 0;; i++) {
        begin->exec.iteration = end->exec.iteration = i;
        status = begin->run(&begin->exec, begin->node, begin->inputs, begin->outputs);
        if (status == RNNP_OK && *go && i == most)
            return rnnp_node_fail(p->plan->context, begin->node, RNNP_ERR_LIMIT,
                                  "more than %zu iterations, which is max_iterations of rnnp_plan_options", most);
        if (status == RNNP_OK && *go) status = run_calls(p, active, inputs, first + 1, begin->end);
        if (status != RNNP_OK) return status;
        const int again = *go;
        if ((status = end->run(&end->exec, end->node, end->inputs, end->outputs)) != RNNP_OK || !again) return status;
    }
}

/* Makes this call and those that run at once with it; *next is the first one behind them. */
static rnnp_status run_call(const rnnp_program *p, const uint8_t *active, const rnnp_tensor *inputs, size_t c,
                            size_t *next)
{
    rnnp_call *call = &p->calls[c];
    const size_t n = at_once(call);

    *next = call->end ? call->end + 1 : c + n;
    if (!call->needed || !is_taken(call->side)) return RNNP_OK;
    if (call->end) return run_loop(p, active, inputs, c);
    if (call->exec.state && p->n_fresh && !call->starts_early) begin_states(p, call, active);
    if (call->exec.state) count_steps(p, call, active, inputs);
    const rnnp_status status =
        n > 1 ? run_stack(p, call, n) : call->run(&call->exec, call->node, call->inputs, call->outputs);
    for (size_t i = 0; i < n && status == RNNP_OK; i++) call[i].exec.turn++;
    return status;
}

static rnnp_status run_calls(const rnnp_program *p, const uint8_t *active, const rnnp_tensor *inputs, size_t first,
                             size_t last)
{
    rnnp_status status = RNNP_OK;

    while (first < last && status == RNNP_OK) status = run_call(p, active, inputs, first, &first);
    return status;
}

static void copy_outputs(const rnnp_program *p, const rnnp_tensor *outputs)
{
    for (size_t i = 0; i < p->n_copies; i++) {
        const rnnp_output_copy *copy = &p->copies[i];

        if (outputs[copy->port].data && copy->bytes) memcpy(outputs[copy->port].data, p->data[copy->root], copy->bytes);
    }
}

static void copy_active_rows(const rnnp_program *p, const uint8_t *active, const rnnp_tensor *outputs)
{
    const rnnp_model *model = p->plan->model;

    for (size_t k = 0; k < p->n_outputs; k++) {
        const char *from = p->data[p->root[model->outputs[p->output[k]].value]];
        const rnnp_rows *rows = &p->rows[k];

        for (size_t i = 0; outputs[k].data && rows->bytes && i < rows->blocks * p->batch; i++) {
            if (active[i % p->batch])
                memcpy((char *)outputs[k].data + i * rows->bytes, from + i * rows->bytes, rows->bytes);
        }
    }
}

/* Outputs become inputs. One that is an input itself is as it was before this step, whatever was copied before it. */
static void carry(const rnnp_program *p, const uint8_t *active)
{
    for (size_t i = 0; i < p->n_carried; i++) {
        const rnnp_program_carry *c = &p->carried[i];
        const char *from = p->data[c->output];

        if (from >= p->state && from < p->state + p->state_bytes) from = p->backup + (from - p->state);
        for (size_t row = 0; row < c->rows.blocks * p->batch; row++) {
            if (!active || active[row % p->batch])
                memcpy(c->state + row * c->rows.bytes, from + row * c->rows.bytes, c->rows.bytes);
        }
    }
}

static void end_fresh(rnnp_program *p, const uint8_t *active)
{
    for (size_t row = 0; p->n_fresh && row < p->batch; row++) {
        if (p->fresh[row] && (!active || active[row])) {
            p->fresh[row] = 0;
            p->n_fresh--;
        }
    }
}

rnnp_status rnnp_program_execute(rnnp_program *p, const uint8_t *active, const rnnp_tensor *inputs, size_t n_inputs,
                                 rnnp_tensor *outputs, size_t n_outputs)
{
    int changed = 0;
    rnnp_status status = check_ports(p, inputs, n_inputs, outputs, n_outputs);

    if (status != RNNP_OK) return status;
    for (size_t k = 0; k < n_outputs; k++) {
        const uint8_t skipped = outputs[k].data == NULL;
        void *data = outputs[k].data;

        changed |= skipped != p->skipped[k];
        p->skipped[k] = skipped;
        outputs[k] = p->outputs[k];
        outputs[k].data = data;
    }
    if (changed) choose_needed(p);
    bind_ports(p, active, inputs, outputs);

    const rnnp_fpmode mode = rnnp_fpmode_enter(p->plan->flush_denormals);
    memcpy(p->backup, p->state, p->state_bytes);
    status = run_calls(p, active, inputs, 0, p->n_calls);
    rnnp_fpmode_set(mode);
    if (status != RNNP_OK) {
        memcpy(p->state, p->backup, p->state_bytes);
        return status;
    }
    end_fresh(p, active);
    if (active)
        copy_active_rows(p, active, outputs);
    else
        copy_outputs(p, outputs);
    carry(p, active);
    return RNNP_OK;
}

void rnnp_program_reset(rnnp_program *p, size_t row)
{
    p->n_fresh += !p->fresh[row];
    p->fresh[row] = 1;
    for (size_t i = 0; i < p->n_carried; i++) {
        const rnnp_program_carry *c = &p->carried[i];

        for (size_t block = 0; block < c->rows.blocks; block++)
            memset(c->state + (block * p->batch + row) * c->rows.bytes, 0, c->rows.bytes);
    }
    for (size_t c = 0; c < p->n_calls; c++) {
        const rnnp_call *call = &p->calls[c];

        if (call->exec.state && call->starts_early) begin_state(p, call, row);
    }
}
