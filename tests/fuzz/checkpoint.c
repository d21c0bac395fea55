/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints of trainings. What was loaded is the same after it is saved and loaded again, and training goes on; a
 * file that does not load leaves the trainer as it was. The mutator changes words and makes the checksums right again.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "rnnpack/train.h"
#include "src/packed/packed.h"

enum { NOTE = 64 };

typedef struct content {
    uint8_t bytes[1 << 15];
    size_t n;
} content;

/* What a checkpoint written now holds. */
static void save(const rnnp_trainer *trainer, const void *note, size_t note_bytes, content *c)
{
    const char *path = fuzz_file("saved", "", 0);

    fuzz_check(rnnp_trainer_save_file(trainer, path, note, note_bytes) == RNNP_OK);
    FILE *file = fopen(path, "rb");
    fuzz_check(file);
    c->n = fread(c->bytes, 1, sizeof c->bytes, file);
    fuzz_check(c->n < sizeof c->bytes);
    fclose(file);
}

static void step(rnnp_trainer *trainer)
{
    float x[2 * 2 * 3] = {1, 2, 3}, y[2 * 2 * 2] = {1};
    const rnnp_tensor in = {.dtype = RNNP_DTYPE_F32, .rank = 3, .shape = {2, 2, 3}, .data = x};
    const rnnp_tensor target = {.dtype = RNNP_DTYPE_F32, .rank = 3, .shape = {2, 2, 2}, .data = y};
    const rnnp_train_batch batch = {.struct_size = sizeof batch, .inputs = &in, .n_inputs = 1, .target = &target};
    rnnp_train_result result = {.struct_size = sizeof result};

    /* An absurd rate diverges, and that is an answer; what is called a success must have finite numbers. */
    if (rnnp_trainer_step(trainer, &batch, &result) == RNNP_OK)
        fuzz_check(isfinite(result.loss) && isfinite(result.norm));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static rnnp_model *model;
    static content first, again;
    rnnp_train_options options;
    rnnp_trainer *trainer;
    uint8_t note[NOTE];
    size_t note_bytes = NOTE, note_again = NOTE;

    if (!model) model = fuzz_model();
    const size_t before = fuzz_live_bytes();
    const char *path = fuzz_file("checkpoint", data, size);
    rnnp_train_options_init(&options);
    options.loss = RNNP_LOSS_MSE;
    fuzz_check(rnnp_trainer_create(model, &options, &trainer) == RNNP_OK);
    save(trainer, NULL, 0, &first);
    if (rnnp_trainer_load_file(trainer, path, note, &note_bytes) == RNNP_OK) {
        fuzz_check(note_bytes <= NOTE);
        save(trainer, note, note_bytes, &first);
        path = fuzz_file("checkpoint", first.bytes, first.n);
        fuzz_check(rnnp_trainer_load_file(trainer, path, note, &note_again) == RNNP_OK && note_again == note_bytes);
        save(trainer, note, note_again, &again);
        fuzz_check(again.n == first.n && memcmp(again.bytes, first.bytes, first.n) == 0);
        step(trainer);
    } else {
        fuzz_check(*rnnp_last_error(fuzz_context()) && note_bytes == NOTE);
        save(trainer, NULL, 0, &again);
        fuzz_check(again.n == first.n && memcmp(again.bytes, first.bytes, first.n) == 0);
    }
    rnnp_trainer_destroy(trainer);
    fuzz_check(fuzz_live_bytes() == before);
    return 0;
}

/* ---- Mutations: the head has eight words (src/train/checkpoint.c), then come the index and the arrays ---- */

enum { BYTES = 2, INDEX_BYTES, INDEX_SUM, ARRAYS, ARRAY_BYTES, HEAD_SUM, HEAD_WORDS };

static void put(uint8_t *data, size_t word, uint64_t x) { memcpy(data + 8 * word, &x, sizeof x); }

static void sign(uint8_t *data, size_t size)
{
    uint64_t head[HEAD_WORDS];

    memcpy(head, data, sizeof head);
    const size_t rest = size - sizeof head;
    if (head[INDEX_BYTES] <= rest && head[ARRAYS] <= 3 && head[ARRAY_BYTES] <= (rest - head[INDEX_BYTES]) / 4 &&
        head[ARRAYS] * head[ARRAY_BYTES] <= rest - head[INDEX_BYTES] && head[INDEX_BYTES] / 8 >= head[ARRAYS]) {
        const size_t index = (size_t)head[INDEX_BYTES] / 8, arrays = (size_t)head[ARRAYS];

        for (size_t a = 0; a < arrays; a++) { /* the index ends with their checksums */
            const uint8_t *array = data + sizeof head + head[INDEX_BYTES] + a * head[ARRAY_BYTES];

            put(data, HEAD_WORDS + index - arrays + a, rnnp_packed_checksum(array, (size_t)head[ARRAY_BYTES]));
        }
        put(data, INDEX_SUM, rnnp_packed_checksum(data + sizeof head, (size_t)head[INDEX_BYTES]));
    }
    put(data, HEAD_SUM, 0);
    put(data, HEAD_SUM, rnnp_packed_checksum(data, sizeof head));
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    fuzz_random r = fuzz_seed(seed);
    uint64_t index_bytes;

    if (size < 8 * HEAD_WORDS + 8 || fuzz_pick(&r, 16) == 0) return LLVMFuzzerMutate(data, size, room);
    memcpy(&index_bytes, data + 8 * INDEX_BYTES, sizeof index_bytes);
    const size_t words = size / 8, index = HEAD_WORDS + (size_t)(index_bytes / 8 < words ? index_bytes / 8 : words);
    for (size_t i = 1 + fuzz_pick(&r, 3); i > 0; i--) {
        /* mostly the head and the index: the arrays are many floats of one kind */
        const size_t at = fuzz_pick(&r, fuzz_pick(&r, 4) && index < words ? index : words);

        fuzz_change_word(&r, data + 8 * at, data, words);
    }
    sign(data, size);
    return size;
}
