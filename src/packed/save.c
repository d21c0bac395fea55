/* SPDX-License-Identifier: Apache-2.0
 *
 * A packed model into a file.
 */
#include "../file.h"
#include "packed.h"

typedef struct content {
    const rnnp_model *model;
    const rnnp_packed_options *options;
} content;

static rnnp_status fill(void *user, rnnp_write_fn write, void *to)
{
    const content *c = user;

    return rnnp_packed_write(c->model, c->options, write, to);
}

rnnp_status rnnp_packed_write_file(const rnnp_model *model, const rnnp_packed_options *options, const char *path)
{
    if (!model) return RNNP_ERR_ARG;
    return rnnp_file_replace(model->context, path, fill, &(content){model, options});
}
