/* SPDX-License-Identifier: Apache-2.0 */
#include "../../cells/weights.h"
#include "recurrent_params.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* Takes the next number of an optional list, for functions that want one; NAN stands for ONNX's default. */
static float next_number(const rnnp_attr *list, size_t *taken, int wants)
{
    return wants && list && *taken < list->count ? list->floats[(*taken)++] : NAN;
}

/* ONNX's definition gives RNN the names of two directions by default, and tools write that down for one direction too.
 * Names of a direction that is not there do no harm if they repeat the others. */
static int repeats(const rnnp_attr *names, size_t each)
{
    int same = names->count == 2 * each;
    for (size_t i = 0; same && i < each; i++) same = strcasecmp(names->strings[i], names->strings[each + i]) == 0;
    return same;
}

static rnnp_status parse_activations(rnnp_parse *p, recurrent_params *params)
{
    const rnnp_attr *names = rnnp_parse_attr(p, "activations", RNNP_ATTR_STRINGS);
    const rnnp_attr *alphas = rnnp_parse_attr(p, "activation_alpha", RNNP_ATTR_FLOATS);
    const rnnp_attr *betas = rnnp_parse_attr(p, "activation_beta", RNNP_ATTR_FLOATS);
    const size_t each = rnnp_cell_of(params->layer.cell)->activations;
    const size_t all = each * rnnp_directions(params->layer.direction);
    size_t alphas_taken = 0, betas_taken = 0;

    rnnp_act_defaults(params->layer.cell, params->layer.act[0]);
    rnnp_act_defaults(params->layer.cell, params->layer.act[1]);
    if (names && names->count != all && names->count != each && !repeats(names, each))
        return PARSE_FAIL(p, RNNP_ERR_ARG, "%zu activations where %zu are expected", names->count, all);
    for (size_t i = 0; names && i < all; i++) {
        const char *name = names->strings[i % names->count];
        rnnp_act_spec *act = &params->layer.act[i / each][i % each];

        if (rnnp_act_parse(name, NAN, NAN, act) != 0)
            return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "activation %s is not known", name);
        const int takes = rnnp_act_parameters(act->kind);
        const float alpha = next_number(alphas, &alphas_taken, takes > 0);
        const float beta = next_number(betas, &betas_taken, takes > 1);
        rnnp_act_parse(name, alpha, beta, act);
    }
    return RNNP_OK;
}

static rnnp_status parse_direction(rnnp_parse *p, recurrent_params *params)
{
    static const char *const names[] = {"forward", "reverse", "bidirectional"};
    const char *name = rnnp_parse_string(p, "direction", names[0]);

    for (int i = 0; i < 3; i++) {
        if (strcasecmp(names[i], name) == 0) {
            params->layer.direction = (rnnp_direction)i;
            return RNNP_OK;
        }
    }
    return PARSE_FAIL(p, RNNP_ERR_ARG, "direction is %s", name);
}

rnnp_status rnnp_recurrent_parse(rnnp_parse *p, void *node_params)
{
    const rnnp_cell cell = rnnp_cell_of_op(p->node->op->name);
    recurrent_params *params = node_params;
    rnnp_status status;

    params->layer.cell = cell;
    params->hidden = rnnp_parse_int(p, "hidden_size", 0);
    params->layer.clip = rnnp_parse_float(p, "clip", 0.0f);
    params->batch_first = p->node->opset >= 14 && rnnp_parse_int(p, "layout", 0);
    params->layer.reset_after = rnnp_cell_has_reset(cell) && rnnp_parse_int(p, "linear_before_reset", 0);
    params->layer.input_forget = rnnp_cell_of(cell)->coupled && rnnp_parse_int(p, "input_forget", 0);
    rnnp_parse_int(p, "output_sequence", 0); /* of opsets before 7: which outputs are wanted says as much */
    if (params->hidden < 0) return PARSE_FAIL(p, RNNP_ERR_ARG, "hidden_size is %lld", (long long)params->hidden);
    if (!(params->layer.clip >= 0.0f)) return PARSE_FAIL(p, RNNP_ERR_ARG, "clip is %g", (double)params->layer.clip);
    if ((status = parse_direction(p, params)) != RNNP_OK) return status;
    return parse_activations(p, params);
}
