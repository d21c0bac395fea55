/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that are, seen as matrices, their own transposes (Trilu, ReverseSequence) or those of their own kind
 * (CumSum, from the other end).
 */
#include "back.h"

typedef rnnp_status run_function(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs,
                                 rnnp_tensor *outputs);

/* dx from dy as y from x; the other input stays. */
static rnnp_status run_back(const rnnp_gradient_call *call, run_function *run)
{
    const rnnp_exec e = rnnp_call_exec(call);
    const rnnp_tensor inputs[] = {call->d_outputs[0],
                                  rnnp_absent(call->shape.node, 1) ? (rnnp_tensor){0} : call->inputs[1]};

    return call->d_inputs[0].data ? run(&e, call->shape.node, inputs, call->d_inputs) : RNNP_OK;
}

static rnnp_status same_backward(const rnnp_gradient_call *call) { return run_back(call, call->shape.node->op->run); }
static rnnp_status cumsum_backward(const rnnp_gradient_call *call) { return run_back(call, rnnp_cumsum_turned); }

RNNP_GRADIENT_ROW(Trilu, .inputs = 1, .keeps_inputs = 2, .backward = same_backward);
RNNP_GRADIENT_ROW(ReverseSequence, .inputs = 1, .keeps_inputs = 2, .backward = same_backward);
RNNP_GRADIENT_ROW(CumSum, .inputs = 1, .keeps_inputs = 2, .backward = cumsum_backward);
