/* SPDX-License-Identifier: Apache-2.0
 *
 * How threads share a product: a grid of parts of its rows by parts of its panels, one rectangle for each thread. Pure
 * functions. The chain over k is never cut, so no grid can change a bit.
 */
#ifndef RNNP_CELLS_GRID_H
#define RNNP_CELLS_GRID_H

#include "../../kernels/ops.h"

/* What is shared: rows by panels, where a tile has up to `tile` rows, and `line` panels of results fill whole lines of
 * 64 bytes. */
typedef struct rnnp_area {
    size_t panels, rows, tile, line;
} rnnp_area;

typedef struct rnnp_grid {
    size_t rows, panels; /* parts of each; share i is part i / panels of the rows, i % panels of the panels */
    size_t unit;         /* panels come in so many: area.line or 1 */
} rnnp_grid;

typedef struct rnnp_rectangle {
    size_t row, rows, panel, panels;
} rnnp_rectangle;

/* Rows of results have `lanes` floats of each panel, one after the other. */
rnnp_area rnnp_area_of(size_t panels, size_t lanes, size_t rows, const rnnp_traits *kernel);

/* The grid of at most n parts whose largest share takes the least time (grid.c says what counts). Among equals: parts
 * that end on lines, so that no line of results is written by two threads; then the fewest parts of rows. There are no
 * parts but those that make the largest share smaller. */
rnnp_grid rnnp_grid_of(const rnnp_area *area, size_t n);

/* Share i < n of the area: nothing (0 panels) for i beyond the grid. */
rnnp_rectangle rnnp_grid_share(const rnnp_grid *grid, const rnnp_area *area, size_t i);

/* The time of the largest share, in half rows of one panel: what a tile takes for one multiply-add of half a row, in
 * each of the panel's columns. */
double rnnp_grid_time(const rnnp_grid *grid, const rnnp_area *area);

/* The most panels of any share. */
size_t rnnp_grid_panels(const rnnp_grid *grid, const rnnp_area *area);

/* The same over that of the whole on one thread. */
double rnnp_grid_largest(const rnnp_grid *grid, const rnnp_area *area);

#endif
