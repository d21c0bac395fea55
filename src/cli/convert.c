/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli.h"
#include "rnnpack/onnx.h"

/* What was written, read back: the file can be loaded. */
static int describe(rnnp_context *context, const char *path)
{
    rnnp_model *model = NULL;
    const rnnp_status status = rnnp_onnx_open_file(context, path, NULL, &model);
    if (status != RNNP_OK) return cli_fail_status(context, status);
    printf("%s  %zu inputs, %zu outputs, %zu nodes, %zu parameters\n", cli_plain(path), rnnp_model_input_count(model),
           rnnp_model_output_count(model), rnnp_model_node_count(model), rnnp_model_constant_elements(model));
    rnnp_model_destroy(model);
    return CLI_OK;
}

static int convert(const char *path, const char *output)
{
    rnnp_context *context = NULL;
    rnnp_model *model = NULL;
    int code = cli_context(&(cli_host){.threads = 1}, &context);
    if (code != CLI_OK) return code;
    rnnp_status status = cli_load(context, path, 0, &model);
    if (status == RNNP_OK) status = rnnp_onnx_write_file(model, output);
    code = status == RNNP_OK ? describe(context, output) : cli_fail_status(context, status);
    rnnp_model_destroy(model);
    rnnp_context_destroy(context);
    return code;
}

int cli_convert(int argc, char **argv)
{
    const char *path, *output = NULL;
    const arg_option options[] = {
        {"-o", "FILE.onnx", "where to write; an old file there is replaced when all went well", ARG_TEXT, &output},
    };
    const arg_command command = {"convert", "MODEL",
                                 "Writes a model, from an ONNX file or a packed one, as an ONNX file: weights in the\n"
                                 "file itself, constants folded, nodes that nothing needs removed. The outputs of\n"
                                 "both have the same bits.",
                                 options, sizeof options / sizeof options[0]};
    const args_result parsed = args_parse(&command, argc, argv, &path);
    if (parsed != ARGS_OK) return parsed == ARGS_DONE ? CLI_OK : CLI_USAGE;
    if (!output) {
        cli_fail("convert: -o FILE.onnx is missing; see rnnpack convert --help");
        return CLI_USAGE;
    }
    return convert(path, output);
}
