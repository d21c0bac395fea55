/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata.h"

#include <stdlib.h>
#include <string.h>

typedef struct growing_text {
    char *at;
    size_t n, room;
} growing_text;

static void put(growing_text *t, const char *text, size_t bytes)
{
    cli_grow(&t->at, &t->room, t->n + bytes + 1, 1);
    memcpy(t->at + t->n, text, bytes);
    t->n += bytes;
    t->at[t->n] = '\0';
}

static void put_line(growing_text *t, const char *text)
{
    static const char plain[] = "\n\r\\", escaped[] = "nr\\";
    if (t->n || t->at) put(t, "\n", 1);
    put(t, "", 0);
    for (; *text; text++) {
        const char *found = strchr(plain, *text);
        if (found) put(t, "\\", 1);
        put(t, found ? &escaped[found - plain] : text, 1);
    }
}

/* The next line of *at, in place; NULL behind the last. */
static char *take_line(char **at)
{
    char *const line = *at, *to = line, *from = line;
    if (!line) return NULL;
    for (; *from && *from != '\n'; from++) {
        if (*from == '\\' && from[1])
            from++, *to++ = *from == 'n' ? '\n' : *from == 'r' ? '\r' : *from;
        else
            *to++ = *from;
    }
    *at = *from ? from + 1 : NULL;
    *to = '\0';
    return line;
}

int metadata_set(rnnp_context *context, rnnp_model *model, const char *key, char *const *names, size_t n)
{
    growing_text t = {0};
    for (size_t i = 0; names && i < n; i++) put_line(&t, names[i] ? names[i] : "");
    const int code = t.at ? cli_status(context, rnnp_model_set_metadata(model, key, t.at)) : CLI_OK;
    free(t.at);
    return code;
}

int metadata_set_list(rnnp_context *context, rnnp_model *model, const char *key, const text_list *list)
{
    return metadata_set(context, model, key, list->at, list->n);
}

char **metadata_list(const rnnp_model *model, const char *key, size_t *n)
{
    const char *text = rnnp_model_metadata_find(model, key);
    FREED char *copy = cli_copy(text ? text : "");
    char **names = NULL, *line, *at = text ? copy : NULL;
    size_t room = 0;
    *n = 0;
    while ((line = take_line(&at)) != NULL) {
        cli_grow(&names, &room, *n + 1, sizeof *names);
        names[(*n)++] = cli_copy(line);
    }
    return names;
}

int metadata_damaged(const char *name, const char *key) { return cli_fail("%s: metadata %s is damaged", name, key); }
