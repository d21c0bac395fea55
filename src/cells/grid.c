/* SPDX-License-Identifier: Apache-2.0
 *
 * What a share takes, in half rows of one panel (a row is 2; it has some 500 cycles of FMAs at a depth of 256):
 *
 *   rows    fewer than `least` rows take as long as that many, because a tile of few rows waits for its weights to
 *           arrive from L2 and for the latency of its chains: a third of the highest tile, and at least two
 *   tiles   1 each: their start and end take some 140 cycles a block
 *   panel   2: its weights come into L1. So of two grids with equal work the one with fewer parts of rows is taken,
 *           whose threads read fewer weights
 *   left    a quarter for each row: it comes into L1 once, whatever the number of panels
 *   lines   half for each row, if its line of results is written by two threads and so travels between their caches
 */
#include "grid.h"

#include "../threads/threads.h"

static size_t ceiling(size_t a, size_t b) { return (a + b - 1) / b; }

static size_t least_rows(size_t tile) { return tile < 6 ? 2 : (tile + 2) / 3; }

static size_t panel_time(size_t rows, size_t tile) { return 2 * rows + ceiling(rows, tile) + 2; }

static size_t largest_panels(const rnnp_area *area, size_t unit, size_t parts)
{
    const size_t panels = ceiling(ceiling(area->panels, unit), parts) * unit;

    return panels < area->panels ? panels : area->panels;
}

static size_t largest_time(const rnnp_area *area, const rnnp_grid *grid)
{
    const size_t some = ceiling(area->rows, grid->rows), least = least_rows(area->tile),
                 rows = some > least ? some : least;
    const int splits_lines = grid->unit < area->line && grid->panels > 1;

    return largest_panels(area, grid->unit, grid->panels) * panel_time(rows, area->tile) + rows / 4 +
           (splits_lines ? rows / 2 : 0);
}

rnnp_area rnnp_area_of(size_t panels, size_t lanes, size_t rows, const rnnp_traits *kernel)
{
    enum { LINE = 64 / sizeof(float) };
    const size_t even = lanes & (~lanes + 1); /* the largest power of two that divides it */

    return (rnnp_area){panels, rows, kernel->mr, even < LINE ? LINE / even : 1};
}

rnnp_grid rnnp_grid_of(const rnnp_area *area, size_t n)
{
    const size_t most = area->rows < n ? area->rows : n;
    rnnp_grid best = {1, 1, 1};
    size_t least = SIZE_MAX;

    if (n <= 1 || area->panels == 0) return best;
    for (size_t unit = area->line;; unit = 1) {
        const size_t units = ceiling(area->panels, unit);
        for (size_t rows = 1; rows == 1 || rows <= most; rows++) {
            const size_t parts = n / rows < units ? n / rows : units;
            const rnnp_grid grid = {rows, ceiling(units, ceiling(units, parts)), unit}; /* no more than it takes */
            const size_t time = largest_time(area, &grid);
            if (time < least) {
                best = grid;
                least = time;
            }
            if (ceiling(area->rows, rows) <= least_rows(area->tile)) break;
        }
        if (unit == 1) return best;
    }
}

rnnp_rectangle rnnp_grid_share(const rnnp_grid *grid, const rnnp_area *area, size_t i)
{
    const size_t in_rows = i / grid->panels, in_panels = i % grid->panels;
    size_t row, rows_end, unit, units_end;

    if (in_rows >= grid->rows) return (rnnp_rectangle){0, 0, 0, 0};
    rnnp_share(area->rows, in_rows, grid->rows, &row, &rows_end);
    rnnp_share(ceiling(area->panels, grid->unit), in_panels, grid->panels, &unit, &units_end);
    const size_t panel = unit * grid->unit, end = units_end * grid->unit;
    return (rnnp_rectangle){row, rows_end - row, panel, (end < area->panels ? end : area->panels) - panel};
}

size_t rnnp_grid_panels(const rnnp_grid *grid, const rnnp_area *area)
{
    return largest_panels(area, grid->unit, grid->panels);
}

double rnnp_grid_time(const rnnp_grid *grid, const rnnp_area *area) { return (double)largest_time(area, grid); }

double rnnp_grid_largest(const rnnp_grid *grid, const rnnp_area *area)
{
    const rnnp_grid whole = {1, 1, area->line};

    return area->panels > 0 ? (double)largest_time(area, grid) / (double)largest_time(area, &whole) : 1;
}
