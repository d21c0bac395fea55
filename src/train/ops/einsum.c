/* SPDX-License-Identifier: Apache-2.0
 *
 * Einsum of one operand or two. An operand's gradient is the Einsum of dy and, if there is one, the other operand,
 * summed over all labels that the operand does not have and over those along which it was broadcast. It is repeated
 * along a label that only this operand has.
 */
#include "../../graph/ops/contract.h"
#include "back.h"

/* What a pass over the gradients needs: tensors are the operands and then dy. */
typedef struct pass {
    const rnnp_node *node;
    const rnnp_tensor *tensors[3];
} pass;

static rnnp_view view(const pass *p, size_t term)
{
    rnnp_labels labels;

    rnnp_einsum_labels(p->node, term, p->tensors[term]->rank, &labels);
    return rnnp_view_of(p->tensors[term], &labels);
}

/* Labels of more than one element; those of none count, too. */
static uint64_t long_labels(const rnnp_view *v)
{
    uint64_t mask = 0;

    for (size_t i = 0; i < v->labels.n; i++) mask |= (uint64_t)(v->dim[i] != 1) << v->labels.at[i];
    return mask;
}

static void back(rnnp_contraction *j, const pass *p, size_t operand, float *to)
{
    const size_t n = p->node->n_inputs;
    const rnnp_view own = view(p, operand), dy = view(p, n), other = view(p, n == 2 ? 1 - operand : n);
    const uint64_t others = long_labels(&dy) | long_labels(&other);
    rnnp_labels summed = {0}; /* the labels of the sum */
    ptrdiff_t step[RNNP_MAX_RANK];

    for (size_t i = 0; i < own.labels.n; i++) {
        if (own.dim[i] != 1 && others >> own.labels.at[i] & 1) summed.at[summed.n++] = own.labels.at[i];
    }
    const int repeats = rnnp_view_elements(&own, &summed) != rnnp_view_elements(&own, &own.labels);
    const rnnp_view sum = n == 2 ? rnnp_contract(j, &dy, &other, &summed, repeats ? NULL : to)
                                 : rnnp_arrange(j, &dy, &summed, repeats ? NULL : to);
    if (!repeats || !j->e) return;
    for (size_t i = 0, k = 0; i < own.labels.n; i++) {
        const int has = k < sum.labels.n && sum.labels.at[k] == own.labels.at[i];

        step[i] = has ? sum.step[k] : 0;
        k += (size_t)has;
    }
    rnnp_tensor dx = *p->tensors[operand];
    dx.data = to;
    rnnp_copy_strided(j->select, &dx, sum.data, 0, step);
}

static rnnp_status einsum_backward(const rnnp_gradient_call *call)
{
    const size_t n = call->shape.node->n_inputs;
    const rnnp_exec e = rnnp_call_exec(call);
    pass p = {.node = call->shape.node, .tensors = {&call->inputs[0], &call->inputs[n - 1]}};

    p.tensors[n] = &call->d_outputs[0];
    for (size_t i = 0; i < n; i++) {
        rnnp_contraction j = {.select = e.select, .e = &e};

        if (call->d_inputs[i].data && rnnp_tensor_elements(&call->d_inputs[i])) back(&j, &p, i, call->d_inputs[i].data);
    }
    return RNNP_OK;
}

static size_t einsum_bytes(const rnnp_gradient_shape *shape)
{
    const size_t n = shape->node->n_inputs;
    const rnnp_tensor a = rnnp_known_tensor(&shape->inputs[0]), b = rnnp_known_tensor(&shape->inputs[n - 1]);
    const rnnp_tensor dy = rnnp_known_tensor(&shape->outputs[0]);
    pass p = {.node = shape->node, .tensors = {&a, &b}};
    size_t most = 0;

    if (n > 2) return 0; /* it only goes forwards */
    p.tensors[n] = &dy;
    for (size_t i = 0; i < n; i++) {
        rnnp_contraction j = {.select = shape->select};
        float result; /* stands for the memory of the gradient */

        if (rnnp_meta_elements(&shape->inputs[i])) back(&j, &p, i, &result);
        most = j.used > most ? j.used : most;
    }
    return most;
}

static rnnp_status einsum_check(const rnnp_gradient_shape *shape)
{
    const size_t n = shape->node->n_inputs;

    if (n > 2)
        return rnnp_node_fail(shape->context, shape->node, RNNP_ERR_UNSUPPORTED,
                              "%zu operands, but there is a gradient for one or two only", n);
    for (size_t i = 0; i < n; i++) {
        rnnp_labels labels;

        rnnp_einsum_labels(shape->node, i, shape->inputs[i].rank, &labels);
        if ((size_t)__builtin_popcountll(rnnp_labels_mask(&labels)) != labels.n)
            return rnnp_node_fail(shape->context, shape->node, RNNP_ERR_UNSUPPORTED,
                                  "operand %zu has a label twice, for which there is no gradient", i);
    }
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(Einsum, .inputs = 3, .keeps_inputs = 3, .backward = einsum_backward, .workspace_bytes = einsum_bytes,
                  .check = einsum_check);
