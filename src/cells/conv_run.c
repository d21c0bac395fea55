/* SPDX-License-Identifier: Apache-2.0
 *
 * Running convolutions. Threads share output positions, never a chain.
 */
#include "conv_phases.h"

enum {
    SCRATCH = 32768,       /* floats of results before they are put channels first: they stay in L2 */
    FOLLOWED = 8192,       /* where something is done with them after that: they stay in L1 */
    LEAST_ROWS = 24,       /* whole tiles */
    STAGED_AT_ONCE = 65536 /* floats of images for each thread, or of weights: they stay in L2 */
};

/* The workspace: [images that are staged together][results of each thread][direct: where taps are]. */
typedef struct room {
    size_t together;
    size_t results; /* floats of one thread */
    size_t scratch, at, bytes;
} room;

typedef struct job {
    const rnnp_conv *c;
    const rnnp_conv_call *call;
    const rnnp_selection *select;
    const rnnp_variant *kernel;
    rnnp_staging s;
    room room;
    size_t images;
    rnnp_conv_planes plane;
    size_t channel, position; /* of y: from one to the next */
    float *staged, *scratch;
    ptrdiff_t *at; /* direct: where taps are, combination after combination */
} job;

static size_t images_together(const rnnp_conv *c, const rnnp_staging *s, size_t threads)
{
    const size_t images = c->batch * c->groups, fit = s->floats ? STAGED_AT_ONCE * threads / s->floats : images;

    if (!s->needed) return images;
    return fit < 1 ? 1 : fit < images ? fit : images;
}

/* bytes is SIZE_MAX on overflow. */
static room room_of(const rnnp_variant *kernel, const rnnp_conv *c, const rnnp_staging *s, size_t threads)
{
    const size_t least = LEAST_ROWS * c->out;
    room r = {.together = images_together(c, s, threads), .results = least > SCRATCH ? least : SCRATCH};
    size_t staged, scratch;

    r.bytes = SIZE_MAX;
    if (rnnp_mul_overflow(s->needed ? s->floats : 0, r.together, &staged) || staged > SIZE_MAX / 64 ||
        rnnp_mul_overflow(r.results, threads, &scratch) || scratch > SIZE_MAX / 64)
        return r;
    r.scratch = rnnp_align64(staged * sizeof(float));
    r.at = r.scratch + rnnp_align64(scratch * sizeof(float));
    r.bytes = r.at + (kernel ? 0 : c->in * rnnp_conv_planes_of(c).kernel * sizeof(ptrdiff_t));
    return r;
}

size_t rnnp_conv_workspace(const rnnp_variant *kernel, const rnnp_conv *conv, size_t threads)
{
    const rnnp_conv c = rnnp_conv_simplified(conv);
    const rnnp_staging s = rnnp_staging_of(kernel, &c);

    return room_of(kernel, &c, &s, threads).bytes;
}

static size_t images_of_round(const job *j, size_t round, size_t *first)
{
    *first = round * j->room.together;
    return j->images - *first < j->room.together ? j->images - *first : j->room.together;
}

static const float *x_of(const job *j, size_t image)
{
    return j->call->x + rnnp_conv_image(j->c, j->c->x_last, image, j->c->in, j->plane.in);
}

static void stage(const job *j, size_t round, size_t i, size_t n)
{
    size_t first, from, to;
    const size_t images = images_of_round(j, round, &first);

    rnnp_share(images * j->s.outer, i, n, &from, &to);
    for (; from < to; from++) {
        const size_t image = from / j->s.outer;

        rnnp_staging_row(&j->s, j->select, j->kernel, j->c, x_of(j, first + image), j->plane.in, from % j->s.outer,
                         j->staged + image * j->s.floats);
    }
}

/* Some outputs along the last axis, of one image and one position of the outer axes. */
typedef struct part {
    const rnnp_combination *of;
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
            p->y[m * j->channel + i * step * j->position] = p->scratch[m * channel_step + i * position_step];
    }
}

/* How far a tap of the outer axes is from the first one, in positions of those. */
static size_t outer_offset(const job *j, const rnnp_combination *of, const rnnp_outer_taps *t)
{
    size_t at = 0;

    for (size_t a = 0; a + 1 < j->c->axes; a++) at = at * j->s.pitch[a] + t->index[a] * of->phase[a].tap_step;
    return at;
}

static void run_product(const job *j, const part *p)
{
    const rnnp_conv *c = j->c;
    const rnnp_phase *last = &p->of->phase[c->axes - 1];
    const size_t together = rnnp_term_taps(last), pitch = j->s.pitch[c->axes - 1];
    const int in_place = c->out == 1 || j->channel == 1; /* y has the results in their order */
    const float *a = p->image + (p->outer * pitch + last->at + p->first * last->stride) * c->in;
    const char *w = p->w;
    rnnp_gemm_args args = {.m = p->n,
                           .n = c->out,
                           .k = together * c->in,
                           .lda = last->stride * c->in,
                           .c0 = p->bias,
                           .c = in_place ? p->y : p->scratch,
                           .ldc = in_place ? last->step * j->position : c->out};
    rnnp_outer_taps t = rnnp_outer_first(c, p->of);

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
    } while (rnnp_outer_next(c, &t));
    if (j->call->after) j->call->after(j->call->arg, args.c, p->n);
    if (in_place) return;
    if (last->step == 1)
        j->select->op[RNNP_OP_transpose_f32]->fn.transpose_f32(&(rnnp_move_args){
            .x = p->scratch, .y = p->y, .rows = p->n, .cols = c->out, .ldx = c->out, .ldy = j->plane.out});
    else
        scatter(j, p, 1, c->out);
}

static void run_direct(const job *j, const part *p)
{
    const rnnp_phase *last = &p->of->phase[j->c->axes - 1];
    const rnnp_conv_args args = {.rows = j->c->out,
                                 .n = p->n,
                                 .taps = p->of->taps * j->c->in,
                                 .x = p->image + p->outer * j->s.pitch[j->c->axes - 1] + p->first,
                                 .at = p->at,
                                 .w = p->w,
                                 .bias = p->bias,
                                 .y = last->step == 1 ? p->y : p->scratch,
                                 .ldy = last->step == 1 ? j->plane.out : p->n};

    j->select->op[RNNP_OP_conv_f32]->fn.conv_f32(&args);
    if (last->step > 1) scatter(j, p, p->n, 1);
}

/* Outputs that no kernel position meets. */
static void run_empty(const job *j, const part *p)
{
    for (size_t m = 0; m < j->c->out; m++) {
        for (size_t i = 0; i < p->n; i++)
            p->y[m * j->channel + i * p->of->phase[j->c->axes - 1].step * j->position] = p->bias ? p->bias[m] : 0.0f;
    }
}

/* Evenly, of `each`: some that stay in L1 for what follows, unless the weights, which each block reads, are many. */
static size_t followed(const job *j, const rnnp_combination *of, size_t each)
{
    const size_t fit = FOLLOWED / j->c->out, parts = each / (fit < LEAST_ROWS ? LEAST_ROWS : fit);

    if (!j->call->after || parts < 2 || j->c->in * of->taps * j->c->out > STAGED_AT_ONCE) return each;
    return (each + parts - 1) / parts;
}

/* Outputs along the last axis that are computed together, of `count`, where n threads have so many rows of them. */
static size_t block_of(const job *j, const rnnp_combination *of, size_t count, size_t rows, size_t n)
{
    const size_t read = j->c->in * of->outer_taps; /* rows of the input, for each output position */
    const size_t cached = j->kernel ? SIZE_MAX : (8192 / (read ? read : 1) + 63) / 64 * 64; /* half of L1, or a row */
    const size_t results = j->room.results / j->c->out, most = cached < results ? cached : results;
    const size_t each = followed(j, of, rows < 2 * n ? (count + n - 1) / n : count); /* threads may outnumber rows */
    const size_t least = each < LEAST_ROWS ? LEAST_ROWS : each;

    return least < most ? least : most;
}

/* Outputs of a combination, cut into parts: [image][position of the outer axes][block of the last axis]. */
typedef struct parts {
    size_t first; /* image */
    size_t outer, block, blocks;
    size_t w, at; /* of the combination: offsets in a group's weights, and in the places of taps */
} parts;

static part part_of(const job *j, const parts *cut, const rnnp_combination *of, size_t number, size_t thread)
{
    const rnnp_conv *c = j->c;
    const rnnp_phase *last = &of->phase[c->axes - 1];
    const size_t image = number / (cut->outer * cut->blocks), of_all = cut->first + image, group = of_all % c->groups;
    size_t left = number / cut->blocks % cut->outer, below = cut->outer, y = 0;
    part p = {.of = of,
              .image = j->s.needed ? j->staged + image * j->s.floats : x_of(j, of_all),
              .w = (const char *)j->call->w + group * rnnp_conv_group_bytes(j->kernel, c) + cut->w,
              .bias = j->call->bias ? j->call->bias + group * c->out : NULL,
              .at = j->at + cut->at,
              .scratch = j->scratch + thread * j->room.results,
              .first = number % cut->blocks * cut->block};

    p.n = last->count - p.first < cut->block ? last->count - p.first : cut->block;
    for (size_t a = 0; a + 1 < c->axes; a++) {
        const rnnp_phase *phase = &of->phase[a];

        below /= phase->count;
        p.outer = p.outer * j->s.pitch[a] + phase->at + left / below * phase->stride;
        y = y * c->axis[a].out + phase->first + left / below * phase->step;
        left %= below;
    }
    y = y * c->axis[c->axes - 1].out + last->first + p.first * last->step;
    p.y = j->call->y + rnnp_conv_image(c, c->y_last, of_all, c->out, j->plane.out) + y * j->position;
    return p;
}

static void compute(const job *j, size_t round, size_t i, size_t n)
{
    const rnnp_conv *c = j->c;
    const size_t last = c->axes - 1;
    parts cut = {.w = 0};
    const size_t images = images_of_round(j, round, &cut.first);
    rnnp_combination of;

    rnnp_combination_first(c, &of);
    do {
        size_t from, to;

        cut.outer = 1;
        for (size_t a = 0; a < last; a++) cut.outer *= of.phase[a].count;
        cut.block = block_of(j, &of, of.phase[last].count, images * cut.outer, n);
        cut.blocks = (of.phase[last].count + cut.block - 1) / cut.block;
        rnnp_share(images * cut.outer * cut.blocks, i, n, &from, &to);
        for (; from < to; from++) {
            const part p = part_of(j, &cut, &of, from, i);

            if (of.taps == 0)
                run_empty(j, &p);
            else if (j->kernel)
                run_product(j, &p);
            else
                run_direct(j, &p);
        }
        cut.w += of.taps ? rnnp_combination_bytes(j->kernel, c, &of) : 0;
        cut.at += of.taps * c->in;
    } while (rnnp_combination_next(c, &of));
}

static void run_phase(void *arg, size_t number, size_t i, size_t n)
{
    const job *j = arg;
    const size_t round = j->s.needed ? number / 2 : number;

    if (j->s.needed && number % 2 == 0)
        stage(j, round, i, n);
    else
        compute(j, round, i, n);
}

static void find_taps(job *j)
{
    const rnnp_conv *c = j->c;
    const size_t last = c->axes - 1, plane = j->s.outer * j->s.pitch[last];
    ptrdiff_t *at = j->at;
    rnnp_combination of;

    rnnp_combination_first(c, &of);
    do {
        const rnnp_phase *p = &of.phase[last];
        rnnp_outer_taps t = rnnp_outer_first(c, &of);

        if (of.taps == 0) continue;
        do {
            const size_t row = outer_offset(j, &of, &t) * j->s.pitch[last];

            for (size_t u = 0; u < p->taps; u++) {
                const size_t column = rnnp_staging_at(&j->s, last, p->at + u * p->tap_step);

                for (size_t k = 0; k < c->in; k++) *at++ = (ptrdiff_t)(k * plane + row + column);
            }
        } while (rnnp_outer_next(c, &t));
    } while (rnnp_combination_next(c, &of));
}

void rnnp_conv_forward(const rnnp_selection *select, const rnnp_variant *kernel, const rnnp_conv *conv,
                       const rnnp_conv_call *call, rnnp_team *team, size_t threads)
{
    enum { WORTH_A_TEAM = 1 << 16 }; /* multiply-adds: about what waking the workers costs */
    const rnnp_conv c = rnnp_conv_simplified(conv);
    job j = {.c = &c, .call = call, .select = select, .kernel = kernel, .s = rnnp_staging_of(kernel, &c)};
    char *workspace = call->workspace;
    const size_t most = threads ? threads : 1;

    j.plane = rnnp_conv_planes_of(&c);
    j.images = c.batch * c.groups;
    if (j.images == 0 || c.out == 0 || j.plane.out == 0) return;
    j.channel = c.y_last || j.plane.out == 1 ? 1 : j.plane.out; /* one position is both */
    j.position = j.channel == 1 ? c.groups * c.out : 1;
    j.room = room_of(kernel, &c, &j.s, most);
    j.staged = (float *)(void *)workspace;
    j.scratch = (float *)(void *)(workspace + j.room.scratch);
    j.at = (ptrdiff_t *)(void *)(workspace + j.room.at);
    if (!kernel) find_taps(&j);
    const size_t rounds = (j.images + j.room.together - 1) / j.room.together;
    const size_t phases_needed = rounds * (j.s.needed ? 2 : 1);
    const double products = (double)(c.in * j.plane.kernel) * (double)(j.images * c.out) * (double)j.plane.out;
    if (most == 1 || products < WORTH_A_TEAM) {
        for (size_t p = 0; p < phases_needed; p++) run_phase(&j, p, 0, 1);
    } else {
        rnnp_team_phases(team, most, phases_needed, run_phase, &j);
    }
}
