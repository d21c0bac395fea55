/* SPDX-License-Identifier: Apache-2.0
 *
 * Completions for shells, made from the table of commands as the manual pages are.
 */
#ifndef RNNP_CLI_COMPLETIONS_H
#define RNNP_CLI_COMPLETIONS_H

#include "../cli.h"

#include <stdio.h>

/* Opens FOLDER/NAME for writing. */
static inline FILE *open_in(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return fopen(path, "w");
}

/* Writes FOLDER/rnnpack for bash and FOLDER/_rnnpack for zsh. Returns 1, or 0 with errno. */
int write_completions(const char *folder);

#endif
