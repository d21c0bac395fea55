/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const arg_entry commands[] = {
    {"info", "what this CPU offers and which kernels are chosen", cli_info},
    {"inspect", "a model's inputs, nodes, weights, memory and kernels", cli_inspect},
    {"run", "run a model on .npy files", cli_run},
    {"bench", "measure a model's run and step times", cli_bench},
    {"pack", "write a model and its packed weights to a file that is mapped", cli_pack},
    {"convert", "write a model as an ONNX file", cli_convert},
    {"tune", "find the fastest kernels and schedules for models on this host", cli_tune},
    {"explain", "which kernels a model gets here, and why", cli_explain},
#ifdef RNNP_CLI_TRAIN
    {"train", "train a model from a configuration and data", cli_train},
    {"eval", "how good a trained model is on data", cli_eval},
#endif
    {"records", "show, check, merge, export and prune tuning records", cli_records},
};

static const arg_menu menu = {"rnnpack", "",
                              "RNNPACK_MAX_ISA in the environment caps the instruction set like --isa.\n"
                              "Exit codes: 0 done, 1 failed, 2 called wrongly.\n",
                              commands, sizeof commands / sizeof commands[0]};

/* A stream that the caller closed would be the number of the next file that is opened, and results would be written
 * into a model. What takes its place fails at every use. */
static int keep_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    if (!keep_streams()) return CLI_FAILED;
    const int code = args_run(&menu, argc, argv);
    errno = 0;
    /* A full disk shows only now. */
    if (fflush(stdout) != 0 || ferror(stdout))
        return cli_fail("the results were not written%s%s", errno ? ": " : "", errno ? strerror(errno) : "");
    return code;
}
