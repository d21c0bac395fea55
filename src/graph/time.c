/* SPDX-License-Identifier: Apache-2.0
 *
 * Where time is in every value, and whether every node can do with a few steps at a time. The same walk finds where
 * the channels of a stream are, and whether every node leaves them apart.
 */
#include "engine.h"
#include "ops/loop.h"

#include <string.h>

rnnp_status rnnp_time_begin(rnnp_time *time, const rnnp_model *model, struct rnnp_block **arena)
{
    const rnnp_context *context = model->context;
    size_t in = 0, out = 0;

    time->of_channels = 0;
    for (size_t n = 0; n < model->n_nodes; n++) {
        const size_t slots_in = rnnp_node_slots_in(&model->nodes[n]), slots_out = rnnp_node_slots_out(&model->nodes[n]);

        in = slots_in > in ? slots_in : in;
        out = slots_out > out ? slots_out : out;
    }
    time->axis = rnnp_arena_calloc(context, arena, model->n_values, sizeof *time->axis);
    time->rate = rnnp_arena_calloc(context, arena, model->n_values, sizeof *time->rate);
    time->final = rnnp_arena_calloc(context, arena, model->n_values, 1);
    time->in = rnnp_arena_calloc(context, arena, in, sizeof *time->in);
    time->out = rnnp_arena_calloc(context, arena, out, sizeof *time->out);
    if (!time->axis || !time->rate || !time->final || !time->in || !time->out) return RNNP_ERR_MEMORY;
    for (size_t v = 0; v < model->n_values; v++) time->axis[v] = RNNP_TIME_NONE;
    return RNNP_OK;
}

/* All inputs with time have it at the same place, counted from the last axis as broadcasting does; the others
 * are the same at every step. Returns the output's axis, or -1. */
static int elementwise(const rnnp_node *node, const int *in)
{
    size_t rank = 0, place = 0;

    for (size_t i = 0; i < node->n_inputs; i++) {
        const size_t r = node->input_metas[i].rank;

        rank = r > rank ? r : rank;
        if (in[i] == RNNP_TIME_NONE) continue;
        if (place && place != r - (size_t)in[i]) return -1;
        place = r - (size_t)in[i];
    }
    for (size_t i = 0; i < node->n_inputs; i++) {
        const rnnp_meta *meta = &node->input_metas[i];

        if (in[i] == RNNP_TIME_NONE && meta->rank >= place && meta->dim[meta->rank - place] != 1) return -1;
    }
    return (int)(rank - place);
}

/* A recurrent node takes channels where its batch is; initial states may be the same for all of them. */
static int channels_through_state(rnnp_time *time, const rnnp_node *node)
{
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (time->in[i] != node->op->batch_axis(node, 0, i) && (i == 0 || time->in[i] != RNNP_TIME_NONE)) return 0;
    }
    for (size_t i = 0; i < node->n_outputs; i++) time->out[i] = node->op->batch_axis(node, 1, i);
    return 1;
}

static int refuse(rnnp_time *time, int reason)
{
    static const char *const why[] = {
        [-RNNP_TIME_MIXED] = "needs several time steps at once",
        [-RNNP_TIME_REVERSED] = "runs backwards in time, so it needs the whole sequence",
        [-RNNP_TIME_PICKED] = "takes only some of the time steps",
        [-RNNP_TIME_MERGED] = "merges time with another dimension, or fixes the number of steps",
        [-RNNP_TIME_UNKNOWN] = "puts time in a place that depends on data",
        [-RNNP_TIME_AHEAD] = "looks ahead in time, or does not give one result for each stride: a stream needs padding "
                             "in front of what the kernel covers beyond a stride at least, and in all less than it "
                             "covers",
        [-RNNP_TIME_SPREAD] = "gives results for earlier steps, or not as many for each step as its stride: a stream "
                              "needs no pads in front, and behind what the kernel covers beyond a stride",
        [-RNNP_TIME_COUNTED] = "depends on how many steps there were: a stream needs count_include_pad",
        [-RNNP_TIME_ELSEWHERE] = "does not have time on the axis that it steps along in all of its inputs",
    };

    time->fault = (rnnp_fault){.why = why[-reason], .misplaced = reason == RNNP_TIME_ELSEWHERE};
    return 0;
}

static int refuse_pace(rnnp_time *time, int reason, const rnnp_pace *pace)
{
    refuse(time, reason);
    time->fault.pace = *pace;
    return 0;
}

/* Whether two inputs with time have one rate. */
static int one_rate(rnnp_time *time, const rnnp_node *node, size_t a, size_t b)
{
    const rnnp_rate rate = time->rate[node->inputs[a]], other = time->rate[node->inputs[b]];

    if (other.up == rate.up && other.down == rate.down) return 1;
    time->fault = (rnnp_fault){.why = "joins inputs of different rates", .input = {a, b}, .rate = {rate, other}};
    return 0;
}

/* Values pass through the ends of a loop each on its own. One that sums up all steps so far must do so from the first
 * iteration on, so that the body is judged by what it gets. */
static int through_loop(rnnp_time *time, const rnnp_node *node)
{
    const int reason = node->op->time(node, node->input_metas, time->in, time->out);

    if (reason < 0) return refuse(time, reason);
    for (size_t i = 0; i < node->n_outputs; i++) {
        const size_t from = rnnp_loop_source(node, i), value = rnnp_loop_before(node, i);

        if (node->outputs[i] == RNNP_NONE) continue;
        time->axis[node->outputs[i]] = time->out[i];
        if (!time->of_channels && time->out[i] != RNNP_TIME_NONE) {
            time->rate[node->outputs[i]] = time->rate[node->inputs[from]];
            if (value != SIZE_MAX && !one_rate(time, node, value, from)) return 0;
        }
        time->final[node->outputs[i]] = from != SIZE_MAX && time->final[node->inputs[from]];
        if (value != SIZE_MAX && time->final[node->inputs[value]] != time->final[node->inputs[from]])
            return refuse(time, RNNP_TIME_MIXED);
    }
    return 1;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* Inputs with time must have one rate, and the outputs get it with the node's pace. Channels must stay apart. */
static int through_pace(rnnp_time *time, const rnnp_node *node)
{
    rnnp_pace pace = {.down = 1, .up = 1};
    size_t first = node->n_inputs;
    int reason;

    if (node->op->pace && time->in[0] > 0 &&
        (reason = node->op->pace(node, node->input_metas, (size_t)time->in[0], &pace)) < 0)
        return refuse_pace(time, reason, &pace);
    if (time->of_channels) return pace.down == 1 && pace.up == 1 && !pace.lead;
    for (size_t i = node->n_inputs; i-- > 0;)
        if (time->in[i] != RNNP_TIME_NONE) first = i;
    for (size_t i = first; i < node->n_inputs; i++)
        if (time->in[i] != RNNP_TIME_NONE && !one_rate(time, node, first, i)) return 0;
    const rnnp_rate rate = time->rate[node->inputs[first]];
    const int64_t a = common_divisor(rate.up, pace.down), b = common_divisor(rate.down, pace.up);
    const rnnp_rate out = {rate.up / a * (pace.up / b), rate.down / b * (pace.down / a)};
    if (out.up > INT32_MAX || out.down > INT32_MAX) {
        time->fault = (rnnp_fault){.why = "has a stride that makes the rate of its results too large or too small"};
        return 0;
    }
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] != RNNP_NONE) time->rate[node->outputs[i]] = out;
    return 1;
}

/* A value that sums up all steps so far may not meet one that still has them: in a run every step would see
 * the sum over all. */
static int through_node(rnnp_time *time, const rnnp_node *node)
{
    int any = 0, final = 0, reason = 0;

    if (node->late) return 1; /* a stream that takes that side is refused */
    for (size_t i = 0; i < rnnp_node_slots_out(node); i++) time->out[i] = RNNP_TIME_NONE;
    for (size_t i = 0; i < rnnp_node_slots_in(node); i++) time->in[i] = RNNP_TIME_NONE;
    for (size_t i = 0; i < node->n_inputs && !node->op->shape_only; i++) {
        if (node->inputs[i] == RNNP_NONE) continue;
        time->in[i] = time->axis[node->inputs[i]];
        any |= time->in[i] != RNNP_TIME_NONE;
        final |= time->final[node->inputs[i]];
    }
    if (node->op->loop) return through_loop(time, node);
    if (any && final) {
        time->fault = (rnnp_fault){.why = "combines the result of all steps so far with each single step"};
        return 0;
    }
    if (any && !node->op->time) {
        const int axis = elementwise(node, time->in);

        if (axis < 0) return refuse(time, RNNP_TIME_ELSEWHERE);
        for (size_t i = 0; i < node->n_outputs; i++) time->out[i] = axis;
    } else if (time->of_channels && node->op->state_arrays) {
        if (!channels_through_state(time, node)) return 0;
    } else if ((any || node->op->state_arrays) &&
               (reason = node->op->time(node, node->input_metas, time->in, time->out)) < 0) {
        return refuse(time, reason);
    }
    if (any && !through_pace(time, node)) return 0;
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == RNNP_NONE) continue;
        if (time->of_channels && any && time->out[i] == RNNP_TIME_NONE)
            return 0; /* one channel picked: as good as mixed */
        time->axis[node->outputs[i]] = time->out[i];
        time->final[node->outputs[i]] = (uint8_t)((any || final) && time->out[i] == RNNP_TIME_NONE);
    }
    return 1;
}

const rnnp_node *rnnp_time_propagate(rnnp_time *time, const rnnp_model *model)
{
    memset(time->final, 0, model->n_values);
    for (size_t i = 0; i < model->n_inputs; i++) time->rate[model->inputs[i]] = (rnnp_rate){1, 1};
    for (size_t n = 0; n < model->n_nodes; n++) {
        if (!through_node(time, &model->nodes[n])) return &model->nodes[n];
    }
    return NULL;
}

int64_t rnnp_time_multiple(const rnnp_time *time, const rnnp_model *model)
{
    int64_t multiple = 1;

    for (size_t v = 0; v < model->n_values && multiple < INT32_MAX; v++) {
        if (time->axis[v] != RNNP_TIME_NONE)
            multiple *= time->rate[v].down / common_divisor(multiple, time->rate[v].down);
    }
    return multiple < INT32_MAX ? multiple : INT32_MAX;
}
