/* SPDX-License-Identifier: Apache-2.0
 *
 * Saved states of streams. What is taken comes back when it is saved, and steps go on; what is refused changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { BATCH = 2 };

static void step(rnnp_stream *stream)
{
    float x[BATCH * 3] = {1, -1, 0.5f, 2, 0, -2}, y[BATCH * 2];
    const rnnp_tensor in = {.dtype = RNNP_DTYPE_F32, .rank = 3, .shape = {1, BATCH, 3}, .data = x};
    rnnp_tensor out = {.data = y};

    fuzz_check(rnnp_stream_step(stream, &in, 1, &out, 1) == RNNP_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static rnnp_plan *plan;
    rnnp_stream_options options;
    rnnp_stream *stream;

    if (!plan) fuzz_check(rnnp_plan_create(fuzz_model(), NULL, &plan) == RNNP_OK);
    rnnp_stream_options_init(&options);
    options.batch = BATCH;
    fuzz_check(rnnp_stream_create(plan, &options, &stream) == RNNP_OK);
    step(stream);
    const size_t all = rnnp_stream_state_bytes(stream), one = rnnp_stream_row_state_bytes(stream);
    uint8_t *before = malloc(all), *after = malloc(all), *row = malloc(one);
    fuzz_check(before && after && row);
    fuzz_check(rnnp_stream_save(stream, before, all) == RNNP_OK);

    const rnnp_status whole = rnnp_stream_load(stream, data, size);
    fuzz_check(rnnp_stream_save(stream, after, all) == RNNP_OK);
    if (whole == RNNP_OK)
        fuzz_check(size == all && memcmp(after, data, all) == 0);
    else
        fuzz_check(memcmp(after, before, all) == 0 && *rnnp_last_error(fuzz_context()));
    if (rnnp_stream_load_row(stream, size % (BATCH + 1), data, size) == RNNP_OK) {
        fuzz_check(rnnp_stream_save_row(stream, size % (BATCH + 1), row, one) == RNNP_OK);
        fuzz_check(size == one && memcmp(row, data, one) == 0);
    }
    step(stream);
    free(before);
    free(after);
    free(row);
    rnnp_stream_destroy(stream);
    return 0;
}
