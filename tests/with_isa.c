/* SPDX-License-Identifier: Apache-2.0
 *
 * with_isa <isa> <command>...: runs the command with RNNPACK_MAX_ISA set. Exits with 77 when a context under this
 * cap, and under the one that is set already, does not use the ISA: then the command would test something else.
 */
#include "rnnpack/rnnpack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SKIPPED = 77 };

static void print(void *user, rnnp_log_level level, const char *message)
{
    (void)user;
    (void)level;
    fprintf(stderr, "with_isa: %s\n", message);
}

int main(int argc, char **argv)
{
    rnnp_context_options options;
    rnnp_context *context;
    rnnp_host_info info = {.struct_size = sizeof info};

    if (argc < 3) {
        fprintf(stderr, "usage: with_isa ISA COMMAND...\n");
        return 2;
    }
    rnnp_context_options_init(&options);
    options.max_isa = argv[1];
    options.log = print;
    if (rnnp_context_create(&options, &context) != RNNP_OK) return 2;
    rnnp_context_host(context, &info);
    const int same = strcmp(info.isa, argv[1]) == 0;
    if (!same) printf("skipped: no %s here, the highest ISA is %s\n", argv[1], info.isa);
    rnnp_context_destroy(context);
    if (!same) return SKIPPED;
    setenv("RNNPACK_MAX_ISA", argv[1], 1);
    execvp(argv[2], &argv[2]);
    perror(argv[2]);
    return 2;
}
