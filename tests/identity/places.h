/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the identity matrix runs: contexts of every ISA usable here, with threads of their own or of a host.
 */
#ifndef RNNP_TESTS_IDENTITY_PLACES_H
#define RNNP_TESTS_IDENTITY_PLACES_H

#include "rnnpack/rnnpack.h"

enum { MOST_THREADS = 7, MAX_PLACES = 64 };

typedef struct place {
    rnnp_context *context;
    char name[48];
} place;

place make_place(const char *isa, size_t threads, int own);
/* Fills in at most MAX_PLACES and prints which ISAs there are; returns how many. */
size_t make_places(place *places);
/* Most tasks that one call to a host's pool was given so far. */
size_t widest_host_call(void);

#endif
