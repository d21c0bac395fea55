/* SPDX-License-Identifier: Apache-2.0
 *
 * Of the page: the data, and the configuration.
 */
#include "../group.h"
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Sets ---- */

static int by_size(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

static void put_set(const report *r, const char *name, const dataset *set)
{
    FREED size_t *steps = cli_alloc(set->n + 1, sizeof *steps);
    FREED size_t *of_class = cli_alloc(set->classes + 1, sizeof *of_class);
    for (size_t i = 0; i < set->n; i++) {
        steps[i] = dataset_steps(set, i);
        if (set->label && set->classes && set->label[i] >= 0) of_class[set->label[i]]++;
    }
    qsort(steps, set->n, sizeof *steps, by_size);
    fprintf(r->f, "<tr><td>%s</td><td>%zu</td>", name, set->n);
    if (set->group_names)
        fprintf(r->f, "<td>%zu</td>", set->groups);
    else
        fputs("<td>-</td>", r->f);
    fprintf(r->f, "<td>%zu, %zu, %zu</td><td class='left'>", steps[0], steps[set->n / 2], steps[set->n - 1]);
    for (size_t k = 0; set->label && k < set->classes && k < REPORT_FEATURES; k++) {
        if (k) fputs(", ", r->f);
        page_text(r, set->class_names[k]);
        fprintf(r->f, ": %zu", of_class[k]);
    }
    fputs("</td></tr>\n", r->f);
}

/* ---- Features ---- */

/* What this rank has of the training data, after the ranks before it. */
typedef struct looking {
    const dataset *set;
    report_feature *features;
    size_t shown;
} looking;

static void look_at(void *user)
{
    const looking *l = user;
    const size_t F = l->set->features, from = dataset_from(l->set), to = dataset_to(l->set);
    const size_t steps = l->set->first[to] - l->set->first[from];
    for (size_t k = 0; k < l->shown; k++)
        for (size_t t = 0; t < steps; t++) {
            report_feature *const f = &l->features[k];
            const double x = (double)l->set->x[t * F + k];
            if (isnan(x)) {
                f->missing++;
                continue;
            }
            f->n++;
            f->sum += x;
            f->least = fmin(f->least, x);
            f->most = fmax(f->most, x);
        }
}

static void look_again(void *user)
{
    const looking *l = user;
    const size_t F = l->set->features, from = dataset_from(l->set), to = dataset_to(l->set);
    const size_t steps = l->set->first[to] - l->set->first[from];
    for (size_t k = 0; k < l->shown; k++)
        for (size_t t = 0; t < steps; t++) {
            const double d = (double)l->set->x[t * F + k] - l->features[k].sum / l->features[k].n;
            if (!isnan(d)) l->features[k].squares += d * d;
        }
}

int page_look(report *r)
{
    const dataset *set = r->t->e.train;
    looking l = {set, r->features, set->features < REPORT_FEATURES ? set->features : REPORT_FEATURES};
    if (set->tokens) return CLI_OK;
    for (size_t k = 0; k < l.shown; k++) r->features[k] = (report_feature){.least = INFINITY, .most = -INFINITY};
    TRY(cli_group_in_turn(set->ranks, l.shown * sizeof *l.features, l.features, look_at, &l));
    return cli_group_in_turn(set->ranks, l.shown * sizeof *l.features, l.features, look_again, &l);
}

static void put_features(const report *r, const dataset *set)
{
    const size_t shown = set->features < REPORT_FEATURES ? set->features : REPORT_FEATURES;
    const double steps = (double)set->first[set->n];
    fputs("<h3>Features of the training data</h3>\n<div class='wide'><table>\n<tr><th>feature</th><th>missing</th>"
          "<th>mean</th><th>deviation</th><th>least</th><th>most</th></tr>\n",
          r->f);
    for (size_t k = 0; k < shown; k++) {
        const report_feature f = r->features[k];
        fputs("<tr><td>", r->f);
        if (set->columns)
            page_text(r, set->columns[k]);
        else
            fprintf(r->f, "%zu", k);
        if (set->units && *set->units[k]) fputs(" <span class='soft'>", r->f), page_text(r, set->units[k]);
        fprintf(r->f, "%s</td><td>%.1f %%</td>", set->units && *set->units[k] ? "</span>" : "",
                steps > 0 ? 100 * (double)f.missing / steps : 0);
        if (f.n > 0)
            fprintf(r->f, "<td>%.4g</td><td>%.4g</td><td>%.4g</td><td>%.4g</td></tr>\n", f.sum / f.n,
                    sqrt(f.squares / f.n), f.least, f.most);
        else
            fputs("<td>-</td><td>-</td><td>-</td><td>-</td></tr>\n", r->f);
    }
    fputs("</table></div>\n", r->f);
    if (shown < set->features) fprintf(r->f, "<p class='soft'>%zu more features.</p>\n", set->features - shown);
}

void page_describe(const report *r)
{
    const dataset *train = r->t->e.train, *test = r->t->e.test;
    fputs("<section>\n<h2>Data</h2>\n<div class='wide'><table>\n<tr><th></th><th>sequences</th><th>groups</th>"
          "<th>steps: least, median, most</th><th class='left'>classes</th></tr>\n",
          r->f);
    put_set(r, "training", train);
    if (test) put_set(r, "test", test);
    fputs("</table></div>\n", r->f);
    if (train->tokens)
        fprintf(r->f, "<p>%zu words.</p>\n", r->t->words.size);
    else
        put_features(r, train);
    fputs("</section>\n", r->f);
}

/* ---- Configuration ---- */

static void put_file(const report *r, const char *path)
{
    line_reader lines;
    if (lines_open(&lines, path) == CLI_OK)
        while (lines_next(&lines) == LINES_LINE) {
            page_text(r, lines.line);
            fputc('\n', r->f);
        }
    lines_close(&lines);
}

/* What the command line says in place of the file, and what a search chose. */
static void put_changes(const report *r)
{
    const cli_call *call = r->t->call;
    const char *const names[] = {"--data", "--labels", "--test", "--test-labels"};
    const char *const values[] = {call->data, call->labels, call->test, call->test_labels};
    const train_config *c = &r->t->config;
    fputs("<p>", r->f);
    if (r->model) fputs("Model: <code>", r->f), page_text(r, r->model), fputs("</code>. ", r->f);
    fprintf(r->f, "Seed %llu.", (unsigned long long)c->seed);
    for (size_t i = 0; i < COUNT(names); i++) {
        if (!values[i]) continue;
        fprintf(r->f, " <code>%s ", names[i]);
        page_text(r, values[i]);
        fputs("</code>", r->f);
    }
    fputs("</p>\n", r->f);
    for (size_t v = 0; v < c->n_variables; v++) {
        fprintf(r->f, "<p>%s <code>", v ? "" : r->past ? "The search chose" : "Taken");
        page_text(r, c->variables[v].name);
        fputs(" = ", r->f);
        page_text(r, c->variables[v].choice[c->variables[v].at]);
        fputs("</code>.</p>\n", r->f);
    }
}

void page_configuration(const report *r)
{
    fputs("<section>\n<h2>Configuration</h2>\n", r->f);
    put_changes(r);
    fputs("<pre>", r->f);
    put_file(r, r->t->path);
    fprintf(r->f,
            "</pre>\n<p class='soft'>rnnpack %s. The same data, configuration and seed give the same bits on every "
            "CPU.</p>\n</section>\n",
            rnnp_version());
}
