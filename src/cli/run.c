/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "npy.h"

/* The file given for a port name; NULL for none. */
static const char *file_for(const arg_pairs *files, const char *name)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->pairs[i].name, name) == 0) return files->pairs[i].value;
    return NULL;
}

typedef rnnp_status port_fn(const rnnp_model *model, size_t index, rnnp_port_info *port);

/* Every name on the command line must be one of the model's, and stand there once. */
static int check_names(const arg_pairs *files, const char *kind, const rnnp_model *model, size_t n, port_fn *get)
{
    for (size_t i = 0; i < files->count; i++) {
        const char *const name = files->pairs[i].name;
        for (size_t k = 0; k < i; k++)
            if (strcmp(files->pairs[k].name, name) == 0) return cli_fail("--%s %s is given twice", kind, name);
        rnnp_port_info port = {.struct_size = sizeof port};
        size_t p = 0;
        while (p < n && (get(model, p, &port) != RNNP_OK || strcmp(port.name, name) != 0)) p++;
        if (p < n) continue;
        const int have = get(model, 0, &port) == RNNP_OK;
        return cli_fail("the model has no %s '%s'; it has %zu, first '%s'", kind, name, n, have ? port.name : "");
    }
    return CLI_OK;
}

static int read_inputs(cli_tensors *t, const rnnp_model *model, const arg_pairs *files)
{
    char message[NPY_MESSAGE];
    for (size_t i = 0; i < t->n_inputs; i++) {
        rnnp_port_info port = {.struct_size = sizeof port};
        if (rnnp_model_input_info(model, i, &port) != RNNP_OK) return cli_fail("the model has no input %zu", i);
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

static int write_outputs(const cli_tensors *t, const rnnp_model *model, const arg_pairs *files)
{
    char message[NPY_MESSAGE], shape[CLI_TEXT];
    for (size_t i = 0; i < t->n_outputs; i++) {
        rnnp_port_info port = {.struct_size = sizeof port};
        if (rnnp_model_output_info(model, i, &port) != RNNP_OK) return cli_fail("the model has no output %zu", i);
        const rnnp_tensor *const out = &t->outputs[i];
        const char *const path = file_for(files, port.name);
        if (path && !npy_write(path, out, message)) return cli_fail("%s", message);
        printf("%s  %s %s  %016" PRIx64 "%s%s\n", cli_plain(port.name), rnnp_dtype_name(out->dtype),
               cli_shape_text(shape, sizeof shape, out->rank, out->shape, NULL), hash(out), path ? "  " : "",
               path ? cli_plain(path) : "");
    }
    return CLI_OK;
}

static int execute(const cli_model *m, cli_tensors *t)
{
    rnnp_run *run = NULL;
    rnnp_status status = rnnp_run_create(m->plan, t->inputs, t->n_inputs, &run);
    int code = status == RNNP_OK ? cli_tensors_outputs(t, m, run) : cli_fail_status(m->context, status);
    if (code == CLI_OK) {
        status = rnnp_run_execute(run, t->inputs, t->n_inputs, t->outputs, t->n_outputs);
        code = status == RNNP_OK ? CLI_OK : cli_fail_status(m->context, status);
    }
    rnnp_run_destroy(run);
    return code;
}

static int run_model(const cli_host *host, const char *path, const arg_pairs *inputs, const arg_pairs *outputs)
{
    cli_model m;
    cli_tensors t = {0};
    int code = cli_model_open(&m, host, path);
    if (code == CLI_OK) code = cli_tensors_create(&t, m.model);
    if (code == CLI_OK) code = check_names(inputs, "input", m.model, t.n_inputs, rnnp_model_input_info);
    if (code == CLI_OK) code = check_names(outputs, "output", m.model, t.n_outputs, rnnp_model_output_info);
    if (code == CLI_OK) code = read_inputs(&t, m.model, inputs);
    if (code == CLI_OK) code = execute(&m, &t);
    if (code == CLI_OK) code = write_outputs(&t, m.model, outputs);
    cli_tensors_destroy(&t);
    cli_model_close(&m);
    return code;
}

int cli_run(int argc, char **argv)
{
    cli_host host = {.threads = 1, .compare_packed = 1};
    arg_pairs inputs = {calloc((size_t)argc, sizeof(arg_pair)), 0};
    arg_pairs outputs = {calloc((size_t)argc, sizeof(arg_pair)), 0};
    const arg_option options[] = {
        {"--input", "NAME=FILE.npy", "an input of the model; once for each", ARG_PAIRS, &inputs},
        {"--output", "NAME=FILE.npy", "where to write an output", ARG_PAIRS, &outputs},
        CLI_HOST_OPTIONS(host),
    };
    const arg_command command = {"run", "MODEL",
                                 "Runs an ONNX model once. Inputs are little-endian .npy files in C order whose\n"
                                 "dtype is that of the model's input. Prints name, dtype, shape and a 64-bit FNV-1a\n"
                                 "hash of each output: the same bits give the same hash on every CPU.",
                                 options, sizeof options / sizeof options[0]};
    int code = CLI_FAILED;
    if (!inputs.pairs || !outputs.pairs) {
        cli_fail("out of memory");
    } else {
        const char *path;
        const args_result parsed = args_parse(&command, argc, argv, &path);
        code = parsed == ARGS_OK ? run_model(&host, path, &inputs, &outputs) : parsed == ARGS_DONE ? CLI_OK : CLI_USAGE;
    }
    free(inputs.pairs);
    free(outputs.pairs);
    return code;
}
