/* SPDX-License-Identifier: Apache-2.0
 *
 * A tape in the making: what its two files share.
 */
#ifndef RNNP_TAPE_LAYOUT_H
#define RNNP_TAPE_LAYOUT_H

#include "trainer.h"

/* What is known on the way to a tape; in scratch memory. */
typedef struct rnnp_tape_layout {
    const rnnp_trainer *trainer;
    const rnnp_model *model;
    rnnp_tape *tape;
    rnnp_inference inf;
    uint8_t *evaluated, *called, *for_loss; /* [n_nodes] */
    uint8_t *live;                          /* [n_values] */
    uint8_t *moves;                         /* [n_values]: depends on what gradients are asked for */
    size_t *last, *d_last;                  /* [n_values], of roots: the last step that needs the value, the gradient */
    uint8_t *written;                       /* [n_values], of roots: something has written the gradient */
    rnnp_span *spans;
    size_t **place; /* of each span: where its offset goes */
    size_t *room;
    size_t n_spans;
} rnnp_tape_layout;

/* tape_layout.c: whether a gradient flows through the node from its outputs to input i. */
int rnnp_tape_flows(const rnnp_tape_layout *l, const rnnp_node *node, const rnnp_gradient *row, int view, size_t i);
/* tape_place.c: offsets of all that the calls need; scratch memory is of the arena. */
rnnp_status rnnp_tape_place(rnnp_tape_layout *l, struct rnnp_block **scratch);

#endif
