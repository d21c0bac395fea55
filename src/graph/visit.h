/* SPDX-License-Identifier: Apache-2.0
 *
 * A closed model as the sequence of public calls that would build it again: what writers of files walk along.
 */
#ifndef RNNP_VISIT_H
#define RNNP_VISIT_H

#include "graph.h"

/* Called in this order: inputs, constants in use, nodes in execution order, outputs. Values have the numbers that
 * building the model again in this order would give them. The walk ends at the first status that is not RNNP_OK. */
typedef struct rnnp_visitor {
    void *user;
    rnnp_status (*input)(void *user, const rnnp_port_info *port);
    /* The elements may be read: they are there, and checked if they come from a file. */
    rnnp_status (*constant)(void *user, const char *name, const rnnp_tensor *tensor);
    /* inputs and outputs: [n_inputs], [n_outputs] of the node; RNNP_NONE for absent or unwanted ones. */
    rnnp_status (*node)(void *user, const rnnp_node *node, const rnnp_value *inputs, const rnnp_value *outputs);
    rnnp_status (*output)(void *user, const char *name, rnnp_value value);
    /* If not NULL, it holds the checksum of a constant's elements while constant() is called, which then must not read
     * them: in a mapped file they stay where they are. */
    uint64_t *checksum;
} rnnp_visitor;

/* RNNP_ERR_STATE for a model that is not closed, or has lost elements to rnnp_model_release_weights. */
rnnp_status rnnp_model_visit(const struct rnnp_model *model, const rnnp_visitor *visitor);

#endif
