/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"info", "what this CPU offers and which kernels are chosen", cli_info},
    {"inspect", "a model's inputs, nodes, weights, memory and kernels", cli_inspect},
    {"run", "run a model on .npy files", cli_run},
    {"bench", "measure a model's run and step times", cli_bench},
    {"pack", "write a model and its packed weights to a file that is mapped", cli_pack},
    {"tune", "find the fastest kernels and schedules for models on this host", cli_tune},
    {"explain", "which kernels a model gets here, and why", cli_explain},
    {"records", "show, check, merge, export and prune tuning records", cli_records},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void usage(FILE *file)
{
    fprintf(file, "usage: rnnpack COMMAND [options]\n\ncommands\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(file, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(file, "\nrnnpack COMMAND --help tells the options of a command; rnnpack --version the version.\n"
                  "RNNPACK_MAX_ISA in the environment caps the instruction set like --isa.\n"
                  "Exit codes: 0 done, 1 failed, 2 called wrongly.\n");
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        usage(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        args_version();
        return CLI_OK;
    }
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "rnnpack: unknown command '%s'; see rnnpack --help\n", argv[1]);
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    const int code = dispatch(argc, argv);
    /* A full disk shows only now. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("rnnpack: writing the results");
        return CLI_FAILED;
    }
    return code;
}
