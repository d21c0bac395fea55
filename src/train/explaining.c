/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributions (attribute.h) on the tapes of training: gradients by inputs at many points, of a score in place of a
 * loss.
 *
 * The caller's rows are taken in groups. What a group needs (gradients at points of its rows' paths, scores of rows
 * with something occluded) is a list of items, item j being of row j / per and number j % per; items become the rows of
 * batches. Rows do not depend on each other, so neither groups nor batches change a bit.
 */
#include "explaining.h"

#include <math.h>
#include <string.h>

typedef rnnp_explained part;
typedef rnnp_explaining job;

enum { PANEL = RNNP_ATTRIBUTION_PANEL };

/* ---- Elements ---- */

static size_t place(const part *p, size_t rows, size_t row, size_t e)
{
    return (e / p->inner * rows + row) * p->inner + e % p->inner;
}

static double x_of(const job *j, const part *p, size_t row, size_t e)
{
    return (double)((const float *)p->x->const_data)[place(p, j->rows, row, e)];
}

static double b_of(const job *j, const part *p, size_t row, size_t e)
{
    if (!p->b) return 0;
    const size_t rows = (size_t)p->b->shape[j->a->trainer->rows.axis[j->a->trainer->model->inputs[p - j->parts]]];
    return (double)((const float *)p->b->const_data)[place(p, rows, rows == 1 ? 0 : row, e)];
}

/* The window of an element of a row. */
static size_t window_of(const part *p, size_t e)
{
    const size_t per_time = (p->steps + p->window - 1) / p->window;
    const size_t before = e / (p->steps * p->after), t = e / p->after % p->steps;
    return (before * per_time + t / p->window) * p->after + e % p->after;
}

static size_t window_elements(const part *p, size_t w)
{
    const size_t per_time = (p->steps + p->window - 1) / p->window, first = w / p->after % per_time * p->window;
    return p->steps - first < p->window ? p->steps - first : p->window;
}

static double *sum_of(const job *j, size_t row) { return j->sum + row % j->a->items * j->per_row; }

/* ---- What is asked of a batch of items ---- */

/* A point of the path, or (window below SIZE_MAX) a window set to the baseline. */
typedef struct item {
    size_t row; /* of the caller's */
    double t;   /* 0: the baseline, 1: the row itself */
    size_t window;
} item;

static void fill_part(const job *j, size_t i, size_t at, size_t items, const item *what, size_t *windows)
{
    const part *p = &j->parts[i];
    if (!p->attributed) {
        const size_t bytes = p->bytes * p->inner;
        for (size_t k = 0; k < p->blocks && bytes; k++)
            memcpy((char *)j->x[i].data + (k * items + at) * bytes,
                   (const char *)p->x->const_data + (k * j->rows + what->row) * bytes, bytes);
        return;
    }
    const size_t window = what->window - *windows; /* of this input, if it is below p->windows */
    float *to = j->x[i].data;
    for (size_t e = 0; e < p->elements; e++) {
        const double x = x_of(j, p, what->row, e);
        double value = x;
        if (what->t < 1) {
            const double b = b_of(j, p, what->row, e);
            value = what->t > 0 ? b + what->t * (x - b) : b;
        } else if (window < p->windows && window_of(p, e) == window) {
            value = b_of(j, p, what->row, e);
        }
        to[place(p, items, at, e)] = (float)value;
    }
    *windows += p->windows;
}

static void fill_item(const job *j, size_t at, size_t items, const item *what)
{
    size_t windows = 0;
    for (size_t i = 0; i < j->n; i++)
        if (j->parts[i].has_rows) fill_part(j, i, at, items, what, what->window == SIZE_MAX ? &(size_t){0} : &windows);
    j->item_target[at] = j->target[what->row];
}

static rnnp_status not_finite(const job *j, size_t row, const char *what, double value)
{
    return rnnp_fail(j->a->context, RNNP_ERR_STATE, "row %zu: %s is %g", row, what, value);
}

/* Scores of the items that were filled in, and gradients. */
static rnnp_status ask(const job *j, size_t items, int gradients)
{
    rnnp_trainer *t = j->a->trainer;
    for (size_t i = 0; i < j->n; i++) {
        const int axis = t->rows.axis[t->model->inputs[i]];
        j->dx[i].data = j->parts[i].d;
        if (axis != RNNP_TIME_NONE) j->x[i].shape[axis] = (int64_t)items;
    }
    const rnnp_train_batch batch = {.inputs = j->x, .n_inputs = j->n, .d_inputs = gradients ? j->dx : NULL};
    const rnnp_score_rows scores = {j->item_target, j->item_value};
    rnnp_pass pass = {.trainer = t, .batch = &batch, .backward = gradients, .scores = &scores};
    rnnp_status status;
    if ((status = rnnp_pass_shapes(&pass, j->x, j->n)) != RNNP_OK || (status = rnnp_pass_inputs(&pass)) != RNNP_OK ||
        (status = rnnp_pass_tapes(&pass)) != RNNP_OK || (status = rnnp_pass_scores(&pass)) != RNNP_OK ||
        (status = rnnp_pass_room(&pass)) != RNNP_OK)
        return status;
    return rnnp_pass_run(&pass);
}

/* ---- Gradients ---- */

/* Gauss-Legendre with four points on [0, 1]: 1/2 -+ sqrt(3/7 +- 2/7 sqrt(6/5)) / 2, weights (18 -+ sqrt 30) / 72. */
static const double gauss_point[PANEL] = {0.069431844202973712388, 0.33000947820757186760, 0.66999052179242813240,
                                          0.93056815579702628761};
static const double gauss_weight[PANEL] = {0.17392742256872692869, 0.32607257743127307131, 0.32607257743127307131,
                                           0.17392742256872692869};

/* points: on the path; 0: the row itself, with weight 1. */
static rnnp_status add_gradients(const job *j, size_t n_active, size_t points)
{
    const size_t per = points ? points : 1, all = n_active * per;
    for (size_t k = 0; k < n_active; k++) memset(sum_of(j, j->active[k]), 0, j->per_row * sizeof *j->sum);
    for (size_t from = 0, items; from < all; from += items) {
        items = all - from < j->a->items ? all - from : j->a->items;
        for (size_t at = 0; at < items; at++) {
            const size_t number = (from + at) % per;
            const double t =
                points ? ((double)(number / PANEL) + gauss_point[number % PANEL]) * PANEL / (double)per : 1;
            fill_item(j, at, items, &(item){j->active[(from + at) / per], t, SIZE_MAX});
        }
        const rnnp_status status = ask(j, items, 1);
        if (status != RNNP_OK) return status;
        for (size_t at = 0; at < items; at++) {
            const size_t row = j->active[(from + at) / per];
            const double w = points ? gauss_weight[(from + at) % per % PANEL] * PANEL / (double)per : 1;
            double *sum = sum_of(j, row);
            for (size_t i = 0; i < j->n; i++) {
                const part *p = &j->parts[i];
                const float *d = p->d;
                for (size_t e = 0; p->attributed && e < p->elements; e++)
                    *sum++ += w * (double)d[place(p, items, at, e)];
            }
        }
    }
    return RNNP_OK;
}

/* From sums of gradients (or OCCLUSION: attributions) to attributions, and what is known of the row. */
static rnnp_status finish_row(const job *j, size_t row)
{
    const rnnp_attribution_options *o = &j->a->options;
    const double *sum = sum_of(j, row);
    rnnp_attribution_row *r = &j->row[row];
    double magnitude = 0;
    r->sum = 0;
    for (size_t i = 0; i < j->n; i++) {
        const part *p = &j->parts[i];
        for (size_t e = 0; p->attributed && e < p->elements; e++, sum++) {
            const double a =
                o->method == RNNP_ATTRIBUTION_OCCLUSION ? *sum : (x_of(j, p, row, e) - b_of(j, p, row, e)) * *sum;
            r->sum += a;
            magnitude += fabs(a);
            if (p->out) p->out[place(p, j->rows, row, e)] = (float)a;
        }
    }
    if (!isfinite(magnitude)) return not_finite(j, row, "the sum of its attributions", r->sum);
    r->residual = r->sum - (r->score - r->baseline_score);
    r->rounding = 1e-6 * (fabs(r->score) + fabs(r->baseline_score) + magnitude);
    r->complete = fabs(r->residual) <= o->tolerance * fabs(r->score - r->baseline_score) + r->rounding;
    return RNNP_OK;
}

/* Rows of a group that are not complete go on with twice as many points. */
static rnnp_status integrate(const job *j, size_t n_active)
{
    const rnnp_attribution_options *o = &j->a->options;
    const int gradient = o->method == RNNP_ATTRIBUTION_GRADIENT;
    size_t points = gradient ? 0 : o->points ? o->points : RNNP_ATTRIBUTION_POINTS;
    while (n_active) {
        size_t left = 0;
        rnnp_status status = add_gradients(j, n_active, points);
        for (size_t k = 0; k < n_active && status == RNNP_OK; k++) {
            const size_t row = j->active[k];
            j->row[row].points = points ? points : 1;
            status = finish_row(j, row);
            if (!j->row[row].complete) j->active[left++] = row;
        }
        if (status != RNNP_OK) return status;
        if (gradient || o->points || 2 * points > o->most_points) break;
        n_active = left;
        points *= 2;
    }
    return RNNP_OK;
}

/* ---- Occlusion ---- */

static rnnp_status occlude(const job *j, size_t n_active)
{
    size_t per = 0;
    for (size_t i = 0; i < j->n; i++) per += j->parts[i].attributed ? j->parts[i].windows : 0;
    for (size_t from = 0, items; from < n_active * per; from += items) {
        items = n_active * per - from < j->a->items ? n_active * per - from : j->a->items;
        for (size_t at = 0; at < items; at++)
            fill_item(j, at, items, &(item){j->active[(from + at) / per], 1, (from + at) % per});
        const rnnp_status status = ask(j, items, 0);
        if (status != RNNP_OK) return status;
        for (size_t at = 0; at < items; at++) {
            const size_t row = j->active[(from + at) / per];
            size_t window = (from + at) % per;
            double *sum = sum_of(j, row);
            const part *p = j->parts;
            for (; !p->attributed || window >= p->windows; p++) {
                window -= p->attributed ? p->windows : 0;
                sum += p->attributed ? p->elements : 0;
            }
            const double share = (j->row[row].score - j->item_value[at]) / (double)window_elements(p, window);
            for (size_t e = 0; e < p->elements; e++)
                if (window_of(p, e) == window) sum[e] = share;
        }
    }
    for (size_t k = 0; k < n_active; k++) {
        j->row[j->active[k]].points = per;
        const rnnp_status status = finish_row(j, j->active[k]);
        if (status != RNNP_OK) return status;
    }
    return RNNP_OK;
}

/* ---- Rows ---- */

static rnnp_status score_ends(const job *j, size_t first, size_t n)
{
    for (int end = 1; end >= 0; end--) {
        for (size_t k = 0; k < n; k++) fill_item(j, k, n, &(item){first + k, end, SIZE_MAX});
        const rnnp_status status = ask(j, n, 0);
        if (status != RNNP_OK) return status;
        for (size_t k = 0; k < n; k++) {
            rnnp_attribution_row *r = &j->row[first + k];
            if (!isfinite(j->item_value[k]))
                return not_finite(j, first + k, end ? "its score" : "its baseline's score", j->item_value[k]);
            *(end ? &r->score : &r->baseline_score) = j->item_value[k];
            r->target = j->target[first + k] = j->item_target[k];
        }
    }
    return RNNP_OK;
}

rnnp_status rnnp_explain(const job *j)
{
    for (size_t first = 0, n; first < j->rows; first += n) {
        n = j->rows - first < j->a->items ? j->rows - first : j->a->items;
        rnnp_status status = score_ends(j, first, n);
        if (status != RNNP_OK) return status;
        for (size_t k = 0; k < n; k++) j->active[k] = first + k;
        status = j->a->options.method == RNNP_ATTRIBUTION_OCCLUSION ? occlude(j, n) : integrate(j, n);
        if (status != RNNP_OK) return status;
    }
    return RNNP_OK;
}
