/* SPDX-License-Identifier: Apache-2.0 */
#include "categories.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int category_find(category *c, const char *text)
{
    if (c->last < c->values.n && strcmp(c->values.at[c->last], text) == 0) return (int)c->last;
    for (c->last = 0; c->last < c->values.n; c->last++)
        if (strcmp(c->values.at[c->last], text) == 0) return (int)c->last;
    if (c->fixed) return -1;
    if (c->values.n == CATEGORIES) return -2;
    text_add(&c->values, text);
    return (int)c->last;
}

void category_sort(category *c)
{
    size_t n;
    char **sorted = build_distinct(&c->values, &n); /* all of them are */
    c->rank = cli_alloc(n + 1, sizeof *c->rank);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            if (sorted[k] == c->values.at[i]) c->rank[i] = k;
    if (n) memcpy(c->values.at, sorted, n * sizeof *sorted);
    free(sorted);
}

void category_write(const category *c, float number, float *x)
{
    for (size_t k = 0; k < c->values.n; k++) x[k] = isnan(number) ? NAN : 0.0f;
    if (number >= 0) x[c->rank ? c->rank[(size_t)number] : (size_t)number] = 1.0f;
}

size_t category_adopt(category *c, const char *name, char *const *columns, size_t at, size_t n)
{
    const size_t length = strlen(name), first = at;
    for (; at < n && strncmp(columns[at], name, length) == 0 && columns[at][length] == '='; at++)
        text_add(&c->values, columns[at] + length + 1);
    c->fixed = 1;
    return at - first;
}

void category_free(category *c)
{
    text_free(&c->values);
    free(c->rank);
}
