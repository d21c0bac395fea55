/* SPDX-License-Identifier: Apache-2.0
 *
 * An LSTM in a minute: build it, run a whole sequence, then stream the same sequence and get the same bits.
 */
#include <stdio.h>
#include <string.h>

#include "rnnpack/rnnpack.h"

enum { STEPS = 100, INPUT = 3, HIDDEN = 16, GATES = 4 };

static float w[GATES * HIDDEN * INPUT], r[GATES * HIDDEN * HIDDEN], bias[GATES * HIDDEN];
static float x[STEPS * INPUT], at_once[STEPS * HIDDEN], streamed[STEPS * HIDDEN];

static void fill(float *v, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) v[i] = (float)((seed = seed * 1664525u + 1013904223u) >> 16) / 65536.0f - 0.5f;
}

int main(void)
{
    fill(w, sizeof w / sizeof *w, 1), fill(r, sizeof r / sizeof *r, 2);
    fill(bias, sizeof bias / sizeof *bias, 3), fill(x, sizeof x / sizeof *x, 4);

    rnnp_context *context = NULL;
    rnnp_model *model = NULL;
    rnnp_plan *plan = NULL;
    rnnp_run *run = NULL;
    rnnp_stream *stream = NULL;
    rnnp_value in, out;
    rnnp_recurrent_options lstm;
    rnnp_recurrent_options_init(&lstm, RNNP_CELL_LSTM, INPUT, HIDDEN);
    lstm.order = RNNP_ORDER_PYTORCH;
    const rnnp_recurrent_weights weights = {.w = w, .r = r, .bias = bias};
    const int64_t shape[] = {RNNP_DYNAMIC, 1, INPUT};
    rnnp_tensor tx = {.dtype = RNNP_DTYPE_F32, .rank = 3, .shape = {STEPS, 1, INPUT}, .data = x},
                ty = {.data = at_once};

    /* Each step is tried only if those before it went well. */
    int ok = !rnnp_context_create(NULL, &context) && !rnnp_model_create(context, &model) &&
             !rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 3, shape, NULL, &in) &&
             !rnnp_model_add_recurrent(model, &lstm, &weights, in, RNNP_NONE, RNNP_NONE, RNNP_NONE, &out, NULL, NULL) &&
             !rnnp_model_add_output(model, "y", out) && !rnnp_model_close(model) &&
             !rnnp_plan_create(model, NULL, &plan) && !rnnp_run_create(plan, &tx, 1, &run) &&
             !rnnp_run_execute(run, &tx, 1, &ty, 1) && !rnnp_stream_create(plan, NULL, &stream) &&
             !rnnp_stream_input(stream, 0, &tx);
    for (size_t t = 0; ok && t < STEPS; t++) {
        tx.data = x + t * INPUT;
        ty.data = streamed + t * HIDDEN;
        ok = !rnnp_stream_step(stream, &tx, 1, &ty, 1);
    }
    if (ok)
        printf("y[%d] = %.6f %.6f %.6f ...\nrun and stream: %s\n", STEPS - 1, (double)streamed[(STEPS - 1) * HIDDEN],
               (double)streamed[(STEPS - 1) * HIDDEN + 1], (double)streamed[(STEPS - 1) * HIDDEN + 2],
               memcmp(at_once, streamed, sizeof streamed) == 0 ? "the same bits" : "different bits");
    else
        fprintf(stderr, "%s\n", context ? rnnp_last_error(context) : "no context");

    rnnp_stream_destroy(stream), rnnp_run_destroy(run), rnnp_plan_destroy(plan);
    rnnp_model_destroy(model), rnnp_context_destroy(context);
    return ok ? 0 : 1;
}
