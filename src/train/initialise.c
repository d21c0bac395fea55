/* SPDX-License-Identifier: Apache-2.0 */
#include "initialise.h"

#include "../../kernels/cells.h"

#include "../fpmode.h"
#include "../graph/ops/recurrent.h"
#include "random.h"

#include <math.h>
#include <string.h>

/* ---- Numbers of a parameter ---- */

/* One stream per name: the name's 64-bit FNV-1a hash takes the place of the step. */
static rnnp_random stream_of(const char *name, uint64_t seed)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return (rnnp_random){.seed = seed, .step = hash, .use = RNNP_RANDOM_WEIGHTS};
}

static size_t product(const int64_t *shape, size_t rank)
{
    size_t n = 1;
    for (size_t i = 0; i < rank; i++) n *= (size_t)shape[i];
    return n;
}

static void fill(const rnnp_weight *w, float value)
{
    for (size_t i = 0, n = product(w->shape, w->rank); i < n; i++) w->values[i] = value;
}

static void uniform(const rnnp_weight *w, uint64_t seed, float bound)
{
    const rnnp_random random = stream_of(w->name, seed);
    const size_t n = product(w->shape, w->rank);
    rnnp_random_uniform(&random, 0, n, w->values);
    for (size_t i = 0; i < n; i++) w->values[i] = bound * (2 * w->values[i] - 1);
}

static void glorot(const rnnp_weight *w, uint64_t seed, size_t in, size_t out)
{
    uniform(w, seed, in + out ? (float)sqrt(6.0 / (double)(in + out)) : 0);
}

/* ---- Orthogonal matrices ---- */

/* Eight sums: fast everywhere, and in one order everywhere. */
static double dot(const double *a, const double *b, size_t n)
{
    double s[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t l = 0; l < 8; l++) s[l] += a[i + l] * b[i + l];
    for (; i < n; i++) s[i % 8] += a[i] * b[i];
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* x -= 2 v (v.x), of unit length v. */
static void reflect(const double *v, double *x, size_t n)
{
    const double d = 2 * dot(v, x, n);
    for (size_t i = 0; i < n; i++) x[i] -= d * v[i];
}

/* values [n][n] hold normal numbers; they become the Q of values = L Q with L's diagonal positive. work: 2 n n. Row i
 * of a, from element i on, becomes the unit vector of the i-th reflection, or zeros where there is nothing to
 * reflect. */
static void orthogonal(float *values, size_t n, double *work)
{
    double *a = work, *q = work + n * n;
    for (size_t i = 0; i < n * n; i++) a[i] = (double)values[i];
    for (size_t i = 0; i < n; i++) {
        double *v = a + i * n + i;
        const double x0 = v[0], norm = sqrt(dot(v, v, n - i));
        memset(q + i * n, 0, n * sizeof *q);
        q[i * n + i] = x0 > 0 ? -1 : 1; /* the sign of L's diagonal after the reflection */
        v[0] += x0 > 0 ? norm : -norm;
        const double length = sqrt(dot(v, v, n - i));
        for (size_t j = 0; j < n - i; j++) v[j] = length > 0 ? v[j] / length : 0;
        for (size_t j = i + 1; j < n; j++) reflect(v, a + j * n + i, n - i);
    }
    for (size_t i = n; i-- > 0;)
        for (size_t j = i; j < n; j++) reflect(a + i * n + i, q + j * n + i, n - i);
    for (size_t i = 0; i < n * n; i++) values[i] = (float)q[i];
}

/* ---- Rules ---- */

typedef enum part { PART_W, PART_R, PART_B, PART_ZERO, PART_GLOROT, PART_EMBEDDING, PART_KEEP } part;

static part part_of(const rnnp_weight *w)
{
    const part recurrent[] = {PART_KEEP, PART_W, PART_R, PART_B}; /* x W R B, then lengths, states, peepholes */
    if (rnnp_cell_of_op(w->op))
        return w->input < sizeof recurrent / sizeof *recurrent ? recurrent[w->input]
               : w->input == RNNP_IN_SPLIT                     ? PART_GLOROT
                                                               : PART_ZERO;
    if (strcmp(w->op, "Gemm") == 0) return w->input == 2 ? PART_ZERO : PART_GLOROT;
    if (strcmp(w->op, "MatMul") == 0) return PART_GLOROT;
    if (strcmp(w->op, "Gather") == 0) return PART_EMBEDDING;
    return strcmp(w->op, "Add") == 0 ? PART_ZERO : PART_KEEP;
}

static void write_r(const rnnp_weight *w, uint64_t seed, double *work)
{
    const rnnp_random random = stream_of(w->name, seed);
    const size_t hidden = (size_t)w->shape[2], n = product(w->shape, 3);
    rnnp_random_normal(&random, 0, n, w->values);
    for (size_t i = 0; i < n; i += hidden * hidden) orthogonal(w->values + i, hidden, work);
}

static const rnnp_cell_traits *cell_of(const rnnp_weight *w) { return rnnp_cell_of(rnnp_cell_of_op(w->op)); }

/* [directions][2 gates hidden], first Wb, then Rb. A forget gate begins at 1. */
static void write_b(const rnnp_weight *w)
{
    const char *gates = cell_of(w)->order[RNNP_ORDER_ONNX], *forget = strchr(gates, 'f');
    const size_t row = (size_t)w->shape[1], hidden = row / (2 * strlen(gates));
    fill(w, 0);
    if (!forget) return;
    for (size_t d = 0; d < (size_t)w->shape[0]; d++)
        for (size_t i = 0; i < hidden; i++) w->values[d * row + (size_t)(forget - gates) * hidden + i] = 1;
}

static void write_part(const rnnp_weight *w, uint64_t seed, double *work)
{
    const size_t rank = w->rank;
    switch (part_of(w)) {
    case PART_W: glorot(w, seed, (size_t)w->shape[2], (size_t)w->shape[1] / cell_of(w)->gates); break;
    case PART_R: write_r(w, seed, work); break;
    case PART_B: write_b(w); break;
    case PART_ZERO: fill(w, 0); break;
    case PART_GLOROT:
        glorot(w, seed, rank > 1 ? (size_t)w->shape[rank - 2] : 1, rank ? (size_t)w->shape[rank - 1] : 1);
        break;
    case PART_EMBEDDING: uniform(w, seed, 0.05f); break;
    case PART_KEEP: break;
    }
}

rnnp_status rnnp_initialise(const rnnp_context *context, const rnnp_weight *weights, size_t n, uint64_t seed)
{
    size_t hidden = 0, bytes;
    double *work;
    for (size_t i = 0; i < n; i++)
        if (part_of(&weights[i]) == PART_R && (size_t)weights[i].shape[2] > hidden)
            hidden = (size_t)weights[i].shape[2];
    if (rnnp_mul_overflow(hidden, hidden, &bytes) || rnnp_mul_overflow(bytes, 2 * sizeof *work, &bytes))
        return rnnp_fail(context, RNNP_ERR_MEMORY, "hidden=%zu does not fit in memory", hidden);
    if (!(work = rnnp_alloc(context, bytes))) return RNNP_ERR_MEMORY;
    const rnnp_fpmode mode = rnnp_fpmode_enter(0);
    for (size_t i = 0; i < n; i++) write_part(&weights[i], seed, work);
    rnnp_fpmode_set(mode);
    rnnp_free(context, work, bytes);
    return RNNP_OK;
}
