/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan: kernels chosen and constant weights packed, in one block. Weights that lie packed in the model's file stay
 * there.
 */
#include "../fpmode.h"
#include "../packed/packed.h"
#include "../structs.h"
#include "engine.h"

#include <stdio.h>
#include <string.h>

rnnp_prepare rnnp_plan_prepare(const rnnp_plan *plan, const rnnp_node *node)
{
    return (rnnp_prepare){.context = plan->context,
                          .node = node,
                          .inputs = node->input_metas,
                          .select = &plan->context->selection,
                          .math = plan->math,
                          .threads = plan->threads,
                          .tuning = plan->tuning.off ? NULL : &plan->tuning};
}

/* The plan without its block: everything that planning a node asks for. */
static rnnp_status read_options(const rnnp_model *model, const rnnp_plan_options *given, rnnp_plan *plan)
{
    const size_t team = rnnp_team_threads(model->context->team);
    rnnp_plan_options o;

    const rnnp_status status = RNNP_STRUCT_READ(model->context, rnnp_plan_options, given, &o);

    if (status != RNNP_OK) return status;
    if (o.math != RNNP_MATH_U35 && o.math != RNNP_MATH_U10 && o.math != RNNP_MATH_FAST)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "plan options: unknown math class %d", (int)o.math);
    if (o.effort != RNNP_EFFORT_NONE && o.effort != RNNP_EFFORT_CACHED)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "plan options: unknown effort %d", (int)o.effort);
    if (model->closed != RNNP_MODEL_CLOSED) return rnnp_fail(model->context, RNNP_ERR_STATE, "the model is not closed");
    *plan = (rnnp_plan){.context = model->context,
                        .model = model,
                        .math = o.math,
                        .threads = o.threads && o.threads < team ? o.threads : team,
                        .flush_denormals = o.flush_denormals != 0};
    plan->tuning.records = o.records;
    plan->tuning.batch = o.batch;
    plan->tuning.steps = o.steps;
    plan->tuning.off = o.effort == RNNP_EFFORT_NONE;
    rnnp_tuning_symbols(model, &plan->tuning);
    return plan->tuning.off ? RNNP_OK : rnnp_records_host(model->context, &plan->tuning.host);
}

/* ---- Memory: the head of the plan, then what each node needs, on cache lines ---- */

typedef struct room {
    size_t packed;                 /* bytes of the packed block, wherever it is */
    size_t planned;                /* bytes of op->plan */
    const rnnp_packed_block *file; /* the block of the model's file that fits, or NULL */
} room;

static size_t head_bytes(const rnnp_model *model)
{
    return rnnp_align64(sizeof(rnnp_plan) + model->n_nodes * sizeof(rnnp_plan_node));
}

static room room_of(const rnnp_plan *plan, const rnnp_node *node)
{
    const rnnp_prepare prepare = rnnp_plan_prepare(plan, node);
    room r = {.packed = node->op->pack_bytes ? node->op->pack_bytes(&prepare) : 0};

    if (r.packed) {
        r.planned = node->op->plan_bytes;
        r.file = rnnp_packed_find(plan->model->packed, &prepare, r.packed);
    }
    return r;
}

static size_t own_bytes(const room *r)
{
    return rnnp_add_bytes(rnnp_align64(r->planned), r->file ? 0 : rnnp_align64(r->packed));
}

static rnnp_status measure(rnnp_plan *plan)
{
    plan->bytes = head_bytes(plan->model);
    for (size_t n = 0; n < plan->model->n_nodes; n++) {
        const room r = room_of(plan, &plan->model->nodes[n]);

        if (r.packed > SIZE_MAX / 2 || rnnp_add_overflow(plan->bytes, own_bytes(&r), &plan->bytes))
            return rnnp_node_fail(plan->context, &plan->model->nodes[n], RNNP_ERR_MEMORY,
                                  "the packed weights do not fit in memory");
    }
    return RNNP_OK;
}

/* ---- Packing ---- */

/* A model with a packed file packs something itself: worth a line. */
static void log_packing(const rnnp_plan *plan, const rnnp_prepare *prepare)
{
    const rnnp_context *context = plan->context;
    char text[RNNP_LAYOUT_CHARS + RNNP_ERROR_CHARS], layout[RNNP_LAYOUT_CHARS] = "";

    if (!plan->model->packed || !context->log) return;
    prepare->node->op->layout(prepare, layout, sizeof layout);
    snprintf(text, sizeof text, "%s %.64s: packed from the original weights, %s has no block \"%s\"",
             prepare->node->op->name, prepare->node->name, rnnp_packed_name(plan->model->packed), layout);
    context->log(context->log_user, RNNP_LOG_INFO, text);
}

/* Everything that an execution will read of the node's constants has been compared with its checksum after this. */
static rnnp_status plan_node(rnnp_plan *plan, size_t n, char **next)
{
    const rnnp_model *model = plan->model;
    const rnnp_node *node = &model->nodes[n];
    const rnnp_prepare prepare = rnnp_plan_prepare(plan, node);
    const room r = room_of(plan, node);
    rnnp_plan_node *p = &plan->nodes[n];
    rnnp_status status = RNNP_OK;

    *p = (rnnp_plan_node){.variant = node->op->variant ? node->op->variant(&prepare) : NULL, .in_file = r.file != NULL};
    if (r.planned) {
        node->op->plan(&prepare, *next);
        p->planned = *next;
        *next += rnnp_align64(r.planned);
    }
    if (r.file) {
        p->packed = r.file->data;
        return rnnp_packed_need(model, &prepare, r.file);
    }
    for (size_t i = 0; status == RNNP_OK && i < node->n_inputs; i++) {
        if (node->inputs[i] != RNNP_NONE) status = rnnp_constant_need(model, node->inputs[i]);
    }
    if (status != RNNP_OK || !r.packed) return status;
    log_packing(plan, &prepare);
    p->packed = *next;
    *next += rnnp_align64(r.packed);
    return RNNP_OK;
}

/* Every thread packs a part of every node; who takes which part of a small one turns. */
static void pack_parts(void *arg, size_t phase, size_t i, size_t n)
{
    const rnnp_plan *plan = arg;

    (void)phase;
    for (size_t k = 0; k < plan->model->n_nodes; k++) {
        const rnnp_prepare prepare = rnnp_plan_prepare(plan, &plan->model->nodes[k]);

        if (plan->nodes[k].packed && !plan->nodes[k].in_file)
            prepare.node->op->pack(&prepare, (void *)plan->nodes[k].packed, (i + k) % n, n);
    }
}

/* The sums of biases are rounded as all else is. */
static void pack_all(rnnp_plan *plan)
{
    enum { WORTH_A_TEAM = 512 * 1024 }; /* bytes: packed in three times the time that waking the workers takes */
    const rnnp_fpmode mode = rnnp_fpmode_enter(0);

    if (plan->threads > 1 && plan->bytes >= WORTH_A_TEAM)
        rnnp_team_phases(plan->context->team, plan->threads, 1, pack_parts, plan);
    else
        pack_parts(plan, 0, 0, 1);
    rnnp_fpmode_set(mode);
}

rnnp_status rnnp_plan_bytes(const rnnp_model *model, const rnnp_plan_options *options, size_t *bytes)
{
    rnnp_plan plan;
    rnnp_status status;

    if (!model) return RNNP_ERR_ARG;
    if (!bytes) return rnnp_fail(model->context, RNNP_ERR_ARG, "bytes is NULL");
    if ((status = read_options(model, options, &plan)) == RNNP_OK && (status = measure(&plan)) == RNNP_OK)
        *bytes = plan.bytes;
    return status;
}

rnnp_status rnnp_plan_create(const rnnp_model *model, const rnnp_plan_options *options, rnnp_plan **plan)
{
    rnnp_plan head;
    rnnp_status status;

    if (!plan) return model ? rnnp_fail(model->context, RNNP_ERR_ARG, "plan is NULL") : RNNP_ERR_ARG;
    *plan = NULL;
    if (!model) return RNNP_ERR_ARG;
    if ((status = read_options(model, options, &head)) != RNNP_OK || (status = measure(&head)) != RNNP_OK)
        return status;

    rnnp_plan *p = rnnp_alloc(head.context, head.bytes);
    if (!p) return RNNP_ERR_MEMORY;
    *p = head;
    char *next = (char *)p + head_bytes(model);
    for (size_t n = 0; n < model->n_nodes && status == RNNP_OK; n++) status = plan_node(p, n, &next);
    if (status != RNNP_OK) {
        rnnp_free(p->context, p, p->bytes);
        return status;
    }
    pack_all(p);
    *plan = p;
    return RNNP_OK;
}

void rnnp_plan_destroy(rnnp_plan *plan)
{
    if (plan) rnnp_free(plan->context, plan, plan->bytes);
}

const char *rnnp_plan_node_variant(const rnnp_plan *plan, size_t node)
{
    return plan && node < plan->model->n_nodes ? plan->nodes[node].variant : NULL;
}

rnnp_weights_place rnnp_plan_node_place(const rnnp_plan *plan, size_t node)
{
    if (!plan || node >= plan->model->n_nodes || !plan->nodes[node].packed) return RNNP_WEIGHTS_PLACE_NONE;
    return plan->nodes[node].in_file ? RNNP_WEIGHTS_PLACE_FILE : RNNP_WEIGHTS_PLACE_PLAN;
}
