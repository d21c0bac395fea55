/* SPDX-License-Identifier: Apache-2.0
 *
 * A run: a program for the whole sequence.
 */
#include "engine.h"

#include <stdio.h>

struct rnnp_run {
    rnnp_program program;
};

/* Files give one name to dimensions that only happened to be equal when they were exported. */
static void warn(const rnnp_context *context, const char *input, size_t d, const char *symbol, int64_t size,
                 int64_t want)
{
    char text[RNNP_ERROR_CHARS];

    if (!context->log) return;
    snprintf(text, sizeof text, "input %.100s: dimension %zu (%.60s) is %lld, and another of that name is %lld", input,
             d, symbol, (long long)size, (long long)want);
    context->log(context->log_user, RNNP_LOG_WARNING, text);
}

/* Size of each named dimension, RNNP_DYNAMIC while nobody has said. */
static rnnp_status check_dim(const rnnp_model *model, const rnnp_value_info *input, size_t d, int64_t size, int strict,
                             int64_t *symbols)
{
    int64_t want = input->meta.dim[d];
    const char *symbol = NULL;

    if (size < 0)
        return rnnp_fail(model->context, RNNP_ERR_SHAPE, "input %s: dimension %zu is %lld", input->name, d,
                         (long long)size);
    if (rnnp_dim_is_symbol(want)) {
        const size_t s = (size_t)(RNNP_SYMBOL - want);

        symbol = model->symbols[s];
        if (symbols[s] == RNNP_DYNAMIC) symbols[s] = size;
        want = symbols[s];
    }
    if (size != want && symbol && !strict && !model->counts_on_names) {
        warn(model->context, input->name, d, symbol, size, want);
        return RNNP_OK;
    }
    if (size != want)
        return rnnp_fail(model->context, RNNP_ERR_SHAPE, "input %s: dimension %zu%s%s%s is %lld, expected %lld",
                         input->name, d, symbol ? " (" : "", symbol ? symbol : "", symbol ? ")" : "", (long long)size,
                         (long long)want);
    return RNNP_OK;
}

rnnp_status rnnp_inputs_check(const rnnp_model *model, const rnnp_tensor *inputs, size_t n, int strict,
                              rnnp_meta *metas, int64_t *symbols)
{
    rnnp_status status;

    if (n != model->n_inputs || (n && !inputs))
        return rnnp_fail(model->context, RNNP_ERR_ARG, "%zu inputs were given%s, the model has %zu", n,
                         n && !inputs ? " as NULL" : "", model->n_inputs);
    for (size_t s = 0; s < model->n_symbols; s++) symbols[s] = RNNP_DYNAMIC;
    for (size_t i = 0; i < model->n_inputs; i++) {
        const rnnp_value_info *input = &model->values[model->inputs[i]];

        if (inputs[i].dtype != input->meta.dtype)
            return rnnp_fail(model->context, RNNP_ERR_TYPE, "input %s is %s, expected %s", input->name,
                             rnnp_dtype_name(inputs[i].dtype), rnnp_dtype_name(input->meta.dtype));
        if (inputs[i].rank != input->meta.rank)
            return rnnp_fail(model->context, RNNP_ERR_SHAPE, "input %s has rank %zu, expected %zu", input->name,
                             inputs[i].rank, input->meta.rank);
        metas[i] = (rnnp_meta){.dtype = input->meta.dtype, .rank = input->meta.rank};
        for (size_t d = 0; d < metas[i].rank; d++) {
            metas[i].dim[d] = inputs[i].shape[d];
            if ((status = check_dim(model, input, d, inputs[i].shape[d], strict, symbols)) != RNNP_OK) return status;
        }
        if (rnnp_meta_bytes(&metas[i]) > SIZE_MAX / 4)
            return rnnp_fail(model->context, RNNP_ERR_SHAPE, "input %s does not fit in memory", input->name);
    }
    return RNNP_OK;
}

static rnnp_status make_layout(const rnnp_plan *plan, const rnnp_tensor *inputs, size_t n, rnnp_layout *layout)
{
    const rnnp_model *model = plan->model;
    struct rnnp_block *arena = NULL;
    rnnp_status status;

    rnnp_meta *metas = rnnp_arena_calloc(plan->context, &arena, model->n_inputs, sizeof *metas);
    int64_t *symbols = rnnp_arena_calloc(plan->context, &arena, model->n_symbols, sizeof *symbols);
    status = metas && symbols ? rnnp_inputs_check(model, inputs, n, 0, metas, symbols) : RNNP_ERR_MEMORY;
    if (status == RNNP_OK) status = rnnp_layout_make(layout, plan, metas, NULL, 0);
    rnnp_arena_free(plan->context, &arena);
    return status;
}

rnnp_status rnnp_run_bytes(const rnnp_plan *plan, const rnnp_tensor *inputs, size_t n, size_t *bytes)
{
    rnnp_layout layout;

    if (!plan) return RNNP_ERR_ARG;
    if (!bytes) return rnnp_fail(plan->context, RNNP_ERR_ARG, "bytes is NULL");
    const rnnp_status status = make_layout(plan, inputs, n, &layout);
    if (status != RNNP_OK) return status;
    const size_t need = rnnp_program_bytes(&layout);
    rnnp_layout_free(&layout);
    if (need == SIZE_MAX) return rnnp_fail(plan->context, RNNP_ERR_MEMORY, "the activations do not fit in memory");
    *bytes = need;
    return RNNP_OK;
}

rnnp_status rnnp_run_create(const rnnp_plan *plan, const rnnp_tensor *inputs, size_t n, rnnp_run **run)
{
    rnnp_program *program;
    rnnp_layout layout;

    if (!run) return plan ? rnnp_fail(plan->context, RNNP_ERR_ARG, "run is NULL") : RNNP_ERR_ARG;
    *run = NULL;
    if (!plan) return RNNP_ERR_ARG;
    rnnp_status status = make_layout(plan, inputs, n, &layout);
    if (status != RNNP_OK) return status;
    status = rnnp_program_create(&layout, &program);
    rnnp_layout_free(&layout);
    if (status == RNNP_OK) *run = (rnnp_run *)program;
    return status;
}

void rnnp_run_destroy(rnnp_run *run)
{
    if (run) rnnp_program_destroy(&run->program);
}

rnnp_status rnnp_run_output(const rnnp_run *run, size_t index, rnnp_tensor *output)
{
    if (!run) return RNNP_ERR_ARG;
    return rnnp_program_port(&run->program, "output", run->program.outputs, run->program.plan->model->n_outputs, index,
                             output);
}

rnnp_status rnnp_run_execute(rnnp_run *run, const rnnp_tensor *inputs, size_t n_inputs, rnnp_tensor *outputs,
                             size_t n_outputs)
{
    return run ? rnnp_program_execute(&run->program, NULL, inputs, n_inputs, outputs, n_outputs) : RNNP_ERR_ARG;
}
