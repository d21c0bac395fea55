/* SPDX-License-Identifier: Apache-2.0
 *
 * MaxPool and AveragePool. Windows come in the order of dy, and an element of x adds what it gets from each of them,
 * from 0: of MaxPool dy, where it is the first element of the window that equals the result; of AveragePool
 * dy / count. Those over whole planes are reductions (reduce.c).
 */
#include "back.h"

/* A window on its way over a plane: n elements from `first` on along each axis. */
typedef struct pool {
    const rnnp_node *node;
    const int64_t *in, *out;
    rnnp_window w;
    int64_t o[RNNP_SPATIAL], first[RNNP_SPATIAL], n[RNNP_SPATIAL], counts[RNNP_SPATIAL];
} pool;

static void put(pool *p, size_t axis, int64_t o)
{
    p->o[axis] = o;
    p->counts[axis] = rnnp_pool_elements(p->node, &p->w, axis, p->in[axis], o, &p->first[axis], &p->n[axis]);
}

/* To the next place, the last axis fastest; after the last one, to the first. */
static void advance(pool *p)
{
    for (size_t a = p->w.rank; a-- > 0;) {
        const int wraps = p->o[a] + 1 == p->out[a];

        put(p, a, wraps ? 0 : p->o[a] + 1);
        if (!wraps) break;
    }
}

/* dy to all elements of the window or, with x, to the first that equals y. */
static void give(const pool *p, const float *x, float y, float dy, float *dx)
{
    int64_t k[RNNP_SPATIAL] = {0}, left = 1;

    for (size_t a = 0; a < p->w.rank; a++) left *= p->n[a];
    for (; left > 0; left--) {
        int64_t at = 0;

        for (size_t a = 0; a < p->w.rank; a++) at = at * p->in[a] + p->first[a] + k[a] * p->w.dilation[a];
        if (!x || x[at] == y) dx[at] += dy;
        if (x && x[at] == y) return;
        for (size_t a = p->w.rank; a-- > 0;) {
            if (++k[a] < p->n[a]) break;
            k[a] = 0;
        }
    }
}

static rnnp_status pool_backward(const rnnp_gradient_call *call, int max)
{
    const rnnp_tensor *dy = &call->d_outputs[0], *dx = &call->d_inputs[0];
    const size_t in = rnnp_shape_product(dx, 2, dx->rank), out = rnnp_shape_product(dy, 2, dy->rank);
    const float *from = dy->data, *x = max ? call->inputs[0].data : NULL, *y = call->outputs[0].data;
    pool p = {.node = call->shape.node, .in = dx->shape + 2, .out = dy->shape + 2};
    float *to = dx->data;

    if (!to) return RNNP_OK;
    rnnp_clear(dx);
    if (rnnp_tensor_elements(dy) == 0) return RNNP_OK;
    rnnp_pool_window(p.node, dx, &p.w);
    for (size_t a = 0; a < p.w.rank; a++) put(&p, a, 0);
    for (size_t planes = rnnp_shape_product(dx, 0, 2); planes > 0; planes--, to += in) {
        for (size_t i = 0; i < out; i++, from++, advance(&p)) {
            int64_t count = 1;

            for (size_t a = 0; a < p.w.rank; a++) count *= p.counts[a];
            give(&p, x, max ? *y++ : 0.0f, max ? *from : *from / (float)count, to);
        }
        x = max ? x + in : NULL;
    }
    return RNNP_OK;
}

static rnnp_status max_backward(const rnnp_gradient_call *call) { return pool_backward(call, 1); }
static rnnp_status average_backward(const rnnp_gradient_call *call) { return pool_backward(call, 0); }

RNNP_GRADIENT_ROW(MaxPool, .inputs = 1, .keeps_inputs = 1, .keeps_outputs = 1, .backward = max_backward);
RNNP_GRADIENT_ROW(AveragePool, .inputs = 1, .backward = average_backward);
