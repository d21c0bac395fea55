/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls of attribute.h: options and batches are checked here, explaining.c computes.
 */
#include "../fpmode.h"
#include "../graph/ops/ops.h"
#include "../structs.h"
#include "explaining.h"

#include <math.h>
#include <string.h>

typedef rnnp_explained part;
typedef rnnp_explaining job;

enum { LEAST_ITEMS = 64, MOST_POINTS = 1024, PANEL = RNNP_ATTRIBUTION_PANEL };

/* ---- A batch ---- */

/* Which axis of an input is time, or RNNP_TIME_NONE. */
static int time_axis(const rnnp_attribution *a, size_t i)
{
    const rnnp_trainer *t = a->trainer;
    const int32_t v = t->model->inputs[i];
    const rnnp_meta *meta = &t->model->values[v].meta;
    const int rows = t->rows.axis[v], rank = (int)meta->rank;
    if (a->options.time_axis > 0)
        return a->options.time_axis <= rank && a->options.time_axis - 1 != rows ? a->options.time_axis - 1
                                                                                : RNNP_TIME_NONE;
    for (int d = 0; d < rank; d++)
        if (d != rows && rnnp_dim_is_symbol(meta->dim[d])) return d;
    return rank < 3 ? RNNP_TIME_NONE : rows == 0 ? 1 : 0;
}

static void describe(job *j, size_t i)
{
    const rnnp_trainer *t = j->a->trainer;
    part *p = &j->parts[i];
    const rnnp_tensor *x = &j->batch->inputs[i];
    const int axis = t->rows.axis[t->model->inputs[i]], time = time_axis(j->a, i);
    *p = (part){.x = x, .blocks = 1, .inner = 1, .steps = 1, .after = 1, .has_rows = axis != RNNP_TIME_NONE};
    p->bytes = rnnp_dtype_bytes(x->dtype);
    p->attributed = p->has_rows && x->dtype == RNNP_DTYPE_F32;
    for (int d = 0; d < (int)x->rank && p->has_rows; d++) {
        const size_t size = (size_t)x->shape[d];
        if (d < axis) p->blocks *= size;
        if (d > axis) p->inner *= size;
        if (d > time && d != axis && time != RNNP_TIME_NONE) p->after *= size;
    }
    p->elements = p->blocks * p->inner;
    if (time != RNNP_TIME_NONE) p->steps = (size_t)x->shape[time];
    p->window = j->a->options.window ? j->a->options.window : (p->steps + 19) / 20;
    if (p->window > p->steps) p->window = p->steps;
    if (p->elements) p->windows = p->elements / p->steps * ((p->steps + p->window - 1) / p->window);
    if (p->attributed) j->per_row += p->elements;
}

static rnnp_status check_baseline(job *j, size_t i)
{
    const rnnp_trainer *t = j->a->trainer;
    const rnnp_tensor *b = j->batch->baselines ? &j->batch->baselines[i] : NULL;
    const char *name = t->model->values[t->model->inputs[i]].name;
    part *p = &j->parts[i];
    if (!b || !b->data) return RNNP_OK;
    if (!p->attributed)
        return rnnp_fail(t->context, RNNP_ERR_ARG, "input %s is not attributed, so it has no baseline", name);
    const size_t axis = (size_t)t->rows.axis[t->model->inputs[i]];
    rnnp_tensor like = *p->x;
    if (b->dtype != RNNP_DTYPE_F32)
        return rnnp_fail(t->context, RNNP_ERR_TYPE, "the baseline of input %s is %s, not f32", name,
                         rnnp_dtype_name(b->dtype));
    if (b->rank == like.rank && b->shape[axis] == 1) like.shape[axis] = 1;
    if (b->rank != like.rank || memcmp(b->shape, like.shape, like.rank * sizeof *like.shape) != 0)
        return rnnp_fail(t->context, RNNP_ERR_SHAPE, "the baseline of input %s has shape [%s], the input [%s]", name,
                         rnnp_print_dims(b->rank <= RNNP_MAX_RANK ? b->rank : 0, b->shape, ',').s,
                         rnnp_print_dims(p->x->rank, p->x->shape, ',').s);
    const float *x = b->const_data;
    const size_t n = rnnp_tensor_elements(b), at = rnnp_train_first_not_finite(&t->context->selection, x, n);
    if (at < n)
        return rnnp_fail(t->context, RNNP_ERR_ARG, "the baseline of input %s: element %zu is %g", name, at,
                         (double)x[at]);
    p->b = b;
    return RNNP_OK;
}

static rnnp_status make_tensors(job *j, size_t i)
{
    const rnnp_context *context = j->a->context;
    part *p = &j->parts[i];
    size_t bytes;
    j->x[i] = *p->x;
    j->dx[i] = (rnnp_tensor){0};
    if (!p->has_rows) return RNNP_OK;
    if (rnnp_mul_overflow(p->elements * p->bytes, j->a->items, &bytes))
        return rnnp_fail(context, RNNP_ERR_MEMORY, "input %zu does not fit in memory", i);
    j->x[i].data = rnnp_arena_alloc(context, &j->arena, bytes);
    if (p->attributed) p->d = rnnp_arena_alloc(context, &j->arena, bytes);
    return j->x[i].data && (!p->attributed || p->d) ? RNNP_OK : RNNP_ERR_MEMORY;
}

static rnnp_status make_memory(job *j)
{
    const rnnp_context *context = j->a->context;
    const size_t group = j->a->items < j->rows ? j->a->items : j->rows;
    struct rnnp_block **arena = &j->arena;
    j->item_target = rnnp_arena_calloc(context, arena, j->a->items, sizeof *j->item_target);
    j->item_value = rnnp_arena_calloc(context, arena, j->a->items, sizeof *j->item_value);
    j->active = rnnp_arena_calloc(context, arena, group, sizeof *j->active);
    j->target = rnnp_arena_calloc(context, arena, j->rows, sizeof *j->target);
    j->row = j->batch->rows ? j->batch->rows : rnnp_arena_calloc(context, arena, j->rows, sizeof *j->row);
    size_t doubles;
    if (rnnp_mul_overflow(j->per_row, group, &doubles))
        return rnnp_fail(context, RNNP_ERR_MEMORY, "the attributions do not fit in memory");
    j->sum = rnnp_arena_calloc(context, arena, doubles, sizeof *j->sum);
    if (!j->item_target || !j->item_value || !j->active || !j->target || !j->row || !j->sum) return RNNP_ERR_MEMORY;
    for (size_t r = 0; r < j->rows; r++) j->target[r] = j->batch->targets ? j->batch->targets[r] : RNNP_TARGET_LARGEST;
    return RNNP_OK;
}

/* The caller's results: where they are, and what they are of. */
static rnnp_status take_results(job *j, size_t i)
{
    const rnnp_trainer *t = j->a->trainer;
    rnnp_tensor *out = j->batch->attributions ? &j->batch->attributions[i] : NULL;
    if (!out || !out->data) return RNNP_OK;
    if (!j->parts[i].attributed)
        return rnnp_fail(t->context, RNNP_ERR_ARG, "input %s is not attributed: it is %s%s",
                         t->model->values[t->model->inputs[i]].name, rnnp_dtype_name(j->parts[i].x->dtype),
                         j->parts[i].has_rows ? "" : " and has no batch dimension");
    j->parts[i].out = out->data;
    *out = *j->parts[i].x;
    out->data = j->parts[i].out;
    return RNNP_OK;
}

static rnnp_status begin(job *j)
{
    const rnnp_context *context = j->a->context;
    rnnp_pass pass = {.trainer = j->a->trainer,
                      .batch = &(rnnp_train_batch){.inputs = j->batch->inputs, .n_inputs = j->batch->n_inputs}};
    rnnp_status status;
    if ((status = rnnp_pass_shapes(&pass, j->batch->inputs, j->batch->n_inputs)) != RNNP_OK ||
        (status = rnnp_pass_inputs(&pass)) != RNNP_OK)
        return status;
    j->rows = pass.rows;
    j->n = j->batch->n_inputs;
    j->parts = rnnp_arena_calloc(context, &j->arena, j->n, sizeof *j->parts);
    j->x = rnnp_arena_calloc(context, &j->arena, j->n, sizeof *j->x);
    j->dx = rnnp_arena_calloc(context, &j->arena, j->n, sizeof *j->dx);
    if (!j->parts || !j->x || !j->dx) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < j->n; i++) {
        describe(j, i);
        if ((status = check_baseline(j, i)) != RNNP_OK || (status = take_results(j, i)) != RNNP_OK ||
            (status = make_tensors(j, i)) != RNNP_OK)
            return status;
    }
    return make_memory(j);
}

rnnp_status rnnp_attribution_run(rnnp_attribution *a, const rnnp_attribution_batch *batch)
{
    rnnp_attribution_batch own;
    job j = {.a = a, .batch = &own};
    rnnp_status status;
    if (!a) return RNNP_ERR_ARG;
    if (!batch) return rnnp_fail(a->context, RNNP_ERR_ARG, "batch is NULL");
    if ((status = RNNP_STRUCT_READ(a->context, rnnp_attribution_batch, batch, &own)) != RNNP_OK) return status;
    const rnnp_fpmode mode = rnnp_fpmode_enter(0);
    status = begin(&j);
    if (status == RNNP_OK) status = rnnp_explain(&j);
    rnnp_fpmode_set(mode);
    rnnp_arena_free(a->context, &j.arena);
    return status;
}

/* ---- Making one ---- */

static rnnp_status check_options(const rnnp_context *context, rnnp_attribution_options *o)
{
    if ((unsigned)o->method > RNNP_ATTRIBUTION_OCCLUSION)
        return rnnp_fail(context, RNNP_ERR_ARG, "attribution options: unknown method %d", (int)o->method);
    if ((unsigned)o->score > RNNP_SCORE_PROBABILITY)
        return rnnp_fail(context, RNNP_ERR_ARG, "attribution options: unknown score %d", (int)o->score);
    if (o->tolerance < 0 || !isfinite(o->tolerance))
        return rnnp_fail(context, RNNP_ERR_ARG, "attribution options: tolerance=%g is not a finite number >= 0",
                         o->tolerance);
    if (o->points % PANEL || o->points > UINT32_MAX)
        return rnnp_fail(context, RNNP_ERR_ARG, "attribution options: points=%zu is not a multiple of %d below 2^32",
                         o->points, (int)PANEL);
    if ((o->most_points && o->most_points < RNNP_ATTRIBUTION_POINTS) || o->most_points > UINT32_MAX)
        return rnnp_fail(context, RNNP_ERR_ARG, "attribution options: most_points=%zu is not in [%d, 2^32)",
                         o->most_points, (int)RNNP_ATTRIBUTION_POINTS);
    if (o->time_axis < 0 || o->time_axis > RNNP_MAX_RANK)
        return rnnp_fail(context, RNNP_ERR_ARG, "attribution options: time_axis=%d", o->time_axis);
    if (!o->most_points) o->most_points = MOST_POINTS;
    if (o->tolerance == 0) o->tolerance = 0.01;
    return RNNP_OK;
}

static rnnp_status check_inputs(const rnnp_trainer *t)
{
    const rnnp_model *model = t->model;
    for (size_t i = 0; i < model->n_inputs; i++)
        if (model->values[model->inputs[i]].meta.dtype == RNNP_DTYPE_F32 &&
            t->rows.axis[model->inputs[i]] != RNNP_TIME_NONE)
            return RNNP_OK;
    const rnnp_value_info *first = &model->values[model->inputs[0]];
    return rnnp_fail(t->context, RNNP_ERR_UNSUPPORTED,
                     "no input is f32 and has the batch dimension (%s), so there is nothing to attribute to; input %s "
                     "is %s",
                     t->options.batch, first->name, rnnp_dtype_name(first->meta.dtype));
}

rnnp_status rnnp_attribution_create(const rnnp_model *model, const rnnp_attribution_options *options,
                                    rnnp_attribution **attribution)
{
    rnnp_attribution_options o;
    rnnp_train_options training;
    rnnp_optimizer none;
    rnnp_status status;
    if (!attribution) return model ? rnnp_fail(model->context, RNNP_ERR_ARG, "attribution is NULL") : RNNP_ERR_ARG;
    *attribution = NULL;
    if (!model) return RNNP_ERR_ARG;
    if ((status = RNNP_STRUCT_READ(model->context, rnnp_attribution_options, options, &o)) != RNNP_OK ||
        (status = check_options(model->context, &o)) != RNNP_OK)
        return status;
    rnnp_attribution *a = rnnp_calloc(model->context, sizeof *a);
    if (!a) return RNNP_ERR_MEMORY;
    rnnp_train_options_init(&training);
    rnnp_optimizer_init(&none, RNNP_OPTIMIZER_SGD); /* no state */
    training.output = o.output;
    training.loss = RNNP_LOSS_MSE;
    training.batch = o.batch;
    training.optimizer = &none;
    training.math = o.math;
    training.threads = o.threads;
    a->context = model->context;
    a->options = o;
    status = rnnp_trainer_explain(model, &training, o.score, o.method != RNNP_ATTRIBUTION_OCCLUSION, &a->trainer);
    if (status == RNNP_OK) status = check_inputs(a->trainer);
    if (status == RNNP_OK) {
        a->options.batch = a->trainer->options.batch;
        a->items =
            RNNP_SLICE_ROWS * a->trainer->threads > LEAST_ITEMS ? RNNP_SLICE_ROWS * a->trainer->threads : LEAST_ITEMS;
        *attribution = a;
    } else {
        rnnp_attribution_destroy(a);
    }
    return status;
}

void rnnp_attribution_destroy(rnnp_attribution *attribution)
{
    if (!attribution) return;
    rnnp_trainer_destroy(attribution->trainer);
    rnnp_free(attribution->context, attribution, sizeof *attribution);
}
