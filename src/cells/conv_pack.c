/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed weights of convolutions: for each group, for each combination of phases, in the order of the chain, matrices
 * [taps of a term][channel] [out], or of the direct kernel [out][tap][channel].
 */
#include "conv_phases.h"
#include "product.h"

#include <stdio.h>

/* Depths add up, as f32 panels have no headers. */
size_t rnnp_conv_group_bytes(const rnnp_variant *kernel, const rnnp_conv *c)
{
    size_t depth, floats, bytes;

    if (rnnp_mul_overflow(c->in, rnnp_conv_planes_of(c).kernel, &depth)) return SIZE_MAX;
    if (kernel) return rnnp_panels_bytes(&kernel->traits.panels, c->out, depth);
    if (rnnp_mul_overflow(depth, c->out, &floats) || rnnp_mul_overflow(floats, sizeof(float), &bytes)) return SIZE_MAX;
    return bytes;
}

const rnnp_variant *rnnp_conv_kernel(const rnnp_selection *select, const rnnp_conv *c)
{
    enum { FEW = 8 }; /* output channels: less than half of the smallest panel */

    if (c->out < FEW) return NULL;
    return rnnp_product_kernel(select, RNNP_FORMAT_f32, c->out, c->in * rnnp_conv_planes_of(c).kernel);
}

size_t rnnp_conv_bytes(const rnnp_variant *kernel, const rnnp_conv *c)
{
    size_t bytes;

    return rnnp_mul_overflow(rnnp_conv_group_bytes(kernel, c), c->groups, &bytes) ? SIZE_MAX : bytes;
}

/* Where the kernel position of the taps lies in one channel of w. */
static size_t kernel_at(const rnnp_conv *c, const rnnp_combination *of, const rnnp_outer_taps *t, size_t last)
{
    size_t at = 0;

    for (size_t a = 0; a < c->axes; a++) {
        const rnnp_phase *p = &of->phase[a];
        const size_t u = a + 1 < c->axes ? t->index[a] : last;

        at = at * c->axis[a].kernel + (size_t)((ptrdiff_t)p->kernel + (ptrdiff_t)u * p->kernel_step);
    }
    return at;
}

typedef struct weights {
    const float *w; /* of the group */
    size_t out_step, in_step;
} weights;

static weights weights_of(const rnnp_conv *c, const float *w, size_t g)
{
    const size_t k = rnnp_conv_planes_of(c).kernel;

    w += g * c->out * c->in * k;
    return c->transposed ? (weights){w, k, c->out * k} : (weights){w, c->in * k, k};
}

static void pack_terms(const rnnp_variant *kernel, const rnnp_conv *c, const rnnp_combination *of, const weights *from,
                       char *to, size_t part, size_t parts)
{
    const rnnp_panels *panels = &kernel->traits.panels;
    const rnnp_phase *last = &of->phase[c->axes - 1];
    const size_t together = rnnp_term_taps(last);
    rnnp_outer_taps t = rnnp_outer_first(c, of);

    do {
        for (size_t u = 0; u < last->taps; u += together) {
            for (size_t v = 0; v < together; v++) {
                const rnnp_unpacked rows = rnnp_unpacked_f32(from->w + kernel_at(c, of, &t, u + v), c->out, c->in, 0,
                                                             from->out_step, from->in_step);

                rnnp_panels_pack_rows(panels, &rows, v * c->in, together * c->in, to, part, parts);
            }
            to += rnnp_panels_bytes(panels, c->out, together * c->in);
        }
    } while (rnnp_outer_next(c, &t));
}

static void pack_direct(const rnnp_conv *c, const rnnp_combination *of, const weights *from, float *to, size_t part,
                        size_t parts)
{
    rnnp_outer_taps t = rnnp_outer_first(c, of);
    size_t tap = 0, begin, end;

    rnnp_share(c->out, part, parts, &begin, &end);
    do {
        for (size_t u = 0; u < of->phase[c->axes - 1].taps; u++, tap++) {
            const float *w = from->w + kernel_at(c, of, &t, u);

            for (size_t m = begin; m < end; m++) {
                for (size_t i = 0; i < c->in; i++)
                    to[(m * of->taps + tap) * c->in + i] = w[m * from->out_step + i * from->in_step];
            }
        }
    } while (rnnp_outer_next(c, &t));
}

size_t rnnp_combination_bytes(const rnnp_variant *kernel, const rnnp_conv *c, const rnnp_combination *of)
{
    const size_t depth = of->taps * c->in;

    return kernel ? rnnp_panels_bytes(&kernel->traits.panels, c->out, depth) : depth * c->out * sizeof(float);
}

void rnnp_conv_pack(const rnnp_variant *kernel, const rnnp_conv *c, const float *w, void *packed, size_t part,
                    size_t parts)
{
    char *to = packed;
    rnnp_combination of;

    for (size_t g = 0; g < c->groups && c->out && c->in; g++) {
        const weights from = weights_of(c, w, g);

        rnnp_combination_first(c, &of);
        do {
            if (of.taps == 0) continue;
            if (kernel)
                pack_terms(kernel, c, &of, &from, to, part, parts);
            else
                pack_direct(c, &of, &from, (float *)(void *)to, part, parts);
            to += rnnp_combination_bytes(kernel, c, &of);
        } while (rnnp_combination_next(c, &of));
    }
}

void rnnp_conv_layout(const rnnp_variant *kernel, const rnnp_conv *c, char *text, size_t size)
{
    char panels[RNNP_PANELS_TEXT] = "rows";
    int n;

    if (kernel) rnnp_panels_text(&kernel->traits.panels, panels);
    n = snprintf(text, size, "%sconvolution groups %zu in %zu out %zu axes", c->transposed ? "transposed " : "",
                 c->groups, c->in, c->out);
    for (size_t a = 0; a < c->axes && n > 0 && (size_t)n < size; a++)
        n += snprintf(text + n, size - (size_t)n, " %zu/%zu/%zu", c->axis[a].kernel, c->axis[a].stride,
                      c->axis[a].dilation);
    if (n > 0 && (size_t)n < size) snprintf(text + n, size - (size_t)n, ": %s", panels);
}
