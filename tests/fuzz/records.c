/* SPDX-License-Identifier: Apache-2.0
 *
 * Tuning records. A text that is read is printed, read and merged without a change; with any choice in it a plan gives
 * the bits of the rules alone. The mutator puts the right checksum behind the lines.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "rnnpack/records.h"
#include "src/packed/packed.h"

enum { CHECKSUM_LINE = 9 + 16 + 1 }; /* "checksum ", digits, newline */

static void check_prints(const rnnp_records *set, const void *text, size_t size)
{
    fuzz_buffer printed = {0};

    fuzz_check(rnnp_records_write(set, fuzz_append, &printed) == RNNP_OK);
    fuzz_check(printed.size == size && memcmp(printed.at, text, size) == 0);
    free(printed.at);
}

/* ---- A record of this host, with a choice from the text ---- */

static void run_with(const rnnp_records *set, const rnnp_record_key *key)
{
    static rnnp_model *model;
    static float first[4];
    static int known;
    rnnp_plan_options options;
    rnnp_plan *plan;
    rnnp_run *run;
    float x[2 * 3], y[4];
    rnnp_tensor in = {.dtype = RNNP_DTYPE_F32, .rank = 3, .shape = {2, 1, 3}, .data = x};
    rnnp_tensor out = {.dtype = RNNP_DTYPE_F32, .rank = 3, .shape = {2, 1, 2}, .data = y};

    if (!model) model = fuzz_model();
    for (size_t i = 0; i < 6; i++) x[i] = (float)i / 4;
    rnnp_plan_options_init(&options);
    options.records = set;
    options.batch = (size_t)key->batch;
    options.steps = (size_t)key->steps;
    if (!set) options.effort = RNNP_EFFORT_NONE;
    fuzz_check(rnnp_plan_create(model, &options, &plan) == RNNP_OK);
    fuzz_check(rnnp_run_create(plan, &in, 1, &run) == RNNP_OK);
    fuzz_check(rnnp_run_execute(run, &in, 1, &out, 1) == RNNP_OK);
    rnnp_run_destroy(run);
    rnnp_plan_destroy(plan);
    if (!known) memcpy(first, y, sizeof y);
    known = 1;
    fuzz_check(memcmp(first, y, sizeof y) == 0);
}

static rnnp_record_host here;
static const rnnp_record_key shape = {.batch = 1, .steps = 2};

static void choose(const rnnp_record *given)
{
    static const struct {
        const char *layer;
        uint64_t input, hidden;
    } layers[] = {{"lstm", 3, 5}, {"gru", 5, 5}, {"dense", 5, 2}};
    rnnp_records *set;

    fuzz_check(rnnp_records_create(fuzz_context(), &set) == RNNP_OK);
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        rnnp_record r = *given;

        snprintf(r.key.layer, sizeof r.key.layer, "%s", layers[i].layer);
        snprintf(r.key.precision, sizeof r.key.precision, "f32");
        r.key.input = layers[i].input;
        r.key.hidden = layers[i].hidden;
        r.key.batch = shape.batch;
        r.key.steps = shape.steps;
        r.key.threads = 1;
        fuzz_check(rnnp_records_add(set, &here, &r) == RNNP_OK); /* it was read from a file */
    }
    run_with(set, &shape);
    rnnp_records_destroy(set);
}

static void check_set(rnnp_records *set, const uint8_t *data, size_t size)
{
    const rnnp_record_host *host;
    const rnnp_record *record;
    rnnp_records *again;

    check_prints(set, data, size);
    fuzz_check(rnnp_records_open_memory(fuzz_context(), "input", (const char *)data, size, &again) == RNNP_OK);
    fuzz_check(rnnp_records_merge(set, again) == RNNP_OK);
    check_prints(set, data, size);
    for (size_t i = 0; rnnp_records_get(again, i, &host, &record) == RNNP_OK; i++) {
        rnnp_record_found found = {.struct_size = sizeof found};
        char name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];

        fuzz_check(rnnp_records_find(set, host, &record->key, NULL, NULL, &found) == RNNP_OK);
        fuzz_check(found.match == RNNP_MATCH_EXACT);
        for (size_t w = 0; rnnp_record_word(record->choice, w, name, value) == RNNP_OK; w++) fuzz_check(*name);
        (void)rnnp_records_date(set, host, &record->key, record->at);
        if (i < 4) choose(record);
    }
    rnnp_records_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rnnp_records *set;

    if (!*here.version) { /* the first call */
        fuzz_check(rnnp_records_host(fuzz_context(), &here) == RNNP_OK);
        run_with(NULL, &shape);
    }
    const size_t before = fuzz_live_bytes();
    if (rnnp_records_open_memory(fuzz_context(), "input", (const char *)data, size, &set) == RNNP_OK) {
        check_set(set, data, size);
        rnnp_records_destroy(set);
    } else {
        fuzz_check(!set && *rnnp_last_error(fuzz_context()));
    }
    fuzz_check(fuzz_live_bytes() == before);
    return 0;
}

/* ---- Mutations ---- */

static size_t lines_of(const uint8_t *data, size_t size)
{
    static const char word[] = "checksum ";

    if (size >= CHECKSUM_LINE && memcmp(data + size - CHECKSUM_LINE, word, sizeof word - 1) == 0)
        return size - CHECKSUM_LINE;
    return size;
}

/* A number in the text becomes another. */
static size_t change_number(fuzz_random *r, uint8_t *data, size_t size)
{
    for (size_t tries = 0; tries < 8; tries++) {
        const size_t at = fuzz_pick(r, size);

        if (data[at] >= '0' && data[at] <= '9') {
            data[at] = (uint8_t)('0' + fuzz_pick(r, 10));
            break;
        }
    }
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    fuzz_random r = fuzz_seed(seed);
    char line[CHECKSUM_LINE + 1];

    if (room < CHECKSUM_LINE + 1 || fuzz_pick(&r, 16) == 0) return LLVMFuzzerMutate(data, size, room);
    size_t n = lines_of(data, size);
    if (n > room - CHECKSUM_LINE) n = room - CHECKSUM_LINE;
    n = n && fuzz_pick(&r, 3) == 0 ? change_number(&r, data, n) : LLVMFuzzerMutate(data, n, room - CHECKSUM_LINE);
    snprintf(line, sizeof line, "checksum %016" PRIx64 "\n", rnnp_packed_checksum(data, n));
    memcpy(data + n, line, CHECKSUM_LINE);
    return n + CHECKSUM_LINE;
}
