/* SPDX-License-Identifier: Apache-2.0
 *
 * Loops over time that are a recurrent layer: found by what their bodies compute (cell_match.c), and replaced by one
 * node of the operator (cell_build.c).
 */
#ifndef RNNP_CELL_MATCH_H
#define RNNP_CELL_MATCH_H

#include "cell_body.h"

/* Whether the loop between these nodes of a model that was inferred is a layer. */
int rnnp_cell_match(const rnnp_inference *inf, size_t begin, size_t end, cell_match *m);

#endif
