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
/* Tells the program of a stream where its outputs and carried values have channels. */
rnnp_status rnnp_channels_place(rnnp_program *program, const rnnp_layout *layout, const rnnp_time *channels,
                                const rnnp_node *mixer);

#endif
