/* SPDX-License-Identifier: Apache-2.0
 *
 * A tape: the calls of one slice for concrete shapes, and where its values and gradients live.
 *
 * Steps of n calls: forward of call c is step c, the loss is step n, backward of call c is step 2n - c. A value lives
 * from its call to its last reader's, which is a backward one where the reader's gradient keeps it. Its gradient lives
 * from the first backward call that writes it to the backward call of its producer. Views share both with their root.
 *
 * Where several calls contribute to one gradient, the first in backward order (of one call: the lowest input) writes
 * it; each later one writes scratch, which is added.
 */
#ifndef RNNP_TAPE_H
#define RNNP_TAPE_H

#include "gradient.h"

struct rnnp_pass;

typedef enum rnnp_tape_storage {
    RNNP_TAPE_NONE, /* nobody reads it */
    RNNP_TAPE_PARAMETER,
    RNNP_TAPE_KNOWN,  /* a constant, or evaluated */
    RNNP_TAPE_SHARED, /* an input without rows: the caller's memory */
    RNNP_TAPE_MEMORY  /* the slice's memory */
} rnnp_tape_storage;

/* What becomes of a gradient by an input. */
typedef enum rnnp_tape_flow { RNNP_FLOW_NONE, RNNP_FLOW_WRITE, RNNP_FLOW_ADD } rnnp_tape_flow;

typedef struct rnnp_tape_input {
    rnnp_tape_flow flow;
    size_t scratch; /* RNNP_FLOW_ADD: where it is written first */
} rnnp_tape_input;

typedef struct rnnp_tape_call {
    const rnnp_gradient *row; /* NULL: the operator has none */
    rnnp_gradient_shape shape;
    int for_loss, backward;
    size_t batch_axis;
    size_t kept, forward_space, backward_space; /* offsets in the slice's memory */
    size_t prepared, prepared_bytes;            /* in what is prepared for all slices */
    rnnp_tape_input *inputs;                    /* [n_inputs] */
} rnnp_tape_call;

typedef struct rnnp_tape {
    struct rnnp_block *arena; /* all of it, itself too */
    size_t arena_bytes;
    size_t rows;
    rnnp_meta *inputs;         /* [n_inputs] with so many rows: what it is known by */
    uint8_t *wanted;           /* [n_inputs]: gradients by inputs; as well */
    rnnp_meta *meta;           /* [n_values] */
    int32_t *root;             /* [n_values] */
    uint8_t *storage;          /* [n_values], of roots */
    uint8_t *needed;           /* [n_values]: has a gradient */
    size_t *offset, *d_offset; /* [n_values], of roots */
    rnnp_tape_call *calls;
    size_t n_calls;
    size_t target, weights; /* offsets of the slice's */
    size_t slots;           /* offset of tensors for one call: inputs, outputs, gradients by both */
    size_t slots_in, slots_out;
    size_t bytes; /* of a slice's memory */
    size_t prepared_bytes;
} rnnp_tape;

/* inputs has metas of so many rows. RNNP_ERR_UNSUPPORTED where a wanted input has no gradient. */
rnnp_status rnnp_tape_create(const struct rnnp_trainer *trainer, const rnnp_meta *inputs, const uint8_t *wanted,
                             size_t rows, rnnp_tape **tape);
void rnnp_tape_destroy(const rnnp_context *context, rnnp_tape *tape);

/* One slice at work. */
typedef struct rnnp_tape_run {
    const struct rnnp_pass *pass;
    const rnnp_tape *tape;
    rnnp_slice slice;
    size_t first; /* row */
    char *memory;
    float *gradient; /* of the parameters; written whole but for frozen ones */
} rnnp_tape_run;

/* Forward, the loss (sum(w l) into *loss) and, if the pass wants it, backward. */
rnnp_status rnnp_tape_run_slice(const rnnp_tape_run *run, double *loss);
/* Part of what is prepared, from the parameters. */
void rnnp_tape_prepare(const struct rnnp_trainer *trainer, const rnnp_tape *tape, char *prepared, rnnp_tensor *inputs,
                       size_t part, size_t parts);

#endif
