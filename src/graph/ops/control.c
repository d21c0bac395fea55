/* SPDX-License-Identifier: Apache-2.0
 *
 * If, as a node that joins the results of both branches, whose nodes are nodes of the graph like all others:
 * inputs are the condition, what the then branch gives, and what the else branch gives. And what stands for a node that
 * is not supported, which may be on a side that is not taken.
 */
#include "ops.h"

/* Which branch's ranks count while nobody knows which is taken. Packed files have it as an attribute. */
typedef struct if_params {
    int then_ranks;
} if_params;

static const char then_ranks[] = "then_ranks";

static rnnp_status if_parse(rnnp_parse *p, void *params)
{
    const size_t expected = 1 + 2 * p->node->n_outputs;

    if (p->node->n_inputs != expected)
        return PARSE_FAIL(p, RNNP_ERR_ARG, "%zu inputs for %zu outputs, expected %zu", p->node->n_inputs,
                          p->node->n_outputs, expected);
    for (size_t i = 1; i < expected; i++) {
        if (rnnp_absent(p->node, i)) return PARSE_FAIL(p, RNNP_ERR_ARG, "input %zu is absent", i);
    }
    ((if_params *)params)->then_ranks = rnnp_parse_int(p, then_ranks, 0) != 0;
    return RNNP_OK;
}

/* Input with output i of a side. */
static size_t side_input(const rnnp_node *node, int taken, size_t i) { return 1 + (taken ? 0 : node->n_outputs) + i; }

static size_t if_source(const rnnp_node *node, const rnnp_meta *inputs, size_t output)
{
    return inputs[0].known ? side_input(node, *(const uint8_t *)inputs[0].known, output) : SIZE_MAX;
}

static int ranks_differ(const rnnp_node *node, const rnnp_meta *inputs)
{
    for (size_t i = 0; i < node->n_outputs; i++) {
        const rnnp_meta *a = &inputs[side_input(node, 1, i)], *b = &inputs[side_input(node, 0, i)];

        if (a->dtype && b->dtype && a->rank != b->rank) return 1;
    }
    return 0;
}

int rnnp_if_guesses(const rnnp_node *node, const rnnp_meta *inputs)
{
    return !inputs[0].known && ranks_differ(node, inputs);
}

rnnp_status rnnp_if_turn(rnnp_model *model, rnnp_node *node)
{
    const rnnp_attr attr = {.name = then_ranks, .kind = RNNP_ATTR_INT, .i = 1};
    if_params *params = node->params;

    params->then_ranks = !params->then_ranks;
    node->n_attrs = params->then_ranks ? 1 : 0;
    node->attrs = rnnp_attrs_copy(model, &attr, node->n_attrs);
    return node->attrs ? RNNP_OK : RNNP_ERR_MEMORY;
}

/* Nobody knows which side it will be. Of ranks that differ that of the else branch counts until a run decides: the
 * usual question is whether an axis has size 1 (guess.c). A dtype of 0 is that of a side with an error. */
static rnnp_status join(rnnp_infer *in, const rnnp_meta *a, const rnnp_meta *b, size_t i, rnnp_meta *out)
{
    if (!a->dtype || !b->dtype) {
        rnnp_meta_like(out, a->dtype ? a : b);
        return RNNP_OK;
    }
    if (a->dtype != b->dtype)
        return FAIL(in, RNNP_ERR_TYPE, "output %zu is %s in the then branch and %s in the else branch", i,
                    rnnp_dtype_name(a->dtype), rnnp_dtype_name(b->dtype));
    if (in->concrete && !rnnp_same_dims(a, b))
        return FAIL(in, RNNP_ERR_UNSUPPORTED,
                    "output %zu has shape [%s] in the then branch and [%s] in the else branch, and which is taken "
                    "depends on input data",
                    i, rnnp_print_dims(a->rank, a->dim, ',').s, rnnp_print_dims(b->rank, b->dim, ',').s);
    in->guessed |= a->rank != b->rank; /* so nothing is made of it before a run */
    rnnp_meta_like(out, ((const if_params *)in->node->params)->then_ranks ? a : b);
    for (size_t d = 0; a->rank == b->rank && d < a->rank; d++) {
        if (a->dim[d] != b->dim[d]) out->dim[d] = rnnp_dim_unknown(in);
    }
    return RNNP_OK;
}

static RNNP_INFER(if_infer)
{
    const rnnp_node *node = in->node;
    rnnp_status status;

    if (!inputs[0].dtype) return RNNP_OK; /* the condition has an error, which the outputs take over */
    if ((status = rnnp_infer_type(in, inputs, 0, RNNP_BIT(RNNP_DTYPE_BOOL))) != RNNP_OK ||
        (status = rnnp_infer_scalar(in, inputs, 0, "the condition")) != RNNP_OK)
        return status;
    for (size_t i = 0; i < node->n_outputs && status == RNNP_OK; i++) {
        if (inputs[0].known)
            rnnp_meta_like(&outputs[i], &inputs[if_source(node, inputs, i)]);
        else
            status = join(in, &inputs[side_input(node, 1, i)], &inputs[side_input(node, 0, i)], i, &outputs[i]);
    }
    return status;
}

static RNNP_RUN(if_run)
{
    const int taken = *(const uint8_t *)inputs[0].data;

    for (size_t i = 0; i < node->n_outputs; i++) {
        const rnnp_tensor *from = &inputs[side_input(node, taken, i)];

        if (!outputs[i].data) continue;
        if (!from->dtype)
            return rnnp_node_fail(e->context, node, RNNP_ERR_SHAPE,
                                  "the %s branch is taken, which these shapes of inputs do not fit",
                                  taken ? "then" : "else");
        rnnp_copy(outputs[i].data, from->data, rnnp_tensor_elements(from) * rnnp_dtype_bytes(from->dtype));
    }
    return RNNP_OK;
}

/* Both sides must have time at the same place; one with an error has no say. */
static RNNP_TIME(if_time)
{
    if (in_axis[0] != RNNP_TIME_NONE) return RNNP_TIME_UNKNOWN;
    for (size_t i = 0; i < node->n_outputs; i++) {
        const size_t a = side_input(node, 1, i), b = side_input(node, 0, i);

        if (inputs[a].dtype && inputs[b].dtype && in_axis[a] != in_axis[b]) return RNNP_TIME_ELSEWHERE;
        out_axis[i] = in_axis[inputs[b].dtype ? b : a];
    }
    return 0;
}

static const char *if_lint(const rnnp_node *node, const char *producer)
{
    (void)producer;
    if (!ranks_differ(node, node->input_metas)) return NULL;
    return ((const if_params *)node->params)->then_ranks
               ? "the ranks of its branches differ: shapes are shown for the then branch, and a run decides"
               : "the ranks of its branches differ: shapes are shown for the else branch, and a run decides";
}

RNNP_DEFINE_OUTPUTS(If, 1, 255, 1, 255, .param_bytes = sizeof(if_params), .parse = if_parse, .infer = if_infer,
                    .run = if_run, .source = if_source, .time = if_time, .lint = if_lint);

/* ---- Unsupported ---- */

static const char *unsupported_why(const rnnp_node *node, const char *producer)
{
    (void)producer;
    return node->attrs[0].s;
}

static rnnp_status unsupported_parse(rnnp_parse *p, void *params)
{
    (void)params;
    return rnnp_parse_string(p, "why", NULL) ? RNNP_OK : PARSE_FAIL(p, RNNP_ERR_ARG, "there is no \"why\"");
}

static RNNP_INFER(unsupported_infer)
{
    (void)outputs;
    return rnnp_fail(in->context, RNNP_ERR_UNSUPPORTED, "%s", unsupported_why(in->node, NULL));
}

RNNP_DEFINE_OUTPUTS(Unsupported, 0, 0, 1, 255, .parse = unsupported_parse, .infer = unsupported_infer,
                    .lint = unsupported_why);
