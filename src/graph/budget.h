/* SPDX-License-Identifier: Apache-2.0
 *
 * What loading a file may cost, and what it has cost so far: a model has one while a file is being loaded into it.
 */
#ifndef RNNP_BUDGET_H
#define RNNP_BUDGET_H

#include "rnnpack/model.h"

#include <string.h>

typedef struct rnnp_budget {
    size_t bytes, max_bytes; /* asked for and not given back; the file and what it was parsed to count */
    int exceeded;            /* max_bytes was in the way */
    uint64_t max_work;
    size_t max_nodes;
} rnnp_budget;

/* For a printf-like function; takes the limit, a size_t. */
#define RNNP_BUDGET_BYTES "loading takes more than %zu bytes of memory, the limit max_bytes of rnnp_load_options"
#define RNNP_BUDGET_NODES "the model has more than %zu nodes, the limit max_nodes of rnnp_load_options"

static inline int rnnp_budget_take(rnnp_budget *budget, size_t bytes)
{
    if (bytes > budget->max_bytes || budget->bytes > budget->max_bytes - bytes) {
        budget->exceeded = 1;
        return 0;
    }
    budget->bytes += bytes;
    return 1;
}

/* Of a file's options, which both libraries ask: what an input is bound to, or NULL; whether an output is wanted. */
static inline const rnnp_bound_input *rnnp_bound_find(const rnnp_load_options *o, const char *name)
{
    for (size_t i = 0; o && i < o->n_bound; i++) {
        if (o->bound[i].name && strcmp(o->bound[i].name, name) == 0) return &o->bound[i];
    }
    return NULL;
}

static inline int rnnp_output_wanted(const rnnp_load_options *o, const char *name)
{
    for (size_t i = 0; o && o->outputs && i < o->n_outputs; i++) {
        if (o->outputs[i] && strcmp(o->outputs[i], name) == 0) return 1;
    }
    return !o || !o->outputs;
}

/* A byte of the file allows for so many of memory, and for so much work. */
enum { RNNP_BUDGET_PER_BYTE = 32, RNNP_BUDGET_WORK_PER_BYTE = 16 };

/* Limits as the caller set them, or the defaults for a file of that many bytes. */
static inline rnnp_budget rnnp_budget_for(const rnnp_load_options *o, size_t file_bytes)
{
    const uint64_t file = file_bytes < SIZE_MAX / 64 ? file_bytes : SIZE_MAX / 64;

    return (rnnp_budget){
        .max_bytes = o->max_bytes ? o->max_bytes : ((size_t)128 << 20) + RNNP_BUDGET_PER_BYTE * (size_t)file,
        .max_work = o->max_work ? o->max_work : ((uint64_t)1 << 30) + RNNP_BUDGET_WORK_PER_BYTE * file,
        .max_nodes = o->max_nodes ? o->max_nodes : (size_t)1 << 18,
    };
}

#endif
