/* SPDX-License-Identifier: Apache-2.0
 *
 * Multinomial, as far as a model that has it needs: its outputs that do not depend on chance can be asked for.
 */
#include "ops.h"

typedef struct multinomial_params {
    rnnp_dtype dtype;
    int64_t samples;
} multinomial_params;

static rnnp_status multinomial_parse(rnnp_parse *p, void *params)
{
    enum { ONNX_INT32 = 6, ONNX_INT64 = 7 };
    const int64_t dtype = rnnp_parse_int(p, "dtype", ONNX_INT32);
    multinomial_params *multinomial = params;

    rnnp_parse_float(p, "seed", 0.0f);
    multinomial->samples = rnnp_parse_int(p, "sample_size", 1);
    multinomial->dtype = dtype == ONNX_INT64 ? RNNP_DTYPE_I64 : RNNP_DTYPE_I32;
    if ((dtype != ONNX_INT32 && dtype != ONNX_INT64) || multinomial->samples < 0)
        return PARSE_FAIL(p, RNNP_ERR_ARG, "dtype is %lld and sample_size %lld", (long long)dtype,
                          (long long)multinomial->samples);
    return RNNP_OK;
}

static RNNP_INFER(multinomial_infer)
{
    const multinomial_params *multinomial = in->node->params;

    if (inputs[0].rank != 2) return FAIL(in, RNNP_ERR_SHAPE, "the input has rank %zu, expected 2", inputs[0].rank);
    outputs[0] = (rnnp_meta){.dtype = multinomial->dtype, .rank = 2, .dim = {inputs[0].dim[0], multinomial->samples}};
    return RNNP_OK;
}

static RNNP_RUN(multinomial_run)
{
    (void)outputs;
    return rnnp_node_fail(e->context, node, RNNP_ERR_UNSUPPORTED,
                          "draws random numbers, which a run never does: leave out the outputs that depend on it");
}

static RNNP_TIME(multinomial_time)
{
    out_axis[0] = in_axis[0];
    return in_axis[0] == 1 ? RNNP_TIME_MIXED : 0;
}

RNNP_DEFINE(Multinomial, 1, 1, .param_bytes = sizeof(multinomial_params), .parse = multinomial_parse,
            .infer = multinomial_infer, .run = multinomial_run, .time = multinomial_time);
