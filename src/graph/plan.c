/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan: kernels chosen and constant weights packed, in one block.
 */
#include "../fpmode.h"
#include "engine.h"

#include <string.h>

void rnnp_plan_options_init(rnnp_plan_options *options)
{
    if (options)
        *options = (rnnp_plan_options){.struct_size = sizeof *options, .math = RNNP_MATH_U35};
}

rnnp_prepare rnnp_plan_prepare(const rnnp_plan *plan, const rnnp_node *node)
{
    return (rnnp_prepare){plan->context, node, node->input_metas, &plan->context->selection, plan->math, plan->threads};
}

/* The plan without its block: everything that planning a node asks for. */
static rnnp_status read_options(const rnnp_model *model, const rnnp_plan_options *given, rnnp_plan *plan)
{
    const size_t team = rnnp_team_threads(model->context->team);
    rnnp_plan_options o;

    rnnp_plan_options_init(&o);
    if (given) {
        if (given->struct_size < sizeof given->struct_size)
            return rnnp_fail(model->context, RNNP_ERR_ARG, "plan options: struct_size is %zu", given->struct_size);
        memcpy(&o, given, given->struct_size < sizeof o ? given->struct_size : sizeof o);
    }
    if (o.math != RNNP_MATH_U35 && o.math != RNNP_MATH_U10 && o.math != RNNP_MATH_FAST)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "plan options: unknown math class %d", (int)o.math);
    if (model->closed != RNNP_MODEL_CLOSED)
        return rnnp_fail(model->context, RNNP_ERR_STATE, "the model is not closed");
    *plan = (rnnp_plan){.context = model->context, .model = model, .math = o.math,
                        .threads = o.threads && o.threads < team ? o.threads : team,
                        .flush_denormals = o.flush_denormals != 0};
    return RNNP_OK;
}

/* Offsets of the packed blocks: the head of the plan, then each node's block on a cache line. */
static size_t head_bytes(const rnnp_model *model)
{
    return rnnp_align64(sizeof(rnnp_plan) + model->n_nodes * sizeof(rnnp_plan_node));
}

static size_t pack_bytes(const rnnp_plan *plan, size_t n)
{
    const rnnp_node *node = &plan->model->nodes[n];
    const rnnp_prepare prepare = rnnp_plan_prepare(plan, node);

    return node->op->pack_bytes ? node->op->pack_bytes(&prepare) : 0;
}

static rnnp_status measure(rnnp_plan *plan)
{
    plan->bytes = head_bytes(plan->model);
    for (size_t n = 0; n < plan->model->n_nodes; n++) {
        const size_t packed = pack_bytes(plan, n);

        if (packed > SIZE_MAX / 2 || rnnp_add_overflow(plan->bytes, rnnp_align64(packed), &plan->bytes))
            return rnnp_node_fail(plan->context, &plan->model->nodes[n], RNNP_ERR_MEMORY,
                                  "the packed weights do not fit in memory");
    }
    return RNNP_OK;
}

rnnp_status rnnp_plan_bytes(const rnnp_model *model, const rnnp_plan_options *options, size_t *bytes)
{
    rnnp_plan plan;
    rnnp_status status;

    if (!model)
        return RNNP_ERR_ARG;
    if (!bytes)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "bytes is NULL");
    if ((status = read_options(model, options, &plan)) == RNNP_OK && (status = measure(&plan)) == RNNP_OK)
        *bytes = plan.bytes;
    return status;
}

rnnp_status rnnp_plan_create(const rnnp_model *model, const rnnp_plan_options *options, rnnp_plan **plan)
{
    rnnp_plan head;
    rnnp_status status;

    if (!plan)
        return model ? rnnp_fail(model->context, RNNP_ERR_ARG, "plan is NULL") : RNNP_ERR_ARG;
    *plan = NULL;
    if (!model)
        return RNNP_ERR_ARG;
    if ((status = read_options(model, options, &head)) != RNNP_OK || (status = measure(&head)) != RNNP_OK)
        return status;

    rnnp_plan *p = rnnp_alloc(head.context, head.bytes);
    if (!p)
        return RNNP_ERR_MEMORY;
    *p = head;
    char *next = (char *)p + head_bytes(model);
    const rnnp_fpmode mode = rnnp_fpmode_enter(0);
    for (size_t n = 0; n < model->n_nodes; n++) {
        const rnnp_node *node = &model->nodes[n];
        const rnnp_prepare prepare = rnnp_plan_prepare(p, node);
        const size_t bytes = pack_bytes(p, n);

        p->nodes[n] = (rnnp_plan_node){.variant = node->op->variant ? node->op->variant(&prepare) : NULL};
        if (bytes) {
            node->op->pack(&prepare, next);
            p->nodes[n].packed = next;
            next += rnnp_align64(bytes);
        }
    }
    rnnp_fpmode_set(mode);
    *plan = p;
    return RNNP_OK;
}

void rnnp_plan_destroy(rnnp_plan *plan)
{
    if (plan)
        rnnp_free(plan->context, plan, plan->bytes);
}

const char *rnnp_plan_variant(const rnnp_plan *plan, size_t node)
{
    return plan && node < plan->model->n_nodes ? plan->nodes[node].variant : NULL;
}
