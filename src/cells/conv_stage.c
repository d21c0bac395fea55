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

    for (size_t a = 0; a < c->axes; a++) s.needed |= !axis_is_plain(c, a);
    if (c->x_last)
        s.needed |= c->groups > 1;
    else
        s.needed |= kernel ? c->in > 1 && rnnp_conv_planes_of(c).in > 1 : s.split > 1;
    for (size_t a = 0; a < c->axes; a++) {
        s.pitch[a] = s.needed ? rnnp_conv_length(c, a) : c->axis[a].in;
        if (a + 1 == c->axes) s.pitch[a] = (s.pitch[a] + s.split - 1) / s.split * s.split;
        if (a + 1 < c->axes) s.outer *= s.pitch[a];
        if (rnnp_mul_overflow(s.floats, s.pitch[a], &s.floats)) s.floats = SIZE_MAX;
    }
    return s;
}

static void zero(float *p, size_t n) { memset(p, 0, n * sizeof *p); }

/* A row of the outer positions as it is found in x: `before` zeros, n positions from x on and zeros again; x NULL:
 * zeros alone. */
typedef struct row {
    const float *x;
    size_t before, n;
} row;

static row row_of(const rnnp_staging *s, const rnnp_conv *c, const float *x, size_t number)
{
    const size_t last = c->axes - 1, all = rnnp_conv_length(c, last), in = c->axis[last].in;
    const size_t lead = rnnp_conv_lead(c, last), before = lead < all ? lead : all;
    size_t from = 0;

    for (size_t a = 0, below = s->outer; a < last; a++) {
        below /= s->pitch[a];
        const size_t p = number / below, skip = rnnp_conv_lead(c, a);

        number %= below;
        if (p < skip || p - skip >= c->axis[a].in) return (row){.x = NULL};
        from = from * c->axis[a].in + p - skip;
    }
    return (row){x + from * in * (c->x_last ? c->groups * c->in : 1), before, in < all - before ? in : all - before};
}

/* All channels beside each other. */
static void stage_product(const rnnp_selection *select, const rnnp_conv *c, const row *r, size_t plane, size_t pitch,
                          float *to)
{
    const size_t in = c->in, end = r->before + r->n;

    if (!r->x) {
        zero(to, pitch * in);
        return;
    }
    zero(to, r->before * in);
    if (!c->x_last)
        select->op[RNNP_OP_transpose_f32]->fn.transpose_f32(
            &(rnnp_move_args){.x = r->x, .y = to + r->before * in, .rows = in, .cols = r->n, .ldx = plane, .ldy = in});
    else if (c->groups == 1)
        memcpy(to + r->before * in, r->x, r->n * in * sizeof *to);
    else
        for (size_t i = 0; i < r->n; i++) memcpy(to + (r->before + i) * in, r->x + i * c->groups * in, in * sizeof *to);
    zero(to + end * in, (pitch - end) * in);
}

/* One channel. */
static void stage_direct(const rnnp_staging *s, const row *r, size_t channel, size_t last, float *to)
{
    const float *x = r->x ? r->x + channel : NULL;
    const size_t pitch = s->pitch[last], end = r->before + r->n;

    if (!r->x || s->split > 1) zero(to, pitch);
    if (!r->x) return;
    for (size_t p = 0; s->split > 1 && p < r->n && p < s->split; p++) {
        float *apart = to + rnnp_staging_at(s, last, r->before + p);

        for (size_t q = p; q < r->n; q += s->split) *apart++ = x[q];
    }
    if (s->split > 1) return;
    zero(to, r->before);
    memcpy(to + r->before, x, r->n * sizeof *x);
    zero(to + end, pitch - end);
}

void rnnp_staging_row(const rnnp_staging *s, const rnnp_selection *select, const rnnp_variant *kernel,
                      const rnnp_conv *c, const float *x, size_t plane, size_t number, float *image)
{
    const size_t last = c->axes - 1, pitch = s->pitch[last];
    const row r = row_of(s, c, x, number);

    if (kernel) {
        stage_product(select, c, &r, plane, pitch, image + number * pitch * c->in);
        return;
    }
    for (size_t i = 0; i < c->in; i++) stage_direct(s, &r, i * plane, last, image + (i * s->outer + number) * pitch);
}
