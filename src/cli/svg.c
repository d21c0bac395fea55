/* SPDX-License-Identifier: Apache-2.0 */
#include "svg.h"

#include <math.h>

void markup_text(FILE *f, const char *text)
{
    for (; *text; text++) switch (*text) {
        case '&': fputs("&amp;", f); break;
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '"': fputs("&quot;", f); break;
        case '\'': fputs("&#39;", f); break;
        default: fputc(*text, f);
        }
}

/* ---- Axes ---- */

svg_axis svg_axis_of(double least, double most)
{
    svg_axis a = {least, most, 1, 0};
    const double size = fmax(fabs(least), fabs(most));
    if (!(most > least)) a.most = least + (least != 0 ? fabs(least) : 1);
    if (a.most - a.least < 1e-3 * size || a.most - a.least < 1e-30) {
        a.least -= fmax(5e-4 * size, 1e-30);
        a.most += fmax(5e-4 * size, 1e-30);
    }
    const double rough = (a.most - a.least) / 5, power = pow(10, floor(log10(rough)));
    const double times = rough / power;
    a.step = power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
    a.least = floor(a.least / a.step) * a.step;
    a.most = ceil(a.most / a.step) * a.step;
    a.ticks =
        (int)round((a.most - a.least) / a.step) + 1; /* steps may be below the last digit of a tick: never add up */
    return a;
}

static double tick(const svg_axis *a, int i) { return a->least + i * a->step; }
static double share(const svg_axis *a, double x) { return (x - a->least) / (a->most - a->least); }
double svg_x(const svg_plot *p, double x) { return p->left + share(&p->x, x) * (p->right - p->left); }
double svg_y(const svg_plot *p, double y) { return p->bottom - share(&p->y, y) * (p->bottom - p->top); }

/* ---- Lines ---- */

void svg_line(FILE *f, double x1, double y1, double x2, double y2, const char *attributes)
{
    fprintf(f, "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' %s/>\n", x1, y1, x2, y2, attributes);
}

static void draw_ticks(const svg_plot *p, const svg_axis *a, int vertical, const char *attributes)
{
    for (int i = 0; i < a->ticks; i++) {
        const double t = tick(a, i), at = vertical ? svg_y(p, t) : svg_x(p, t);
        if (vertical)
            svg_line(p->f, p->left, at, p->right, at, attributes);
        else
            svg_line(p->f, at, p->top, at, p->bottom, attributes);
        fprintf(p->f, "<text x='%.1f' y='%.1f' text-anchor='%s'>%.4g</text>\n", vertical ? p->left - 8 : at,
                vertical ? at + 4 : p->bottom + 18, vertical ? "end" : "middle", fabs(t) < a->step / 1e6 ? 0 : t);
    }
}

void svg_grid(const svg_plot *p, const char *attributes)
{
    draw_ticks(p, &p->x, 0, attributes);
    draw_ticks(p, &p->y, 1, attributes);
}

void svg_names(const svg_plot *p, const char *x_name, const char *y_name)
{
    fprintf(p->f,
            "<text x='%.0f' y='%.0f' text-anchor='middle'>%s</text>\n"
            "<text transform='translate(%.0f %.0f) rotate(-90)' text-anchor='middle'>%s</text>\n",
            (p->left + p->right) / 2, p->bottom + 40, x_name, p->left - 54, (p->top + p->bottom) / 2, y_name);
}

int svg_shown(double x, double y) { return fabs(x) < 1e300 && fabs(y) < 1e300; }

/* A point that lies where the one before it does adds nothing; curves of many rows have many of them. */
static void put_points(const svg_plot *p, const double *x, const double *y, size_t n)
{
    double last[2] = {INFINITY, INFINITY};
    for (size_t i = 0; i < n; i++) {
        if (!svg_shown(x[i], y[i])) continue;
        const double at[2] = {svg_x(p, x[i]), svg_y(p, y[i])};
        if (fabs(at[0] - last[0]) < 0.05 && fabs(at[1] - last[1]) < 0.05) continue;
        fprintf(p->f, "%.1f,%.1f ", last[0] = at[0], last[1] = at[1]);
    }
}

void svg_curve(const svg_plot *p, const double *x, const double *y, size_t n, const char *attributes)
{
    fprintf(p->f, "<polyline fill='none' %s points='", attributes);
    put_points(p, x, y, n);
    fputs("'/>\n", p->f);
}

void svg_band(const svg_plot *p, const double *x, const double *low, const double *high, size_t n,
              const char *attributes)
{
    fprintf(p->f, "<polygon %s points='", attributes);
    put_points(p, x, low, n);
    for (size_t i = n; i-- > 0;) put_points(p, x + i, high + i, 1);
    fputs("'/>\n", p->f);
}
