/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the table of gradients for recurrent nodes.
 */
#include "bptt.h"

#include "../../cells/weights.h"

#define RNNP_CELL(cell, ...) extern const rnnp_gradient rnnp_gradient_##cell;
#include "../../../kernels/cells.def"

/* Whether everything below fits size_t: no section has more than these floats, and there are fewer than 64. */
static int fits(const rnnp_gradient_shape *shape)
{
    const int64_t *x = shape->inputs[RNNP_IN_X].dim, hidden = shape->inputs[RNNP_IN_R].dim[2];
    const double rows = (double)x[0] * (double)x[1] + RNNP_BPTT_ROWS + (double)(x[0] + x[1]) * RNNP_BPTT_STEPS;
    const double wide = (double)hidden + (double)x[2] + 128;
    return 64 * 8 * sizeof(float) * wide * (rows + wide) < 0x1p60;
}

static size_t bytes_of(const rnnp_gradient_shape *shape, size_t (*bytes)(const rnnp_bptt *net))
{
    rnnp_bptt net;
    if (!fits(shape)) return SIZE_MAX;
    rnnp_bptt_plan(shape, &net);
    return bytes(&net);
}

static size_t all_kept(const rnnp_bptt *net)
{
    return net->kept.floats * sizeof(float) * rnnp_directions(net->layer.direction);
}
static size_t all_work(const rnnp_bptt *net) { return net->work.floats * sizeof(float); }
static size_t all_prepared(const rnnp_bptt *net) { return net->prepared_bytes * rnnp_directions(net->layer.direction); }

static size_t kept_bytes(const rnnp_gradient_shape *shape) { return bytes_of(shape, all_kept); }
static size_t workspace_bytes(const rnnp_gradient_shape *shape) { return bytes_of(shape, all_work); }
static size_t prepared_bytes(const rnnp_gradient_shape *shape) { return bytes_of(shape, all_prepared); }

static int has(const rnnp_gradient_shape *shape, size_t input)
{
    return input < shape->node->n_inputs && shape->node->inputs[input] != RNNP_NONE;
}

static void prepare(const rnnp_gradient_shape *shape, const rnnp_tensor *inputs, void *prepared, size_t part,
                    size_t parts)
{
    const rnnp_recurrent_source source = {.w = inputs[RNNP_IN_W].data,
                                          .r = inputs[RNNP_IN_R].data,
                                          .b = inputs[RNNP_IN_B].data,
                                          .split = has(shape, RNNP_IN_SPLIT) ? inputs[RNNP_IN_SPLIT].data : NULL,
                                          .split_bias =
                                              has(shape, RNNP_IN_SPLIT_BIAS) ? inputs[RNNP_IN_SPLIT_BIAS].data : NULL};
    rnnp_bptt net;
    rnnp_bptt_plan(shape, &net);
    rnnp_bptt_pack(&net, &source, prepared, part, parts);
}

static rnnp_status check(const rnnp_gradient_shape *shape)
{
    static const struct {
        size_t input;
        const char *name;
    } weights[] = {{RNNP_IN_W, "W"},
                   {RNNP_IN_R, "R"},
                   {RNNP_IN_B, "B"},
                   {RNNP_IN_SPLIT, "split"},
                   {RNNP_IN_SPLIT_BIAS, "split_bias"}};
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++) {
        const size_t input = weights[i].input;
        if (has(shape, input) && !rnnp_gradient_constant(shape->node, input))
            return rnnp_node_fail(shape->context, shape->node, RNNP_ERR_UNSUPPORTED,
                                  "%s is computed; training needs weights that are constants", weights[i].name);
    }
    return RNNP_OK;
}

/* ---- The table's rows ---- */

#define BIT(input) (1u << RNNP_IN_##input)
#define WEIGHTS (BIT(X) | BIT(W) | BIT(R) | BIT(B) | BIT(H0) | BIT(DECAY))
#define KEEPS (BIT(X) | BIT(LENGTHS) | BIT(H0) | BIT(DECAY))
#define RNNP_CELL(cell, name, states, peepholes, ...)                                                                 \
    RNNP_GRADIENT_ROW(                                                                                                \
        cell,                                                                                                         \
        .inputs = WEIGHTS | ((states) > 1 ? BIT(C0) | BIT(SPLIT) | BIT(SPLIT_BIAS) : 0) | ((peepholes) ? BIT(P) : 0), \
        .keeps_inputs = KEEPS | ((peepholes) ? BIT(P) : 0), .keeps_outputs = 1u << RNNP_OUT_Y,                        \
        .forward = rnnp_bptt_forward, .backward = rnnp_bptt_backward, .kept_bytes = kept_bytes,                       \
        .workspace_bytes = workspace_bytes, .prepared_bytes = prepared_bytes, .prepare = prepare, .check = check);
#include "../../../kernels/cells.def"
