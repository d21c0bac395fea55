/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of attributions share: a model, a batch for it, and what came out.
 */
#ifndef RNNP_TESTS_EXPLAIN_H
#define RNNP_TESTS_EXPLAIN_H

#include "../model/graph.h"

enum { MOST_ROWS = 80, MOST_NUMBERS = 1 << 16 };

/* Attributions of a model's inputs, in memory of their own. */
typedef struct explained {
    rnnp_status status;
    float a[2][MOST_NUMBERS];
    rnnp_tensor out[2];
    rnnp_attribution_row rows[MOST_ROWS];
} explained;

static inline rnnp_attribution_options method(rnnp_attribution_method which)
{
    OPTIONS(attribution, options);

    options.method = which;
    return options;
}

/* Of inputs that are f32; others are given as they are. baselines, targets: NULL as in the header. */
static inline rnnp_status explain(const rnnp_model *model, const rnnp_attribution_options *options,
                                  const rnnp_tensor *inputs, size_t n, const rnnp_tensor *baselines,
                                  const size_t *targets, explained *e)
{
    OWNED(attribution) attribution = NULL;

    if ((e->status = rnnp_attribution_create(model, options, &attribution)) != RNNP_OK) {
        assert_null(attribution);
        return e->status;
    }
    const rnnp_attribution_batch batch = {.struct_size = sizeof batch,
                                          .inputs = inputs,
                                          .n_inputs = n,
                                          .baselines = baselines,
                                          .targets = targets,
                                          .attributions = e->out,
                                          .rows = e->rows};
    for (size_t i = 0; i < n; i++) {
        const int is_f32 = inputs[i].dtype == RNNP_DTYPE_F32;
        e->out[i] = (rnnp_tensor){.data = is_f32 ? e->a[i] : NULL};
    }
    e->status = rnnp_attribution_run(attribution, &batch);
    return e->status;
}

/* Another pass over the sums: what the library says of a row is of the numbers that it gives. */
static inline double sum_of(const explained *e, const rnnp_tensor *x, size_t row, size_t rows, size_t inner)
{
    double sum = 0;
    const size_t n = rnnp_tensor_elements(x);

    for (size_t i = 0; i < n; i++) sum += i / inner % rows == row ? (double)e->a[0][i] : 0;
    return sum;
}

#endif
