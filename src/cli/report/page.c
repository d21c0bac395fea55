/* SPDX-License-Identifier: Apache-2.0
 *
 * One page for a training or an evaluation. Nothing is loaded from elsewhere, nothing runs, and nothing in it depends
 * on the machine or the hour.
 */
#include "../group.h"
#include "report.h"

#include "../svg.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const char head[] =
    "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
    "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
    "<meta name='color-scheme' content='light dark'>\n<style>\n"
    ":root { --bg: #fff; --fg: #16181d; --soft: #59606c; --line: #dfe3e8; --box: #f6f7f9; --c0: #0072b2; --c1: "
    "#c44e00;\n"
    "  --c2: #00805d; --c3: #a8558a; --c4: #8a6d00; --c5: #2a7fb8 }\n"
    "@media (prefers-color-scheme: dark) { :root { --bg: #14161a; --fg: #e7e9ec; --soft: #a2aab5; --line: #333941;\n"
    "  --box: #1c2026; --c0: #5ab4ea; --c1: #f39b5c; --c2: #3fc79a; --c3: #dd94c0; --c4: #e0c04a; --c5: #8fd0ff } }\n"
    "@media print { :root { --bg: #fff; --fg: #000; --soft: #444; --line: #ccc; --box: #fff; --c0: #0072b2;\n"
    "  --c1: #c44e00; --c2: #00805d } section { break-inside: avoid } }\n"
    "* { box-sizing: border-box }\n"
    "body { font: 15px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg); max-width: 1040px;\n"
    "  margin: 2em auto; padding: 0 1.2em }\n"
    "h1 { font-size: 1.6em; margin: 0 0 .2em } h2 { font-size: 1.2em; margin: 2em 0 .5em; padding-top: .6em;\n"
    "  border-top: 1px solid var(--line) } h3 { font-size: 1em; margin: 1.2em 0 .3em }\n"
    "p { margin: .4em 0; max-width: 75ch } .soft, figcaption { color: var(--soft); font-size: .88em }\n"
    ".wide { overflow-x: auto } .two { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, "
    "380px), 1fr));\n"
    "  gap: 1.2em } figure { margin: 0 } .single { max-width: 760px }\n"
    "table { border-collapse: collapse; margin: .5em 0; font-variant-numeric: tabular-nums }\n"
    "th, td { padding: .28em .8em .28em 0; text-align: right; border-bottom: 1px solid var(--line); vertical-align: "
    "top }\n"
    "th { font-weight: 600; color: var(--soft); font-size: .88em } th:first-child, td:first-child { text-align: left "
    "}\n"
    "td.left, th.left { text-align: left } td small { color: var(--soft); display: block; white-space: nowrap }\n"
    ".dense { font-size: .88em } .dense th, .dense td { padding-right: .7em } .dense small { white-space: normal;\n"
    "  max-width: 6.6em; margin-left: auto } .confusion td { text-align: center; padding: .5em 1em; border: 2px solid "
    "var(--bg) }\n"
    "pre { background: var(--box); border: 1px solid var(--line); border-radius: 6px; padding: .8em 1em;\n"
    "  overflow-x: auto; font-size: .86em; white-space: pre-wrap }\n"
    "svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif }\n"
    "svg text { fill: var(--fg) } svg text.soft { fill: var(--soft); font-size: 11px }\n"
    ".grid { stroke: var(--line) } .axis { stroke: var(--soft); stroke-dasharray: 4 3; fill: none }\n"
    ".bar { fill: var(--soft); opacity: .45 } .band { fill: var(--c0); opacity: .18 }\n"
    ".l0 { stroke: var(--c0) } .l1 { stroke: var(--c1) } .l2 { stroke: var(--c2) } .l3 { stroke: var(--c3) }\n"
    ".l4 { stroke: var(--c4) } .l5 { stroke: var(--c5) } .l0, .l1, .l2, .l3, .l4, .l5 { stroke-width: 2; fill: none }\n"
    ".thin { stroke-width: 1.2; opacity: .8 } .f0 { fill: var(--c0) } .f1 { fill: var(--c1) }\n"
    "</style>\n";

static const char foot[] =
    "<h2>What the intervals say</h2>\n"
    "<p class='soft'>Intervals are of other patients: groups were drawn with replacement, and every number was "
    "computed "
    "again. They do not include what another training, another choice of features or another hospital would change. "
    "Where "
    "a model was chosen by the numbers of this page, these are better than those that new data will give. A share that "
    "is "
    "0 or 1 in all draws has no interval. The bands of curves hold at each point by itself, not for the whole curve at "
    "once.</p>\n</body>\n</html>\n";

metric_kind report_first_metric(const judged *j)
{
    return j->classes == 2 ? METRIC_AUC : j->classes ? METRIC_ACCURACY : METRIC_ERROR;
}

/* ---- Metrics ---- */

static void put_measured(const report *r, metric_kind kind, const measured *m)
{
    char text[3][32];
    if (isnan(m->estimate)) {
        fputs("<td>-</td>", r->f);
        return;
    }
    fprintf(r->f, "<td>%s", metric_text(kind, m->estimate, text[0]));
    if (m->found.used && m->found.error > 0)
        fprintf(r->f, "<small>%s to %s</small>", metric_text(kind, m->found.interval.low, text[1]),
                metric_text(kind, m->found.interval.high, text[2]));
    fputs("</td>", r->f);
}

static void put_delong(const report *r)
{
    const judged *j = &r->a->j;
    rnnp_interval at;
    double auc, error;
    if (!r->how->draws || !intervals_delong(j, r->how, &auc, &error, &at)) return;
    fprintf(r->f,
            "<tr><td>ROC AUC</td><td>%.4f</td><td>%.4f to %.4f</td><td>%.4f</td><td class='left soft'>by "
            "DeLong%s</td></tr>\n",
            auc, at.low, at.high, error, j->clusters < j->n ? " for clusters (Obuchowski 1997)" : "");
}

static void put_metrics(const report *r)
{
    const assessment *a = r->a;
    char text[4][32], units[48];
    FILE *f = r->f;
    fprintf(f, "<div class='wide'><table>\n<tr><th>metric</th><th>value</th>");
    if (r->how->draws) fprintf(f, "<th>%.6g %% interval</th><th>standard error</th>", 100 * r->how->confidence);
    fputs("<th class='left'></th></tr>\n", f);
    for (metric_kind k = 0; k < METRICS; k++) {
        const measured *m = &a->values[k];
        if (isnan(m->estimate)) continue;
        fprintf(f, "<tr><td>%s</td><td>%s</td>", metric_name(k), metric_text(k, m->estimate, text[0]));
        if (r->how->draws && m->found.used && m->found.error > 0)
            fprintf(f, "<td>%s to %s</td><td>%s</td>", metric_text(k, m->found.interval.low, text[1]),
                    metric_text(k, m->found.interval.high, text[2]), metric_text(k, m->found.error, text[3]));
        else if (r->how->draws)
            fputs("<td>-</td><td>-</td>", f);
        fprintf(f, "<td class='left soft'>%s", metric_is_loss(k) ? "less is better" : "");
        if (k == METRIC_CALIBRATION && m->found.used) fputs("; basic interval", f);
        if (m->found.used && m->found.used < r->how->draws) fprintf(f, "; defined in %zu draws", m->found.used);
        fputs("</td></tr>\n", f);
    }
    put_delong(r);
    fputs("</table></div>\n", f);
    if (r->how->draws)
        fprintf(f, "<p class='soft'>%s bootstrap of %s, %zu draws.</p>\n", r->how->bca ? "BCa" : "Percentile",
                judged_units(&a->j, units), r->how->draws);
}

/* ---- Classes ---- */

static void put_confusion(const report *r)
{
    const scores *s = r->s;
    FILE *f = r->f;
    fputs("<h3>Confusion matrix</h3>\n<p class='soft'>Rows: true class. Columns: predicted class, the one with the "
          "largest "
          "probability. Shades and percentages: of the row.</p>\n<div class='wide'><table "
          "class='confusion'>\n<tr><th></th>",
          f);
    for (size_t k = 0; k < s->classes; k++) fputs("<th>", f), page_text(r, r->set->class_names[k]), fputs("</th>", f);
    fputs("</tr>\n", f);
    for (size_t k = 0; k < s->classes; k++) {
        fputs("<tr><th>", f);
        page_text(r, r->set->class_names[k]);
        fputs("</th>", f);
        for (size_t i = 0; i < s->classes; i++) {
            const double n = s->confusion[k * s->classes + i], all = s->per_class[k].support;
            const double share = all > 0 ? n / all : 0;
            fprintf(f,
                    "<td style='background: color-mix(in srgb, var(--c%d) %.0f%%, transparent)'>%.0f<small>%.1f "
                    "%%</small></td>",
                    k == i ? 0 : 1, 55 * share, n, 100 * share);
        }
        fputs("</tr>\n", f);
    }
    fputs("</table></div>\n", f);
}

static void put_classes(const report *r)
{
    FILE *f = r->f;
    fputs("<h3>Classes</h3>\n<div class='wide'><table>\n"
          "<tr><th>class</th><th>precision</th><th>recall</th><th>F1</th><th>sequences</th></tr>\n",
          f);
    for (size_t k = 0; k < r->s->classes; k++) {
        const rnnp_class_metrics *m = &r->s->per_class[k];
        fputs("<tr><td>", f);
        page_text(r, r->set->class_names[k]);
        fprintf(f, "</td><td>%.4f</td><td>%.4f</td><td>%.4f</td><td>%.0f</td></tr>\n", m->precision, m->recall, m->f1,
                m->support);
    }
    fputs("</table></div>\n", f);
}

/* ---- Targets in columns ---- */

static void put_column(const report *r, size_t row)
{
    const columns *c = &r->a->columns;
    char text[3][32];
    FILE *f = r->f;
    fputs("<tr><td>", f);
    page_text(r, columns_name(c, r->set, row));
    fputs("</td>", f);
    for (size_t k = 0; k < COLUMN_METRICS; k++) {
        const measured *m = &c->at[row * COLUMN_METRICS + k];
        fprintf(f, "<td>%s", isnan(m->estimate) ? "-" : columns_text(c, k, m->estimate, text[0]));
        if (!isnan(m->estimate) && m->found.used && m->found.error > 0 && (c->values || k < 5))
            fprintf(f, "<small>%s to %s</small>", columns_text(c, k, m->found.interval.low, text[1]),
                    columns_text(c, k, m->found.interval.high, text[2]));
        fputs("</td>", f);
    }
    fputs("</tr>\n", f);
}

/* What the text says of each column, too. */
static void put_columns(const report *r)
{
    const columns *c = &r->a->columns;
    char units[48];
    FILE *f = r->f;
    if (!c->n) return;
    fputs("<section>\n<h2>Targets</h2>\n<div class='wide'><table class='dense'>\n<tr><th></th>", f);
    for (size_t k = 0; k < COLUMN_METRICS; k++) fprintf(f, "<th>%s</th>", columns_metric(c, k));
    fputs("</tr>\n", f);
    for (size_t row = 0; row < c->n + 2; row++)
        if (columns_name(c, r->set, row)) put_column(r, row);
    fputs("</table></div>\n", f);
    if (r->how->draws)
        fprintf(f, "<p class='soft'>Intervals of %.6g %%: percentile bootstrap of %s, %zu draws.</p>\n",
                100 * r->how->confidence, judged_units(&c->j, units), r->how->draws);
    fputs("</section>\n", f);
}

/* ---- Parts ---- */

static void put_heads(const report *r, const measured *values)
{
    for (metric_kind k = 0; k < METRICS; k++)
        if (!isnan(values[k].estimate)) fprintf(r->f, "<th>%s</th>", metric_name(k));
    fputs("</tr>\n", r->f);
}

static void put_subgroups(const report *r)
{
    const assessment *a = r->a;
    FILE *f = r->f;
    int small = 0;
    if (!a->n_parts) return;
    fputs("<section>\n<h2>Subgroups by ", f);
    page_text(r, r->by->column);
    fputs("</h2>\n", f);
    page_forest(r, report_first_metric(&a->j));
    fprintf(f, "<div class='wide'><table class='dense'>\n<tr><th></th>%s<th>sequences</th>",
            a->j.grouped ? "<th>groups</th>" : "");
    if (a->j.classes == 2) fputs("<th>", f), page_text(r, a->j.class_names[1]), fputs("</th>", f);
    put_heads(r, a->values);
    for (size_t i = 0; i < a->n_parts; i++) {
        const subgroup *part = &a->parts[i];
        fputs("<tr><td>", f);
        page_text(r, part->name);
        fprintf(f, "%s</td>", part->small ? "<small>small</small>" : "");
        if (a->j.grouped) fprintf(f, "<td>%zu</td>", part->clusters);
        fprintf(f, "<td>%zu</td>", part->n);
        if (a->j.classes == 2) fprintf(f, "<td>%zu</td>", part->cases);
        for (metric_kind k = 0; k < METRICS; k++)
            if (!isnan(a->values[k].estimate)) put_measured(r, k, &part->values[k]);
        fputs("</tr>\n", f);
        small |= part->small;
    }
    fputs("</table></div>\n", f);
    if (small)
        fprintf(
            f,
            "<p class='soft'>Small: fewer than %d %ss, or fewer than %d with either class. Such intervals say little, "
            "and they are too narrow.</p>\n",
            SUBGROUP_CLUSTERS, a->j.grouped ? "group" : "sequence", SUBGROUP_CASES);
    fputs("<p class='soft'>The more parts are compared, the more differ by chance alone.</p>\n</section>\n", f);
}

static void put_fold(const report *r, size_t fold, double sums[METRICS], double squares[METRICS])
{
    static const resampling none = {.confidence = 0.95};
    const judged *j = &r->a->j;
    AUTO_JUDGED part = {0};
    FREED unsigned char *kept = cli_alloc(r->s->n + 1, 1);
    measured values[METRICS];
    char text[32];
    for (size_t i = 0; i < r->s->n; i++) kept[i] = r->s->fold[i] == fold;
    judged_part(j, kept, &part);
    intervals_of(&part, &none, values);
    fprintf(r->f, "<tr><td>%zu</td>%s", fold, "");
    if (j->grouped) fprintf(r->f, "<td>%zu</td>", part.clusters);
    fprintf(r->f, "<td>%zu</td>", part.n);
    for (metric_kind k = 0; k < METRICS; k++) {
        sums[k] += values[k].estimate;
        squares[k] += values[k].estimate * values[k].estimate;
        if (isnan(r->a->values[k].estimate)) continue;
        fprintf(r->f, "<td>%s</td>", isnan(values[k].estimate) ? "-" : metric_text(k, values[k].estimate, text));
    }
    fputs("</tr>\n", r->f);
}

static void put_folds(const report *r)
{
    double sums[METRICS] = {0}, squares[METRICS] = {0};
    char text[2][32];
    size_t folds = 0;
    FILE *f = r->f;
    for (size_t i = 0; i < r->s->n; i++) folds = r->s->fold[i] > folds ? r->s->fold[i] : folds;
    if (!folds) return;
    fprintf(f,
            "<section>\n<h2>Folds</h2>\n<div class='wide'><table class='dense'>\n<tr><th>fold</th>%s<th>sequences</th>",
            r->a->j.grouped ? "<th>groups</th>" : "");
    put_heads(r, r->a->values);
    for (size_t p = 1; p <= folds; p++) put_fold(r, p, sums, squares);
    fprintf(f, "<tr><td>mean and deviation</td><td></td>%s", r->a->j.grouped ? "<td></td>" : "");
    for (metric_kind k = 0; k < METRICS; k++) {
        const double n = (double)folds, mean = sums[k] / n;
        const double deviation = sqrt(fmax(0, (squares[k] - n * mean * mean) / (n - 1)));
        if (isnan(r->a->values[k].estimate)) continue;
        if (isnan(mean))
            fputs("<td>-</td>", f);
        else
            fprintf(f, "<td>%s<small>&plusmn;&nbsp;%s</small></td>", metric_text(k, mean, text[0]),
                    metric_text(k, deviation, text[1]));
    }
    fputs(
        "</tr>\n</table></div>\n<p class='soft'>Each fold was predicted by a model that was trained on the others. The "
        "deviation is of folds, which share training data: it is no standard error.</p>\n</section>\n",
        f);
}

/* ---- The page ---- */

static void put_summary(const report *r)
{
    char units[48];
    FILE *f = r->f;
    fputs("<title>", f);
    page_text(r, r->title);
    fputs("</title>\n</head>\n<body>\n<h1>", f);
    page_text(r, r->title);
    fputs("</h1>\n<p>", f);
    if (r->a->known || r->a->columns.n) {
        fprintf(f, "Evaluated: %s, %zu sequences", r->what, r->s->n);
        if (r->a->j.grouped) fprintf(f, " of %s", judged_units(&r->a->j, units));
        fputs(".", f);
        if (r->past && !r->t->e.test && !r->t->config.folds && r->t->config.validation > 0)
            fputs(" They also decided which epoch's weights were kept, so all numbers are a little too good.", f);
    } else {
        fputs("Nothing was held out whose truth is known: there are no metrics.", f);
    }
    fputs("</p>\n", f);
}

static void put_all(const report *r)
{
    const assessment *a = r->a;
    fputs(head, r->f);
    put_summary(r);
    if (a->known) {
        fputs("<section>\n<h2>Metrics</h2>\n", r->f);
        put_metrics(r);
        fputs("</section>\n", r->f);
        if (a->j.classes) fputs("<section>\n<div class='two'><div>\n", r->f), put_confusion(r);
        if (a->j.classes) fputs("</div><div>\n", r->f), put_classes(r), fputs("</div></div>\n</section>\n", r->f);
        page_ranking(r);
        page_calibration(r);
        page_thresholds(r);
        page_errors(r);
        put_subgroups(r);
        put_folds(r);
    }
    put_columns(r);
    page_learning(r);
    page_describe(r);
    page_configuration(r);
    fputs(foot, r->f);
}

int report_write(report *r, const char *path)
{
    TRY(page_look(r));
    if (!cli_group_leads(r->t->e.group)) return CLI_OK;
    r->f = fopen(path, "w");
    if (r->f) put_all(r);
    return text_finish(r->f, path);
}
