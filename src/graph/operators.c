/* SPDX-License-Identifier: Apache-2.0
 *
 * The operator table: one line of operators.def per operator.
 */
#include "graph.h"

#include <string.h>

#define RNNP_OPERATOR(name) extern const rnnp_operator rnnp_operator_##name;
#include "operators.def"
#undef RNNP_OPERATOR

const rnnp_operator *const rnnp_operators[] = {
#define RNNP_OPERATOR(name) &rnnp_operator_##name,
#include "operators.def"
#undef RNNP_OPERATOR
    NULL,
};

size_t rnnp_operator_count(void) { return sizeof rnnp_operators / sizeof rnnp_operators[0] - 1; }

const rnnp_operator *rnnp_operator_find(const char *name)
{
    for (size_t i = 0; i < rnnp_operator_count(); i++) {
        if (strcmp(rnnp_operators[i]->name, name) == 0) return rnnp_operators[i];
    }
    return strcmp(name, rnnp_operator_Unsupported.name) == 0 ? &rnnp_operator_Unsupported : NULL;
}

const char *rnnp_operator_name(size_t index)
{
    return index < rnnp_operator_count() ? rnnp_operators[index]->name : NULL;
}
