/* SPDX-License-Identifier: Apache-2.0
 *
 * Of the page: what follows from a threshold, and the decision curve (Vickers and Elkin 2006).
 */
#include "report.h"

#include "../svg.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 11, CURVE = 99, RATES = 6, ALL = ROWS * RATES + CURVE };

static const double rows[ROWS] = {0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
static const char *const names[RATES] = {"sensitivity", "specificity", "PPV", "NPV", "F1", "net benefit"};

typedef struct decisions {
    const judged *j;
    const float *score;
    rnnp_decision of_rows[ROWS], of_curve[CURVE];
} decisions;

static void rates(const rnnp_decision *d, double *values)
{
    const double all[RATES] = {d->sensitivity, d->specificity, d->ppv, d->npv, d->f1, d->net_benefit};
    for (size_t k = 0; k < RATES; k++) values[k] = all[k];
}

static void decide(void *user, const float *weight, double *values)
{
    decisions *d = user;
    double thresholds[CURVE];
    for (size_t i = 0; i < CURVE; i++) thresholds[i] = (double)(i + 1) / (CURVE + 1);
    const int known =
        rnnp_metrics_decisions(d->j->n, d->score, d->j->truth, weight, ROWS, rows, d->of_rows) == RNNP_OK &&
        rnnp_metrics_decisions(d->j->n, d->score, d->j->truth, weight, CURVE, thresholds, d->of_curve) == RNNP_OK;
    for (size_t i = 0; i < ALL; i++) values[i] = NAN;
    for (size_t i = 0; i < ROWS && known; i++) rates(&d->of_rows[i], values + i * RATES);
    for (size_t i = 0; i < CURVE && known; i++) values[ROWS * RATES + i] = d->of_curve[i].net_benefit;
}

static void put_table(const report *r, const decisions *d, const rnnp_bootstrap *found)
{
    FILE *f = r->f;
    fputs("<div class='wide'><table>\n<tr><th>threshold</th><th>called positive</th>", f);
    for (size_t k = 0; k < RATES; k++) fprintf(f, "<th>%s</th>", names[k]);
    fputs("</tr>\n", f);
    for (size_t i = 0; i < ROWS; i++) {
        const rnnp_decision *at = &d->of_rows[i];
        double values[RATES];
        rates(at, values);
        fprintf(f, "<tr><td>%.2f</td><td>%.0f of %.0f</td>", at->threshold, at->tp + at->fp,
                at->tp + at->fp + at->tn + at->fn);
        for (size_t k = 0; k < RATES; k++) {
            const rnnp_bootstrap *of = &found[i * RATES + k];
            if (isnan(values[k])) {
                fputs("<td>-</td>", f);
                continue;
            }
            fprintf(f, "<td>%.3f", values[k]);
            if (of->used && of->error > 0)
                fprintf(f, "<small>%.3f to %.3f</small>", of->interval.low, of->interval.high);
            fputs("</td>", f);
        }
        fputs("</tr>\n", f);
    }
    fputs("</table></div>\n", f);
}

/* All without what is far below 0, where nothing is to be seen. */
static void put_curve(const report *r, const decisions *d, const rnnp_bootstrap *found)
{
    double x[CURVE], model[CURVE], all[CURVE], low[CURVE], high[CURVE], most = 0.01;
    for (size_t i = 0; i < CURVE; i++) {
        x[i] = d->of_curve[i].threshold;
        model[i] = d->of_curve[i].net_benefit;
        all[i] = d->of_curve[i].net_benefit_all;
        low[i] = found[i].used ? found[i].interval.low : model[i];
        high[i] = found[i].used ? found[i].interval.high : model[i];
        most = fmax(most, fmax(high[i], all[i]));
    }
    const double least = -0.25 * most;
    for (size_t i = 0; i < CURVE; i++) {
        if (all[i] < least) all[i] = NAN;
        if (model[i] < least) model[i] = NAN;
        low[i] = fmax(low[i], least), high[i] = fmax(high[i], least);
    }
    const svg_plot p = {.f = r->f,
                        .left = 70,
                        .right = 700,
                        .top = 12,
                        .bottom = 330,
                        .x = {0, 1, 0.1, 11},
                        .y = svg_axis_of(least, most)};
    fputs("<figure class='single'><svg viewBox='0 0 720 380' role='img' aria-label='decision curve'>\n", r->f);
    svg_grid(&p, "class='grid'");
    svg_names(&p, "threshold", "net benefit");
    svg_band(&p, x, low, high, CURVE, "class='band'");
    svg_line(r->f, p.left, svg_y(&p, 0), p.right, svg_y(&p, 0), "class='axis'");
    svg_curve(&p, x, all, CURVE, "class='l1'");
    svg_curve(&p, x, model, CURVE, "class='l0'");
    svg_line(r->f, 520, 28, 545, 28, "class='l0'");
    svg_line(r->f, 520, 46, 545, 46, "class='l1'");
    fputs("<text x='552' y='32'>the model</text><text x='552' y='50'>all called positive</text></svg>"
          "<figcaption>Decision curve. A threshold t says that a missed positive is as bad as (1 - t) / t false "
          "alarms. The model "
          "is of use where it is above both calling everybody positive and calling nobody "
          "(dashed).</figcaption></figure>\n",
          r->f);
}

void page_thresholds(const report *r)
{
    const judged *j = &r->a->j;
    FREED float *memory = cli_alloc(j->n + 1, sizeof *memory);
    FREED double *all = cli_alloc(r->how->draws * ALL + 1, sizeof *all);
    FREED rnnp_bootstrap *found = cli_alloc(ALL, sizeof *found);
    double estimates[ALL];
    if (j->classes != 2) return;
    decisions d = {.j = j, .score = judged_score(j, memory)};
    if (r->how->draws) {
        intervals_draw(j, r->how, ALL, decide, &d, all);
        decide(&d, NULL, estimates);
        intervals_of_columns(r->how, ALL, all, estimates, found);
    }
    decide(&d, NULL, estimates);
    fputs("<section>\n<h2>Thresholds</h2>\n<p>A sequence is called <b>", r->f);
    page_text(r, j->class_names[1]);
    fputs("</b> when its probability is the threshold or more.</p>\n", r->f);
    put_table(r, &d, found);
    put_curve(r, &d, found + ROWS * RATES);
    fputs("</section>\n", r->f);
}
