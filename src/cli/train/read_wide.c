/* SPDX-License-Identifier: Apache-2.0
 *
 * One sequence a row: its label, then one number a step (UCR's format). [data] label is first (default), last or none.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "build.h"
#include "table.h"

static int fault(const dataset_builder *b, const table *t, size_t column, const char *what)
{
    return cli_fail("%s:%zu: column %zu: '%.80s' %s", b->path, t->line, column + 1, table_field(t, column), what);
}

static int read_row(dataset_builder *b, const table *t)
{
    const train_config *c = b->config;
    const int labelled = strcmp(c->label, "none") != 0, last = strcmp(c->label, "last") == 0;
    const size_t label = last ? t->n - 1 : 0, first = labelled && !last, end = labelled && last ? t->n - 1 : t->n;

    if (labelled && build_nameless(table_field(t, label)))
        return fault(b, t, label, "is no label; it is missing ([data] label)");
    if (first == end) return cli_fail("%s:%zu: a label, and no number behind it", b->path, t->line);
    if (build_sequence(b, NULL, labelled ? table_field(t, label) : NULL, NULL) != CLI_OK) return CLI_FAILED;
    for (size_t k = first; k < end; k++) {
        const char *text = table_field(t, k), *wrong = NULL;
        float x = NAN;

        if (!build_missing(c, text)) wrong = text_float(text, c->decimal, &x);
        x *= (float)c->scale;
        if (wrong || isinf(x)) return fault(b, t, k, wrong ? wrong : "times scale is too large");
        if (build_step(b, &x, 0, 0, 0) != CLI_OK) return CLI_FAILED;
    }
    return CLI_OK;
}

int dataset_read_wide(const train_config *config, const char *path, const char *labels, const dataset *like,
                      vocabulary *words, int grow, dataset *set)
{
    dataset_builder b = {.set = set, .config = config, .path = path};
    table t;
    int code = table_open(&t, path, config->separator), got = LINES_END;

    (void)labels, (void)words, (void)grow;
    set->features = 1;
    while (code == CLI_OK && (got = table_next(&t)) == LINES_LINE) code = read_row(&b, &t);
    if (got == LINES_FAILED) code = CLI_FAILED;
    table_close(&t);
    return build_finish(&b, like, code);
}
