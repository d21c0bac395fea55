/* SPDX-License-Identifier: Apache-2.0
 *
 * Closing a model: inference with symbolic dimensions, folding, removal of what nobody needs, warnings. Later, letting
 * go of constants whose elements nobody reads.
 */
#include "../fpmode.h"
#include "../packed/packed.h"
#include "engine.h"

#include <stdio.h>
#include <string.h>

/* Of a node whose value would be known if that were within the limits. */
static const char over_budget[] =
    "computed in every run: at load it would exceed max_bytes or max_work of rnnp_load_options";

/* Outputs of a folded node become constants. */
static void make_constants(rnnp_model *model, const rnnp_inference *inf, rnnp_node *node)
{
    node->folded = 1;
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == RNNP_NONE) continue;
        rnnp_value_info *value = &model->values[node->outputs[i]];

        value->meta = inf->meta[node->outputs[i]];
        value->is_constant = 1;
        value->producer = -1;
        if (model->budget) model->budget->bytes += rnnp_meta_bytes(&value->meta);
    }
}

/* Copies what became known on the way from scratch memory into the model. */
static rnnp_status keep_known(rnnp_model *model, rnnp_inference *inf, const rnnp_node *node)
{
    for (size_t i = 0; i < node->n_outputs; i++) {
        rnnp_meta *meta = node->outputs[i] == RNNP_NONE ? NULL : &inf->meta[node->outputs[i]];
        void *copy = NULL;

        if (!meta) continue;
        if (!(copy = rnnp_model_alloc(model, rnnp_meta_bytes(meta)))) return RNNP_ERR_MEMORY;
        memcpy(copy, meta->known, rnnp_meta_bytes(meta));
        meta->known = copy;
    }
    return RNNP_OK;
}

static int all_known(const rnnp_inference *inf, const rnnp_node *node)
{
    for (size_t i = 0; i < node->n_outputs; i++) {
        const int32_t v = node->outputs[i];

        if (v != RNNP_NONE && (!inf->meta[v].known || inf->partial[v].unsure)) return 0;
    }
    return 1;
}

/* What was not computed may be why a node cannot be understood. */
static rnnp_status explain(const rnnp_model *model, const rnnp_inference *inf, rnnp_status status)
{
    char why[RNNP_ERROR_CHARS];

    if (!inf->left_out || status == RNNP_ERR_MEMORY) return status;
    snprintf(why, sizeof why, "%s", rnnp_last_error(model->context));
    return rnnp_node_fail(model->context, inf->left_out, RNNP_ERR_LIMIT,
                          "not computed at load, because that would exceed max_bytes (%zu) or max_work (%llu) of "
                          "rnnp_load_options; therefore %s",
                          model->budget->max_bytes, (unsigned long long)model->budget->max_work, why);
}

/* What a node becomes by what is known of its inputs. */
static rnnp_status fold(rnnp_model *model, rnnp_inference *inf, rnnp_node *node)
{
    rnnp_status status = RNNP_OK;

    switch (rnnp_inference_known(inf, node)) {
    case RNNP_KNOWN_NOT: break;
    case RNNP_KNOWN_TOO_LATE: node->note = over_budget; break;
    case RNNP_KNOWN_SYMBOLIC:
        if ((status = rnnp_inference_partial(inf, node)) != RNNP_OK || !all_known(inf, node)) break;
        if ((status = keep_known(model, inf, node)) == RNNP_OK) make_constants(model, inf, node);
        break;
    case RNNP_KNOWN_FULLY:
        if (node->op->uses_math) break;
        status = rnnp_inference_evaluate(inf, node, &model->context->selection, RNNP_MATH_U35, NULL, &model->blocks);
        if (status == RNNP_OK) make_constants(model, inf, node);
        break;
    }
    return rnnp_inference_fails(inf, node, status);
}

/* A node that has chosen is out of the way: readers take what it chose. */
static void replace_chosen(const rnnp_inference *inf, rnnp_node *node, int32_t *replaced)
{
    if (node->op->source(node, inf->in, 0) == SIZE_MAX) return;
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE)
            replaced[node->outputs[i]] = node->inputs[node->op->source(node, inf->in, i)];
    }
    node->folded = 1;
}

static int32_t replacement(const int32_t *replaced, int32_t v)
{
    return v != RNNP_NONE && replaced[v] != RNNP_NONE ? replaced[v] : v;
}

static rnnp_status keep_metas(rnnp_model *model, const rnnp_inference *inf, rnnp_node *node)
{
    node->input_metas = rnnp_model_calloc(model, node->n_inputs, sizeof *node->input_metas);
    if (!node->input_metas) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < node->n_inputs; i++) {
        node->input_metas[i] = inf->in[i];
        if (node->late || node->inputs[i] == RNNP_NONE || !model->values[node->inputs[i]].is_constant)
            node->input_metas[i].known = NULL;
    }
    return RNNP_OK;
}

/* narrow, replaced: [n_values], scratch. */
static rnnp_status infer_and_fold(rnnp_model *model, rnnp_inference *inf, int32_t *narrow, int32_t *replaced)
{
    for (size_t v = 0; v < model->n_values; v++) narrow[v] = replaced[v] = RNNP_NONE;
    for (size_t n = 0; n < model->n_nodes; n++) {
        rnnp_node *node = &model->nodes[n];

        for (size_t i = 0; i < node->n_inputs; i++) node->inputs[i] = replacement(replaced, node->inputs[i]);
        rnnp_narrow_take(narrow, inf, node);
        rnnp_status status = rnnp_pad_into_conv(model, inf, node);
        if (status == RNNP_OK) status = rnnp_inference_node(inf, node);
        if (status != RNNP_OK) return explain(model, inf, status);
        rnnp_narrow_follow(narrow, inf, node);
        if (node->op->source && !rnnp_inference_failed(inf, node)) replace_chosen(inf, node, replaced);
        if (!rnnp_inference_failed(inf, node) && (status = fold(model, inf, node)) != RNNP_OK) return status;
        node->late = rnnp_inference_failed(inf, node);
        if ((status = keep_metas(model, inf, node)) != RNNP_OK) return status;
    }
    for (size_t k = 0; k < model->n_outputs; k++)
        model->outputs[k].value = replacement(replaced, model->outputs[k].value);
    const rnnp_status status = rnnp_inference_outputs(inf);
    return status == RNNP_OK ? status : explain(model, inf, status);
}

/* ---- Dead nodes ---- */

/* The large tensors among a node's attributes: what it made of them is a constant now. */
static void forget_node(rnnp_model *model, const rnnp_node *node)
{
    for (size_t i = 0; i < node->n_attrs; i++) {
        const rnnp_tensor *tensor = node->attrs[i].kind == RNNP_ATTR_TENSOR ? node->attrs[i].tensor : NULL;

        if (tensor)
            rnnp_model_give_back(model, tensor->data, rnnp_tensor_elements(tensor) * rnnp_dtype_bytes(tensor->dtype));
    }
}

/* Counts uses from the outputs backwards, drops what has none, elements included, and closes the gaps in the node
 * list. */
static void remove_dead(rnnp_model *model)
{
    rnnp_value_info *values = model->values;
    size_t kept = 0;

    for (size_t v = 0; v < model->n_values; v++) values[v].uses = 0;
    for (size_t i = 0; i < model->n_outputs; i++) values[model->outputs[i].value].uses++;
    for (size_t n = model->n_nodes; n-- > 0;) {
        rnnp_node *node = &model->nodes[n];
        int live = 0;

        for (size_t i = 0; i < node->n_outputs; i++) {
            if (node->outputs[i] != RNNP_NONE && values[node->outputs[i]].uses > 0)
                live = 1;
            else
                node->outputs[i] = RNNP_NONE;
        }
        node->folded |= !live;
        if (node->op->loop == RNNP_LOOP_END) rnnp_loop_forget(node);
        for (size_t i = 0; !node->folded && i < node->n_inputs; i++) {
            if (node->inputs[i] != RNNP_NONE) values[node->inputs[i]].uses++;
        }
    }
    for (size_t n = 0; n < model->n_nodes; n++) {
        if (model->nodes[n].folded) {
            forget_node(model, &model->nodes[n]);
            continue;
        }
        model->nodes[kept++] = model->nodes[n];
    }
    model->n_nodes = kept;
    rnnp_model_number_producers(model);
    for (size_t v = 0; v < model->n_values; v++) {
        if (values[v].is_constant && values[v].uses == 0 && values[v].meta.known) {
            if (!rnnp_packed_holds(model->packed, values[v].meta.known))
                rnnp_model_give_back(model, values[v].meta.known, rnnp_meta_bytes(&values[v].meta));
            values[v].meta.known = NULL;
        }
    }
}

/* ---- Warnings ---- */

static void lint(rnnp_model *model)
{
    const rnnp_context *context = model->context;
    char text[RNNP_ERROR_CHARS];

    for (size_t n = 0; n < model->n_nodes; n++) {
        rnnp_node *node = &model->nodes[n];

        node->note = !node->note && node->op->lint ? node->op->lint(node, model->producer) : node->note;
        if (node->note && context->log) {
            snprintf(text, sizeof text, "%s %s: %s", node->op->name, node->name, node->note);
            context->log(context->log_user, RNNP_LOG_WARNING, text);
        }
    }
}

/* Without the caller's modes of rounding and denormals. */
static rnnp_status infer_model(rnnp_model *model, rnnp_inference *inf, struct rnnp_block **scratch)
{
    const rnnp_context *context = model->context;
    const size_t bytes = model->budget ? (model->budget->max_bytes - model->budget->bytes) / 2 : SIZE_MAX;
    uint64_t work = model->budget ? model->budget->max_work : UINT64_MAX;

    rnnp_status status = rnnp_model_guess(model, bytes, &work);
    if (status != RNNP_OK || (status = rnnp_inference_begin(inf, model, scratch)) != RNNP_OK) return status;
    inf->bytes_left = bytes;
    inf->work_left = work;
    for (size_t i = 0; i < model->n_inputs; i++) inf->meta[model->inputs[i]] = model->values[model->inputs[i]].meta;
    int32_t *narrow = rnnp_arena_alloc(context, scratch, model->n_values * sizeof *narrow);
    int32_t *replaced = rnnp_arena_alloc(context, scratch, model->n_values * sizeof *replaced);
    if (!narrow || !replaced || rnnp_inference_tolerate(inf) != RNNP_OK) return RNNP_ERR_MEMORY;
    return infer_and_fold(model, inf, narrow, replaced);
}

/* Infers the model, and again when layers were found in it. */
static rnnp_status understand(rnnp_model *model, rnnp_inference *inf, struct rnnp_block **scratch)
{
    size_t found;
    rnnp_status status = rnnp_model_order_loops(model);

    if (status == RNNP_OK) status = infer_model(model, inf, scratch);
    if (status == RNNP_OK) status = rnnp_model_find_cells(model, inf, &found);
    if (status != RNNP_OK || found == 0) return status;
    rnnp_arena_free(model->context, scratch);
    remove_dead(model);
    status = rnnp_model_order_loops(model);
    return status == RNNP_OK ? infer_model(model, inf, scratch) : status;
}

static rnnp_status close_model(rnnp_model *model, struct rnnp_block **scratch)
{
    rnnp_inference inf;

    remove_dead(model); /* what nobody needs must cost nothing */
    const rnnp_fpmode mode = rnnp_fpmode_enter(0);
    const rnnp_status status = understand(model, &inf, scratch);
    rnnp_fpmode_set(mode);
    if (status != RNNP_OK) return status;
    for (size_t v = 0; v < model->n_values; v++) {
        rnnp_value_info *value = &model->values[v];

        value->meta = inf.meta[v];
        if (!value->is_constant) value->meta.known = NULL;
    }
    model->counts_on_names = inf.counts_on_names;
    remove_dead(model);
    lint(model);
    return RNNP_OK;
}

rnnp_status rnnp_model_close(rnnp_model *model)
{
    struct rnnp_block *scratch = NULL;

    if (!model) return RNNP_ERR_ARG;
    if (model->closed) return rnnp_fail(model->context, RNNP_ERR_STATE, "the model is already closed");
    rnnp_status status = rnnp_model_check_options(model);
    if (status != RNNP_OK) return status;
    if (model->n_outputs == 0) return rnnp_fail(model->context, RNNP_ERR_ARG, "the model has no outputs");
    status = close_model(model, &scratch);
    rnnp_arena_free(model->context, &scratch);
    model->closed = status == RNNP_OK ? RNNP_MODEL_CLOSED : RNNP_MODEL_BROKEN;
    return status;
}

/* ---- Release ---- */

/* What `known` of a released constant points to, so that it still counts as known. */
static const char released[] = "released";

/* Marks the values whose elements somebody reads, or may ask for. */
static void mark_read(const rnnp_model *model, uint8_t *read)
{
    for (size_t k = 0; k < model->n_outputs; k++) read[model->outputs[k].value] = 1;
    for (size_t n = 0; n < model->n_nodes; n++) {
        const rnnp_node *node = &model->nodes[n];

        for (size_t i = 0; i < node->n_inputs; i++) {
            if (node->inputs[i] != RNNP_NONE && rnnp_node_reads(node, i)) read[node->inputs[i]] = 1;
        }
    }
}

static size_t release_unread(rnnp_model *model, const uint8_t *read)
{
    size_t freed = 0;

    for (size_t v = 0; v < model->n_values; v++) {
        rnnp_value_info *info = &model->values[v];
        const size_t bytes = info->is_constant && !info->released && !read[v] && info->meta.known &&
                                     !rnnp_packed_holds(model->packed, info->meta.known)
                                 ? rnnp_arena_release(model->context, info->meta.known, rnnp_meta_bytes(&info->meta))
                                 : 0;

        if (bytes) {
            info->released = 1;
            info->meta.known = released;
            freed += bytes;
        }
    }
    return freed;
}

rnnp_status rnnp_model_release_weights(rnnp_model *model, size_t *bytes)
{
    struct rnnp_block *scratch = NULL;
    size_t freed;

    if (!model) return RNNP_ERR_ARG;
    uint64_t mark; /* while it can be known */
    rnnp_status status = rnnp_model_need_closed(model);
    if (status != RNNP_OK || (status = rnnp_model_mark(model, &mark)) != RNNP_OK) return status;
    uint8_t *read = rnnp_arena_calloc(model->context, &scratch, model->n_values, 1);
    if (!read) return RNNP_ERR_MEMORY;
    mark_read(model, read);
    freed = release_unread(model, read);
    rnnp_arena_free(model->context, &scratch);
    for (size_t n = 0; n < model->n_nodes; n++) {
        rnnp_node *node = &model->nodes[n];

        for (size_t i = 0; i < node->n_inputs; i++) {
            if (node->inputs[i] != RNNP_NONE && model->values[node->inputs[i]].released)
                node->input_metas[i].known = released;
        }
    }
    if (bytes) *bytes = freed;
    return RNNP_OK;
}
