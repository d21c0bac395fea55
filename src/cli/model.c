/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rnnpack/onnx.h"

int cli_math(const char *name, rnnp_math *math)
{
    static const char *const names[] = {[RNNP_MATH_U35] = "u35", [RNNP_MATH_U10] = "u10", [RNNP_MATH_FAST] = "fast"};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (!names[i] || strcmp(name, names[i]) != 0) continue;
        *math = (rnnp_math)i;
        return CLI_OK;
    }
    return cli_misuse("--math is u35, u10 or fast, not '%s'", name);
}

int cli_weights(const char *name, size_t length, rnnp_weights *weights)
{
    for (int w = RNNP_WEIGHTS_F32; w <= RNNP_WEIGHTS_S8; w++) {
        const char *const known = rnnp_weights_name((rnnp_weights)w);

        *weights = (rnnp_weights)w;
        if (strlen(known) == length && memcmp(known, name, length) == 0) return 1;
    }
    return 0;
}

static int read_bound(const cli_pairs *given, rnnp_bound_input *bound)
{
    for (size_t i = 0; i < given->n; i++) {
        const char *const text = given->at[i].value;
        char *end;
        bound[i] = (rnnp_bound_input){.name = given->at[i].name, .number = strtod(text, &end)};
        if (end == text || *end) return cli_misuse("--set %s needs a number, not '%s'", bound[i].name, text);
    }
    return CLI_OK;
}

/* Cuts a list with commas into its names; there is room for as many as it has commas, and one. */
static size_t split(char *list, const char **names)
{
    size_t n = 0;
    for (char *next = list; next;) {
        char *const comma = strchr(next, ',');
        if (comma) *comma = '\0';
        names[n++] = next;
        next = comma ? comma + 1 : NULL;
    }
    return n;
}

int cli_load(rnnp_context *context, const char *path, const cli_call *call, int compare_packed, rnnp_model **model)
{
    static const cli_call nothing;
    if (!call) call = &nothing;
    FREED rnnp_bound_input *bound = cli_alloc(call->bound.n, sizeof *bound);
    FREED char *list = call->wanted ? cli_copy(call->wanted) : NULL;
    FREED const char **names = cli_alloc(call->wanted ? strlen(call->wanted) + 1 : 0, sizeof *names);
    rnnp_load_options options;
    rnnp_load_options_init(&options);
    TRY(read_bound(&call->bound, bound));
    options.bound = bound;
    options.n_bound = call->bound.n;
    options.outputs = list ? names : NULL;
    options.n_outputs = list ? split(list, names) : 0;
    options.f64_as_f32 = call->f64_as_f32;
    options.compare_packed = compare_packed;
    return cli_status(context, rnnp_packed_is_file(path) ? rnnp_packed_open_file(context, path, &options, model)
                                                         : rnnp_onnx_open_file(context, path, &options, model));
}

/* Records that cannot be read do not stop a command, unless the call names them. */
static int open_records(cli_model *m, const char *path, int flags)
{
    const rnnp_status status = rnnp_records_open_default(m->context, path, m->records_file, &m->records);
    m->options.records = m->records;
    if (!(flags & CLI_KEEP_QUIET)) cli_records_passed(path, cli_say_passed, NULL);
    if (status == RNNP_OK || path || status == RNNP_ERR_MEMORY) return cli_status(m->context, status);
    cli_status(m->context, status);
    fputs("rnnpack: continuing without tuning records\n", stderr);
    m->records_file[0] = '\0';
    return CLI_OK;
}

int cli_model_plan(cli_model *m)
{
    m->weight_bytes = 0;
    m->all_s8 = 1;
    TRY(cli_status(m->context, rnnp_plan_create(m->model, &m->options, &m->plan)));
    for (size_t i = 0; i < rnnp_model_node_count(m->model); i++) {
        rnnp_node_info node = {.struct_size = sizeof node};

        if (rnnp_model_node_info(m->model, i, &node) != RNNP_OK || !node.weight_bytes_per_step) continue;
        m->weight_bytes += node.weight_bytes_per_step;
        m->all_s8 &= node.weights == RNNP_WEIGHTS_S8;
    }
    return CLI_OK;
}

int cli_model_open(cli_model *m, const cli_call *call, int flags)
{
    *m = (cli_model){.path = call->operands[0]};
    rnnp_plan_options_init(&m->options);
    if (call->math) TRY(cli_math(call->math, &m->options.math));
    TRY(cli_context(call->threads, call->isa, &m->context));
    TRY(cli_load(m->context, m->path, call, (flags & CLI_COMPARE_PACKED) != 0, &m->model));
    TRY(open_records(m, call->records, flags));
    m->options.batch = call->batch;
    m->options.steps = call->steps;
    return cli_model_plan(m);
}

void cli_model_close(cli_model *m)
{
    rnnp_plan_destroy(m->plan);
    rnnp_records_destroy(m->records);
    rnnp_model_destroy(m->model);
    rnnp_context_destroy(m->context);
}
