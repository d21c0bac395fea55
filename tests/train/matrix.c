/* SPDX-License-Identifier: Apache-2.0
 *
 * matrix HASHES [--quick|--full]: weights after 50 steps of training have the same bits on every ISA usable here, for
 * any number of threads of the context or a host, and whether activations are kept or computed again. Every system is
 * trained with dropout, with and without lengths (0 among them), by another optimiser each time; batches of 33 and 20
 * rows leave slices of 1 and 4 rows. A 64-bit hash of losses and weights (FNV-1a) must be the stored one, on any
 * machine.
 *
 *   matrix --print   prints the lines of HASHES, from one thread of the generic kernels
 *   --quick          a part of the systems and places, for script/test, sanitizers and emulated CPUs
 *   --full           every place with activations kept and computed again; else they take turns, so that over all
 *                    systems every place has both
 *
 * Exit status 1 when bits or hashes differ, or when a line of HASHES is missing.
 */
#include "../identity/places.h"
#include "systems.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRAIN_STEPS = 50, BATCHES = 2, NAME = 64, MAX_SHOWN = 10 };

static const size_t rows_of[BATCHES] = {SYSTEM_MOST_ROWS, 20};

/* One training of the matrix. */
typedef struct setting {
    const train_system *system;
    system_form form;
    rnnp_train_options options; /* without its optimiser */
    rnnp_optimizer optimizer;
    char name[NAME];
} setting;

typedef struct outcome {
    double losses[TRAIN_STEPS];
    float *weights;
    size_t n;
} outcome;

static setting setting_at(size_t index)
{
    static const char *const kinds[] = {"", "sgd", "rmsprop", "adam", "adamw"};
    const int lengths = (int)(index % 2);
    setting s = {.system = &train_systems[index / 2], .form = {4, lengths ? 0 : SYSTEM_STEPS, 0.2f}};
    rnnp_train_options *o = &s.options;
    rnnp_optimizer *p = &s.optimizer;

    rnnp_train_options_init(o);
    o->loss = s.system->loss;
    rnnp_optimizer_init(p, (rnnp_optimizer_kind)(RNNP_OPTIMIZER_SGD + (index + index / 4) % 4));
    p->rate = p->kind == RNNP_OPTIMIZER_SGD ? 0.05f : 0.01f;
    p->momentum = p->kind == RNNP_OPTIMIZER_SGD ? 0.9f : 0.0f;
    p->nesterov = p->kind == RNNP_OPTIMIZER_SGD && lengths;
    p->decay = 1e-3f;
    o->recurrent_dropout = lengths ? 0.25f : 0.0f;
    o->label_smoothing = s.system->loss == RNNP_LOSS_SPARSE ? 0.1f : 0.0f;
    o->l1 = lengths ? 1e-5f : 0.0f;
    o->l2 = 1e-4f;
    o->clip_norm = 0.5f;
    o->clip_value = lengths ? 0.05f : 0.0f;
    o->seed = index;
    snprintf(s.name, NAME, "%s %s%s", s.system->name, kinds[p->kind], lengths ? " lengths" : "");
    return s;
}

static outcome train(const setting *s, rnnp_context *context, int recompute)
{
    rnnp_train_options options = s->options;
    rnnp_model *model = make_system(context, s->system, &s->form);
    system_batch batches[BATCHES];
    rnnp_train_result r = {.struct_size = sizeof r};
    rnnp_trainer *trainer;
    outcome out;

    options.recompute = recompute;
    options.optimizer = &s->optimizer;
    MUST(context, rnnp_trainer_create(model, &options, &trainer));
    MUST(context, rnnp_trainer_initialize(trainer, 5));
    for (size_t i = 0; i < BATCHES; i++)
        make_batch(&batches[i], s->system, &s->form, rows_of[i], (uint32_t)(11 * i + 1));
    for (size_t i = 0; i < TRAIN_STEPS; i++) {
        must(context, rnnp_trainer_step(trainer, &batches[i % BATCHES].batch, &r), s->name);
        out.losses[i] = r.loss;
    }
    out.weights = all_parameters(trainer, &out.n);
    for (size_t i = 0; i < BATCHES; i++) free_batch(&batches[i]);
    rnnp_trainer_destroy(trainer);
    rnnp_model_destroy(model);
    return out;
}

/* ---- Hashes ---- */

static uint64_t fnv(uint64_t hash, uint64_t bits, int bytes)
{
    for (int i = 0; i < bytes; i++) hash = (hash ^ ((bits >> (8 * i)) & 0xff)) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_of(const outcome *o)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325), wide;
    uint32_t narrow;

    for (size_t i = 0; i < TRAIN_STEPS; i++) {
        memcpy(&wide, &o->losses[i], sizeof wide);
        hash = fnv(hash, wide, 8);
    }
    for (size_t i = 0; i < o->n; i++) {
        memcpy(&narrow, &o->weights[i], sizeof narrow);
        hash = fnv(hash, narrow, 4);
    }
    return hash;
}

/* 1 with the hash stored for a name, 0 when there is no line for it. */
static int stored_hash(const char *path, const char *name, uint64_t *hash)
{
    char line[NAME + 24], *end;
    int found = 0;
    FILE *file = fopen(path, "r");

    must(NULL, file ? RNNP_OK : RNNP_ERR_IO, path);
    while (!found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        *hash = strtoull(line, &end, 16);
        found = end == line + 16 && *end == ' ' && strcmp(end + 1, name) == 0;
    }
    fclose(file);
    return found;
}

/* ---- The matrix ---- */

typedef struct tally {
    size_t combinations, differences;
} tally;

static void compare(tally *total, const setting *s, const place *p, int recompute, const outcome *reference)
{
    outcome o = train(s, p->context, recompute);

    total->combinations++;
    if (o.n != reference->n || memcmp(o.losses, reference->losses, sizeof o.losses) != 0 ||
        memcmp(o.weights, reference->weights, o.n * sizeof *o.weights) != 0) {
        if (total->differences++ < MAX_SHOWN)
            printf("DIFFERS: %s, %s%s\n", s->name, p->name, recompute ? ", recomputed" : "");
    }
    free(o.weights);
}

/* Which places a system visits: every so many; both: each of them twice, else by turns from `turn` on. */
typedef struct course {
    size_t every, turn;
    int both;
} course;

static void visit(tally *total, const setting *s, const place *reference, const place *places, size_t n_places,
                  course c, const char *hashes)
{
    const tally before = *total;
    outcome first = train(s, reference->context, 0);
    const uint64_t hash = hash_of(&first);
    uint64_t stored;

    for (size_t i = 0; i < n_places; i += c.every) {
        for (int recompute = 0; recompute < 2; recompute++) {
            if (c.both || (i + c.turn) % 2 == (size_t)recompute) compare(total, s, &places[i], recompute, &first);
        }
    }
    if (!hashes) {
        printf("%016" PRIx64 " %s\n", hash, s->name);
    } else {
        const int found = stored_hash(hashes, s->name, &stored);

        total->combinations++;
        if (!found || stored != hash) {
            printf("DIFFERS: %s: the stored hash is %s\n", s->name, found ? "another" : "missing");
            total->differences++;
        }
        printf("%016" PRIx64 " %-28s %4zu combinations, %zu differences\n", hash, s->name,
               total->combinations - before.combinations, total->differences - before.differences);
    }
    fflush(stdout);
    free(first.weights);
}

int main(int argc, char **argv)
{
    const int print = argc > 1 && strcmp(argv[1], "--print") == 0;
    const int quick = argc > 2 && strcmp(argv[2], "--quick") == 0, full = argc > 2 && strcmp(argv[2], "--full") == 0;
    tally total = {0, 0};
    place places[MAX_PLACES];

    if (argc < 2 || argc > 2 + quick + full || (print && argc > 2)) {
        fprintf(stderr, "usage: matrix HASHES [--quick|--full] | --print\n");
        return 2;
    }
    const place reference = make_place("generic", 1, 1);
    const size_t n_places = print ? 0 : make_places(places);

    for (size_t i = quick ? 3 : 0; i < 2 * train_system_count; i += quick ? 5 : 1) { /* quick: one of each cell */
        const setting s = setting_at(i);

        visit(&total, &s, &reference, places, n_places, (course){quick ? 3 : 1, i / 2, quick || full},
              print ? NULL : argv[1]);
    }
    for (size_t i = 0; i < n_places; i++) rnnp_context_destroy(places[i].context);
    rnnp_context_destroy(reference.context);
    if (!print) printf("%zu combinations, %zu differences\n", total.combinations, total.differences);
    return total.differences > 0;
}
