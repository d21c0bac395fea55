/* SPDX-License-Identifier: Apache-2.0
 *
 * The channels of a stream one by one: steps of some of them, and the state of one as bytes.
 *
 * A state is a few arrays [batch][...]; one channel's bytes are its row of each, node by node: what a stream of batch 1
 * has. Steps of some channels run the same graph on all rows, with length 0 for those that wait, so that recurrent
 * layers leave their state alone; rows of the others are then copied to the caller.
 */
#include "channels.h"

#include <string.h>

/* ---- Where channels are ---- */

/* The axis of an input that counts channels: one with such a symbol, else the first that has as many entries. */
static int input_axis(const rnnp_meta *symbolic, const rnnp_meta *concrete, int time, const uint8_t *is_batch,
                      size_t batch)
{
    int axis = RNNP_TIME_NONE;

    for (size_t d = 0; d < symbolic->rank; d++) {
        const int64_t dim = symbolic->dim[d];

        if ((int)d == time) continue;
        if (rnnp_dim_is_symbol(dim) && is_batch[RNNP_SYMBOL - dim]) return (int)d;
        if (axis == RNNP_TIME_NONE && !rnnp_dim_is_symbol(dim) && concrete->dim[d] == (int64_t)batch) axis = (int)d;
    }
    return axis;
}

rnnp_status rnnp_channels_find(rnnp_time *channels, const rnnp_node **mixer, const rnnp_model *model,
                               const rnnp_time *time, const uint8_t *is_batch, const rnnp_meta *inputs, size_t batch,
                               struct rnnp_block **arena)
{
    const rnnp_status status = rnnp_time_begin(channels, model, arena);

    if (status != RNNP_OK) return status;
    channels->of_channels = 1;
    for (size_t i = 0; i < model->n_inputs; i++) {
        const int32_t v = model->inputs[i];

        channels->axis[v] = input_axis(&model->values[v].meta, &inputs[i], time->axis[v], is_batch, batch);
    }
    *mixer = rnnp_time_propagate(channels, model);
    return RNNP_OK;
}

static rnnp_rows rows_along(const rnnp_tensor *tensor, size_t axis)
{
    rnnp_rows rows = {1, rnnp_dtype_bytes(tensor->dtype)};

    for (size_t d = 0; d < tensor->rank; d++) {
        if (d < axis) rows.blocks *= (size_t)tensor->shape[d];
        if (d > axis) rows.bytes *= (size_t)tensor->shape[d];
    }
    return rows;
}

rnnp_status rnnp_channels_place(rnnp_program *p, const rnnp_layout *layout, const rnnp_time *channels,
                                const rnnp_node *mixer)
{
    const rnnp_model *model = p->plan->model;

    /* Histories are of channels at the first axis. */
    for (size_t c = 0; !mixer && c < p->n_calls; c++) {
        if (p->calls[c].exec.lead && channels->axis[p->calls[c].node->inputs[0]] > 0) mixer = p->calls[c].node;
    }
    p->mixer = mixer;
    for (size_t k = 0; k < p->n_outputs; k++) {
        const rnnp_tensor *output = &p->outputs[k];
        const int axis = channels->axis[model->outputs[p->output[k]].value];

        if (!mixer && axis != RNNP_TIME_NONE && output->shape[axis] == (int64_t)p->batch)
            p->rows[k] = rows_along(output, (size_t)axis);
    }
    for (size_t i = 0; i < p->n_carried && p->batch > 1; i++) {
        const int32_t v = model->inputs[p->carried[i].input];
        const rnnp_tensor input = rnnp_meta_tensor(&layout->inf.meta[v], NULL);

        if (channels->axis[v] == RNNP_TIME_NONE)
            return rnnp_fail(model->context, RNNP_ERR_UNSUPPORTED,
                             "carried input %s has no axis of channels, so a stream of it has batch 1",
                             model->values[v].name);
        p->carried[i].rows = rows_along(&input, (size_t)channels->axis[v]);
    }
    return RNNP_OK;
}

/* ---- Steps of some channels ---- */

/* Whether channels are apart all the way to the outputs. */
static rnnp_status check_apart(const rnnp_program *p)
{
    if (p->mixer)
        return rnnp_node_fail(p->plan->context, p->mixer, RNNP_ERR_UNSUPPORTED,
                              "mixes the channels of a stream, so all must step together");
    for (size_t k = 0; k < p->n_outputs; k++) {
        if (!p->rows[k].blocks)
            return rnnp_fail(p->plan->context, RNNP_ERR_UNSUPPORTED,
                             "output %s has no axis of channels, so all must step together",
                             p->plan->model->outputs[p->output[k]].name);
    }
    return RNNP_OK;
}

rnnp_status rnnp_stream_step_rows(rnnp_stream *stream, const uint8_t *active, const rnnp_tensor *inputs,
                                  size_t n_inputs, rnnp_tensor *outputs, size_t n_outputs)
{
    size_t n = 0;
    rnnp_status status;

    if (!stream) return RNNP_ERR_ARG;
    rnnp_program *p = &stream->program;
    if (!active) return rnnp_fail(p->plan->context, RNNP_ERR_ARG, "active is NULL");
    for (size_t row = 0; row < p->batch; row++) n += active[row] != 0;
    if (n < p->batch && p->batch > 1 && (status = check_apart(p)) != RNNP_OK) return status;
    return rnnp_program_execute(p, n == p->batch ? NULL : active, inputs, n_inputs, outputs, n_outputs);
}

/* ---- State, as the caller has it: of so many channels, then the model's mark ---- */

/* 0 for a model without state. */
static size_t state_bytes(const rnnp_program *p, size_t rows)
{
    return p->state_bytes ? p->state_bytes / p->batch * rows + sizeof p->mark : 0;
}

static rnnp_status check_row(const rnnp_program *p, size_t row)
{
    if (row >= p->batch)
        return rnnp_fail(p->plan->context, RNNP_ERR_ARG, "channel %zu does not exist: the stream has %zu", row,
                         p->batch);
    return RNNP_OK;
}

static rnnp_status check_state(const rnnp_program *p, size_t from, size_t rows, const void *state, size_t bytes)
{
    const size_t want = state_bytes(p, rows);
    const rnnp_status status = check_row(p, from);

    if (status == RNNP_OK && (bytes != want || (bytes && !state)))
        return rnnp_fail(p->plan->context, RNNP_ERR_ARG, "%zu bytes%s were given for a state of %zu", bytes,
                         state ? "" : " at NULL", want);
    return status;
}

/* RNNP_ERR_STATE, with the node's name, when the channel waits for an input to tell its initial state. */
static rnnp_status check_begun(const rnnp_program *p, size_t row)
{
    for (size_t c = 0; p->fresh[row] && c < p->n_calls; c++) {
        if (p->calls[c].exec.state && !p->calls[c].starts_early)
            return rnnp_node_fail(p->plan->context, p->calls[c].node, RNNP_ERR_STATE,
                                  "the initial state of channel %zu comes from an input, and no step has brought one",
                                  row);
    }
    return RNNP_OK;
}

/* Copies rows of every array of the state, out of it or into it. */
static void move_rows(const rnnp_program *p, size_t from, size_t rows, char *out, const char *in)
{
    size_t at = 0;

    for (size_t i = 0; i < p->n_carried; i++) {
        const rnnp_program_carry *c = &p->carried[i];
        const size_t bytes = rows * c->rows.bytes;

        for (size_t block = 0; block < c->rows.blocks; block++, at += bytes) {
            char *place = c->state + (block * p->batch + from) * c->rows.bytes;

            memcpy(out ? out + at : place, out ? place : in + at, bytes);
        }
    }
    for (size_t c = 0; c < p->n_calls; c++) {
        const rnnp_call *call = &p->calls[c];
        const size_t bytes = rows * call->row_bytes;

        for (size_t i = 0; call->exec.state && i < call->state_arrays; i++, at += bytes) {
            char *place = (char *)call->exec.state + (i * p->batch + from) * call->row_bytes;

            memcpy(out ? out + at : place, out ? place : in + at, bytes);
        }
    }
}

static rnnp_status save(const rnnp_program *p, size_t from, size_t rows, void *state, size_t bytes)
{
    rnnp_status status = check_state(p, from, rows, state, bytes);

    for (size_t row = from; status == RNNP_OK && p->n_fresh && row < from + rows; row++) status = check_begun(p, row);
    if (status != RNNP_OK || !bytes) return status;
    move_rows(p, from, rows, state, NULL);
    memcpy((char *)state + bytes - sizeof p->mark, &p->mark, sizeof p->mark);
    return RNNP_OK;
}

static rnnp_status load(rnnp_program *p, size_t from, size_t rows, const void *state, size_t bytes)
{
    const rnnp_status status = check_state(p, from, rows, state, bytes);

    if (status != RNNP_OK) return status;
    if (bytes && memcmp((const char *)state + bytes - sizeof p->mark, &p->mark, sizeof p->mark) != 0)
        return rnnp_fail(p->plan->context, RNNP_ERR_FORMAT,
                         "the state is damaged, or was saved by a stream of another model");
    if (bytes) move_rows(p, from, rows, NULL, state);
    for (size_t row = from; row < from + rows; row++) {
        p->n_fresh -= p->fresh[row];
        p->fresh[row] = 0;
    }
    return RNNP_OK;
}

size_t rnnp_stream_state_bytes(const rnnp_stream *stream)
{
    return stream ? state_bytes(&stream->program, stream->program.batch) : 0;
}

size_t rnnp_stream_row_state_bytes(const rnnp_stream *stream) { return stream ? state_bytes(&stream->program, 1) : 0; }

rnnp_status rnnp_stream_save(const rnnp_stream *stream, void *state, size_t bytes)
{
    return stream ? save(&stream->program, 0, stream->program.batch, state, bytes) : RNNP_ERR_ARG;
}

rnnp_status rnnp_stream_load(rnnp_stream *stream, const void *state, size_t bytes)
{
    return stream ? load(&stream->program, 0, stream->program.batch, state, bytes) : RNNP_ERR_ARG;
}

rnnp_status rnnp_stream_save_row(const rnnp_stream *stream, size_t row, void *state, size_t bytes)
{
    return stream ? save(&stream->program, row, 1, state, bytes) : RNNP_ERR_ARG;
}

rnnp_status rnnp_stream_load_row(rnnp_stream *stream, size_t row, const void *state, size_t bytes)
{
    return stream ? load(&stream->program, row, 1, state, bytes) : RNNP_ERR_ARG;
}

rnnp_status rnnp_stream_reset_row(rnnp_stream *stream, size_t row)
{
    rnnp_status status;

    if (!stream) return RNNP_ERR_ARG;
    if ((status = check_row(&stream->program, row)) == RNNP_OK) rnnp_program_reset(&stream->program, row);
    return status;
}
