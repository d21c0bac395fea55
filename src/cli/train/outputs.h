/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that a training writes at its end: looked at before it begins.
 */
#ifndef RNNP_CLI_OUTPUTS_H
#define RNNP_CLI_OUTPUTS_H

#include "dataset.h"

typedef struct output_file {
    const char *option, *path; /* path NULL: not wanted */
    int replaced;              /* written beside it and renamed: a device or a pipe will not do */
} output_file;

/* Whether each can be written, and none is another one or one of the inputs (entries may be NULL or ""). The test is to
 * make a file in its folder, which is removed again. */
int outputs_check(const output_file *outputs, size_t n, const char *const *inputs, size_t n_inputs);

/* Writes the model, and its vocabulary (of size 0: none) to PATH.words, so that there is never one model with the words
 * of another: the old words go before the model is replaced, the new ones come after it; in between there are none.
 * When it cannot be written, it goes to a new folder beside the path, else in $TMPDIR, and the sentence says where. */
int outputs_keep_model(rnnp_context *context, const rnnp_model *model, const vocabulary *words, const char *path);

#endif
