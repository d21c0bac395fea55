/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "training.h"

enum { WIDTH = 720, HEIGHT = 440, LEFT = 70, RIGHT = 20, TOP = 46, BOTTOM = 52 };

/* Okabe and Ito's colours, which most colour-blind people tell apart, and the width of a curve. */
static const char *const colours[] = {"'#0072B2' stroke-width='2'", "'#D55E00' stroke-width='2'",
                                      "'#009E73' stroke-width='2'"};
enum { COLOURS = COUNT(colours) };

typedef struct axis {
    double least, most, step;
    int ticks;
} axis;

/* Ticks at 1, 2 or 5 times a power of ten, some five of them. What varies less than its ticks can tell is drawn flat.
 */
static axis axis_of(double least, double most)
{
    axis a = {least, most, 1, 0};
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

static double tick(const axis *a, int i) { return a->least + i * a->step; }
static double share(const axis *a, double x) { return (x - a->least) / (a->most - a->least); }
static double place_x(const axis *a, double x) { return LEFT + share(a, x) * (WIDTH - LEFT - RIGHT); }
static double place_y(const axis *a, double y) { return HEIGHT - BOTTOM - share(a, y) * (HEIGHT - TOP - BOTTOM); }

/* Points that are not finite, or so far out that differences are not, are left out. */
static int shown(const curve *c, size_t i) { return fabs(c->x[i]) < 1e300 && fabs(c->y[i]) < 1e300; }

static void limits(const curve *curves, size_t n, axis *x, axis *y)
{
    double lx = INFINITY, mx = -INFINITY, ly = INFINITY, my = -INFINITY;
    for (size_t c = 0; c < n; c++)
        for (size_t i = 0; i < curves[c].n; i++) {
            if (!shown(&curves[c], i)) continue;
            lx = fmin(lx, curves[c].x[i]);
            mx = fmax(mx, curves[c].x[i]);
            ly = fmin(ly, curves[c].y[i]);
            my = fmax(my, curves[c].y[i]);
        }
    *x = axis_of(isfinite(lx) ? lx : 0, isfinite(mx) ? mx : 1);
    *y = axis_of(isfinite(ly) ? ly : 0, isfinite(my) ? my : 1);
}

static void line(FILE *f, double x1, double y1, double x2, double y2, const char *stroke)
{
    fprintf(f, "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke=%s/>\n", x1, y1, x2, y2, stroke);
}

static void draw_ticks(FILE *f, const axis *a, int vertical)
{
    for (int i = 0; i < a->ticks; i++) {
        const double t = tick(a, i), at = vertical ? place_y(a, t) : place_x(a, t);
        if (vertical)
            line(f, LEFT, at, WIDTH - RIGHT, at, "'#ddd'");
        else
            line(f, at, TOP, at, HEIGHT - BOTTOM, "'#ddd'");
        fprintf(f, "<text x='%.1f' y='%.1f' text-anchor='%s'>%.4g</text>\n", vertical ? LEFT - 8 : at,
                vertical ? at + 4 : HEIGHT - BOTTOM + 18, vertical ? "end" : "middle", fabs(t) < a->step / 1e6 ? 0 : t);
    }
}

enum { LEGEND_LEFT = WIDTH - 198, LEGEND_WIDTH = 184, LEGEND_LINE = 18 };

/* Points that a legend between two heights would hide. */
static size_t hidden(const curve *curves, size_t n, const axis *x, const axis *y, double top, double bottom)
{
    size_t found = 0;
    for (size_t c = 0; c < n; c++)
        for (size_t i = 0; i < curves[c].n; i++) {
            const double at = place_y(y, curves[c].y[i]);
            found += place_x(x, curves[c].x[i]) > LEGEND_LEFT && at > top && at < bottom;
        }
    return found;
}

/* On the right, where it hides less of the curves: high, or low. On white, as curves may pass behind it. */
static void draw_legend(FILE *f, const curve *curves, size_t n, const axis *x, const axis *y)
{
    const int height = LEGEND_LINE * (int)n + 6, high = TOP + 2, low = HEIGHT - BOTTOM - 2 - height;
    const int is_low = hidden(curves, n, x, y, high, high + height) > hidden(curves, n, x, y, low, low + height);
    const int top = is_low ? low : high;
    fprintf(f, "<rect x='%d' y='%d' width='%d' height='%d' fill='white' fill-opacity='0.8'/>\n", LEGEND_LEFT, top,
            LEGEND_WIDTH, height);
    for (size_t c = 0; c < n; c++) {
        const int at = top + 12 + LEGEND_LINE * (int)c;
        line(f, WIDTH - 190, at, WIDTH - 166, at, colours[c % COLOURS]);
        fprintf(f, "<text x='%d' y='%d'>%s</text>\n", WIDTH - 160, at + 4, curves[c].name);
    }
}

static void draw(FILE *f, const char *title, const char *x_name, const char *y_name, const curve *curves, size_t n)
{
    axis x, y;
    limits(curves, n, &x, &y);
    fprintf(f,
            "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' font-family='sans-serif' "
            "font-size='12'>\n"
            "<rect width='100%%' height='100%%' fill='white'/>\n<text x='%d' y='22' font-size='15'>",
            WIDTH, HEIGHT, LEFT);
    for (; *title; title++) /* a name of a file may hold what SVG reads as its own */
        *title == '&' ? fputs("&amp;", f) : *title == '<' ? fputs("&lt;", f) : fputc(*title, f);
    fputs("</text>\n", f);
    draw_ticks(f, &x, 0);
    draw_ticks(f, &y, 1);
    fprintf(f,
            "<text x='%d' y='%d' text-anchor='middle'>%s</text>\n"
            "<text transform='translate(16 %d) rotate(-90)' text-anchor='middle'>%s</text>\n",
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_name, (TOP + HEIGHT - BOTTOM) / 2, y_name);
    for (size_t c = 0; c < n; c++) {
        fprintf(f, "<polyline fill='none' stroke=%s points='", colours[c % COLOURS]);
        for (size_t i = 0; i < curves[c].n; i++)
            if (shown(&curves[c], i))
                fprintf(f, "%.1f,%.1f ", place_x(&x, curves[c].x[i]), place_y(&y, curves[c].y[i]));
        fprintf(f, "'/>\n");
    }
    draw_legend(f, curves, n, &x, &y);
    fprintf(f, "</svg>\n");
}

int curve_write(const char *path, const char *title, const char *x_name, const char *y_name, const curve *curves,
                size_t n)
{
    FILE *f = fopen(path, "w");
    if (f) draw(f, title, x_name, y_name, curves, n);
    return text_finish(f, path);
}
