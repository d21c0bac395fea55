/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of gradients: one line of gradients.def per operator.
 */
#include "gradient.h"

#include <string.h>

#define RNNP_GRADIENT(name) extern const rnnp_gradient rnnp_gradient_##name;
#include "gradients.def"
#undef RNNP_GRADIENT

static const rnnp_gradient *const gradients[] = {
#define RNNP_GRADIENT(name) &rnnp_gradient_##name,
#include "gradients.def"
#undef RNNP_GRADIENT
    NULL,
};

const rnnp_gradient *rnnp_gradient_find(const char *op)
{
    for (size_t i = 0; gradients[i]; i++) {
        if (strcmp(gradients[i]->op, op) == 0) return gradients[i];
    }
    return NULL;
}
