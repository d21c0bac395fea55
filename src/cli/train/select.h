/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels and annotations, chosen by a configuration: a text, or a /regular expression/ (POSIX, extended), which all
 * of the name must match; with "NAME: " before it, what is chosen is called NAME.
 */
#ifndef RNNP_CLI_SELECT_H
#define RNNP_CLI_SELECT_H

#include <regex.h>

#include "config.h"

typedef struct selector {
    char *name, *text; /* name: NULL where it is called as it is */
    int is_expression;
    regex_t expression;
} selector;

typedef struct selectors {
    selector *at;
    size_t n;
} selectors;

/* Reads [data] `key`. CLI_FAILED after a sentence that names the line; free it either way. */
int selectors_read(const train_config *config, const char *key, const text_list *list, selectors *s);
int selector_matches(const selector *s, const char *text);
void selectors_free(selectors *s);

#endif
