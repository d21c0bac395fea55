/* SPDX-License-Identifier: Apache-2.0
 *
 * LoopBegin and LoopEnd (loop.h). How an execution goes round is ../execute.c, what lies between them ../loops.c.
 */
#include "loop.h"

/* least: inputs before the carried values, of which each has so many. */
static rnnp_status parse_carried(rnnp_parse *p, size_t least, size_t each, rnnp_loop_params *params)
{
    const int64_t carried = rnnp_parse_int(p, "carried", 0);
    if (p->node->n_inputs < least)
        return PARSE_FAIL(p, RNNP_ERR_ARG, "%zu inputs, expected %zu at least", p->node->n_inputs, least);
    const size_t most = (p->node->n_inputs - least) / each;

    if (carried < 0 || (uint64_t)carried > most)
        return PARSE_FAIL(p, RNNP_ERR_ARG, "carried is %lld, expected 0 to %zu", (long long)carried, most);
    params->carried = (size_t)carried;
    return RNNP_OK;
}

/* ---- LoopBegin ---- */

static rnnp_status begin_parse(rnnp_parse *p, void *params)
{
    const rnnp_status status = parse_carried(p, RNNP_LOOP_INITIAL, 1, params);

    if (status != RNNP_OK) return status;
    if (p->node->n_outputs != RNNP_LOOP_VALUE + rnnp_loop_params_of(p->node)->carried)
        return PARSE_FAIL(p, RNNP_ERR_ARG, "%zu outputs, expected %zu", p->node->n_outputs,
                          RNNP_LOOP_VALUE + rnnp_loop_params_of(p->node)->carried);
    for (size_t i = RNNP_LOOP_INITIAL; i < p->node->n_inputs; i++) {
        if (rnnp_absent(p->node, i)) return PARSE_FAIL(p, RNNP_ERR_ARG, "input %zu is absent", i);
    }
    return rnnp_wanted(p->node, RNNP_LOOP_GO) ? RNNP_OK
                                              : PARSE_FAIL(p, RNNP_ERR_ARG, "output %d is absent", RNNP_LOOP_GO);
}

static rnnp_status check_condition(rnnp_infer *in, const rnnp_meta *inputs, size_t input)
{
    if (rnnp_absent(in->node, input)) return RNNP_OK;
    const rnnp_status status = rnnp_infer_type(in, inputs, input, RNNP_BIT(RNNP_DTYPE_BOOL));

    return status == RNNP_OK ? rnnp_infer_scalar(in, inputs, input, "the condition") : status;
}

/* *known stays 1 where it is absent. */
static rnnp_status read_count(rnnp_infer *in, const rnnp_meta *inputs, size_t input, int64_t *count, int *known)
{
    rnnp_ints ints;
    rnnp_status status = rnnp_infer_ints(in, inputs, input, "the number of iterations", &ints, known);

    if (status == RNNP_OK && ints.given) status = rnnp_infer_scalar(in, inputs, input, "the number of iterations");
    if (status == RNNP_OK && ints.count) *count = ints.at[0];
    return status;
}

static RNNP_INFER(begin_infer)
{
    const size_t carried = rnnp_loop_params_of(in->node)->carried;
    int64_t count = INT64_MAX;
    int known;
    rnnp_status status = read_count(in, inputs, RNNP_LOOP_COUNT, &count, &known);

    if (status == RNNP_OK) status = check_condition(in, inputs, RNNP_LOOP_CONDITION);
    for (size_t i = RNNP_LOOP_INITIAL + carried; i < in->node->n_inputs && status == RNNP_OK; i++) {
        int64_t other = count;
        int other_known;

        status = read_count(in, inputs, i, &other, &other_known);
        if (status == RNNP_OK && known && other_known)
            status = rnnp_infer_same(in, "the number of rows that are scanned", count, other, &count);
    }
    if (status != RNNP_OK) return status;
    outputs[RNNP_LOOP_GO].dtype = RNNP_DTYPE_BOOL;
    outputs[RNNP_LOOP_ITERATION].dtype = RNNP_DTYPE_I64;
    for (size_t i = 0; i < carried; i++) rnnp_meta_like(&outputs[RNNP_LOOP_VALUE + i], &inputs[RNNP_LOOP_INITIAL + i]);
    return RNNP_OK;
}

static int64_t count_of(const rnnp_tensor *count) { return count->dtype ? rnnp_integer_at(count, 0) : INT64_MAX; }
static int is_true(const rnnp_tensor *condition) { return !condition->dtype || *(const uint8_t *)condition->data != 0; }

static void copy_tensor(const rnnp_tensor *to, const rnnp_tensor *from)
{
    if (to->data && to->data != from->data)
        rnnp_copy(to->data, from->data, rnnp_tensor_elements(from) * rnnp_dtype_bytes(from->dtype));
}

static RNNP_RUN(begin_run)
{
    uint8_t *go = outputs[RNNP_LOOP_GO].data;

    *go = (e->iteration ? *go : is_true(&inputs[RNNP_LOOP_CONDITION])) &&
          (int64_t)e->iteration < count_of(&inputs[RNNP_LOOP_COUNT]);
    if (outputs[RNNP_LOOP_ITERATION].data) *(int64_t *)outputs[RNNP_LOOP_ITERATION].data = (int64_t)e->iteration;
    for (size_t i = 0; e->iteration == 0 && i < rnnp_loop_params_of(node)->carried; i++)
        copy_tensor(&outputs[RNNP_LOOP_VALUE + i], &inputs[RNNP_LOOP_INITIAL + i]);
    return RNNP_OK;
}

/* How often it goes round may not depend on time (on channels). */
static RNNP_TIME(begin_time)
{
    const size_t carried = rnnp_loop_params_of(node)->carried;

    for (size_t i = 0; i < node->n_inputs; i++) {
        const int value = i >= RNNP_LOOP_INITIAL && i < RNNP_LOOP_INITIAL + carried;

        if (!value && in_axis[i] != RNNP_TIME_NONE) return RNNP_TIME_UNKNOWN;
        if (value) out_axis[RNNP_LOOP_VALUE + i - RNNP_LOOP_INITIAL] = in_axis[i];
    }
    out_axis[RNNP_LOOP_GO] = out_axis[RNNP_LOOP_ITERATION] = RNNP_TIME_NONE;
    return 0;
}

RNNP_DEFINE_OUTPUTS(LoopBegin, 0, 255, 2, 255, .param_bytes = sizeof(rnnp_loop_params), .loop = RNNP_LOOP_BEGIN,
                    .parse = begin_parse, .infer = begin_infer, .run = begin_run, .time = begin_time);

/* ---- LoopEnd ---- */

static rnnp_status end_parse(rnnp_parse *p, void *params)
{
    rnnp_loop_params *loop = params;
    const rnnp_status status = parse_carried(p, RNNP_END_RESULT, 2, loop);

    if (status != RNNP_OK) return status;
    const size_t first_row = RNNP_END_RESULT + 2 * loop->carried, stacks = p->node->n_inputs - first_row;
    if (p->node->n_outputs != loop->carried + stacks)
        return PARSE_FAIL(p, RNNP_ERR_ARG, "%zu outputs, expected %zu", p->node->n_outputs, loop->carried + stacks);
    for (size_t i = RNNP_END_RESULT; i < first_row; i++) {
        if (rnnp_absent(p->node, i)) return PARSE_FAIL(p, RNNP_ERR_ARG, "input %zu is absent", i);
    }
    for (size_t i = 0; i < stacks; i++) {
        if (rnnp_absent(p->node, first_row + i) && rnnp_wanted(p->node, loop->carried + i))
            return PARSE_FAIL(p, RNNP_ERR_ARG, "input %zu is absent", first_row + i);
    }
    const rnnp_attr *axes = rnnp_parse_attr(p, "axes", RNNP_ATTR_INTS);
    loop->axes = axes ? axes->ints : NULL;
    if (!axes || axes->count == stacks) return RNNP_OK;
    return PARSE_FAIL(p, RNNP_ERR_ARG, "axes has %zu entries, expected %zu", axes->count, stacks);
}

/* What is known of a condition: 1 or 0, or -1. */
static int known_condition(const rnnp_node *node, const rnnp_meta *inputs, size_t input)
{
    if (rnnp_absent(node, input)) return 1;
    return inputs[input].known ? *(const uint8_t *)inputs[input].known != 0 : -1;
}

/* How often it goes round: a size or a symbol. */
static rnnp_status iterations(rnnp_infer *in, const rnnp_meta *inputs, int64_t *n)
{
    const int first = known_condition(in->node, inputs, RNNP_END_CONDITION);
    const int next = known_condition(in->node, inputs, RNNP_END_NEXT);
    int64_t count = INT64_MAX;
    int known;
    const rnnp_status status = read_count(in, inputs, RNNP_END_COUNT, &count, &known);

    if (status != RNNP_OK) return status;
    if (first == 1 && next == 1 && rnnp_absent(in->node, RNNP_END_COUNT))
        return FAIL(in, RNNP_ERR_ARG, "the loop never ends");
    if (first == 0 || (known && !rnnp_dim_is_symbol(count) && count <= 0))
        *n = 0;
    else if (first == 1 && next == 1 && known)
        *n = count;
    else
        *n = rnnp_dim_unknown(in);
    return RNNP_OK;
}

static rnnp_status infer_final(rnnp_infer *in, const rnnp_meta *value, const rnnp_meta *result, size_t i,
                               rnnp_meta *out)
{
    if (value->dtype != result->dtype)
        return FAIL(in, RNNP_ERR_TYPE, "carried value %zu is %s at first and %s after an iteration", i,
                    rnnp_dtype_name(value->dtype), rnnp_dtype_name(result->dtype));
    rnnp_meta_like(out, value);
    if (!rnnp_dims_agree(value, result))
        return FAIL(in, RNNP_ERR_UNSUPPORTED, "carried value %zu has shape [%s] at first and [%s] after an iteration",
                    i, rnnp_print_dims(value->rank, value->dim, ',').s,
                    rnnp_print_dims(result->rank, result->dim, ',').s);
    for (size_t d = 0; d < value->rank; d++) {
        if (rnnp_dim_is_symbol(value->dim[d])) out->dim[d] = result->dim[d];
    }
    return RNNP_OK;
}

static rnnp_status infer_stack(rnnp_infer *in, const rnnp_meta *row, size_t i, int64_t n, rnnp_meta *out)
{
    const rnnp_loop_params *loop = rnnp_loop_params_of(in->node);
    size_t axis = 0;

    if (row->rank == RNNP_MAX_RANK)
        return FAIL(in, RNNP_ERR_UNSUPPORTED, "rows of stack %zu have rank %zu, above %d", i, row->rank,
                    RNNP_MAX_RANK - 1);
    const rnnp_status status = loop->axes ? rnnp_infer_axis(in, loop->axes[i], row->rank + 1, &axis) : RNNP_OK;
    out->dtype = row->dtype;
    out->rank = row->rank + 1;
    for (size_t d = 0; d < out->rank; d++) out->dim[d] = d == axis ? n : row->dim[d - (d > axis)];
    return status;
}

static RNNP_INFER(end_infer)
{
    const rnnp_node *node = in->node;
    const size_t carried = rnnp_loop_params_of(node)->carried;
    int64_t n = 0;
    rnnp_status status = check_condition(in, inputs, RNNP_END_NEXT);

    if (status == RNNP_OK) status = iterations(in, inputs, &n);
    for (size_t i = 0; i < carried && status == RNNP_OK; i++)
        status = infer_final(in, &inputs[rnnp_loop_value(node, i)], &inputs[RNNP_END_RESULT + i], i, &outputs[i]);
    for (size_t i = 0; carried + i < node->n_outputs && status == RNNP_OK; i++) {
        if (rnnp_wanted(node, carried + i))
            status = infer_stack(in, &inputs[rnnp_loop_row(node, i)], i, n, &outputs[carried + i]);
    }
    return status;
}

/* A row where its iteration has it in the stack. */
static void keep_row(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *row, size_t i,
                     const rnnp_tensor *stack)
{
    const size_t axis = rnnp_loop_axis(node, i, stack->rank), n = (size_t)stack->shape[axis];
    const size_t outer = rnnp_shape_product(row, 0, axis);
    const size_t bytes = rnnp_shape_product(row, axis, row->rank) * rnnp_dtype_bytes(row->dtype);

    for (size_t o = 0; o < outer; o++)
        rnnp_copy((char *)stack->data + (o * n + e->iteration) * bytes, (const char *)row->data + o * bytes, bytes);
}

static size_t result_bytes(const rnnp_tensor *result)
{
    return rnnp_align64(rnnp_tensor_elements(result) * rnnp_dtype_bytes(result->dtype));
}

/* Results become values. A result may be another value, so all of them are copied before any value changes. */
static void carry(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs)
{
    const size_t carried = rnnp_loop_params_of(node)->carried;
    char *copy = e->workspace;

    if (carried == 1) {
        copy_tensor(&inputs[rnnp_loop_value(node, 0)], &inputs[RNNP_END_RESULT]);
        return;
    }
    for (size_t i = 0; i < carried; copy += result_bytes(&inputs[RNNP_END_RESULT + i++])) {
        const rnnp_tensor to = {.data = copy};

        copy_tensor(&to, &inputs[RNNP_END_RESULT + i]);
    }
    copy = e->workspace;
    for (size_t i = 0; i < carried; copy += result_bytes(&inputs[RNNP_END_RESULT + i++])) {
        rnnp_tensor from = inputs[RNNP_END_RESULT + i];

        from.data = copy;
        copy_tensor(&inputs[rnnp_loop_value(node, i)], &from);
    }
}

static RNNP_SCRATCH(end_workspace)
{
    const size_t carried = rnnp_loop_params_of(p->node)->carried;
    size_t bytes = 0;

    (void)outputs;
    for (size_t i = 0; i < carried && carried > 1; i++)
        bytes = rnnp_add_bytes(bytes, rnnp_align64(rnnp_meta_bytes(&p->inputs[RNNP_END_RESULT + i])));
    return bytes;
}

static RNNP_RUN(end_run)
{
    const size_t carried = rnnp_loop_params_of(node)->carried;
    uint8_t *go = inputs[RNNP_END_GO].data;

    if (!*go) {
        for (size_t i = 0; i < carried; i++) copy_tensor(&outputs[i], &inputs[rnnp_loop_value(node, i)]);
        return RNNP_OK;
    }
    for (size_t i = 0; carried + i < node->n_outputs; i++) {
        if (outputs[carried + i].data) keep_row(e, node, &inputs[rnnp_loop_row(node, i)], i, &outputs[carried + i]);
    }
    *go = (uint8_t)is_true(&inputs[RNNP_END_NEXT]); /* which may be a value, as it was in this iteration */
    carry(e, node, inputs);
    return RNNP_OK;
}

static RNNP_TIME(end_time)
{
    const size_t carried = rnnp_loop_params_of(node)->carried;

    if (node->n_inputs > RNNP_END_NEXT && in_axis[RNNP_END_NEXT] != RNNP_TIME_NONE) return RNNP_TIME_UNKNOWN;
    for (size_t i = 0; i < carried; i++) {
        if (in_axis[RNNP_END_RESULT + i] != in_axis[rnnp_loop_value(node, i)]) return RNNP_TIME_ELSEWHERE;
        out_axis[i] = in_axis[RNNP_END_RESULT + i];
    }
    for (size_t i = 0; carried + i < node->n_outputs; i++) {
        const int axis = in_axis[rnnp_loop_row(node, i)];
        const int stacked = (int)rnnp_loop_axis(node, i, inputs[rnnp_loop_row(node, i)].rank + 1);

        out_axis[carried + i] = axis == RNNP_TIME_NONE ? axis : axis + (axis >= stacked);
    }
    return 0;
}

RNNP_DEFINE_OUTPUTS(LoopEnd, 1, 255, 0, 255, .param_bytes = sizeof(rnnp_loop_params), .loop = RNNP_LOOP_END,
                    .parse = end_parse, .infer = end_infer, .run = end_run, .workspace_bytes = end_workspace,
                    .time = end_time);
