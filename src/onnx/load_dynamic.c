/* SPDX-License-Identifier: Apache-2.0
 *
 * Products that a quantiser has spelled out in nodes of the standard. They are not added to the model: only the last of
 * them is, as DynamicQuantizeMatMul. The others leave what they stand for in the entries of their results.
 *
 *   DynamicQuantizeLinear(a) -> q, a_scale, a_zero      MatMulInteger(q, b, a_zero, b_zero) -> sums   Cast(sums) to f32
 *   Mul(a_scale, b_scale) -> scales                     Mul(sums, scales) -> result
 *   MatMulIntegerToFloat(q, b, a_scale, b_scale, a_zero, b_zero, bias) -> result, of com.microsoft
 */
#include "load_weights.h"

#include <string.h>

static int is(const char *a, const char *b) { return strcmp(a, b) == 0; }

int loader_dynamic_op(const char *op) { return is(op, "DynamicQuantizeLinear") || is(op, "MatMulInteger"); }

static name_entry *input(const names *n, const Onnx__NodeProto *p, size_t i)
{
    return i < p->n_input && *p->input[i] ? names_find(n, p->input[i]) : NULL;
}

static rnnp_value value_of(const name_entry *e) { return e ? e->value : RNNP_NONE; }

/* Inputs a and b in either order, by the part that they play. */
static int in_parts(const names *n, const Onnx__NodeProto *p, name_part first, name_part second, name_entry **a,
                    name_entry **b)
{
    for (size_t i = 0; i < 2 && p->n_input == 2; i++) {
        *a = input(n, p, i);
        *b = input(n, p, 1 - i);
        if (*a && *b && (*a)->part == first && (*b)->part == second) return 1;
    }
    return 0;
}

static int same(const name_entry *a, const name_entry *b) { return a && b && a->from == b->from; }

/* The result's entry plays a part; nothing is added for it. */
static void set_part(const names *n, const Onnx__NodeProto *p, size_t output, name_part part, const name_entry *like)
{
    name_entry *e = output < p->n_output && *p->output[output] ? names_find(n, p->output[output]) : NULL;

    if (!e) return;
    if (like) e->from = like->from, e->weights = like->weights, e->scale = like->scale, e->zero = like->zero;
    e->part = part;
}

static void make_product(loader_node *node, rnnp_value a, rnnp_value b, rnnp_value scale, rnnp_value zero,
                         rnnp_value bias)
{
    node->op = "DynamicQuantizeMatMul";
    node->n_inputs = 5;
    node->n_attrs = 0;
    memcpy(node->inputs, (rnnp_value[]){a, b, scale, zero, bias}, 5 * sizeof a);
}

/* Of a node that reads such parts. Returns 1 if they are all that it reads and it is one of the nodes above. */
static int take_parts(const names *n, const Onnx__NodeProto *p, loader_node *node, int *left_out)
{
    name_entry *a, *b;
    name_entry known = {.part = PART_SUMS};

    *left_out = 1;
    if (is(p->op_type, "MatMulInteger") && (a = input(n, p, 0)) && a->part == PART_Q && (b = input(n, p, 2)) &&
        b->part == PART_ZERO && same(a, b)) {
        known.from = a->from;
        known.weights = value_of(input(n, p, 1));
        known.zero = value_of(input(n, p, 3));
        set_part(n, p, 0, PART_SUMS, &known);
        return 1;
    }
    if (is(p->op_type, "Cast") && (a = input(n, p, 0)) && a->part == PART_SUMS && node->n_attrs == 1 &&
        node->attrs[0].i == loader_onnx_type(RNNP_DTYPE_F32)) {
        set_part(n, p, 0, PART_FLOATS, a);
        return 1;
    }
    if (is(p->op_type, "Mul") && in_parts(n, p, PART_SCALE, PART_NONE, &a, &b)) {
        known.from = a->from;
        known.scale = b->value;
        set_part(n, p, 0, PART_SCALES, &known);
        return 1;
    }
    *left_out = 0;
    if (is(p->op_type, "Mul") && in_parts(n, p, PART_FLOATS, PART_SCALES, &a, &b) && same(a, b)) {
        make_product(node, a->from, a->weights, b->scale, a->zero, RNNP_NONE);
        return 1;
    }
    if (is(p->op_type, "MatMulIntegerToFloat") && (a = input(n, p, 0)) && a->part == PART_Q &&
        same(a, input(n, p, 2)) && input(n, p, 2)->part == PART_SCALE &&
        (!input(n, p, 4) || input(n, p, 4)->part == PART_ZERO)) {
        make_product(node, a->from, value_of(input(n, p, 1)), value_of(input(n, p, 3)), value_of(input(n, p, 5)),
                     value_of(input(n, p, 6)));
        return 1;
    }
    return 0;
}

rnnp_status loader_dynamic_node(loader *l, const Onnx__NodeProto *p, const names *n, loader_node *node, int *left_out)
{
    const name_entry *part = NULL;

    *left_out = 0;
    for (size_t i = 0; i < p->n_input; i++) {
        const name_entry *e = input(n, p, i);
        if (e && e->part != PART_NONE) part = e;
    }
    if (is(p->op_type, "DynamicQuantizeLinear") && p->n_input == 1 && !part) {
        const name_entry from = {.from = node->inputs[0]};

        set_part(n, p, 0, PART_Q, &from);
        set_part(n, p, 1, PART_SCALE, &from);
        set_part(n, p, 2, PART_ZERO, &from);
        *left_out = 1;
        return RNNP_OK;
    }
    if (!part || take_parts(n, p, node, left_out)) return RNNP_OK;
    return rnnp_fail(
        l->context, RNNP_ERR_UNSUPPORTED,
        "%s %s reads results of DynamicQuantizeLinear or MatMulInteger, which are known as parts of a product "
        "with scales only",
        p->op_type, node->name);
}
