/* SPDX-License-Identifier: Apache-2.0
 *
 * Phases, packing and running of convolutions. Threads share output positions, never a chain.
 */
#include "conv.h"

#include <stdio.h>
#include <string.h>

/* ---- Axes ----
 *
 * Positions of the input are counted along padded axes: what is before and behind the input is zeros. */

/* Outputs first + i * step, i < count, of one axis meet the same kernel positions: tap u < taps, which is kernel +
 * u * kernel_step, at padded position at + i * stride + u * tap_step. */
typedef struct phase {
    size_t first, step, count, at, stride, taps, tap_step, kernel;
    ptrdiff_t kernel_step;
} phase;

static size_t phases(const rnnp_conv *c, size_t a) { return c->transposed ? c->axis[a].stride : 1; }

/* Zeros in front of the input. */
static size_t lead(const rnnp_conv *c, size_t a)
{
    const rnnp_conv_axis *axis = &c->axis[a];
    const size_t farthest = (axis->kernel - 1) * axis->dilation / axis->stride, pad = axis->pad / axis->stride;

    if (!c->transposed) return axis->pad;
    return farthest > pad ? farthest - pad : 0;
}

/* All padded positions that are read. */
static size_t length(const rnnp_conv *c, size_t a)
{
    const rnnp_conv_axis *axis = &c->axis[a];

    if (axis->out == 0) return 0;
    if (c->transposed) return (axis->out - 1 + axis->pad) / axis->stride + lead(c, a) + 1;
    return (axis->out - 1) * axis->stride + (axis->kernel - 1) * axis->dilation + 1;
}

/* Of a transposed convolution: output o meets input i at kernel position k where o + pad = i stride + k dilation. Phase
 * r has the outputs with (o + pad) mod stride = r, hence the k with k dilation mod stride = r; from one such k to the
 * next i falls by dilation / gcd(dilation, stride). */
static phase transposed_phase(const rnnp_conv *c, size_t a, size_t r)
{
    const rnnp_conv_axis *axis = &c->axis[a];
    const size_t s = axis->stride, d = axis->dilation;
    phase p = {.first = (r + s - axis->pad % s) % s, .step = s, .stride = 1, .tap_step = 1};
    size_t k = 0, period = 1;

    p.count = p.first < axis->out ? (axis->out - p.first - 1) / s + 1 : 0;
    while (k < axis->kernel && k < s && k * d % s != r) k++;
    if (k >= axis->kernel || k * d % s != r) return p;
    while (period * d % s != 0) period++;
    p.taps = (axis->kernel - 1 - k) / period + 1;
    p.tap_step = period * d / s;
    p.kernel = k + (p.taps - 1) * period;
    p.kernel_step = -(ptrdiff_t)period;
    p.at = (p.first + axis->pad - r) / s + lead(c, a) - (p.kernel * d - r) / s;
    return p;
}

static phase phase_of(const rnnp_conv *c, size_t a, size_t r)
{
    const rnnp_conv_axis *axis = &c->axis[a];

    if (c->transposed) return transposed_phase(c, a, r);
    return (phase){.step = 1,
                   .count = axis->out,
                   .stride = axis->stride,
                   .taps = axis->kernel,
                   .tap_step = axis->dilation,
                   .kernel_step = 1};
}

/* Counts indices up, the last one fastest; 0 after the last combination. */
static int next(size_t n, size_t *index, const size_t *count)
{
    while (n-- > 0) {
        if (++index[n] < count[n]) return 1;
        index[n] = 0;
    }
    return 0;
}

/* One phase of each axis: the outputs that meet the same kernel positions. */
typedef struct combination {
    size_t index[RNNP_CONV_AXES], count[RNNP_CONV_AXES];
    phase phase[RNNP_CONV_AXES];
    size_t taps, outer_taps; /* of all axes, and of all but the last */
} combination;

static void combination_fill(const rnnp_conv *c, combination *of)
{
    of->taps = of->outer_taps = 1;
    for (size_t a = 0; a < c->axes; a++) {
        of->outer_taps = of->taps;
        of->phase[a] = phase_of(c, a, of->index[a]);
        of->taps *= of->phase[a].taps;
    }
}

static void combination_first(const rnnp_conv *c, combination *of)
{
    *of = (combination){.taps = 0};
    for (size_t a = 0; a < c->axes; a++) of->count[a] = phases(c, a);
    combination_fill(c, of);
}

static int combination_next(const rnnp_conv *c, combination *of)
{
    if (!next(c->axes, of->index, of->count)) return 0;
    combination_fill(c, of);
    return 1;
}

/* Walks over the taps of all axes but the last. */
typedef struct outer_taps {
    size_t index[RNNP_CONV_AXES], count[RNNP_CONV_AXES];
} outer_taps;

static outer_taps outer_first(const rnnp_conv *c, const combination *of)
{
    outer_taps t = {.count = {0}};

    for (size_t a = 0; a + 1 < c->axes; a++) t.count[a] = of->phase[a].taps;
    return t;
}

static int outer_next(const rnnp_conv *c, outer_taps *t) { return next(c->axes - 1, t->index, t->count); }

/* Terms of the last axis: taps that lie side by side are one piece of memory. */
static size_t term_taps(const phase *last) { return last->tap_step == 1 ? last->taps : 1; }

/* ---- Packing ----
 *
 * For each group, for each combination of phases, in the order of the chain: matrices [taps of a term][channel] [out], or
 * of the direct kernel [out][tap][channel]. */

static size_t kernel_positions(const rnnp_conv *c)
{
    size_t n = 1;

    for (size_t a = 0; a < c->axes; a++) n *= c->axis[a].kernel;
    return n;
}

/* Of one group; depths add up, as f32 panels have no headers. */
static size_t group_bytes(const rnnp_variant *kernel, const rnnp_conv *c)
{
    size_t depth, floats, bytes;

    if (rnnp_mul_overflow(c->in, kernel_positions(c), &depth)) return SIZE_MAX;
    if (kernel) return rnnp_panels_bytes(&kernel->traits.panels, c->out, depth);
    if (rnnp_mul_overflow(depth, c->out, &floats) || rnnp_mul_overflow(floats, sizeof(float), &bytes)) return SIZE_MAX;
    return bytes;
}

const rnnp_variant *rnnp_conv_kernel(const rnnp_selection *select, const rnnp_conv *c)
{
    enum { FEW = 8 }; /* output channels: less than half of the smallest panel */

    if (c->out < FEW) return NULL;
    return rnnp_select_for(select, RNNP_OP_gemm, RNNP_FORMAT_f32, c->out * c->in * kernel_positions(c));
}

size_t rnnp_conv_bytes(const rnnp_variant *kernel, const rnnp_conv *c)
{
    size_t bytes;

    return rnnp_mul_overflow(group_bytes(kernel, c), c->groups, &bytes) ? SIZE_MAX : bytes;
}

/* Where the kernel position of the taps lies in one channel of w. */
static size_t kernel_at(const rnnp_conv *c, const combination *of, const outer_taps *t, size_t last)
{
    size_t at = 0;

    for (size_t a = 0; a < c->axes; a++) {
        const phase *p = &of->phase[a];
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
    const size_t k = kernel_positions(c);

    w += g * c->out * c->in * k;
    return c->transposed ? (weights){w, k, c->out * k} : (weights){w, c->in * k, k};
}

static void pack_terms(const rnnp_variant *kernel, const rnnp_conv *c, const combination *of, const weights *from,
                       char *to, size_t part, size_t parts)
{
    const rnnp_panels *panels = &kernel->traits.panels;
    const phase *last = &of->phase[c->axes - 1];
    const size_t together = term_taps(last);
    outer_taps t = outer_first(c, of);

    do {
        for (size_t u = 0; u < last->taps; u += together) {
            for (size_t v = 0; v < together; v++) {
                const rnnp_unpacked rows = rnnp_unpacked_f32(from->w + kernel_at(c, of, &t, u + v), c->out, c->in, 0,
                                                             from->out_step, from->in_step);

                rnnp_panels_pack_rows(panels, &rows, v * c->in, together * c->in, to, part, parts);
            }
            to += rnnp_panels_bytes(panels, c->out, together * c->in);
        }
    } while (outer_next(c, &t));
}

static void pack_direct(const rnnp_conv *c, const combination *of, const weights *from, float *to, size_t part,
                        size_t parts)
{
    outer_taps t = outer_first(c, of);
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
    } while (outer_next(c, &t));
}

/* Of one combination. */
static size_t combination_bytes(const rnnp_variant *kernel, const rnnp_conv *c, const combination *of)
{
    const size_t depth = of->taps * c->in;

    return kernel ? rnnp_panels_bytes(&kernel->traits.panels, c->out, depth) : depth * c->out * sizeof(float);
}

void rnnp_conv_pack(const rnnp_variant *kernel, const rnnp_conv *c, const float *w, void *packed, size_t part,
                    size_t parts)
{
    char *to = packed;
    combination of;

    for (size_t g = 0; g < c->groups && c->out && c->in; g++) {
        const weights from = weights_of(c, w, g);

        combination_first(c, &of);
        do {
            if (of.taps == 0) continue;
            if (kernel)
                pack_terms(kernel, c, &of, &from, to, part, parts);
            else
                pack_direct(c, &of, &from, (float *)(void *)to, part, parts);
            to += combination_bytes(kernel, c, &of);
        } while (combination_next(c, &of));
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

/* ---- The input as it is read ---- */

/* An image is one group of channels of one batch entry. */
typedef struct staging {
    int needed;                   /* else x is read where it is */
    size_t pitch[RNNP_CONV_AXES]; /* positions along each axis */
    size_t split;                 /* direct: positions of the last axis that a stride apart are side by side */
    size_t outer;                 /* product of all pitches but the last */
    size_t floats;                /* of an image */
} staging;

static int axis_is_plain(const rnnp_conv *c, size_t a) { return lead(c, a) == 0 && length(c, a) <= c->axis[a].in; }

static staging staging_of(const rnnp_variant *kernel, const rnnp_conv *c)
{
    const phase last = phase_of(c, c->axes - 1, 0);
    staging s = {.split = kernel ? 1 : last.stride, .outer = 1, .floats = c->in};
    size_t positions = 1;

    for (size_t a = 0; a < c->axes; a++) {
        positions *= c->axis[a].in;
        s.needed |= !axis_is_plain(c, a);
    }
    s.needed |= kernel ? c->in > 1 && positions > 1 : s.split > 1;
    for (size_t a = 0; a < c->axes; a++) {
        s.pitch[a] = s.needed ? length(c, a) : c->axis[a].in;
        if (a + 1 == c->axes) s.pitch[a] = (s.pitch[a] + s.split - 1) / s.split * s.split;
        if (a + 1 < c->axes) s.outer *= s.pitch[a];
        if (rnnp_mul_overflow(s.floats, s.pitch[a], &s.floats)) s.floats = SIZE_MAX;
    }
    return s;
}

/* Where padded position p of the last axis is. */
static size_t split_at(const staging *s, size_t last, size_t p)
{
    return p % s->split * (s->pitch[last] / s->split) + p / s->split;
}

/* ---- Running ---- */

enum {
    SCRATCH = 32768,       /* floats of results before they are put channels first: they stay in L2 */
    LEAST_ROWS = 24,       /* whole tiles */
    STAGED_AT_ONCE = 65536 /* floats of images for each thread: they stay in L2 */
};

typedef struct job {
    const rnnp_conv *c;
    const rnnp_conv_call *call;
    const rnnp_selection *select;
    const rnnp_variant *kernel;
    staging s;
    size_t images, together; /* all, and at once */
    size_t in_plane, out_plane;
    float *staged, *scratch;
    ptrdiff_t *at; /* direct: where taps are, combination after combination */
    size_t scratch_floats;
} job;

/* Results of one thread. */
static size_t scratch_floats(const rnnp_conv *c)
{
    const size_t least = LEAST_ROWS * c->out;

    return least > SCRATCH ? least : SCRATCH;
}

static size_t images_together(const rnnp_conv *c, const staging *s, size_t threads)
{
    const size_t images = c->batch * c->groups, fit = s->floats ? STAGED_AT_ONCE * threads / s->floats : images;

    if (!s->needed) return images;
    return fit < 1 ? 1 : fit < images ? fit : images;
}

/* Nothing happens along the axis: y has its elements in x's order. */
static int passes(const rnnp_conv_axis *axis)
{
    return axis->kernel == 1 && axis->pad == 0 && axis->in == axis->out && (axis->stride == 1 || axis->out == 1);
}

/* Neighbouring axes of that kind are one axis, and those of one element are none: rows become long. */
static rnnp_conv simplified(const rnnp_conv *c)
{
    rnnp_conv s = *c;

    s.axes = 0;
    for (size_t a = 0; a < c->axes; a++) {
        const rnnp_conv_axis *axis = &c->axis[a];
        rnnp_conv_axis *below = s.axes ? &s.axis[s.axes - 1] : NULL;

        if (passes(axis) && axis->out == 1) continue;
        if (below && passes(axis) && passes(below)) {
            below->in *= axis->in;
            below->out *= axis->out;
        } else {
            s.axis[s.axes++] = *axis;
        }
    }
    if (s.axes == 0) s.axis[s.axes++] = (rnnp_conv_axis){1, 1, 1, 1, 1, 0};
    return s;
}

size_t rnnp_conv_workspace(const rnnp_variant *kernel, const rnnp_conv *conv, size_t threads)
{
    const rnnp_conv c = simplified(conv);
    const staging s = staging_of(kernel, &c);
    size_t staged = 0, scratch;

    if (s.needed && rnnp_mul_overflow(s.floats, images_together(&c, &s, threads), &staged)) return SIZE_MAX;
    if (staged > SIZE_MAX / 64 || rnnp_mul_overflow(scratch_floats(&c), threads, &scratch) || scratch > SIZE_MAX / 64)
        return SIZE_MAX;
    const size_t taps = kernel ? 0 : c.in * kernel_positions(&c) * sizeof(ptrdiff_t);
    return rnnp_align64(staged * sizeof(float)) + rnnp_align64(scratch * sizeof(float)) + taps;
}

static void zero(float *p, size_t n) { memset(p, 0, n * sizeof *p); }

/* Row `row` of the outer positions of an image, all channels. */
static void stage_row(const job *j, const float *x, size_t row, float *image)
{
    const rnnp_conv *c = j->c;
    const size_t last = c->axes - 1, pitch = j->s.pitch[last], all = length(c, last);
    const size_t before = lead(c, last) < all ? lead(c, last) : all, in = c->axis[last].in;
    const size_t n = in < all - before ? in : all - before;
    size_t from = 0, inside = 1;

    for (size_t a = 0, left = row, below = j->s.outer; a < last; a++) {
        below /= j->s.pitch[a];
        const size_t p = left / below, skip = lead(c, a);

        left %= below;
        inside = inside && p >= skip && p - skip < c->axis[a].in;
        from = from * c->axis[a].in + p - skip;
    }
    x += inside ? from * c->axis[last].in : 0;
    if (j->kernel) {
        float *to = image + row * pitch * c->in;

        if (!inside) {
            zero(to, pitch * c->in);
            return;
        }
        zero(to, before * c->in);
        j->select->op[RNNP_OP_transpose_f32]->fn.transpose_f32(&(rnnp_move_args){
            .x = x, .y = to + before * c->in, .rows = c->in, .cols = n, .ldx = j->in_plane, .ldy = c->in});
        zero(to + (before + n) * c->in, (pitch - before - n) * c->in);
        return;
    }
    for (size_t i = 0; i < c->in; i++) {
        float *to = image + (i * j->s.outer + row) * pitch;

        if (!inside || j->s.split > 1) zero(to, pitch);
        if (!inside) continue;
        if (j->s.split > 1) {
            for (size_t p = 0; p < n; p++) to[split_at(&j->s, last, before + p)] = x[i * j->in_plane + p];
            continue;
        }
        zero(to, before);
        memcpy(to + before, x + i * j->in_plane, n * sizeof *x);
        zero(to + before + n, pitch - before - n);
    }
}

static size_t images_of_round(const job *j, size_t round, size_t *first)
{
    *first = round * j->together;
    return j->images - *first < j->together ? j->images - *first : j->together;
}

static void stage(const job *j, size_t round, size_t i, size_t n)
{
    size_t first, from, to;
    const size_t images = images_of_round(j, round, &first);

    rnnp_share(images * j->s.outer, i, n, &from, &to);
    for (; from < to; from++) {
        const size_t image = from / j->s.outer;

        stage_row(j, j->call->x + (first + image) * j->c->in * j->in_plane, from % j->s.outer,
                  j->staged + image * j->s.floats);
    }
}

/* Some outputs along the last axis, of one image and one position of the outer axes. */
typedef struct part {
    const combination *of;
    const float *image;
    const void *w;
    const float *bias; /* of the group */
    const ptrdiff_t *at;
    float *scratch;
    float *y;     /* of the first output in the first channel */
    size_t outer; /* first position that is read, in positions of the outer axes */
    size_t first, n;
} part;

/* Results [n][out] or [out][n] to y, whose outputs along the last axis are `step` apart. */
static void scatter(const job *j, const part *p, size_t channel_step, size_t position_step)
{
    const size_t step = p->of->phase[j->c->axes - 1].step;

    for (size_t m = 0; m < j->c->out; m++) {
        for (size_t i = 0; i < p->n; i++)
            p->y[m * j->out_plane + i * step] = p->scratch[m * channel_step + i * position_step];
    }
}

/* How far a tap of the outer axes is from the first one, in positions of those. */
static size_t outer_offset(const job *j, const combination *of, const outer_taps *t)
{
    size_t at = 0;

    for (size_t a = 0; a + 1 < j->c->axes; a++) at = at * j->s.pitch[a] + t->index[a] * of->phase[a].tap_step;
    return at;
}

static void run_product(const job *j, const part *p)
{
    const rnnp_conv *c = j->c;
    const phase *last = &p->of->phase[c->axes - 1];
    const size_t together = term_taps(last), pitch = j->s.pitch[c->axes - 1];
    const int in_place = c->out == 1 || j->out_plane == 1; /* y has the results in their order */
    const float *a = p->image + (p->outer * pitch + last->at + p->first * last->stride) * c->in;
    const char *w = p->w;
    rnnp_gemm_args args = {.m = p->n,
                           .n = c->out,
                           .k = together * c->in,
                           .lda = last->stride * c->in,
                           .c0 = p->bias,
                           .c = in_place ? p->y : p->scratch,
                           .ldc = c->out == 1 ? last->step : c->out};
    outer_taps t = outer_first(c, p->of);

    do {
        const float *row = a + outer_offset(j, p->of, &t) * pitch * c->in;

        for (size_t u = 0; u < last->taps; u += together) {
            args.a = row + u * last->tap_step * c->in;
            args.b = w;
            j->kernel->fn.gemm(&args);
            args.c0 = args.c;
            args.ldc0 = args.ldc;
            w += rnnp_panels_bytes(&j->kernel->traits.panels, c->out, args.k);
        }
    } while (outer_next(c, &t));
    if (in_place) return;
    if (last->step == 1)
        j->select->op[RNNP_OP_transpose_f32]->fn.transpose_f32(&(rnnp_move_args){
            .x = p->scratch, .y = p->y, .rows = p->n, .cols = c->out, .ldx = c->out, .ldy = j->out_plane});
    else
        scatter(j, p, 1, c->out);
}

static void run_direct(const job *j, const part *p)
{
    const phase *last = &p->of->phase[j->c->axes - 1];
    const rnnp_conv_args args = {.rows = j->c->out,
                                 .n = p->n,
                                 .taps = p->of->taps * j->c->in,
                                 .x = p->image + p->outer * j->s.pitch[j->c->axes - 1] + p->first,
                                 .at = p->at,
                                 .w = p->w,
                                 .bias = p->bias,
                                 .y = last->step == 1 ? p->y : p->scratch,
                                 .ldy = last->step == 1 ? j->out_plane : p->n};

    j->select->op[RNNP_OP_conv_f32]->fn.conv_f32(&args);
    if (last->step > 1) scatter(j, p, p->n, 1);
}

/* Outputs that no kernel position meets. */
static void run_empty(const job *j, const part *p)
{
    for (size_t m = 0; m < j->c->out; m++) {
        for (size_t i = 0; i < p->n; i++)
            p->y[m * j->out_plane + i * p->of->phase[j->c->axes - 1].step] = p->bias ? p->bias[m] : 0.0f;
    }
}

/* Outputs along the last axis that are computed together, of `count`, when there are so many rows of them for n threads. */
static size_t block_of(const job *j, const combination *of, size_t count, size_t rows, size_t n)
{
    const size_t read = j->c->in * of->outer_taps; /* rows of the input, for each output position */
    const size_t cached = j->kernel ? SIZE_MAX : (8192 / (read ? read : 1) + 63) / 64 * 64; /* half of L1, or a row */
    const size_t results = j->scratch_floats / j->c->out, most = cached < results ? cached : results;
    const size_t each = rows < 2 * n ? (count + n - 1) / n : count; /* threads outnumber rows */
    const size_t least = each < LEAST_ROWS ? LEAST_ROWS : each;

    return least < most ? least : most;
}

static void compute(const job *j, size_t round, size_t i, size_t n)
{
    const rnnp_conv *c = j->c;
    const size_t last = c->axes - 1;
    size_t first, from, to, skipped = 0, taps = 0;
    const size_t images = images_of_round(j, round, &first);
    combination of;

    combination_first(c, &of);
    do {
        size_t outer = 1;
        for (size_t a = 0; a < last; a++) outer *= of.phase[a].count;
        const size_t count = of.phase[last].count, block = block_of(j, &of, count, images * outer, n);
        const size_t blocks = (count + block - 1) / block;

        rnnp_share(images * outer * blocks, i, n, &from, &to);
        for (; from < to; from++) {
            const size_t image = from / (outer * blocks), group = (first + image) % c->groups;
            size_t left = from / blocks % outer, below = outer, y = 0;
            part p = {.of = &of,
                      .image = j->s.needed ? j->staged + image * j->s.floats
                                           : j->call->x + (first + image) * c->in * j->in_plane,
                      .w = (const char *)j->call->w + group * group_bytes(j->kernel, c) + skipped,
                      .bias = j->call->bias ? j->call->bias + group * c->out : NULL,
                      .at = j->at + taps,
                      .scratch = j->scratch + i * j->scratch_floats,
                      .first = from % blocks * block};

            p.n = count - p.first < block ? count - p.first : block;
            for (size_t a = 0; a < last; a++) {
                below /= of.phase[a].count;
                const size_t o = left / below;

                left %= below;
                p.outer = p.outer * j->s.pitch[a] + of.phase[a].at + o * of.phase[a].stride;
                y = y * c->axis[a].out + of.phase[a].first + o * of.phase[a].step;
            }
            p.y = j->call->y + (first + image) * c->out * j->out_plane + y * c->axis[last].out + of.phase[last].first +
                  p.first * of.phase[last].step;
            if (of.taps == 0)
                run_empty(j, &p);
            else if (j->kernel)
                run_product(j, &p);
            else
                run_direct(j, &p);
        }
        skipped += of.taps ? combination_bytes(j->kernel, c, &of) : 0;
        taps += of.taps * c->in;
    } while (combination_next(c, &of));
}

static void run_phase(void *arg, size_t number, size_t i, size_t n)
{
    const job *j = arg;

    if (!j->s.needed)
        compute(j, number, i, n);
    else if (number % 2 == 0)
        stage(j, number / 2, i, n);
    else
        compute(j, number / 2, i, n);
}

static void find_taps(job *j)
{
    const rnnp_conv *c = j->c;
    const size_t last = c->axes - 1, plane = j->s.outer * j->s.pitch[last];
    ptrdiff_t *at = j->at;
    combination of;

    combination_first(c, &of);
    do {
        const phase *p = &of.phase[last];
        outer_taps t = outer_first(c, &of);

        if (of.taps == 0) continue;
        do {
            const size_t row = outer_offset(j, &of, &t) * j->s.pitch[last];

            for (size_t u = 0; u < p->taps; u++) {
                const size_t column = split_at(&j->s, last, p->at + u * p->tap_step);

                for (size_t k = 0; k < c->in; k++) *at++ = (ptrdiff_t)(k * plane + row + column);
            }
        } while (outer_next(c, &t));
    } while (combination_next(c, &of));
}

void rnnp_conv_forward(const rnnp_selection *select, const rnnp_variant *kernel, const rnnp_conv *conv,
                       const rnnp_conv_call *call, rnnp_team *team, size_t threads)
{
    enum { WORTH_A_TEAM = 1 << 16 }; /* multiply-adds: about what waking the workers costs */
    const rnnp_conv c = simplified(conv);
    job j = {.c = &c, .call = call, .select = select, .kernel = kernel, .s = staging_of(kernel, &c)};
    char *workspace = call->workspace;

    j.in_plane = j.out_plane = 1;
    for (size_t a = 0; a < c.axes; a++) {
        j.in_plane *= c.axis[a].in;
        j.out_plane *= c.axis[a].out;
    }
    j.images = c.batch * c.groups;
    if (j.images == 0 || c.out == 0 || j.out_plane == 0) return;
    const size_t most = threads ? threads : 1;
    j.together = images_together(&c, &j.s, most);
    j.scratch_floats = scratch_floats(&c);
    j.staged = (float *)(void *)workspace;
    workspace += rnnp_align64(j.s.needed ? j.s.floats * j.together * sizeof(float) : 0);
    j.scratch = (float *)(void *)workspace;
    j.at = (ptrdiff_t *)(void *)(workspace + rnnp_align64(j.scratch_floats * most * sizeof(float)));
    if (!kernel) find_taps(&j);
    const size_t rounds = (j.images + j.together - 1) / j.together, phases_needed = rounds * (j.s.needed ? 2 : 1);
    const double products = (double)(c.in * kernel_positions(&c)) * (double)(j.images * c.out) * (double)j.out_plane;
    if (most == 1 || products < WORTH_A_TEAM) {
        for (size_t p = 0; p < phases_needed; p++) run_phase(&j, p, 0, 1);
    } else {
        rnnp_team_phases(team, most, phases_needed, run_phase, &j);
    }
}
