/* SPDX-License-Identifier: Apache-2.0
 *
 * Archives of arrays (npz): what is described is within the archive and does not overlap, and what is unpacked is of
 * the size that was promised; the elements of its arrays can be read, all of them.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/cli/train/array.h"

static int apart(const archive_member *a, const archive_member *b) { return a->end <= b->begin || b->end <= a->begin; }

static void read_elements(const array *a)
{
    text_list texts = {0};
    const rnnp_tensor *is = &a->is.array;

    for (size_t i = 0; i < array_size(a, 0) && !array_is_text(a) && is->rank < 4; i++)
        for (size_t j = 0; j < array_size(a, 1); j++)
            for (size_t k = 0; k < array_size(a, 2); k++) (void)array_number(a, i, j, k);
    if (is->rank == 1 && array_texts(a, &texts) == CLI_OK) fuzz_check(texts.n == array_size(a, 0));
    text_free(&texts);
}

static void read_array(const char *name, unsigned char *bytes, size_t size)
{
    array a;

    if (array_take(&a, cli_copy(name), bytes, size) == CLI_OK) {
        fuzz_check(a.is.offset + rnnp_tensor_elements(&a.is.array) * a.is.item == size);
        read_elements(&a);
    }
    array_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    archive a;
    unsigned char *bytes = malloc(size + !size);

    fuzz_silence();
    fuzz_check(bytes);
    memcpy(bytes, data, size);
    if (!archive_is(bytes, size)) {
        read_array("array", bytes, size); /* which frees them */
        return 0;
    }
    if (archive_parse(&a, "archive", bytes, size) == CLI_OK) {
        for (size_t i = 0; i < a.n; i++) {
            const archive_member *m = &a.at[i];
            unsigned char *all;

            fuzz_check(m->begin < m->at && m->at <= m->end && m->end <= size);
            for (size_t k = 0; k < i; k++) fuzz_check(apart(m, &a.at[k]) && strcmp(m->name, a.at[k].name) != 0);
            if (archive_read(&a, m, &all) == CLI_OK) read_array(m->name, all, m->size);
        }
    }
    free(bytes);
    return 0;
}
