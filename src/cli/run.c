/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model.h"
#include "npy.h"

/* The file given for a port name; NULL for none. */
static const char *file_for(const cli_pairs *files, const char *name)
{
    for (size_t i = 0; i < files->n; i++)
        if (strcmp(files->at[i].name, name) == 0) return files->at[i].value;
    return NULL;
}

/* Every name on the command line must be one of the model's, and stand there once. */
static int check_names(const cli_pairs *files, const char *kind, const rnnp_model *model, size_t n, port_fn *get)
{
    for (size_t i = 0; i < files->n; i++) {
        const char *const name = files->at[i].name;
        for (size_t k = 0; k < i; k++)
            if (strcmp(files->at[k].name, name) == 0) return cli_fail("--%s %s is given twice", kind, name);
        rnnp_port_info port = {.struct_size = sizeof port};
        size_t p = 0;
        while (p < n && (get(model, p, &port) != RNNP_OK || strcmp(port.name, name) != 0)) p++;
        if (p < n) continue;
        const int have = get(model, 0, &port) == RNNP_OK;
        return cli_fail("the model has no %s '%s'; it has %zu, first '%s'", kind, name, n, have ? port.name : "");
    }
    return CLI_OK;
}

static int read_inputs(cli_tensors *t, const rnnp_model *model, const cli_pairs *files)
{
    char message[NPY_MESSAGE];
    for (size_t i = 0; i < t->n_inputs; i++) {
        rnnp_port_info port = {.struct_size = sizeof port};
        rnnp_model_input_info(model, i, &port);
        const char *const path = file_for(files, port.name);
        if (!path) return cli_fail("input '%s' is missing: give --input %s=FILE.npy", port.name, port.name);
        if (!npy_read(path, &t->inputs[i], message)) return cli_fail("%s", message);
        if (t->inputs[i].dtype != port.dtype)
            return cli_fail("%s holds %s but input '%s' is %s", path, rnnp_dtype_name(t->inputs[i].dtype), port.name,
                            rnnp_dtype_name(port.dtype));
    }
    return CLI_OK;
}

/* 64-bit FNV-1a, so that two hosts can compare their bits at a glance. */
static uint64_t hash(const rnnp_tensor *tensor)
{
    const unsigned char *const bytes = tensor->data;
    const size_t n = rnnp_tensor_elements(tensor) * rnnp_dtype_bytes(tensor->dtype);
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) h = (h ^ bytes[i]) * 0x100000001b3u;
    return h;
}

static int write_outputs(const cli_tensors *t, const rnnp_model *model, const cli_pairs *files)
{
    char message[NPY_MESSAGE];
    for (size_t i = 0; i < t->n_outputs; i++) {
        rnnp_port_info port = {.struct_size = sizeof port};
        rnnp_model_output_info(model, i, &port);
        const rnnp_tensor *const out = &t->outputs[i];
        const char *const path = file_for(files, port.name);
        if (path && !npy_write(path, out, message)) return cli_fail("%s", message);
        printf("%s  %s %s  %016" PRIx64 "%s%s\n", cli_plain(port.name), rnnp_dtype_name(out->dtype),
               cli_shape(out->rank, out->shape, NULL), hash(out), path ? "  " : "", path ? cli_plain(path) : "");
    }
    return CLI_OK;
}

static int execute(const cli_model *m, cli_tensors *t)
{
    AUTO(run) *run = NULL;
    TRY(cli_status(m->context, rnnp_run_create(m->plan, t->inputs, t->n_inputs, &run)));
    TRY(cli_tensors_outputs(t, m, run));
    return cli_status(m->context, rnnp_run_execute(run, t->inputs, t->n_inputs, t->outputs, t->n_outputs));
}

int cli_run(const cli_call *call)
{
    AUTO_MODEL m = {0};
    AUTO_TENSORS t = {0};
    TRY(cli_model_open(&m, call, CLI_COMPARE_PACKED));
    cli_tensors_create(&t, m.model);
    TRY(check_names(&call->inputs, "input", m.model, t.n_inputs, rnnp_model_input_info));
    TRY(check_names(&call->outputs, "output", m.model, t.n_outputs, rnnp_model_output_info));
    TRY(read_inputs(&t, m.model, &call->inputs));
    TRY(execute(&m, &t));
    return write_outputs(&t, m.model, &call->outputs);
}
