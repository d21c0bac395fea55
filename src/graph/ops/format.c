/* SPDX-License-Identifier: Apache-2.0
 *
 * Formats of constant weights: f32, f16, bf16, and i8 with a scale for each output channel.
 */
#include "ops.h"

#include <math.h>

int rnnp_format_of(rnnp_dtype dtype, rnnp_format *format)
{
    switch ((int)dtype) {
    case RNNP_DTYPE_F32: *format = RNNP_FORMAT_f32; return 1;
    case RNNP_DTYPE_F16: *format = RNNP_FORMAT_f16; return 1;
    case RNNP_DTYPE_BF16: *format = RNNP_FORMAT_bf16; return 1;
    case RNNP_DTYPE_I8: *format = RNNP_FORMAT_s8; return 1;
    default: *format = RNNP_FORMAT_f32; return 0;
    }
}

rnnp_status rnnp_weights_check(rnnp_infer *in, const rnnp_meta *inputs, size_t weights, const char *name, size_t scale,
                               const char *scale_name)
{
    const rnnp_meta *w = &inputs[weights], *s = &inputs[scale];
    const float *at = s->known;
    rnnp_format format;

    if (!rnnp_format_of(w->dtype, &format))
        return FAIL(in, RNNP_ERR_TYPE, "%s is %s, expected f32, f16, bf16 or i8", name, rnnp_dtype_name(w->dtype));
    if (format != RNNP_FORMAT_f32 && !w->known)
        return FAIL(in, RNNP_ERR_UNSUPPORTED, "%s is %s and not a constant", name, rnnp_dtype_name(w->dtype));
    if (!s->dtype != (format != RNNP_FORMAT_s8))
        return FAIL(in, RNNP_ERR_ARG, s->dtype ? "%s is given, but %s is %s, not i8" : "%s is missing: %s is %s",
                    scale_name, name, rnnp_dtype_name(w->dtype));
    if (!s->dtype) return RNNP_OK;
    if (s->dtype != RNNP_DTYPE_F32 || !at)
        return FAIL(in, RNNP_ERR_TYPE, "%s is %s, expected a constant of f32", scale_name, rnnp_dtype_name(s->dtype));
    for (size_t i = 0; i < rnnp_meta_elements(s); i++) {
        if (!(at[i] > 0 && at[i] < INFINITY))
            return FAIL(in, RNNP_ERR_ARG, "%s[%zu] is %g, expected a finite number above 0", scale_name, i,
                        (double)at[i]);
    }
    return RNNP_OK;
}

rnnp_status rnnp_depth_check(rnnp_infer *in, const rnnp_meta *weights, const char *name, int64_t depth)
{
    enum { MOST = 1 << 16 }; /* sums of products of two 8-bit numbers stay below 2^31 (kernels/tmpl/dot.inc.h) */

    if (weights->dtype != RNNP_DTYPE_I8 || depth <= MOST) return RNNP_OK;
    return FAIL(in, RNNP_ERR_UNSUPPORTED, "%s is i8 and %lld elements deep, %d at most", name, (long long)depth, MOST);
}
