/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include <stdlib.h>
#include <string.h>

/* The signal is the f32 input; lengths may be another one, which are all steps. */
static int find_inputs(window *w, const cli_model *m)
{
    w->data = SIZE_MAX;
    for (size_t i = 0; i < w->t.n_inputs; i++) {
        rnnp_tensor *t = &w->t.inputs[i];
        t->data = cli_tensor_alloc(t);
        if (t->dtype == RNNP_DTYPE_F32 && w->data == SIZE_MAX)
            w->data = i;
        else if (t->dtype == RNNP_DTYPE_I32 && rnnp_tensor_elements(t) == 1)
            *(int32_t *)t->data = (int32_t)w->steps;
        else
            return cli_fail("%s: input %zu is %s %s; watch gives a model one f32 signal, and lengths", m->path, i + 1,
                            rnnp_dtype_name(t->dtype), cli_shape(t->rank, t->shape, NULL));
    }
    if (w->data == SIZE_MAX) return cli_fail("%s has no f32 input", m->path);
    const size_t n = rnnp_tensor_elements(&w->t.inputs[w->data]);
    w->channels = n / w->steps;
    return n && n % w->steps == 0 ? CLI_OK
                                  : cli_fail("%s takes %zu numbers, which are not %zu steps", m->path, n, w->steps);
}

static int find_output(window *w, const cli_model *m, const char *name)
{
    for (size_t i = 0; name && i < w->t.n_outputs; i++) {
        rnnp_port_info port = {.struct_size = sizeof port};
        TRY(cli_status(m->context, rnnp_model_output_info(m->model, i, &port)));
        if (strcmp(port.name, name) == 0) w->output = i, name = NULL;
    }
    if (name) return cli_misuse("--output: the model has no output '%s'", name);
    const rnnp_tensor *t = &w->t.outputs[w->output];
    w->width = rnnp_tensor_elements(t);
    return t->dtype == RNNP_DTYPE_F32 && w->width
               ? CLI_OK
               : cli_fail("%s: output %zu is %s %s; a score needs f32", m->path, w->output + 1,
                          rnnp_dtype_name(t->dtype), cli_shape(t->rank, t->shape, NULL));
}

int window_open(window *w, const cli_model *m, const char *output, size_t steps, size_t every)
{
    *w = (window){.context = m->context, .steps = steps, .every = every};
    cli_tensors_create(&w->t, m->model);
    cli_tensors_shape(&w->t, m->model, 1, steps);
    TRY(cli_status(m->context, rnnp_run_create(m->plan, w->t.inputs, w->t.n_inputs, &w->run)));
    TRY(find_inputs(w, m));
    TRY(cli_tensors_outputs(&w->t, m, w->run));
    TRY(find_output(w, m, output));
    w->ring = cli_alloc(steps * w->channels, sizeof *w->ring);
    return CLI_OK;
}

void window_close(window *w)
{
    rnnp_run_destroy(w->run);
    cli_tensors_destroy(&w->t);
    free(w->ring);
    *w = (window){0};
}

void window_begin(window *w) { w->seen = 0; }

int window_put(window *w, const float *x, float *y, int *scored)
{
    const size_t size = w->channels * sizeof *x, at = (size_t)(w->seen++ % w->steps);
    float *whole = w->t.inputs[w->data].data;
    memcpy(w->ring + at * w->channels, x, size);
    *scored = w->seen >= w->steps && (w->seen - w->steps) % w->every == 0;
    if (!*scored) return CLI_OK;
    const size_t older = w->steps - 1 - at; /* steps behind the newest one in the ring */
    memcpy(whole, w->ring + (at + 1) * w->channels, older * size);
    memcpy(whole + older * w->channels, w->ring, (at + 1) * size);
    TRY(cli_status(w->context, rnnp_run_execute(w->run, w->t.inputs, w->t.n_inputs, w->t.outputs, w->t.n_outputs)));
    memcpy(y, w->t.outputs[w->output].data, w->width * sizeof *y);
    return CLI_OK;
}
