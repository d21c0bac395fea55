/* SPDX-License-Identifier: Apache-2.0
 *
 * The input of a convolution as it is read: padded, channels last for products, and for the direct kernel split by the
 * stride of the last axis.
 */
#include "conv_phases.h"

#include <string.h>

static int axis_is_plain(const rnnp_conv *c, size_t a)
{
    return rnnp_conv_lead(c, a) == 0 && rnnp_conv_length(c, a) <= c->axis[a].in;
}

rnnp_staging rnnp_staging_of(const rnnp_variant *kernel, const rnnp_conv *c)
{
    const rnnp_phase last = rnnp_conv_phase(c, c->axes - 1, 0);
    rnnp_staging s = {.split = kernel ? 1 : last.stride, .outer = 1, .floats = c->in};
    size_t positions = 1;

    for (size_t a = 0; a < c->axes; a++) {
        positions *= c->axis[a].in;
        s.needed |= !axis_is_plain(c, a);
    }
    s.needed |= kernel ? c->in > 1 && positions > 1 : s.split > 1;
    for (size_t a = 0; a < c->axes; a++) {
        s.pitch[a] = s.needed ? rnnp_conv_length(c, a) : c->axis[a].in;
        if (a + 1 == c->axes) s.pitch[a] = (s.pitch[a] + s.split - 1) / s.split * s.split;
        if (a + 1 < c->axes) s.outer *= s.pitch[a];
        if (rnnp_mul_overflow(s.floats, s.pitch[a], &s.floats)) s.floats = SIZE_MAX;
    }
    return s;
}

static void zero(float *p, size_t n) { memset(p, 0, n * sizeof *p); }

void rnnp_staging_row(const rnnp_staging *s, const rnnp_selection *select, const rnnp_variant *kernel,
                      const rnnp_conv *c, const float *x, size_t plane, size_t row, float *image)
{
    const size_t last = c->axes - 1, pitch = s->pitch[last], all = rnnp_conv_length(c, last);
    const size_t before = rnnp_conv_lead(c, last) < all ? rnnp_conv_lead(c, last) : all, in = c->axis[last].in;
    const size_t n = in < all - before ? in : all - before;
    size_t from = 0, inside = 1;

    for (size_t a = 0, left = row, below = s->outer; a < last; a++) {
        below /= s->pitch[a];
        const size_t p = left / below, skip = rnnp_conv_lead(c, a);

        left %= below;
        inside = inside && p >= skip && p - skip < c->axis[a].in;
        from = from * c->axis[a].in + p - skip;
    }
    x += inside ? from * c->axis[last].in : 0;
    if (kernel) {
        float *to = image + row * pitch * c->in;

        if (!inside) {
            zero(to, pitch * c->in);
            return;
        }
        zero(to, before * c->in);
        select->op[RNNP_OP_transpose_f32]->fn.transpose_f32(
            &(rnnp_move_args){.x = x, .y = to + before * c->in, .rows = c->in, .cols = n, .ldx = plane, .ldy = c->in});
        zero(to + (before + n) * c->in, (pitch - before - n) * c->in);
        return;
    }
    for (size_t i = 0; i < c->in; i++) {
        float *to = image + (i * s->outer + row) * pitch;

        if (!inside || s->split > 1) zero(to, pitch);
        if (!inside) continue;
        if (s->split > 1) {
            for (size_t p = 0; p < n && p < s->split; p++) {
                float *apart = to + rnnp_staging_at(s, last, before + p);

                for (size_t q = p; q < n; q += s->split) *apart++ = x[i * plane + q];
            }
            continue;
        }
        zero(to, before);
        memcpy(to + before, x + i * plane, n * sizeof *x);
        zero(to + before + n, pitch - before - n);
    }
}
