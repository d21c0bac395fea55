/* SPDX-License-Identifier: Apache-2.0
 *
 * Formats of constant weights: f32, f16, bf16, and i8 with a scale for each output channel.
 */
#include "ops.h"

const rnnp_dtype rnnp_format_dtypes[RNNP_FORMAT_COUNT] = {[RNNP_FORMAT_f32] = RNNP_DTYPE_F32,
                                                          [RNNP_FORMAT_f16] = RNNP_DTYPE_F16,
                                                          [RNNP_FORMAT_bf16] = RNNP_DTYPE_BF16,
                                                          [RNNP_FORMAT_s8] = RNNP_DTYPE_I8};

int rnnp_format_of(rnnp_dtype dtype, rnnp_format *format)
{
    for (int f = 0; f < RNNP_FORMAT_COUNT; f++) {
        *format = (rnnp_format)f;
        if (rnnp_format_dtypes[f] == dtype) return 1;
    }
    *format = RNNP_FORMAT_f32;
    return 0;
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
    const size_t bad = rnnp_bad_scale(at, rnnp_meta_elements(s));
    if (bad == rnnp_meta_elements(s)) return RNNP_OK;
    return FAIL(in, RNNP_ERR_ARG, "%s[%zu] is %g, expected a finite number above 0", scale_name, bad, (double)at[bad]);
}

rnnp_status rnnp_depth_check(rnnp_infer *in, const rnnp_meta *weights, const char *name, int64_t depth)
{
    enum { MOST = 1 << 16 }; /* sums of products of two 8-bit numbers stay below 2^31 (kernels/tmpl/dot.inc.h) */

    if (weights->dtype != RNNP_DTYPE_I8 || depth <= MOST) return RNNP_OK;
    return FAIL(in, RNNP_ERR_UNSUPPORTED, "%s is i8 and %lld elements deep, %d at most", name, (long long)depth, MOST);
}
