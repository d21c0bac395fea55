/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan: kernels chosen and constant weights packed, in one block. Weights that lie packed in the model's file stay
 * there.
 */
#include "../../autotune/machine.h"
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
                          .select = plan->select,
                          .math = plan->math,
                          .threads = plan->threads,
                          .tuning = plan->tuning.off ? NULL : &plan->tuning};
}

void rnnp_tuning_symbols(const rnnp_model *model, rnnp_tuning *tuning)
{
    tuning->batch_symbol = tuning->steps_symbol = 0;
    for (size_t n = 0; n < model->n_nodes; n++) {
        const rnnp_node *node = &model->nodes[n];

        if (!node->op->batch_axis || node->late || node->input_metas[0].rank != 3) continue;
        const int rows = node->op->batch_axis(node, 0, 0), time = 1 - rows;
        const int64_t *x = node->input_metas[0].dim;
        tuning->batch_symbol = rnnp_dim_is_symbol(x[rows]) ? x[rows] : 0;
        tuning->steps_symbol = rnnp_dim_is_symbol(x[time]) ? x[time] : 0;
        return;
    }
}

/* Sets select: what the context selected, on the machine that the records of this host have. */
static rnnp_status select_machine(rnnp_plan *plan)
{
    const rnnp_context *context = plan->context;
    rnnp_machine machine;

    plan->select = &context->selection;
    if (plan->tuning.off || !rnnp_machine_find(plan->tuning.records, &plan->tuning.host, plan->threads, &machine))
        return RNNP_OK;
    if (!(plan->own = rnnp_alloc(context, sizeof *plan->own))) return RNNP_ERR_MEMORY;
    *plan->own = context->selection;
    rnnp_select_machine(&context->cpu, &machine, plan->own);
    plan->select = plan->own;
    return RNNP_OK;
}

static void drop_selection(const rnnp_plan *plan) { rnnp_free(plan->context, plan->own, sizeof *plan->own); }

enum { MAX_ITERATIONS = 1 << 20 };

/* The plan without its block: everything that planning a node asks for. */
static rnnp_status read_options(const rnnp_model *model, const rnnp_plan_options *given, rnnp_plan *plan)
{
    const size_t team = rnnp_team_threads(model->context->team);
    rnnp_plan_options o;
    rnnp_status status = RNNP_STRUCT_READ(model->context, rnnp_plan_options, given, &o);

    if (status != RNNP_OK) return status;
    if (o.math != RNNP_MATH_U35 && o.math != RNNP_MATH_U10 && o.math != RNNP_MATH_FAST)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "plan options: unknown math class %d", (int)o.math);
    if (o.effort != RNNP_EFFORT_NONE && o.effort != RNNP_EFFORT_CACHED)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "plan options: unknown effort %d", (int)o.effort);
    if ((status = rnnp_model_need_closed(model)) != RNNP_OK) return status;
    *plan = (rnnp_plan){.context = model->context,
                        .model = model,
                        .math = o.math,
                        .threads = o.threads && o.threads < team ? o.threads : team,
                        .flush_denormals = o.flush_denormals != 0,
                        .max_iterations = o.max_iterations ? o.max_iterations : MAX_ITERATIONS};
    plan->tuning.records = o.records;
    plan->tuning.batch = o.batch;
    plan->tuning.steps = o.steps;
    plan->tuning.off = o.effort == RNNP_EFFORT_NONE;
    rnnp_tuning_symbols(model, &plan->tuning);
    if (!plan->tuning.off) status = rnnp_records_host(model->context, &plan->tuning.host);
    return status == RNNP_OK ? select_machine(plan) : status;
}

/* ---- Drafts: nodes planned, with memory that is not yet the plan's ---- */

typedef struct draft {
    rnnp_planned planned;
    const rnnp_packed_block *file; /* the block of the model's file that fits, or NULL */
} draft;

static size_t head_bytes(const rnnp_model *model)
{
    return rnnp_align64(sizeof(rnnp_plan) + model->n_nodes * sizeof(rnnp_plan_node));
}

/* What a node needs in the plan: its own and the packed block, on cache lines. */
static size_t node_bytes(const rnnp_node *node, const draft *d)
{
    if (!d->planned.pack_bytes) return 0;
    return rnnp_add_bytes(rnnp_align64(node->op->plan_bytes), d->file ? 0 : rnnp_align64(d->planned.pack_bytes));
}

static rnnp_status draft_node(const rnnp_plan *plan, const rnnp_node *node, struct rnnp_block **arena, draft *d)
{
    const struct rnnp_packed *file = plan->model->packed;
    const rnnp_prepare prepare = rnnp_plan_prepare(plan, node);

    if (!node->op->plan) return RNNP_OK;
    d->planned.own = rnnp_arena_alloc(plan->context, arena, node->op->plan_bytes);
    d->planned.layout = file ? rnnp_arena_calloc(plan->context, arena, RNNP_LAYOUT_CHARS, 1) : NULL;
    if (!d->planned.own || (file && !d->planned.layout)) return RNNP_ERR_MEMORY;
    rnnp_node_plan(&prepare, &d->planned);
    d->file = d->planned.pack_bytes ? rnnp_packed_find(file, node, &d->planned) : NULL;
    return RNNP_OK;
}

/* Plans all nodes, and sets the bytes of the plan. */
static rnnp_status draft_all(rnnp_plan *plan, struct rnnp_block **arena, draft **drafts)
{
    const rnnp_model *model = plan->model;
    draft *d = *drafts = rnnp_arena_calloc(plan->context, arena, model->n_nodes, sizeof *d);
    rnnp_status status = d ? RNNP_OK : RNNP_ERR_MEMORY;

    plan->bytes = head_bytes(model);
    for (size_t n = 0; n < model->n_nodes && status == RNNP_OK; n++) {
        const rnnp_node *node = &model->nodes[n];

        if ((status = draft_node(plan, node, arena, &d[n])) != RNNP_OK) break;
        if (d[n].planned.pack_bytes > SIZE_MAX / 2 ||
            rnnp_add_overflow(plan->bytes, node_bytes(node, &d[n]), &plan->bytes))
            return rnnp_node_fail(plan->context, node, RNNP_ERR_MEMORY, "the packed weights do not fit in memory");
    }
    return status;
}

/* ---- Packing ---- */

/* A model with a packed file packs something itself: worth a line. */
static void log_packing(const rnnp_plan *plan, const rnnp_node *node, const draft *d)
{
    const rnnp_context *context = plan->context;
    char text[RNNP_LAYOUT_CHARS + RNNP_ERROR_CHARS];

    if (!plan->model->packed || !context->log) return;
    snprintf(text, sizeof text, "%s %.64s: packed from the original weights, %s has no block \"%s\"", node->op->name,
             node->name, rnnp_packed_name(plan->model->packed), d->planned.layout);
    context->log(context->log_user, RNNP_LOG_INFO, text);
}

/* From a draft into the plan. Everything that an execution will read of the node's constants has been compared with its
 * checksum after this. */
static rnnp_status place_node(rnnp_plan *plan, size_t n, const draft *d, char **next)
{
    const rnnp_model *model = plan->model;
    const rnnp_node *node = &model->nodes[n];
    rnnp_plan_node *p = &plan->nodes[n];
    rnnp_status status = RNNP_OK;

    *p = (rnnp_plan_node){.planned = d->planned, .in_file = d->file != NULL};
    p->planned.layout = NULL;
    p->planned.own = NULL;
    if (d->planned.pack_bytes) {
        p->planned.own = memcpy(*next, d->planned.own, node->op->plan_bytes);
        *next += rnnp_align64(node->op->plan_bytes);
    }
    if (d->file) {
        p->packed = d->file->data;
        return rnnp_packed_need(model, node, &p->planned, d->file);
    }
    for (size_t i = 0; status == RNNP_OK && i < node->n_inputs; i++) {
        if (node->inputs[i] != RNNP_NONE) status = rnnp_constant_need(model, node->inputs[i]);
    }
    if (status != RNNP_OK || !d->planned.pack_bytes) return status;
    log_packing(plan, node, d);
    p->packed = *next;
    *next += rnnp_align64(d->planned.pack_bytes);
    return RNNP_OK;
}

/* Every thread packs a part of every node, and so is the first to touch it: of a large node the part that it will read
 * when threads share steps by panels. Who takes which part of a small one turns. */
static void pack_parts(void *arg, size_t phase, size_t i, size_t n)
{
    enum { LARGE = 256 * 1024 }; /* bytes of a part */
    const rnnp_plan *plan = arg;

    (void)phase;
    for (size_t k = 0; k < plan->model->n_nodes; k++) {
        const rnnp_node *node = &plan->model->nodes[k];
        const rnnp_plan_node *p = &plan->nodes[k];

        if (p->packed && !p->in_file) {
            const size_t turn = p->planned.pack_bytes / n < LARGE ? k : 0;

            node->op->pack(node, node->input_metas, p->planned.own, (void *)p->packed, (i + turn) % n, n);
        }
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
    struct rnnp_block *arena = NULL;
    draft *drafts;
    rnnp_plan plan;
    rnnp_status status;

    if (!model) return RNNP_ERR_ARG;
    if (!bytes) return rnnp_fail(model->context, RNNP_ERR_ARG, "bytes is NULL");
    if ((status = read_options(model, options, &plan)) != RNNP_OK) return status;
    if ((status = draft_all(&plan, &arena, &drafts)) == RNNP_OK)
        *bytes = plan.bytes + (plan.own ? sizeof *plan.own : 0);
    rnnp_arena_free(model->context, &arena);
    drop_selection(&plan);
    return status;
}

/* One block with all of it. */
static rnnp_status make(const rnnp_plan *head, const draft *drafts, rnnp_plan **plan)
{
    rnnp_plan *p = rnnp_alloc(head->context, head->bytes);
    rnnp_status status = RNNP_OK;

    if (!p) return RNNP_ERR_MEMORY;
    *p = *head;
    char *next = (char *)p + head_bytes(head->model);
    for (size_t n = 0; n < head->model->n_nodes && status == RNNP_OK; n++) status = place_node(p, n, &drafts[n], &next);
    if (status != RNNP_OK) {
        rnnp_free(p->context, p, p->bytes);
        return status;
    }
    pack_all(p);
    *plan = p;
    return RNNP_OK;
}

rnnp_status rnnp_plan_create(const rnnp_model *model, const rnnp_plan_options *options, rnnp_plan **plan)
{
    struct rnnp_block *arena = NULL;
    draft *drafts;
    rnnp_plan head;
    rnnp_status status;

    if (!plan) return model ? rnnp_fail(model->context, RNNP_ERR_ARG, "plan is NULL") : RNNP_ERR_ARG;
    *plan = NULL;
    if (!model) return RNNP_ERR_ARG;
    if ((status = read_options(model, options, &head)) != RNNP_OK) return status;
    if ((status = draft_all(&head, &arena, &drafts)) == RNNP_OK) status = make(&head, drafts, plan);
    rnnp_arena_free(model->context, &arena);
    if (status != RNNP_OK) drop_selection(&head);
    return status;
}

void rnnp_plan_destroy(rnnp_plan *plan)
{
    if (!plan) return;
    drop_selection(plan);
    rnnp_free(plan->context, plan, plan->bytes);
}

const char *rnnp_plan_node_variant(const rnnp_plan *plan, size_t node)
{
    return plan && node < plan->model->n_nodes ? plan->nodes[node].planned.variant : NULL;
}

rnnp_weights_place rnnp_plan_node_place(const rnnp_plan *plan, size_t node)
{
    if (!plan || node >= plan->model->n_nodes || !plan->nodes[node].packed) return RNNP_WEIGHTS_PLACE_NONE;
    return plan->nodes[node].in_file ? RNNP_WEIGHTS_PLACE_FILE : RNNP_WEIGHTS_PLACE_PLAN;
}
