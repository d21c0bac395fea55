/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset.h"

int dataset_read(const data_source *from, dataset *set)
{
    static dataset_reader *const readers[] = {
        [DATA_WIDE] = dataset_read_wide,     [DATA_CSV] = dataset_read_csv,
        [DATA_NPY] = dataset_read_arrays,    [DATA_IDX] = dataset_read_arrays,
        [DATA_TOKENS] = dataset_read_tokens, [DATA_RECORDINGS] = dataset_read_recordings,
    };
    const data_format format = from->config->format;
    *set = (dataset){0};
    if (from->labels && format != DATA_NPY && format != DATA_IDX)
        return cli_fail("%s: labels of this format stand in the data file; a file of labels is for npy and idx",
                        from->labels);
    return readers[format](from, set);
}

int dataset_open(const data_source *from, int whole, dataset *set)
{
    const train_config *c = from->config;
    TRY(dataset_read(from, set));
    if ((c->window || c->longest) && !whole) dataset_cut(c, set);
    return set->n ? CLI_OK : cli_fail("%s has no usable sequence", from->path);
}
