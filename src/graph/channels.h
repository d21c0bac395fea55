/* SPDX-License-Identifier: Apache-2.0
 *
 * The channels of a stream one by one: what stream.c and channels.c tell each other.
 */
#ifndef RNNP_CHANNELS_H
#define RNNP_CHANNELS_H

#include "engine.h"

/* Where the channels are in every value, given where time is, which symbols count channels and the inputs' shapes.
 * *mixer becomes NULL, or the first node that does not keep channels apart. All memory is in *arena. */
rnnp_status rnnp_channels_find(rnnp_time *channels, const rnnp_node **mixer, const rnnp_model *model,
                               const rnnp_time *time, const uint8_t *is_batch, const rnnp_meta *inputs, size_t batch,
                               struct rnnp_block **arena);
/* Tells the program of a stream where its outputs have channels. */
void rnnp_channels_place(rnnp_program *program, const rnnp_time *channels, const rnnp_node *mixer);

/* State as the caller gives it, of so many channels: how many bytes it has, the model's mark behind them included (0
 * for a model without state), and whether it has so many. */
size_t rnnp_state_bytes(const rnnp_program *program, size_t rows);
rnnp_status rnnp_state_check(const rnnp_program *program, const void *state, size_t bytes, size_t rows);
/* Writes the mark; RNNP_ERR_FORMAT when it is another model's. */
void rnnp_state_sign(const rnnp_program *program, void *state, size_t bytes);
rnnp_status rnnp_state_accept(const rnnp_program *program, const void *state, size_t bytes);
/* RNNP_ERR_STATE, with the node's name, when the channel waits for an input to tell its initial state. */
rnnp_status rnnp_state_begun(const rnnp_program *program, size_t row);

#endif
