/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed files. The last TAIL bytes of an input say what is done with a file that opens. The mutator changes words and
 * makes the checksums right again, as an attacker would.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "rnnpack/packed.h"
#include "src/packed/format.h"
#include "src/packed/packed.h"

enum { TAIL = 16, SUMS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t before = fuzz_live_bytes();
    fuzz_buffer file = {0};
    rnnp_model *model;

    if (size < TAIL) return -1;
    fuzz_bytes b = {data + size - TAIL, TAIL};
    fuzz_check(fuzz_append(&file, data, size - TAIL) == 0);
    if (rnnp_packed_open_memory(fuzz_context(), file.at, file.size, NULL, &model) == RNNP_OK) {
        rnnp_packed_info info = {.struct_size = sizeof info};

        fuzz_check(rnnp_model_packed_info(model, &info) == RNNP_OK);
        for (size_t i = 0; i < info.n_blocks && i < 32; i++) {
            rnnp_packed_block_info block = {.struct_size = sizeof block};

            fuzz_check(rnnp_model_packed_block_info(model, i, &block) == RNNP_OK);
        }
        /* Blocks that are not what is packed from the originals give other bits. */
        if (rnnp_packed_verify(model) == RNNP_OK) fuzz_exercise(model, &b);
        rnnp_model_destroy(model);
    } else {
        fuzz_check(!model && *rnnp_last_error(fuzz_context()));
    }
    free(file.at);
    fuzz_check(fuzz_live_bytes() == before);
    return 0;
}

/* ---- Mutations ---- */

static uint64_t word_at(const uint8_t *data, size_t at)
{
    uint64_t w;

    memcpy(&w, data + at, sizeof w);
    return w;
}

/* A checksum in the graph or the list of blocks, and what it is of: the words before it say. */
typedef struct item {
    size_t at;      /* of the checksum in the file */
    size_t section; /* PACKED_DATA or PACKED_WEIGHTS */
    size_t first;   /* words before the checksum: of a constant its type, of a block its offset */
} item;

/* Offset and bytes of the elements that the words say; 0 when they do not fit into the section. */
static int range_of(const uint8_t *data, const packed_header *h, const item *it, size_t *at, size_t *bytes)
{
    const packed_section *s = &h->section[it->section];
    uint64_t offset = word_at(data, it->at - 8), length = 1;

    if (it->section == PACKED_WEIGHTS) {
        length = offset;
        offset = word_at(data, it->at - 16);
    } else {
        rnnp_tensor t = {.dtype = (rnnp_dtype)(word_at(data, it->first) & 0xff), .rank = word_at(data, it->first + 8)};

        if (t.rank > RNNP_MAX_RANK || it->first + 16 + 8 * t.rank + 8 != it->at) return 0;
        for (size_t i = 0; i < t.rank; i++) t.shape[i] = (int64_t)word_at(data, it->first + 16 + 8 * i);
        length = rnnp_tensor_elements(&t);
        if (length > s->bytes) return 0;
        length *= rnnp_dtype_bytes(t.dtype);
    }
    if (offset > s->bytes || length > s->bytes - offset) return 0;
    *at = (size_t)(s->offset + offset);
    *bytes = (size_t)length;
    return 1;
}

static int is_item(const uint8_t *data, const packed_header *h, const item *it)
{
    size_t at, bytes;

    return range_of(data, h, it, &at, &bytes) && rnnp_packed_checksum(data + at, bytes) == word_at(data, it->at);
}

/* All items of an undamaged file: a word that is the checksum of what the words before it mean. */
static size_t find_items(const uint8_t *data, const packed_header *h, item *items)
{
    size_t n = 0;

    for (size_t k = PACKED_GRAPH; k <= PACKED_BLOCKS; k++) {
        const size_t begin = (size_t)h->section[k].offset, end = begin + (size_t)h->section[k].bytes;

        for (size_t at = begin + 24; at + 8 <= end && n < SUMS; at += 8) {
            item it = {at, PACKED_WEIGHTS, at - 16};

            if (k == PACKED_BLOCKS && is_item(data, h, &it)) items[n++] = it;
            for (size_t rank = 0; k == PACKED_GRAPH && rank <= RNNP_MAX_RANK && at >= begin + 24 + 8 * rank; rank++) {
                it = (item){at, PACKED_DATA, at - 24 - 8 * rank};
                if (word_at(data, it.first + 8) == rank && is_item(data, h, &it)) {
                    items[n++] = it;
                    break;
                }
            }
        }
    }
    return n;
}

static void sign(uint8_t *data, const item *items, size_t n)
{
    packed_header h;

    memcpy(&h, data, sizeof h);
    for (size_t i = 0; i < n; i++) {
        size_t at, bytes;

        if (range_of(data, &h, &items[i], &at, &bytes)) {
            const uint64_t sum = rnnp_packed_checksum(data + at, bytes);

            memcpy(data + items[i].at, &sum, sizeof sum);
        }
    }
    for (size_t k = PACKED_GRAPH; k <= PACKED_BLOCKS; k++)
        h.section[k].checksum = rnnp_packed_checksum(data + h.section[k].offset, (size_t)h.section[k].bytes);
    h.checksum = 0;
    h.checksum = rnnp_packed_checksum(&h, sizeof h);
    memcpy(data, &h, sizeof h);
}

/* Sections lie where the header says, inside of the file and behind the header. */
static int is_whole(const packed_header *h, size_t size)
{
    for (size_t k = 0; k < PACKED_SECTIONS; k++) {
        if (h->section[k].offset < sizeof *h || h->section[k].offset > size ||
            h->section[k].bytes > size - h->section[k].offset)
            return 0;
    }
    return h->bytes == size && h->section[PACKED_GRAPH].bytes >= 8;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    fuzz_random r = fuzz_seed(seed);
    item items[SUMS];
    packed_header h;

    if (size < sizeof h + TAIL || fuzz_pick(&r, 16) == 0) return LLVMFuzzerMutate(data, size, room);
    memcpy(&h, data, sizeof h);
    if (!is_whole(&h, size - TAIL)) return LLVMFuzzerMutate(data, size, room);
    const size_t n = find_items(data, &h, items);
    for (size_t i = 1 + fuzz_pick(&r, 3); i > 0; i--) {
        /* Half of the changes are to the graph, the rest to the blocks, the data and how it is run. */
        const size_t kind = fuzz_pick(&r, 8), k = kind < 4 ? PACKED_GRAPH : kind < 5 ? PACKED_BLOCKS : PACKED_DATA;
        const size_t words = (size_t)h.section[k].bytes / 8;

        if (kind == 7 || words == 0)
            data[size - 1 - fuzz_pick(&r, TAIL)] = (uint8_t)fuzz_pick(&r, 256);
        else
            fuzz_change_word(&r, data + h.section[k].offset + 8 * fuzz_pick(&r, words), data + h.section[k].offset,
                             words);
    }
    sign(data, items, n);
    return size;
}
