/* SPDX-License-Identifier: Apache-2.0 */
#include "choice.h"

#include "../src/context.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 4096, MOST_TASK = 1 << 20 };

/* ---- Keys ---- */

/* Formats have one number in the public API and in the kernels. */
#define RNNP_FORMAT(name, public, type, k_group, header) \
    _Static_assert((int)RNNP_WEIGHTS_##public == (int)RNNP_FORMAT_##name, "formats are in the same order");
#include "../kernels/weights.def"
#undef RNNP_FORMAT

void rnnp_shape_key(const rnnp_shape *shape, size_t threads, rnnp_record_key *key)
{
    static const char *const directions[] = {"", "",
                                             "-bidirectional"}; /* a reverse layer is as fast as a forward one */
    const rnnp_cell_traits *cell = rnnp_cell_of(shape->cell);
    const char *reset = rnnp_cell_has_reset(shape->cell) && shape->reset == RNNP_GRU_RESET_AFTER ? "-after" : "";
    const size_t room = sizeof key->layer;

    *key = (rnnp_record_key){.input = shape->input,
                             .hidden = shape->hidden,
                             .batch = shape->batch ? shape->batch : 1,
                             .steps = shape->steps ? shape->steps : 1,
                             .threads = threads};
    snprintf(key->precision, sizeof key->precision, "%s", rnnp_format_names[shape->weights]);
    if (shape->kind == RNNP_SHAPE_DENSE)
        snprintf(key->layer, room, "dense");
    else if (shape->kind == RNNP_SHAPE_STACK)
        snprintf(key->layer, room, "%s%s-stack%zu", cell->name, reset, shape->n_layers);
    else
        snprintf(key->layer, room, "%s%s%s", cell->name, reset, directions[shape->direction]);
}

void rnnp_choice_key(const rnnp_recurrent *layer, size_t batch, size_t steps, size_t threads, rnnp_record_key *key)
{
    const rnnp_shape shape = {.cell = layer->cell,
                              .direction = layer->direction,
                              .input = layer->input,
                              .reset = layer->reset_after ? RNNP_GRU_RESET_AFTER : RNNP_GRU_RESET_BEFORE,
                              .hidden = layer->hidden,
                              .batch = batch,
                              .steps = steps,
                              .weights = (rnnp_weights)layer->format};

    rnnp_shape_key(&shape, threads, key);
}

/* ---- Values ---- */

/* The variant of that name, or NULL. */
static const rnnp_variant *find_variant(const char *name)
{
    for (size_t isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        for (size_t i = 0; i < rnnp_tables[isa]->count; i++) {
            if (strcmp(rnnp_tables[isa]->rows[i].name, name) == 0) return &rnnp_tables[isa]->rows[i];
        }
    }
    return NULL;
}

/* The variant of that name when it is of this op and can run here. */
static const rnnp_variant *find_usable(const rnnp_context *context, rnnp_op op, const char *name)
{
    const rnnp_variant *v = find_variant(name);

    return v && v->op == op && rnnp_variant_usable(v, context->cpu.features, context->max_rank) ? v : NULL;
}

/* A number from 1 to most, 0 for anything else. */
static size_t read_number(const char *text, size_t most)
{
    char *end;

    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    return text[0] >= '1' && text[0] <= '9' && *end == '\0' && errno == 0 && value <= most ? (size_t)value : 0;
}

/* Words one behind the other, a space between them. */
static void add_word(char words[RNNP_RECORD_CHOICE], const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_word(char words[RNNP_RECORD_CHOICE], const char *format, ...)
{
    const size_t used = strlen(words), at = used + (used > 0);
    va_list args;

    if (at >= RNNP_RECORD_CHOICE) return;
    if (used) words[used] = ' ';
    va_start(args, format);
    vsnprintf(words + at, RNNP_RECORD_CHOICE - at, format, args);
    va_end(args);
}

/* ---- Recurrent layers ---- */

static size_t part_of(const char *name)
{
    return strcmp(name, "step") == 0 ? 0 : strcmp(name, "second") == 0 ? 1 : RNNP_CELL_PARTS;
}

static int usable_step(const rnnp_choice_scope *scope, size_t part, const char *value)
{
    const rnnp_op op = rnnp_recurrent_op(scope->layer, part);
    const rnnp_variant *v = find_usable(scope->context, op, value);

    if (!v || v->traits.panels.format != scope->layer->format) return 0;
    return !scope->packed || rnnp_panels_same(&v->traits.panels, &scope->packed->part[part].step->traits.panels);
}

int rnnp_choice_usable(void *scope, const char *name, const char *value)
{
    const size_t part = part_of(name);

    if (part < RNNP_CELL_PARTS) return usable_step(scope, part, value);
    if (strcmp(name, "chunk") == 0) return strcmp(value, "none") == 0 || read_number(value, RNNP_FAR_CHUNK_ROWS);
    if (strcmp(name, "threads") == 0) return read_number(value, MOST_THREADS) != 0;
    return strcmp(name, "walk") == 0 && strcmp(value, "up") == 0;
}

void rnnp_choice_read(const char *words, rnnp_recurrent_choice *choice)
{
    char name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];

    *choice = (rnnp_recurrent_choice){.chunk = 0};
    for (size_t i = 0; rnnp_record_word(words, i, name, value) == RNNP_OK; i++) {
        const size_t part = part_of(name);

        if (part < RNNP_CELL_PARTS)
            choice->step[part] = find_variant(value);
        else if (strcmp(name, "chunk") == 0)
            choice->chunk = strcmp(value, "none") == 0 ? RNNP_CHUNK_NONE : read_number(value, RNNP_FAR_CHUNK_ROWS);
        else if (strcmp(name, "threads") == 0)
            choice->threads = read_number(value, MOST_THREADS);
        else if (strcmp(name, "walk") == 0)
            choice->one_way = 1;
    }
}

void rnnp_choice_print(const rnnp_recurrent_choice *choice, char words[RNNP_RECORD_CHOICE])
{
    words[0] = '\0';
    if (choice->chunk == RNNP_CHUNK_NONE)
        add_word(words, "chunk=none");
    else if (choice->chunk)
        add_word(words, "chunk=%zu", choice->chunk);
    if (choice->step[1]) add_word(words, "second=%s", choice->step[1]->name);
    if (choice->step[0]) add_word(words, "step=%s", choice->step[0]->name);
    if (choice->threads) add_word(words, "threads=%zu", choice->threads);
    if (choice->one_way) add_word(words, "walk=up");
}

void rnnp_choice_find(const rnnp_context *context, const rnnp_records *records, const rnnp_record_host *host,
                      const rnnp_recurrent *packed, size_t batch, size_t steps, size_t threads, rnnp_recurrent *layer,
                      rnnp_record_found *found)
{
    rnnp_choice_scope scope = {context, layer, packed};
    rnnp_record_key key;

    rnnp_choice_key(layer, batch, steps, threads, &key);
    layer->choice = (rnnp_recurrent_choice){.chunk = 0};
    rnnp_record_found_init(found);
    if (rnnp_records_find(records, host, &key, rnnp_choice_usable, &scope, found) == RNNP_OK && found->record)
        rnnp_choice_read(found->record->choice, &layer->choice);
}

/* ---- Dense layers ---- */

int rnnp_product_usable(void *user, const char *name, const char *value)
{
    const rnnp_product_scope *scope = user;

    if (strcmp(name, "product") == 0) {
        const rnnp_variant *v = find_usable(scope->context, RNNP_OP_gemm, value);

        if (!v || v->traits.panels.format != scope->format) return 0;
        return !scope->packed || rnnp_panels_same(&v->traits.panels, &scope->packed->traits.panels);
    }
    return strcmp(name, "threads") == 0 && read_number(value, MOST_THREADS);
}

void rnnp_product_read(const char *words, rnnp_product *product)
{
    char name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];

    *product = (rnnp_product){.threads = 0};
    for (size_t i = 0; rnnp_record_word(words, i, name, value) == RNNP_OK; i++) {
        if (strcmp(name, "product") == 0)
            product->kernel = find_variant(value);
        else if (strcmp(name, "threads") == 0)
            product->threads = read_number(value, MOST_THREADS);
    }
}

void rnnp_product_print(const rnnp_product *product, char words[RNNP_RECORD_CHOICE])
{
    words[0] = '\0';
    if (product->kernel) add_word(words, "product=%s", product->kernel->name);
    if (product->threads) add_word(words, "threads=%zu", product->threads);
}

void rnnp_choice_find_product(const rnnp_context *context, const rnnp_records *records, const rnnp_record_host *host,
                              const rnnp_variant *packed, const rnnp_shape *shape, size_t threads,
                              rnnp_product *product, rnnp_record_found *found)
{
    rnnp_product_scope scope = {context, packed, (rnnp_format)shape->weights};
    rnnp_record_key key;
    rnnp_product chosen;

    rnnp_shape_key(shape, threads, &key);
    rnnp_record_found_init(found);
    if (rnnp_records_find(records, host, &key, rnnp_product_usable, &scope, found) != RNNP_OK || !found->record) return;
    rnnp_product_read(found->record->choice, &chosen);
    product->kernel = chosen.kernel ? chosen.kernel : product->kernel;
    product->threads = chosen.threads;
}

/* ---- Stacks ---- */

static const char *const schedules[] = {[RNNP_SCHEDULE_LAYERS] = "layers", [RNNP_SCHEDULE_WAVEFRONT] = "wavefront"};

/* RNNP_SCHEDULE_FASTEST for a name that is none. */
static rnnp_stack_schedule find_schedule(const char *name)
{
    for (int i = RNNP_SCHEDULE_LAYERS; i <= RNNP_SCHEDULE_WAVEFRONT; i++) {
        if (strcmp(schedules[i], name) == 0) return (rnnp_stack_schedule)i;
    }
    return RNNP_SCHEDULE_FASTEST;
}

int rnnp_stack_usable(void *unused, const char *name, const char *value)
{
    (void)unused;
    if (strcmp(name, "schedule") == 0) return find_schedule(value) != RNNP_SCHEDULE_FASTEST;
    return strcmp(name, "task") == 0 && read_number(value, MOST_TASK);
}

void rnnp_stack_read(const char *words, rnnp_stack_choice *choice)
{
    char name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];

    *choice = (rnnp_stack_choice){.task = 0};
    for (size_t i = 0; rnnp_record_word(words, i, name, value) == RNNP_OK; i++) {
        if (strcmp(name, "schedule") == 0)
            choice->schedule = find_schedule(value);
        else if (strcmp(name, "task") == 0)
            choice->task = read_number(value, MOST_TASK);
    }
}

void rnnp_stack_print(const rnnp_stack_choice *choice, char words[RNNP_RECORD_CHOICE])
{
    words[0] = '\0';
    if (choice->schedule != RNNP_SCHEDULE_FASTEST) add_word(words, "schedule=%s", schedules[choice->schedule]);
    if (choice->task) add_word(words, "task=%zu", choice->task);
}

void rnnp_choice_find_stack(const rnnp_records *records, const rnnp_record_host *host, const rnnp_shape *shape,
                            size_t threads, rnnp_stack_choice *choice, rnnp_record_found *found)
{
    rnnp_record_key key;

    rnnp_shape_key(shape, threads, &key);
    *choice = (rnnp_stack_choice){.task = 0};
    rnnp_record_found_init(found);
    if (rnnp_records_find(records, host, &key, rnnp_stack_usable, NULL, found) == RNNP_OK && found->record)
        rnnp_stack_read(found->record->choice, choice);
}
