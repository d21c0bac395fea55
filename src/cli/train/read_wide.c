/* SPDX-License-Identifier: Apache-2.0
 *
 * One sequence a row: its label, or with target values a number, then one number a step (UCR's format). [data] label is
 * first (default), last or none.
 */
#include <string.h>

#include "dataset.h"

static int fault(const table *t, size_t column, const char *what)
{
    return text_fail(t->lines.path, t->line, "column %zu: '%.80s' %s", column + 1, table_field(t, column), what);
}

static int read_row(dataset_builder *b, const table *t)
{
    const int labelled = strcmp(b->from->config->label, "none") != 0,
              last = strcmp(b->from->config->label, "last") == 0, values = b->from->config->target == TARGET_VALUES;
    const size_t label = last ? t->n - 1 : 0, first = labelled && !last, end = labelled && last ? t->n - 1 : t->n;
    if (labelled && !values && build_nameless(table_field(t, label)))
        return fault(t, label, "is not a label: it stands for a missing value ([data] label)");
    if (first == end) return text_fail(b->from->path, t->line, "a label without numbers after it");
    build_sequence(b, NULL, labelled && !values ? table_field(t, label) : NULL, NULL);
    if (values) {
        float y;
        const char *wrong = build_target(b->from->config, table_field(t, label), &y);
        if (wrong) return fault(t, label, wrong);
        build_targets(b, &y);
    }
    for (size_t k = first; k < end; k++) {
        float x;
        const char *wrong = build_feature(b->from->config, table_field(t, k), &x);
        if (wrong) return fault(t, k, wrong);
        build_step(b, &x, 0, 0, 0);
    }
    return CLI_OK;
}

int dataset_read_wide(const data_source *from, dataset *set)
{
    dataset_builder b = {.set = set, .from = from};
    table t;
    int code = table_open(&t, from->path, from->config->separator), got = LINES_END;
    set->features = 1;
    build_name_targets(from->config, set);
    while (code == CLI_OK && (got = table_next(&t)) == LINES_LINE) code = read_row(&b, &t);
    if (got == LINES_FAILED) code = CLI_FAILED;
    table_close(&t);
    return build_finish(&b, code);
}
