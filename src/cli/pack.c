/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "rnnpack/packed.h"

enum { ISAS = 16 };

/* A list with commas into names, which point into *text, a copy to be freed. All are known, and each stands there
 * once. */
static int split_isas(const char *list, char **text, const char **isas, size_t *n)
{
    const size_t bytes = strlen(list) + 1;
    *text = malloc(bytes);
    if (!*text) return cli_fail("out of memory");
    char *next = memcpy(*text, list, bytes);
    for (*n = 0; next && *n < ISAS; (*n)++) {
        char *const comma = strchr(next, ',');
        isas[*n] = next;
        next = comma ? comma + 1 : NULL;
        if (comma) *comma = '\0';
        if (cli_check_isa("--isa", isas[*n]) != CLI_OK) return CLI_USAGE;
        for (size_t i = 0; i < *n; i++) {
            if (strcmp(isas[i], isas[*n]) == 0) {
                cli_fail("--isa: %s is named twice", isas[i]);
                return CLI_USAGE;
            }
        }
    }
    if (!next) return CLI_OK;
    cli_fail("--isa: more than %d instruction sets", ISAS);
    return CLI_USAGE;
}

/* What was written, read back: the file is whole. */
static int describe(rnnp_context *context, const char *path)
{
    char data[CLI_TEXT], packed[CLI_TEXT], whole[CLI_TEXT];
    rnnp_packed_info info = {.struct_size = sizeof info};
    rnnp_model *model = NULL;
    rnnp_status status = rnnp_packed_open_file(context, path, NULL, &model);
    if (status == RNNP_OK) status = rnnp_packed_verify(model);
    if (status == RNNP_OK) status = rnnp_model_packed_info(model, &info);
    rnnp_model_destroy(model);
    if (status != RNNP_OK) return cli_fail_status(context, status);
    printf("%s  %s: original weights %s, packed %s in %zu blocks\n", cli_plain(path),
           cli_bytes_text(whole, sizeof whole, (double)info.file_bytes),
           cli_bytes_text(data, sizeof data, (double)info.data_bytes),
           cli_bytes_text(packed, sizeof packed, (double)info.packed_bytes), info.n_blocks);
    return CLI_OK;
}

static int pack(const char *path, const char *output, const char *const *isas, size_t n)
{
    rnnp_packed_options options;
    rnnp_context *context = NULL;
    rnnp_model *model = NULL;
    int code = cli_context(&(cli_host){.threads = 1}, &context);
    if (code != CLI_OK) return code;
    rnnp_packed_options_init(&options);
    options.isas = isas;
    options.n_isas = n;
    rnnp_status status = cli_load(context, path, 0, &model);
    /* A file that has other weights packed than its own is worth a word; blocks of other versions are passed over. */
    if (status == RNNP_OK && rnnp_packed_is_file(path) && (status = rnnp_packed_verify(model)) == RNNP_ERR_UNSUPPORTED)
        status = RNNP_OK;
    if (status == RNNP_OK) status = rnnp_packed_write_file(model, &options, output);
    code = status == RNNP_OK ? describe(context, output) : cli_fail_status(context, status);
    rnnp_model_destroy(model);
    rnnp_context_destroy(context);
    return code;
}

int cli_pack(int argc, char **argv)
{
    const char *path, *output = NULL, *list = NULL, *isas[ISAS];
    const arg_option options[] = {
        {"-o", "FILE.rnnp", "where to write; an old file there is replaced when all went well", ARG_TEXT, &output},
        {"--isa", "LIST",
         "pack for these instruction sets, of any architecture, with commas between (default: this CPU's)", ARG_TEXT,
         &list},
    };
    const arg_command command = {"pack", "MODEL",
                                 "Writes a model and its weights, as the kernels read them, to a file that is mapped\n"
                                 "when it is loaded: no packing, no copy, shared by processes. It works on every CPU;\n"
                                 "one with other kernels than those packed for packs for itself.",
                                 options, sizeof options / sizeof options[0]};
    const args_result parsed = args_parse(&command, argc, argv, &path);
    if (parsed != ARGS_OK) return parsed == ARGS_DONE ? CLI_OK : CLI_USAGE;
    if (!output) {
        cli_fail("pack: -o FILE.rnnp is missing; see rnnpack pack --help");
        return CLI_USAGE;
    }
    char *text = NULL;
    size_t n = 0;
    int code = list ? split_isas(list, &text, isas, &n) : CLI_OK;
    if (code == CLI_OK) code = pack(path, output, n ? isas : NULL, n);
    free(text);
    return code;
}
