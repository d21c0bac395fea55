/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cli.h"

static int compile(const train_config *config, const char *key, selector *s)
{
    const size_t n = strlen(s->text);
    FREED char *whole = cli_alloc(n + 8, 1);
    char why[128];
    snprintf(whole, n + 8, "^(%.*s)$", (int)n - 2, s->text + 1);
    const int code = regcomp(&s->expression, whole, REG_EXTENDED | REG_NOSUB);
    if (code == 0) return s->is_expression = 1, CLI_OK;
    regerror(code, &s->expression, why, sizeof why);
    return config_blame(config, "data", key, "%s: '%.80s' is no regular expression: %s", key, s->text, why);
}

int selectors_read(const train_config *config, const char *key, const text_list *list, selectors *s)
{
    *s = (selectors){.at = cli_alloc(list->n + 1, sizeof *s->at)};
    for (size_t i = 0; i < list->n; i++) {
        selector *next = &s->at[s->n++];
        FREED char *item = cli_copy(list->at[i]);
        char *colon = *item == '/' ? NULL : strstr(item, ": ");
        if (colon) {
            *colon = '\0';
            next->name = cli_copy(text_trim(item));
        }
        next->text = cli_copy(colon ? text_trim(colon + 2) : item);
        const size_t n = strlen(next->text);
        if (n == 0 || (next->name && !*next->name))
            return config_blame(config, "data", key, "%s: '%.80s' has nothing before or behind the colon", key,
                                list->at[i]);
        if (n > 2 && next->text[0] == '/' && next->text[n - 1] == '/') TRY(compile(config, key, next));
    }
    return CLI_OK;
}

int selector_matches(const selector *s, const char *text)
{
    return s->is_expression ? regexec(&s->expression, text, 0, NULL, 0) == 0 : strcmp(s->text, text) == 0;
}

void selectors_free(selectors *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->at[i].is_expression) regfree(&s->at[i].expression);
        free(s->at[i].name);
        free(s->at[i].text);
    }
    free(s->at);
    *s = (selectors){0};
}
