/* SPDX-License-Identifier: Apache-2.0
 *
 * The host part of a record: from CPU facts and the variant table to names.
 */
#include "../src/context.h"
#include "set.h"

#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* ---- Kernel set ---- */

/* A sum, which is the same in any order. */
uint64_t rnnp_kernel_set_hash(const rnnp_variant_list *const *lists, size_t n)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < lists[i]->count; k++) {
            const rnnp_variant *const row = &lists[i]->rows[k];
            const char *const op = rnnp_op_names[row->op];

            sum += XXH3_64bits_withSeed(row->name, strlen(row->name), XXH3_64bits(op, strlen(op)));
        }
    }
    return sum;
}

/* ---- Host ---- */

/* Vendors hold spaces at times ("Vortex86 SoC"). */
static void make_word(char word[RNNP_RECORD_WORD], const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";

    snprintf(word, RNNP_RECORD_WORD, "%s", *text ? text : "unknown");
    for (char *c = word; *c; c++) {
        if (!strchr(allowed, *c)) *c = '_';
    }
}

/* The names of the features in alphabetical order. */
static void name_features(uint64_t features, char text[RNNP_RECORD_FEATURES])
{
    size_t used = 0;

    snprintf(text, RNNP_RECORD_FEATURES, "none");
    for (const char *last = "", *next; used < RNNP_RECORD_FEATURES; last = next) {
        next = NULL;
        for (size_t bit = 0; bit < RNNP_FEATURE_COUNT; bit++) {
            const char *const name = rnnp_cpu_feature_text(bit);

            if (features >> bit & 1 && strcmp(name, last) > 0 && (!next || strcmp(name, next) < 0)) next = name;
        }
        if (!next) return;
        used += (size_t)snprintf(text + used, RNNP_RECORD_FEATURES - used, "%s%s", used ? "," : "", next);
    }
}

void rnnp_record_host_of(const rnnp_cpu *cpu, size_t budget, const char *isa, uint64_t kernels, rnnp_record_host *host)
{
    *host = (rnnp_record_host){
        .family = cpu->family,
        .model = cpu->model,
        .stepping = cpu->stepping,
        .l1d_bytes = cpu->l1d_bytes,
        .l2_bytes = cpu->l2_bytes,
        .l3_bytes = cpu->l3_bytes,
        .budget = budget,
        .kernels = kernels,
    };
    make_word(host->vendor, cpu->vendor);
    make_word(host->isa, isa);
    make_word(host->version, rnnp_version());
    name_features(cpu->features, host->features);
}

rnnp_status rnnp_records_host(const rnnp_context *context, rnnp_record_host *host)
{
    if (!context || !host) return RNNP_ERR_ARG;
    rnnp_record_host_of(&context->cpu, rnnp_cpu_budget(context->topology.cpus), rnnp_isa_names[context->selection.isa],
                        rnnp_kernel_set_hash(rnnp_tables, RNNP_ISA_COUNT), host);
    return RNNP_OK;
}

/* ---- The shipped table and its microarchitectures ---- */

/* Those that defaults.def names; the first line for another brings its row. */
static const struct {
    const char *name, *vendor;
    uint64_t family, first, last; /* models */
} microarchitectures[] = {{"zen3", "AuthenticAMD", 0x19, 0x00, 0x0f}, {"zen3", "AuthenticAMD", 0x19, 0x20, 0x5f}};

const char *rnnp_microarchitecture(const rnnp_record_host *host)
{
    for (size_t i = 0; i < sizeof microarchitectures / sizeof microarchitectures[0]; i++) {
        if (strcmp(microarchitectures[i].vendor, host->vendor) == 0 && microarchitectures[i].family == host->family &&
            microarchitectures[i].first <= host->model && host->model <= microarchitectures[i].last)
            return microarchitectures[i].name;
    }
    return NULL;
}

const rnnp_default rnnp_defaults[] = {
#define RNNP_DEFAULT(where, layer_, precision_, input_, hidden_, batch_, steps_, threads_, choice_) \
    {where, {.key = {layer_, precision_, input_, hidden_, batch_, steps_, threads_}, .choice = choice_}},
#include "defaults.def"
#undef RNNP_DEFAULT
    {NULL, {.ns = 0}},
};
