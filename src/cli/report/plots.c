/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures of the page: curves with bands, calibration, errors, learning curves, and subgroups side by side.
 */
#include "report.h"

#include "../svg.h"

#include <math.h>
#include <stdlib.h>

enum { GRID = 101, LINES = 6, BINS = 10 };

static const char *const lines[LINES] = {"class='l0'", "class='l1'", "class='l2'",
                                         "class='l3'", "class='l4'", "class='l5'"};
static const svg_axis unit = {0, 1, 0.2, 6};

static svg_plot begin(const report *r, const char *label, svg_axis x, svg_axis y, const char *x_name,
                      const char *y_name)
{
    const svg_plot p = {.f = r->f, .left = 66, .right = 470, .top = 12, .bottom = 330, .x = x, .y = y};
    fprintf(r->f, "<figure><svg viewBox='0 0 480 380' role='img' aria-label='%s'>\n", label);
    svg_grid(&p, "class='grid'");
    svg_names(&p, x_name, y_name);
    return p;
}

static void legend(const svg_plot *p, size_t k, double x, double y)
{
    svg_line(p->f, x, y, x + 20, y, lines[k % LINES]);
    fprintf(p->f, "<text x='%.0f' y='%.0f'>", x + 26, y + 4);
}

/* ---- Ranking ---- */

typedef struct ranker {
    const judged *j;
    const float *score;
    size_t *scratch, n_points;
    rnnp_curve_point *curve;
} ranker;

/* The curve at a false positive rate: on its upper edge where it rises, straight in between. */
static double at_rate(const ranker *k, double x)
{
    size_t i = 0;
    while (i + 1 < k->n_points && k->curve[i + 1].fpr <= x) i++;
    if (i + 1 == k->n_points) return k->curve[i].tpr;
    const rnnp_curve_point a = k->curve[i], b = k->curve[i + 1];
    return a.tpr + (b.tpr - a.tpr) * (x - a.fpr) / (b.fpr - a.fpr);
}

/* The precision where this recall is reached. */
static double at_recall(const ranker *k, double x)
{
    size_t i = 0;
    while (i + 1 < k->n_points && k->curve[i].tpr < x) i++;
    return k->curve[i].precision;
}

/* values: [GRID] of the ROC curve, [GRID] of precision and recall. */
static void rank(void *user, const float *weight, double *values)
{
    ranker *k = user;
    double auc, ap;
    const int known = rnnp_metrics_ranking(k->j->n, k->score, k->j->truth, weight, k->scratch, &auc, &ap, k->curve,
                                           &k->n_points) == RNNP_OK;
    for (size_t i = 0; i < GRID; i++) {
        const double x = (double)i / (GRID - 1);
        values[i] = known ? at_rate(k, x) : (double)NAN;
        values[GRID + i] = known ? at_recall(k, x) : (double)NAN;
    }
}

/* Intervals of n columns, as two arrays; 0 without draws. */
static int band_of(const report *r, size_t n, draw_fn *fn, void *user, const double *estimates, double *low,
                   double *high)
{
    resampling how = *r->how;
    FREED double *all = cli_alloc(n * how.draws + 1, sizeof *all);
    FREED rnnp_bootstrap *found = cli_alloc(n, sizeof *found);
    if (!how.draws) return 0;
    intervals_draw(&r->a->j, &how, n, fn, user, all);
    intervals_of_columns(&how, n, all, estimates, found);
    for (size_t i = 0; i < n; i++) low[i] = found[i].interval.low, high[i] = found[i].interval.high;
    return 1;
}

static void put_two(const report *r, ranker *k)
{
    double estimates[2 * GRID], low[2 * GRID], high[2 * GRID], x[GRID], ends[2] = {0, 1}, share = 0;
    FREED double *points = cli_alloc(3 * (k->j->n + 1), sizeof *points);
    for (size_t i = 0; i < GRID; i++) x[i] = (double)i / (GRID - 1);
    for (size_t i = 0; i < k->j->n; i++) share += k->j->truth[i] / (double)k->j->n;
    rank(k, NULL, estimates);
    const size_t n = k->n_points;
    double *const fpr = points, *const tpr = points + n, *const precision = points + 2 * n;
    for (size_t i = 0; i < n; i++)
        fpr[i] = k->curve[i].fpr, tpr[i] = k->curve[i].tpr, precision[i] = k->curve[i].precision;
    const int band = band_of(r, 2 * GRID, rank, k, estimates, low, high);
    svg_plot p =
        begin(r, "ROC curve", unit, unit, "false positive rate (1 - specificity)", "true positive rate (sensitivity)");
    if (band) svg_band(&p, x, low, high, GRID, "class='band'");
    svg_curve(&p, ends, ends, 2, "class='axis'");
    svg_curve(&p, fpr, tpr, n, lines[0]);
    fprintf(r->f, "</svg><figcaption>ROC curve, area %.4f. Dashed: chance.</figcaption></figure>\n",
            r->a->values[METRIC_AUC].estimate);
    p = begin(r, "precision and recall", unit, unit, "recall (sensitivity)", "precision (positive predictive value)");
    if (band) svg_band(&p, x, low + GRID, high + GRID, GRID, "class='band'");
    svg_curve(&p, ends, (double[]){share, share}, 2, "class='axis'");
    svg_curve(&p, tpr, precision, n, lines[0]);
    fprintf(r->f,
            "</svg><figcaption>Precision and recall, average precision %.4f. Dashed: the share of positives, "
            "%.3f.</figcaption></figure>\n",
            r->a->values[METRIC_PRECISION].estimate, share);
}

/* Each class against all others. */
static void put_many(const report *r)
{
    const judged *j = &r->a->j;
    const size_t shown = j->classes < LINES ? j->classes : LINES;
    FREED float *score = cli_alloc(j->n + 1, sizeof *score);
    FREED int32_t *truth = cli_alloc(j->n + 1, sizeof *truth);
    FREED size_t *scratch = cli_alloc(2 * j->n + 1, sizeof *scratch);
    FREED rnnp_curve_point *ranks = cli_alloc(j->n + 1, sizeof *ranks);
    FREED double *points = cli_alloc(2 * (j->n + 1), sizeof *points);
    const svg_plot p = begin(r, "ROC curves", unit, unit, "false positive rate", "true positive rate");
    for (size_t k = 0, row = 0; k < shown; k++) {
        size_t n = 0;
        double auc, ap;
        for (size_t i = 0; i < j->n; i++) score[i] = j->p[i * j->classes + k], truth[i] = (size_t)j->truth[i] == k;
        if (rnnp_metrics_ranking(j->n, score, truth, NULL, scratch, &auc, &ap, ranks, &n) != RNNP_OK) continue;
        for (size_t i = 0; i < n; i++) points[i] = ranks[i].fpr, points[n + i] = ranks[i].tpr;
        svg_curve(&p, points, points + n, n, lines[k]);
        legend(&p, k, 250, 322 - 17 * (double)(shown - row++));
        page_text(r, j->class_names[k]);
        fprintf(r->f, ", area %.4f</text>\n", auc);
    }
    fputs("</svg><figcaption>ROC curves of each class against all others.</figcaption></figure>\n", r->f);
}

void page_ranking(const report *r)
{
    const judged *j = &r->a->j;
    FREED float *memory = cli_alloc(j->n + 1, sizeof *memory);
    FREED size_t *scratch = cli_alloc(2 * j->n + 1, sizeof *scratch);
    FREED rnnp_curve_point *ranks = cli_alloc(j->n + 1, sizeof *ranks);
    ranker k = {.j = j, .score = judged_score(j, memory), .scratch = scratch, .curve = ranks};
    const int two = k.score && !isnan(r->a->values[METRIC_AUC].estimate);
    if (!two && j->classes < 3) return;
    fputs("<section>\n<h2>Ranking</h2>\n<div class='two'>\n", r->f);
    two ? put_two(r, &k) : put_many(r);
    fputs("</div>\n</section>\n", r->f);
}

/* ---- Calibration ---- */

typedef struct calibrator {
    const judged *j;
    const float *score;
} calibrator;

static void calibrate(void *user, const float *weight, double *values)
{
    const calibrator *c = user;
    rnnp_calibration_bin bins[BINS];
    double ece;
    const int known = rnnp_metrics_calibration(c->j->n, BINS, c->score, c->j->truth, weight, bins, &ece) == RNNP_OK;
    for (size_t b = 0; b < BINS; b++) values[b] = known && bins[b].weight > 0 ? bins[b].share : (double)NAN;
}

/* Wilson's intervals of rows that are alone; of clusters by the draws. */
static const char *bin_ends(const report *r, calibrator *c, const rnnp_calibration_bin *bins, double *low, double *high)
{
    double shares[BINS];
    const int alone = c->j->clusters == c->j->n;
    for (size_t b = 0; b < BINS; b++) {
        rnnp_interval at = {0, 1};
        shares[b] = bins[b].share;
        if (rnnp_metrics_wilson(bins[b].share, bins[b].weight, r->how->confidence, &at) != RNNP_OK) at.low = NAN;
        low[b] = at.low, high[b] = at.high;
    }
    if (alone) return "Wilson";
    return band_of(r, BINS, calibrate, c, shares, low, high) ? "bootstrap by group"
                                                             : "Wilson, rows taken for independent";
}

static void put_reliability(const report *r, calibrator *c, const rnnp_calibration_bin *bins)
{
    double low[BINS], high[BINS], ends[2] = {0, 1};
    const char *how = bin_ends(r, c, bins, low, high);
    const svg_plot p = begin(r, "calibration", unit, unit, "mean predicted probability", "share of the class");
    svg_curve(&p, ends, ends, 2, "class='axis'");
    for (size_t b = 0; b < BINS; b++) {
        const double x = svg_x(&p, bins[b].mean);
        if (!(bins[b].weight > 0)) continue;
        if (!isnan(low[b])) svg_line(r->f, x, svg_y(&p, low[b]), x, svg_y(&p, high[b]), "class='l0 thin'");
        fprintf(r->f,
                "<circle cx='%.1f' cy='%.1f' r='4' class='f0'><title>%.0f sequences: predicted %.3f, observed %.3f, "
                "%.3f to %.3f</title></circle>\n",
                x, svg_y(&p, bins[b].share), bins[b].weight, bins[b].mean, bins[b].share, low[b], high[b]);
    }
    fprintf(r->f,
            "</svg><figcaption>Reliability in %d bins of equal width; calibration error %.4f. Bars: %.6g %% intervals "
            "(%s). Below the dashed line, probabilities are too high.</figcaption></figure>\n",
            BINS, r->a->values[METRIC_CALIBRATION].estimate, 100 * r->how->confidence, how);
}

/* How many sequences of each class have which probability. */
static void put_probabilities(const report *r, const calibrator *c)
{
    enum { BARS = 25 };
    double count[2][BARS] = {{0}}, most = 1;
    for (size_t i = 0; i < c->j->n; i++) {
        const size_t b = (size_t)((double)c->score[i] * BARS);
        double *at = &count[c->j->truth[i]][b < BARS ? b : BARS - 1];
        most = fmax(most, ++*at);
    }
    const svg_plot p = begin(r, "probabilities", unit, svg_axis_of(0, most), "predicted probability", "sequences");
    for (int k = 0; k < 2; k++) {
        double x[2 * BARS + 2], y[2 * BARS + 2];
        x[0] = y[0] = y[2 * BARS + 1] = 0, x[2 * BARS + 1] = 1;
        for (size_t b = 0; b < BARS; b++) {
            x[2 * b + 1] = (double)b / BARS, x[2 * b + 2] = (double)(b + 1) / BARS;
            y[2 * b + 1] = y[2 * b + 2] = count[k][b];
        }
        svg_curve(&p, x, y, 2 * BARS + 2, lines[k]);
        legend(&p, (size_t)k, 250, 30 + 18 * k);
        page_text(r, c->j->class_names[k]);
        fputs("</text>\n", r->f);
    }
    fputs("</svg><figcaption>Predicted probability of <b>", r->f);
    page_text(r, c->j->class_names[1]);
    fputs("</b>, by true class.</figcaption></figure>\n", r->f);
}

void page_calibration(const report *r)
{
    const judged *j = &r->a->j;
    FREED float *memory = cli_alloc(j->n + 1, sizeof *memory);
    rnnp_calibration_bin bins[BINS];
    double ece;
    if (j->classes != 2) return;
    calibrator c = {j, judged_score(j, memory)};
    if (rnnp_metrics_calibration(j->n, BINS, c.score, j->truth, NULL, bins, &ece) != RNNP_OK) return;
    fputs("<section>\n<h2>Calibration</h2>\n<div class='two'>\n", r->f);
    put_reliability(r, &c, bins);
    put_probabilities(r, &c);
    fputs("</div>\n</section>\n", r->f);
}

/* ---- Numbers ---- */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void page_errors(const report *r)
{
    const judged *j = &r->a->j;
    FREED double *x = cli_alloc(j->n + 1, sizeof *x), *y = cli_alloc(j->n + 1, sizeof *y);
    if (j->classes || !j->n) return;
    for (size_t i = 0; i < j->n; i++) y[i] = (double)j->error[i];
    qsort(y, j->n, sizeof *y, by_size);
    for (size_t i = 0; i < j->n; i++) x[i] = (double)(i + 1) / (double)j->n;
    fputs("<section>\n<h2>Errors</h2>\n<div class='two'>\n", r->f);
    const svg_plot p =
        begin(r, "errors", unit, svg_axis_of(0, y[j->n - 1]), "share of the sequences", "mean squared error");
    svg_curve(&p, x, y, j->n, lines[0]);
    fprintf(
        r->f,
        "</svg><figcaption>Errors of sequences, in order: the median is %.4g, a tenth is above %.4g, and the largest "
        "is %.4g.</figcaption></figure>\n</div>\n</section>\n",
        y[j->n / 2], y[j->n - 1 - j->n / 10], y[j->n - 1]);
}

/* ---- Learning curves ---- */

typedef enum look { LOOK_LOSS, LOOK_HELD, LOOK_SCORE } look;

static double value_of(const report *r, const epoch_line *line, look what)
{
    const double sign = r->t->config.score == SCORE_LOSS ? 1 : -1;
    return what == LOOK_LOSS ? line->loss : what == LOOK_HELD ? line->held_loss : sign * line->held_score;
}

static void put_learning(const report *r, const char *y_name, look first, look last, const char *caption)
{
    double least = INFINITY, most = -INFINITY;
    size_t epochs = 1;
    for (size_t i = 0; i < r->past->n; i++) {
        const history *past = &r->past->at[i].past;
        epochs = past->n > epochs ? past->n : epochs;
        for (size_t e = 0; e < past->n; e++)
            for (look k = first; k <= last; k++) {
                const double y = value_of(r, &past->at[e], k);
                if (isfinite(y)) least = fmin(least, y), most = fmax(most, y);
            }
    }
    if (!(least <= most)) return;
    const svg_plot p =
        begin(r, y_name, svg_axis_of(epochs > 1 ? 1 : 0, (double)epochs), svg_axis_of(least, most), "epoch", y_name);
    for (size_t i = 0; i < r->past->n; i++) {
        const history *past = &r->past->at[i].past;
        FREED double *x = cli_alloc(past->n + 1, sizeof *x), *y = cli_alloc(past->n + 1, sizeof *y);
        for (look k = first; k <= last; k++) {
            for (size_t e = 0; e < past->n; e++) x[e] = (double)(e + 1), y[e] = value_of(r, &past->at[e], k);
            svg_curve(&p, x, y, past->n,
                      r->past->n > 1 ? (k == LOOK_LOSS ? "class='l0 thin'" : "class='l1 thin'")
                                     : lines[k != LOOK_LOSS]);
            if (past->best && past->best <= past->n && k != LOOK_LOSS)
                fprintf(r->f, "<circle cx='%.1f' cy='%.1f' r='3.5' class='f1'/>\n", svg_x(&p, (double)past->best),
                        svg_y(&p, y[past->best - 1]));
        }
    }
    fprintf(r->f, "</svg><figcaption>%s</figcaption></figure>\n", caption);
}

void page_learning(const report *r)
{
    const train_config *c = &r->t->config;
    const int held = c->validation > 0;
    if (!r->past || !r->past->n) return;
    fputs("<section>\n<h2>Learning curves</h2>\n<div class='two'>\n", r->f);
    put_learning(
        r, "loss", LOOK_LOSS, held ? LOOK_HELD : LOOK_LOSS,
        held ? "Loss of training (blue) and of what was held out (orange). Dots: the epochs whose weights were kept."
             : "Loss of training. Nothing was held out for early stopping.");
    if (held && c->score != SCORE_LOSS)
        put_learning(
            r, curves_score(c), LOOK_SCORE, LOOK_SCORE,
            "Score of what was held out, which decides the best epoch. Dots: the epochs whose weights were kept.");
    fputs("</div>\n<p class='soft'>", r->f);
    for (size_t i = 0; i < r->past->n; i++)
        fprintf(r->f, "%s%s %llu: %zu epochs, the %s of epoch %zu", i ? "; " : "", r->past->at[i].kind,
                (unsigned long long)r->past->at[i].number, r->past->at[i].past.n, held ? "best" : "weights",
                r->past->at[i].past.best);
    fputs(".</p>\n</section>\n", r->f);
}

/* ---- Subgroups ---- */

void page_forest(const report *r, metric_kind kind)
{
    enum { ROW = 24, TOP = 8, BOTTOM = 44 };
    const assessment *a = r->a;
    const double all = a->values[kind].estimate, height = ROW * (double)a->n_parts;
    double least = all, most = all;
    for (size_t i = 0; i < a->n_parts; i++) {
        const measured *m = &a->parts[i].values[kind];
        if (isnan(m->estimate)) continue;
        least = fmin(least, m->found.used ? fmin(m->found.interval.low, m->estimate) : m->estimate);
        most = fmax(most, m->found.used ? fmax(m->found.interval.high, m->estimate) : m->estimate);
    }
    if (isnan(all)) return;
    const svg_plot p = {.f = r->f,
                        .left = 190,
                        .right = 700,
                        .top = TOP,
                        .bottom = TOP + height,
                        .x = svg_axis_of(least, most),
                        .y = {0, 1, 1, 0}};
    fprintf(r->f, "<figure class='single'><svg viewBox='0 0 720 %.0f' role='img' aria-label='subgroups'>\n",
            TOP + height + BOTTOM);
    svg_grid(&p, "class='grid'");
    svg_line(r->f, svg_x(&p, all), TOP, svg_x(&p, all), p.bottom, "class='axis'");
    for (size_t i = 0; i < a->n_parts; i++) {
        const measured *m = &a->parts[i].values[kind];
        const double y = TOP + ROW * ((double)i + 0.5);
        fprintf(r->f, "<text x='%.0f' y='%.0f' text-anchor='end'%s>", p.left - 12, y + 4,
                a->parts[i].small ? " class='soft'" : "");
        page_text(r, a->parts[i].name);
        fputs("</text>\n", r->f);
        if (isnan(m->estimate)) continue;
        if (m->found.used)
            svg_line(r->f, svg_x(&p, m->found.interval.low), y, svg_x(&p, m->found.interval.high), y, "class='l0'");
        fprintf(r->f, "<circle cx='%.1f' cy='%.1f' r='4.5' class='f0'/>\n", svg_x(&p, m->estimate), y);
    }
    fprintf(r->f,
            "<text x='%.0f' y='%.0f' text-anchor='middle'>%s</text></svg>"
            "<figcaption>Dashed: all rows together. Grey names: small.</figcaption></figure>\n",
            (p.left + p.right) / 2, p.bottom + 38, metric_name(kind));
}
