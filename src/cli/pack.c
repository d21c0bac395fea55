/* SPDX-License-Identifier: Apache-2.0
 *
 * pack and convert: commands that write a model in another form, and read what they wrote.
 */
#include <stdio.h>
#include <string.h>

#include "model.h"
#include "rnnpack/onnx.h"

enum { ISAS = 16 };

/* Cuts a list with commas into names of instruction sets, all of them known and different. */
static int split_isas(char *list, const char **isas, size_t *n)
{
    for (char *next = list; next; (*n)++) {
        char *const comma = strchr(next, ',');
        if (*n == ISAS) return cli_misuse("--isa: more than %d instruction sets", ISAS);
        if (comma) *comma = '\0';
        isas[*n] = next;
        next = comma ? comma + 1 : NULL;
        TRY(cli_check_isa(isas[*n]));
        for (size_t i = 0; i < *n; i++)
            if (strcmp(isas[i], isas[*n]) == 0) return cli_misuse("--isa: %s is named twice", isas[i]);
    }
    return CLI_OK;
}

/* Reads the file that was written: it is intact. */
static int describe(rnnp_context *context, const char *path)
{
    rnnp_packed_info info = {.struct_size = sizeof info};
    AUTO(model) *model = NULL;
    TRY(cli_status(context, rnnp_packed_open_file(context, path, NULL, &model)));
    TRY(cli_status(context, rnnp_packed_verify(model)));
    TRY(cli_status(context, rnnp_model_packed_info(model, &info)));
    printf("%s  %s: original weights %s, packed %s in %zu blocks\n", cli_plain(path),
           cli_bytes((double)info.file_bytes), cli_bytes((double)info.data_bytes), cli_bytes((double)info.packed_bytes),
           info.n_blocks);
    return CLI_OK;
}

int cli_pack(const cli_call *call)
{
    const char *isas[ISAS];
    FREED char *list = call->isa ? cli_copy(call->isa) : NULL;
    rnnp_packed_options options;
    AUTO(context) *context = NULL;
    AUTO(model) *model = NULL;
    rnnp_packed_options_init(&options);
    if (list) {
        TRY(split_isas(list, isas, &options.n_isas));
        options.isas = isas;
    }
    TRY(cli_context(1, NULL, &context));
    TRY(cli_load(context, call->operands[0], call, 0, &model));
    if (rnnp_packed_is_file(call->operands[0])) { /* are its packed weights its own? blocks of other versions pass */
        const rnnp_status status = rnnp_packed_verify(model);
        if (status != RNNP_ERR_UNSUPPORTED) TRY(cli_status(context, status));
    }
    TRY(cli_status(context, rnnp_packed_write_file(model, &options, call->output)));
    return describe(context, call->output);
}

int cli_convert(const cli_call *call)
{
    AUTO(context) *context = NULL;
    AUTO(model) *model = NULL, *written = NULL;
    TRY(cli_context(1, NULL, &context));
    TRY(cli_load(context, call->operands[0], call, 0, &model));
    TRY(cli_status(context, rnnp_onnx_write_file(model, call->output)));
    TRY(cli_status(context, rnnp_onnx_open_file(context, call->output, NULL, &written)));
    printf("%s  %zu inputs, %zu outputs, %zu nodes, %zu parameters\n", cli_plain(call->output),
           rnnp_model_input_count(written), rnnp_model_output_count(written), rnnp_model_node_count(written),
           rnnp_model_constant_elements(written));
    return CLI_OK;
}
