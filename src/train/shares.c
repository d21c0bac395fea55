/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch divided among processes. Each runs as many neighbouring slices as any (the last ones fewer, or none), so that
 * its sums are few nodes of the tree.
 */
#include "training.h"

void rnnp_peers_slices_of(const rnnp_pass *pass, size_t rank, size_t *from, size_t *to)
{
    const size_t ranks = pass->trainer->peers.ranks, each = (pass->slices + ranks - 1) / ranks;
    *from = rank * each < pass->slices ? rank * each : pass->slices;
    *to = *from + each < pass->slices ? *from + each : pass->slices;
}

void rnnp_peers_slices(rnnp_pass *pass)
{
    pass->from = 0;
    pass->to = pass->slices;
    if (pass->trainer->peers.ranks && pass->training)
        rnnp_peers_slices_of(pass, pass->trainer->peers.rank, &pass->from, &pass->to);
}

rnnp_status rnnp_trainer_rows(const rnnp_trainer *trainer, size_t rows, size_t *from, size_t *to)
{
    if (!trainer) return RNNP_ERR_ARG;
    if (!from || !to) return rnnp_fail(trainer->context, RNNP_ERR_ARG, "%s is NULL", from ? "to" : "from");
    rnnp_pass pass = {.trainer = (rnnp_trainer *)trainer, .training = 1}; /* only read */
    pass.slices = rows / RNNP_SLICE_ROWS + (rows % RNNP_SLICE_ROWS != 0);
    rnnp_peers_slices(&pass);
    *from = pass.from * RNNP_SLICE_ROWS < rows ? pass.from * RNNP_SLICE_ROWS : rows;
    *to = pass.to * RNNP_SLICE_ROWS < rows ? pass.to * RNNP_SLICE_ROWS : rows;
    return RNNP_OK;
}

/* Elements of the gradient that are not frozen. */
size_t rnnp_live_floats(const rnnp_trainer *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_parameters; i++) n += t->parameters[i].info.frozen ? 0 : t->parameters[i].elements;
    return n;
}
