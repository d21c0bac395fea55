/* SPDX-License-Identifier: Apache-2.0
 *
 * What pictures and pages have in common: text as HTML and SVG take it, axes, lines and bands in SVG.
 */
#ifndef RNNP_CLI_SVG_H
#define RNNP_CLI_SVG_H

#include <stddef.h>
#include <stdio.h>

/* Text in which nothing is read as markup. What may have control characters goes through cli_plain first. */
void markup_text(FILE *f, const char *text);

/* Ticks at 1, 2 or 5 times a power of ten, some five of them. What varies less than its ticks can tell is flat. */
typedef struct svg_axis {
    double least, most, step;
    int ticks;
} svg_axis;

svg_axis svg_axis_of(double least, double most);

/* Axes, and the edges of what lies between them in the picture. */
typedef struct svg_plot {
    FILE *f;
    double left, right, top, bottom;
    svg_axis x, y;
} svg_plot;

double svg_x(const svg_plot *p, double x);
double svg_y(const svg_plot *p, double y);

/* Attributes are text of a tag, such as "stroke='#ddd'" or "class='grid'". */
void svg_line(FILE *f, double x1, double y1, double x2, double y2, const char *attributes);
/* Lines of the grid and numbers at their ends; names below and to the left. */
void svg_grid(const svg_plot *p, const char *attributes);
void svg_names(const svg_plot *p, const char *x_name, const char *y_name);
/* Whether a point is finite, and not so far out that differences are not. */
int svg_shown(double x, double y);
void svg_curve(const svg_plot *p, const double *x, const double *y, size_t n, const char *attributes);
void svg_band(const svg_plot *p, const double *x, const double *low, const double *high, size_t n,
              const char *attributes);

#endif
