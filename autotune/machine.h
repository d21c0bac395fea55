/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine (dispatch.h), measured and kept among the records.
 */
#ifndef RNNP_AUTOTUNE_MACHINE_H
#define RNNP_AUTOTUNE_MACHINE_H

#include "../dispatch/dispatch.h"
#include "rnnpack/records.h"

/* With the context's ISA and team, in some ten milliseconds. RNNP_ERR_MEMORY. */
rnnp_status rnnp_machine_measure(const rnnp_context *context, rnnp_machine *machine);

/* What a set has of a host with so many threads: 1, or 0 when it has nothing. The set may be NULL. */
int rnnp_machine_find(const rnnp_records *set, const rnnp_record_host *host, size_t threads, rnnp_machine *machine);

/* Adds a record of it. As rnnp_records_add(). */
rnnp_status rnnp_machine_keep(rnnp_records *set, const rnnp_record_host *host, size_t threads, uint64_t now,
                              const rnnp_machine *machine);

#endif
