/* SPDX-License-Identifier: Apache-2.0 */
#include "embeddings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDEST = 4096, NAME = 56 /* "embed.NAME" names a layer */ };

/* "COLUMN: WIDTH" */
static int read_item(const train_config *config, const char *item, embedding *e)
{
    char *colon;
    double width;
    e->column = cli_copy(item);
    colon = strrchr(e->column, ':');
    if (!colon || text_number(colon + 1, '.', &width) || width != floor(width) || width < 1 || width > WIDEST)
        return config_blame(config, "model", "embed",
                            "embed: '%.80s' is no column, a colon and a whole number from 1 to %d", item, WIDEST);
    *colon = '\0';
    text_trim(e->column);
    e->width = (size_t)width;
    if (!text_listed(&config->categories, e->column))
        return config_blame(config, "model", "embed", "embed: '%.80s' is not one of [data] categories", e->column);
    return strlen(e->column) <= NAME
               ? CLI_OK
               : config_blame(config, "model", "embed", "embed: the name of '%.80s' is longer than %d bytes", e->column,
                              NAME);
}

/* The channels COLUMN=TEXT stand behind each other. */
static void find_channels(char *const *columns, size_t features, embedding *e)
{
    const size_t length = strlen(e->column);
    for (size_t f = features; f-- > 0;) {
        if (strncmp(columns[f], e->column, length) != 0 || columns[f][length] != '=') continue;
        e->first = f;
        e->n++;
    }
}

static int by_channel(const void *a, const void *b)
{
    const embedding *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

int embeddings_read(const train_config *config, char *const *columns, size_t features, embeddings *e)
{
    *e = (embeddings){.at = cli_alloc(config->embed.n + 1, sizeof *e->at)};
    for (size_t i = 0; i < config->embed.n; i++) {
        embedding *next = &e->at[e->n++];
        TRY(read_item(config, config->embed.at[i], next));
        for (size_t k = 0; k < i; k++)
            if (strcmp(e->at[k].column, next->column) == 0)
                return config_blame(config, "model", "embed", "embed names '%.80s' twice", next->column);
        find_channels(columns, features, next);
        if (columns && !next->n)
            return config_blame(config, "model", "embed", "embed: the column '%.80s' has no text", next->column);
    }
    qsort(e->at, e->n, sizeof *e->at, by_channel);
    return CLI_OK;
}

void embeddings_free(embeddings *e)
{
    for (size_t i = 0; i < e->n; i++) free(e->at[i].column);
    free(e->at);
    *e = (embeddings){0};
}

int embeddings_spare(const train_config *config, char *const *columns, size_t features, float *means, float *deviations)
{
    AUTO_EMBEDDINGS found = {0};
    TRY(embeddings_read(config, columns, features, &found));
    for (size_t i = 0; i < found.n; i++)
        for (size_t k = found.at[i].first; k < found.at[i].first + found.at[i].n; k++) {
            means[k] = 0;
            deviations[k] = 1;
        }
    return CLI_OK;
}
