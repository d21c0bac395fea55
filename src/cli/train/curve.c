/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "../svg.h"
#include "training.h"

enum { WIDTH = 720, HEIGHT = 440, LEFT = 70, RIGHT = 20, TOP = 46, BOTTOM = 52 };

/* Okabe and Ito's colours, which most colour-blind people tell apart, and the width of a curve. */
static const char *const colours[] = {"stroke='#0072B2' stroke-width='2'", "stroke='#D55E00' stroke-width='2'",
                                      "stroke='#009E73' stroke-width='2'"};
enum { COLOURS = COUNT(colours) };

static void limits(const curve *curves, size_t n, svg_axis *x, svg_axis *y)
{
    double lx = INFINITY, mx = -INFINITY, ly = INFINITY, my = -INFINITY;
    for (size_t c = 0; c < n; c++)
        for (size_t i = 0; i < curves[c].n; i++) {
            if (!svg_shown(curves[c].x[i], curves[c].y[i])) continue;
            lx = fmin(lx, curves[c].x[i]);
            mx = fmax(mx, curves[c].x[i]);
            ly = fmin(ly, curves[c].y[i]);
            my = fmax(my, curves[c].y[i]);
        }
    *x = svg_axis_of(isfinite(lx) ? lx : 0, isfinite(mx) ? mx : 1);
    *y = svg_axis_of(isfinite(ly) ? ly : 0, isfinite(my) ? my : 1);
}

enum { LEGEND_LEFT = WIDTH - 198, LEGEND_WIDTH = 184, LEGEND_LINE = 18 };

/* Points that a legend between two heights would hide. */
static size_t hidden(const curve *curves, size_t n, const svg_plot *p, double top, double bottom)
{
    size_t found = 0;
    for (size_t c = 0; c < n; c++)
        for (size_t i = 0; i < curves[c].n; i++) {
            const double at = svg_y(p, curves[c].y[i]);
            found += svg_x(p, curves[c].x[i]) > LEGEND_LEFT && at > top && at < bottom;
        }
    return found;
}

/* On the right, where it hides less of the curves: high, or low. On white, as curves may pass behind it. */
static void draw_legend(const svg_plot *p, const curve *curves, size_t n)
{
    const int height = LEGEND_LINE * (int)n + 6, high = TOP + 2, low = HEIGHT - BOTTOM - 2 - height;
    const int is_low = hidden(curves, n, p, high, high + height) > hidden(curves, n, p, low, low + height);
    const int top = is_low ? low : high;
    fprintf(p->f, "<rect x='%d' y='%d' width='%d' height='%d' fill='white' fill-opacity='0.8'/>\n", LEGEND_LEFT, top,
            LEGEND_WIDTH, height);
    for (size_t c = 0; c < n; c++) {
        const int at = top + 12 + LEGEND_LINE * (int)c;
        svg_line(p->f, WIDTH - 190, at, WIDTH - 166, at, colours[c % COLOURS]);
        fprintf(p->f, "<text x='%d' y='%d'>%s</text>\n", WIDTH - 160, at + 4, curves[c].name);
    }
}

static void draw(FILE *f, const char *title, const char *x_name, const char *y_name, const curve *curves, size_t n)
{
    svg_plot p = {.f = f, .left = LEFT, .right = WIDTH - RIGHT, .top = TOP, .bottom = HEIGHT - BOTTOM};
    limits(curves, n, &p.x, &p.y);
    fprintf(f,
            "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' font-family='sans-serif' "
            "font-size='12'>\n"
            "<rect width='100%%' height='100%%' fill='white'/>\n<text x='%d' y='22' font-size='15'>",
            WIDTH, HEIGHT, LEFT);
    markup_text(f, title); /* a name of a file may hold what SVG reads as its own */
    fputs("</text>\n", f);
    svg_grid(&p, "stroke='#ddd'");
    svg_names(&p, x_name, y_name);
    for (size_t c = 0; c < n; c++) svg_curve(&p, curves[c].x, curves[c].y, curves[c].n, colours[c % COLOURS]);
    draw_legend(&p, curves, n);
    fprintf(f, "</svg>\n");
}

int curve_write(const char *path, const char *title, const char *x_name, const char *y_name, const curve *curves,
                size_t n)
{
    FILE *f = fopen(path, "w");
    if (f) draw(f, title, x_name, y_name, curves, n);
    return text_finish(f, path);
}
