/* SPDX-License-Identifier: Apache-2.0
 *
 * Three patients in one stream: they come and go, have data at different times, and none notices the others.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rnnpack/rnnpack.h"

enum { BEDS = 3, TIMES = 12, INPUT = 2, HIDDEN = 8, GATES = 3 };

static float w[GATES * HIDDEN * INPUT], r[GATES * HIDDEN * HIDDEN], bias[GATES * HIDDEN];
static float x[BEDS * INPUT], y[BEDS * HIDDEN];

static void fill(float *v, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) v[i] = (float)((seed = seed * 1664525u + 1013904223u) >> 16) / 65536.0f - 0.5f;
}

/* Bed 0 is always in use, bed 1 has data at every other time, bed 2 gets a new patient at time 6. */
static uint8_t has_data(size_t bed, size_t t) { return bed == 0 || (bed == 1 && t % 2 == 0) || (bed == 2 && t >= 6); }

int main(void)
{
    fill(w, sizeof w / sizeof *w, 1), fill(r, sizeof r / sizeof *r, 2), fill(bias, sizeof bias / sizeof *bias, 3);

    rnnp_context *context = NULL;
    rnnp_model *model = NULL;
    rnnp_plan *plan = NULL;
    rnnp_stream *stream = NULL;
    rnnp_value in, out;
    rnnp_recurrent_options gru;
    rnnp_recurrent_options_init(&gru, RNNP_CELL_GRU, INPUT, HIDDEN);
    const rnnp_recurrent_weights weights = {.w = w, .r = r, .bias = bias};
    const int64_t shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT};
    rnnp_stream_options options;
    rnnp_stream_options_init(&options);
    options.batch = BEDS;
    rnnp_tensor tx, ty = {.data = y};

    gru.order = RNNP_ORDER_PYTORCH;
    int ok = !rnnp_context_create(NULL, &context) && !rnnp_model_create(context, &model) &&
             !rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 3, shape, NULL, &in) &&
             !rnnp_model_add_recurrent(model, &gru, &weights, in, RNNP_NONE, RNNP_NONE, RNNP_NONE, &out, NULL, NULL) &&
             !rnnp_model_add_output(model, "y", out) && !rnnp_model_close(model) &&
             !rnnp_plan_create(model, NULL, &plan) && !rnnp_stream_create(plan, &options, &stream) &&
             !rnnp_stream_input(stream, 0, &tx);
    tx.data = x;
    for (size_t t = 0; ok && t < TIMES; t++) {
        uint8_t active[BEDS];

        if (t == 6) ok = !rnnp_stream_reset_row(stream, 2);
        for (size_t bed = 0; bed < BEDS; bed++) {
            if ((active[bed] = has_data(bed, t))) fill(x + bed * INPUT, INPUT, (unsigned)(t + 100 * bed));
        }
        ok = ok && !rnnp_stream_step_rows(stream, active, &tx, 1, &ty, 1);
        for (size_t bed = 0; ok && bed < BEDS; bed++)
            printf("%s%9.6f%s", bed ? "  " : "", (double)y[bed * HIDDEN], active[bed] ? " " : "-");
        printf("\n");
    }
    if (!ok) fprintf(stderr, "%s\n", context ? rnnp_last_error(context) : "no context");

    rnnp_stream_destroy(stream), rnnp_plan_destroy(plan), rnnp_model_destroy(model), rnnp_context_destroy(context);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
