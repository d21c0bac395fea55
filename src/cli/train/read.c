/* SPDX-License-Identifier: Apache-2.0 */
#include "../group.h"
#include "dataset.h"

#include <stdlib.h>
#include <string.h>

static dataset_reader *const readers[] = {
    [DATA_WIDE] = dataset_read_wide,  [DATA_CSV] = dataset_read_csv,       [DATA_NPY] = dataset_read_arrays,
    [DATA_IDX] = dataset_read_arrays, [DATA_TOKENS] = dataset_read_tokens, [DATA_RECORDINGS] = dataset_read_recordings,
};

/* Texts and recordings are gone through twice: who has which sequence is known when all have been counted. */
static int read_twice(const data_source *from, dataset *set)
{
    data_source pass = *from;
    dataset counted = {0};
    pass.ranks = NULL;
    pass.counting = 1;
    TRY(readers[from->config->format](&pass, &counted));
    dataset_deal(from->ranks, counted.first, counted.n, set);
    set->seen = counted.seen;
    pass = *from;
    pass.grow = 0; /* the words are known */
    const int code = readers[from->config->format](&pass, set);
    const int same = code == CLI_OK && set->n == counted.n &&
                     memcmp(set->first, counted.first, (set->n + 1) * sizeof *set->first) == 0;
    dataset_free(&counted);
    if (code == CLI_OK && !same) dataset_free(set);
    return code != CLI_OK || same ? code : cli_fail("%s changes while it is read", from->path);
}

int dataset_read(const data_source *from, dataset *set)
{
    const data_format format = from->config->format;
    const int arrays = format == DATA_NPY || format == DATA_IDX;
    *set = (dataset){0};
    if (from->labels && !arrays)
        return cli_fail("%s: labels of this format stand in the data file; a file of labels is for npy and idx",
                        from->labels);
    return from->ranks && !arrays ? read_twice(from, set) : readers[format](from, set);
}

int dataset_open(const data_source *from, int whole, dataset *set)
{
    const train_config *c = from->config;
    TRY(dataset_read(from, set));
    if ((c->window || c->longest) && !whole) dataset_cut(c, set);
    return set->n ? CLI_OK : cli_fail("%s has no usable sequence", from->path);
}
