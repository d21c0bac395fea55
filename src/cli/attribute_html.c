/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributions as one page: for each row its signal, step by step in the colour of what the step did to the score, and
 * what each channel did in all. Nothing is loaded from elsewhere, and nothing runs.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attribute.h"
#include "svg.h"

enum { WIDTH = 900, LEFT = 150, RIGHT = 24, PANELS = 12, BARS = 30, BAR = 18, FEW_STEPS = 60 };

/* A row of the page. */
typedef struct picture {
    FILE *f;
    const reasons *r;
    size_t input, row, steps, channels;
    size_t *order;   /* channels, those with the largest magnitudes first */
    double *sums;    /* [methods][channels] */
    double most;     /* the largest magnitude of one step */
    double from, to; /* of time */
} picture;

static void put_text(FILE *f, const char *text) { markup_text(f, cli_plain(text)); }

/* From blue (lowers the score) by white to vermilion (raises it), which colour-blind people tell apart. */
static void put_colour(FILE *f, double share)
{
    static const int low[] = {33, 102, 172}, high[] = {213, 80, 0};
    const int *end = share < 0 ? low : high;
    const double s = fabs(share) < 1 ? fabs(share) : 1;
    fprintf(f, "#%02x%02x%02x", (int)(255 - s * (255 - end[0])), (int)(255 - s * (255 - end[1])),
            (int)(255 - s * (255 - end[2])));
}

/* ---- Signals ---- */

static double when(const picture *p, size_t step)
{
    const reasons *r = p->r;
    return r->time && p->input == r->main ? r->time[p->row * r->axes[p->input].steps + step] : (double)step;
}

static double place_x(const picture *p, double t)
{
    return LEFT + (p->to > p->from ? (t - p->from) / (p->to - p->from) : 0.5) * (WIDTH - LEFT - RIGHT);
}

/* A step's strip reaches half way to its neighbours. */
static double edge(const picture *p, size_t step, int right)
{
    const double t = when(p, step);
    if (right) return step + 1 < p->steps ? place_x(p, (t + when(p, step + 1)) / 2) : WIDTH - RIGHT;
    return step > 0 ? place_x(p, (t + when(p, step - 1)) / 2) : LEFT;
}

static double attribution(const picture *p, size_t step, size_t channel)
{
    return p->most > 0 ? reasons_of(p->r, 0, p->input, p->row, step, channel) / p->most : 0;
}

static void put_panel(const picture *p, size_t channel, double top, double height)
{
    FILE *f = p->f;
    const reasons *r = p->r;
    double least = INFINITY, most = -INFINITY;
    for (size_t t = 0; t < p->steps; t++) {
        const double x = reasons_value(r, p->input, p->row, t, channel);
        least = fmin(least, x);
        most = fmax(most, x);
    }
    const double range = most > least ? most - least : 1, inner = height - 12;
#define PLACE_Y(x) (top + 6 + inner * (most > least ? (most - (x)) / range : 0.5))
    for (size_t t = 0; t < p->steps; t++) {
        const double left = edge(p, t, 0), right = edge(p, t, 1), share = attribution(p, t, channel);
        if (fabs(share) < 1.0 / 256) continue;
        fprintf(f, "<rect x='%.2f' y='%.1f' width='%.2f' height='%.1f' fill='", left, top, right - left + 0.15, height);
        put_colour(f, share);
        fprintf(f, "'><title>step %zu: %.4g, attribution %.4g</title></rect>\n", t,
                reasons_value(r, p->input, p->row, t, channel), share * p->most);
    }
    fprintf(f, "<rect x='%d' y='%.1f' width='%d' height='%.1f' fill='none' stroke='#bbb'/>\n", LEFT, top,
            WIDTH - LEFT - RIGHT, height);
    fputs("<polyline fill='none' stroke='#111' stroke-width='1.3' points='", f);
    for (size_t t = 0; t < p->steps; t++)
        fprintf(f, "%.1f,%.1f ", place_x(p, when(p, t)), PLACE_Y(reasons_value(r, p->input, p->row, t, channel)));
    fputs("'/>\n", f);
    for (size_t t = 0; t < p->steps && p->steps <= FEW_STEPS; t++)
        fprintf(f, "<circle cx='%.1f' cy='%.1f' r='2.6' fill='#111'/>\n", place_x(p, when(p, t)),
                PLACE_Y(reasons_value(r, p->input, p->row, t, channel)));
#undef PLACE_Y
    fprintf(f, "<text x='%d' y='%.1f' text-anchor='end' class='name'>", LEFT - 8, top + height / 2 - 2);
    put_text(f, reasons_channel(r, p->input, channel));
    fprintf(f, "</text>\n<text x='%d' y='%.1f' text-anchor='end' class='small'>%.4g", LEFT - 8, top + height / 2 + 12,
            least);
    if (most > least) fprintf(f, " to %.4g", most);
    fputs("</text>\n", f);
}

static void put_time(const picture *p, double top)
{
    enum { TICKS = 6 };
    const size_t most = p->steps > 1 ? p->steps - 1 : 0, n = most < TICKS ? most : TICKS;
    for (size_t k = 0; k <= n; k++) {
        const double share = n ? (double)k / (double)n : 0;
        const double t = p->r->time && p->input == p->r->main ? p->from + share * (p->to - p->from)
                                                              : floor(share * (double)most + 0.5);
        fprintf(p->f, "<text x='%.1f' y='%.1f' text-anchor='middle' class='small'>%.4g</text>\n", place_x(p, t), top,
                t);
    }
    fprintf(p->f, "<text x='%d' y='%.1f' text-anchor='end' class='small'>%s</text>\n", LEFT - 8, top,
            p->r->time && p->input == p->r->main ? "time" : "step");
}

static void put_legend(const picture *p, double top)
{
    enum { PARTS = 40, PART = 6 };
    FILE *f = p->f;
    const double left = WIDTH - RIGHT - PARTS * PART - 130;
    for (int k = 0; k < PARTS; k++) {
        fprintf(f, "<rect x='%.1f' y='%.1f' width='%.1f' height='10' fill='", left + PART * k, top, PART + 0.2);
        put_colour(f, (k + 0.5) * 2 / PARTS - 1);
        fputs("'/>\n", f);
    }
    fprintf(f,
            "<text x='%.1f' y='%.1f' text-anchor='end' class='small'>lowers the score, %.3g</text>\n"
            "<text x='%.1f' y='%.1f' class='small'>+%.3g, raises it</text>\n",
            left - 6, top + 9, -p->most, left + PARTS * PART + 6, top + 9, p->most);
}

static void put_signals(const picture *p)
{
    const size_t n = p->channels < PANELS ? p->channels : PANELS;
    const double height = n == 1 ? 220 : n <= 4 ? 110 : 64, gap = 8;
    const double all = 24 + (double)n * (height + gap) + 22;
    fprintf(p->f, "<svg viewBox='0 0 %d %.0f' role='img' aria-label='signal coloured by attribution'>\n", WIDTH, all);
    put_legend(p, 4);
    for (size_t k = 0; k < n; k++) put_panel(p, p->order[k], 24 + (double)k * (height + gap), height);
    put_time(p, all - 8);
    fputs("</svg>\n", p->f);
    if (n < p->channels)
        fprintf(p->f, "<p class='note'>The %zu channels with the largest attributions, of %zu.</p>\n", n, p->channels);
}

/* ---- Channels ---- */

static void put_bar(const picture *p, size_t k, double most)
{
    enum { MIDDLE = 330, REACH = 160 };
    const reasons *r = p->r;
    const size_t channel = p->order[k];
    const double top = 22 + (double)k * BAR, first = p->sums[channel], x = most > 0 ? REACH * first / most : 0;
    FILE *f = p->f;
    fprintf(f, "<text x='%d' y='%.1f' text-anchor='end' class='name'>", LEFT + 8, top + 12);
    put_text(f, reasons_channel(r, p->input, channel));
    fprintf(f, "</text><rect x='%.1f' y='%.1f' width='%.1f' height='%d' fill='", x < 0 ? MIDDLE + x : MIDDLE, top + 2,
            fabs(x), BAR - 5);
    put_colour(f, first < 0 ? -0.8 : 0.8);
    fputs("'/>\n", f);
    for (size_t m = 0; m < r->n_methods; m++)
        fprintf(f, "<text x='%zu' y='%.1f' text-anchor='end' class='number'>%.4g</text>\n", 610 + 135 * m, top + 12,
                p->sums[m * p->channels + channel]);
}

static void put_channels(const picture *p)
{
    const reasons *r = p->r;
    const size_t n = p->channels < BARS ? p->channels : BARS;
    double most = 0;
    for (size_t c = 0; c < p->channels; c++) most = fmax(most, fabs(p->sums[c]));
    fprintf(p->f, "<svg viewBox='0 0 %d %zu' role='img' aria-label='sums of channels'>\n", WIDTH, 26 + BAR * n);
    for (size_t m = 0; m < r->n_methods; m++)
        fprintf(p->f, "<text x='%zu' y='14' text-anchor='end' class='small'>%s</text>\n", 610 + 135 * m,
                reasons_method(r->method[m]));
    fprintf(p->f, "<text x='%d' y='14' text-anchor='end' class='small'>sum over time</text>\n", LEFT + 8);
    fprintf(p->f, "<line x1='330' y1='20' x2='330' y2='%zu' stroke='#888'/>\n", 22 + BAR * n);
    for (size_t k = 0; k < n; k++) put_bar(p, k, most);
    fputs("</svg>\n", p->f);
    if (n < p->channels)
        fprintf(p->f, "<p class='note'>%zu channels with smaller attributions are not shown.</p>\n", p->channels - n);
}

/* ---- Rows ---- */

/* How far two methods agree, channel by channel and step by step: Pearson's correlation. */
static double correlation(const picture *p, size_t a, size_t b)
{
    const double n = (double)(p->steps * p->channels);
    double sx = 0, sy = 0, xx = 0, yy = 0, xy = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t c = 0; c < p->channels; c++)
            for (size_t t = 0; t < p->steps; t++) {
                const double x = reasons_of(p->r, a, p->input, p->row, t, c);
                const double y = reasons_of(p->r, b, p->input, p->row, t, c);
                if (pass == 0) {
                    sx += x / n;
                    sy += y / n;
                } else {
                    xx += (x - sx) * (x - sx);
                    yy += (y - sy) * (y - sy);
                    xy += (x - sx) * (y - sy);
                }
            }
    return xy / sqrt(xx * yy);
}

static void put_facts(const picture *p)
{
    const reasons *r = p->r;
    FILE *f = p->f;
    const rnnp_attribution_row *row = &r->found[0][p->row];
    fprintf(f, "<p>The %s of <b>", r->score);
    put_text(f, reasons_class(r, row->target));
    fprintf(
        f,
        "</b> is <b>%.4g</b>; of the baseline it is %.4g. The difference of %+.4g is what there is to explain.</p>\n",
        row->score, row->baseline_score, row->score - row->baseline_score);
    fputs("<ul>\n", f);
    for (size_t m = 0; m < r->n_methods; m++) {
        const rnnp_attribution_row *of = &r->found[m][p->row];
        const double difference = of->score - of->baseline_score;
        fprintf(f, "<li>%s: attributions sum up to %.4g", reasons_method(r->method[m]), of->sum);
        if (difference != 0) fprintf(f, ", %.3g %% off", 100 * fabs(of->residual / difference));
        if (r->method[m] == RNNP_ATTRIBUTION_INTEGRATED) fprintf(f, " (%zu points)", of->points);
        const double like = m ? correlation(p, 0, m) : NAN;
        if (isfinite(like)) fprintf(f, "; correlation with %s %.2f", reasons_method(r->method[0]), like);
        fputs("</li>\n", f);
    }
    fputs("</ul>\n", f);
}

static const double *sorted_by; /* of qsort, which has no room for it */
static int by_size(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    if (sorted_by[x] != sorted_by[y]) return sorted_by[x] < sorted_by[y] ? 1 : -1;
    return x > y ? 1 : -1;
}

static void put_input(picture *p)
{
    const reasons *r = p->r;
    p->steps = reasons_steps(r, p->input, p->row);
    p->channels = r->axes[p->input].channels;
    FREED double *magnitudes = cli_alloc(p->channels, sizeof *magnitudes);
    p->order = cli_alloc(p->channels, sizeof *p->order);
    p->sums = cli_alloc(p->channels * r->n_methods, sizeof *p->sums);
    p->most = 0;
    for (size_t c = 0; c < p->channels; c++) {
        p->order[c] = c;
        magnitudes[c] = reasons_sum(r, 0, p->input, p->row, c, 1);
        for (size_t m = 0; m < r->n_methods; m++)
            p->sums[m * p->channels + c] = reasons_sum(r, m, p->input, p->row, c, 0);
        for (size_t t = 0; t < p->steps; t++) p->most = fmax(p->most, fabs(reasons_of(r, 0, p->input, p->row, t, c)));
    }
    sorted_by = magnitudes;
    qsort(p->order, p->channels, sizeof *p->order, by_size);
    p->from = p->steps ? when(p, 0) : 0;
    p->to = p->steps ? when(p, p->steps - 1) : 0;
    if (p->steps > 1) put_signals(p);
    put_channels(p);
    free(p->order);
    free(p->sums);
}

static void put_row(FILE *f, const reasons *r, size_t row)
{
    picture p = {.f = f, .r = r, .row = row, .input = r->main};
    p.steps = reasons_steps(r, r->main, row);
    p.channels = r->axes[r->main].channels;
    fputs("<section>\n<h2>", f);
    put_text(f, reasons_row(r, row));
    fputs("</h2>\n", f);
    put_facts(&p);
    for (size_t i = 0; i < r->t.n_inputs; i++) {
        rnnp_port_info port = {.struct_size = sizeof port};
        if (!r->axes[i].attributed) continue;
        rnnp_model_input_info(r->model, i, &port);
        if (i != r->main) {
            fputs("<h3>Input ", f);
            put_text(f, port.name);
            fputs("</h3>\n", f);
        }
        p.input = i;
        put_input(&p);
    }
    fputs("</section>\n", f);
}

static const char head[] =
    "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
    "<meta name='viewport' content='width=device-width, initial-scale=1'>\n<title>Attributions</title>\n<style>\n"
    "body { font: 15px/1.45 system-ui, sans-serif; color: #111; background: #fff; max-width: 960px; margin: 1.5em "
    "auto; "
    "padding: 0 1em }\n"
    "h1 { font-size: 1.4em } h2 { font-size: 1.15em; margin: 0 0 .3em }\n"
    "section { border: 1px solid #ccc; border-radius: 6px; padding: 1em; margin: 1em 0; break-inside: avoid }\n"
    "svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif }\n"
    ".name { font-size: 12px } .small { font-size: 11px; fill: #555 } .number { font-size: 12px }\n"
    ".note { color: #555; font-size: .9em } p { margin: .3em 0 } ul { margin: .3em 0 .8em }\n"
    "</style>\n</head>\n<body>\n";

static const char foot[] =
    "<h2>What this is, and what it is not</h2>\n"
    "<p class='note'>An attribution says how the model came to its score, relative to the baseline: what was added by "
    "each number of the input. It says nothing about causes in the world or in a patient, and nothing about whether "
    "the "
    "model is right. Another baseline gives other attributions. Channels that tell the model the same share what they "
    "tell. Occlusion sets one window of one channel to the baseline at a time, so the inputs that it tries may be "
    "unlike any that the model was trained on; where it disagrees, channels act together.</p>\n";

int reasons_write_html(const reasons *r, const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f) return cli_fail("cannot write %s: %s", path, strerror(errno));
    fputs(head, f);
    fputs("<h1>Why <code>", f);
    put_text(f, r->path);
    fprintf(f, "</code> gave these scores</h1>\n<p>Colours: %s. Channels are in the order of their magnitudes.</p>\n",
            reasons_method(r->method[0]));
    for (size_t row = 0; row < r->rows; row++) put_row(f, r, row);
    fputs(foot, f);
    fputs("</body>\n</html>\n", f);
    const int bad = ferror(f);
    if (fclose(f) || bad) return cli_fail("cannot write %s: %s", path, strerror(errno));
    return CLI_OK;
}
