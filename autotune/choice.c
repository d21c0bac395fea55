/* SPDX-License-Identifier: Apache-2.0 */
#include "choice.h"

#include "../src/context.h"
#include "set.h"

#include <stdio.h>
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

/* ---- Words ---- */

typedef struct word {
    const char *name;
    rnnp_shape_kind of;
    enum { KERNEL, NUMBER, NAME } kind;
    size_t offset;            /* in rnnp_choice: of a const rnnp_variant *, a size_t, or an int */
    size_t most;              /* of a number; the part of a kernel */
    const char *const *names; /* of the ints from 1 on; of the number RNNP_CHUNK_NONE */
} word;

static const char *const none[] = {"none"}, *const ways[] = {"up", NULL},
                         *const schedules[] = {"layers", "wavefront", "groups",
                                               NULL}; /* as rnnp_stack_schedule counts */

#define WORD(name, of, kind, member, most, names)                               \
    {                                                                           \
        name, RNNP_SHAPE_##of, kind, offsetof(rnnp_choice, member), most, names \
    }
static const word words_of[] = {
    /* in alphabetical order */
    WORD("chunk", LAYER, NUMBER, layer.chunk, RNNP_FAR_CHUNK_ROWS, none),
    WORD("product", DENSE, KERNEL, product.kernel, 0, NULL),
    WORD("schedule", STACK, NAME, stack.schedule, 0, schedules),
    WORD("second", LAYER, KERNEL, layer.step[1], 1, NULL),
    WORD("step", LAYER, KERNEL, layer.step[0], 0, NULL),
    WORD("task", STACK, NUMBER, stack.task, MOST_TASK, NULL),
    WORD("threads", DENSE, NUMBER, product.threads, MOST_THREADS, NULL),
    WORD("threads", LAYER, NUMBER, layer.threads, MOST_THREADS, NULL),
    WORD("walk", LAYER, NAME, layer.one_way, 0, ways),
};
enum { WORDS = sizeof words_of / sizeof words_of[0] };
_Static_assert(sizeof(rnnp_stack_schedule) == sizeof(int), "a schedule is read and written as an int");

static const word *find_word(rnnp_shape_kind kind, const char *name)
{
    for (const word *w = words_of; w < words_of + WORDS; w++) {
        if (w->of == kind && strcmp(w->name, name) == 0) return w;
    }
    return NULL;
}

/* Returns 0 for what is no value of the word. */
static int read_value(const word *w, const char *value, rnnp_choice *choice)
{
    void *at = (char *)choice + w->offset;

    if (w->kind == KERNEL) return (*(const rnnp_variant **)at = find_variant(value)) != NULL;
    if (w->kind == NUMBER) {
        const int is_none = w->names && strcmp(value, *w->names) == 0;

        return (*(size_t *)at = is_none ? RNNP_CHUNK_NONE : rnnp_record_number(value, w->most)) != 0;
    }
    for (int i = 0; w->names[i]; i++) {
        if (strcmp(value, w->names[i]) == 0) return *(int *)at = i + 1;
    }
    return 0;
}

/* "name=value", or "" for a word that is not said. */
static void print_word(const word *w, const rnnp_choice *choice, char text[2 * RNNP_RECORD_WORD])
{
    const void *at = (const char *)choice + w->offset;
    const rnnp_variant *kernel = w->kind == KERNEL ? *(const rnnp_variant *const *)at : NULL;
    const size_t number = w->kind == NUMBER ? *(const size_t *)at : 0;
    const int index = w->kind == NAME ? *(const int *)at : w->names && number == RNNP_CHUNK_NONE;

    text[0] = '\0';
    if (kernel || index)
        snprintf(text, 2 * RNNP_RECORD_WORD, "%s=%s", w->name, kernel ? kernel->name : w->names[index - 1]);
    else if (number)
        snprintf(text, 2 * RNNP_RECORD_WORD, "%s=%zu", w->name, number);
}

void rnnp_choice_read(rnnp_shape_kind kind, const char *words, rnnp_choice *choice)
{
    char name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];

    *choice = (rnnp_choice){.layer = {.chunk = 0}};
    for (size_t i = 0; rnnp_record_word(words, i, name, value) == RNNP_OK; i++) {
        const word *w = find_word(kind, name);

        if (w) read_value(w, value, choice);
    }
}

void rnnp_choice_print(rnnp_shape_kind kind, const rnnp_choice *choice, char words[RNNP_RECORD_CHOICE])
{
    char text[2 * RNNP_RECORD_WORD];
    size_t used = 0;

    words[0] = '\0';
    for (const word *w = words_of; w < words_of + WORDS && used < RNNP_RECORD_CHOICE; w++) {
        if (w->of == kind) print_word(w, choice, text);
        if (w->of == kind && *text)
            used += (size_t)snprintf(words + used, RNNP_RECORD_CHOICE - used, "%s%s", used ? " " : "", text);
    }
}

void rnnp_stack_print(const rnnp_stack_choice *choice, char words[RNNP_RECORD_CHOICE])
{
    const rnnp_choice all = {.stack = *choice};

    rnnp_choice_print(RNNP_SHAPE_STACK, &all, words);
}

/* ---- What can be done ---- */

int rnnp_choice_usable(void *user, const char *name, const char *value)
{
    const rnnp_choice_scope *scope = user;
    const word *w = find_word(scope->kind, name);
    rnnp_choice choice = {.layer = {.chunk = 0}};

    if (!w || !read_value(w, value, &choice)) return 0;
    if (w->kind != KERNEL) return 1;
    const rnnp_variant *v = *(const rnnp_variant **)(void *)((char *)&choice + w->offset);
    const rnnp_panels *packed = scope->packed[w->most];
    return v->op == scope->op[w->most] && v->traits.panels.format == scope->format &&
           rnnp_variant_usable(v, scope->context->cpu.features, scope->context->max_rank) &&
           (!packed || rnnp_panels_same(&v->traits.panels, packed));
}

rnnp_choice_scope rnnp_layer_scope(const rnnp_context *context, const rnnp_recurrent *layer,
                                   const rnnp_recurrent *packed)
{
    rnnp_choice_scope scope = {.context = context, .kind = RNNP_SHAPE_LAYER, .format = layer->format};

    for (size_t part = 0; part < RNNP_CELL_PARTS; part++) {
        scope.op[part] = rnnp_recurrent_op(layer, part);
        if (packed && part < packed->parts) scope.packed[part] = &packed->part[part].step->traits.panels;
    }
    return scope;
}

rnnp_choice_scope rnnp_product_scope(const rnnp_context *context, rnnp_format format, const rnnp_variant *packed)
{
    return (rnnp_choice_scope){.context = context,
                               .kind = RNNP_SHAPE_DENSE,
                               .op = {RNNP_OP_gemm, RNNP_OP_COUNT},
                               .format = format,
                               .packed = {packed ? &packed->traits.panels : NULL}};
}

/* ---- Looking one up ---- */

/* *choice is what the record says; 0 when there is none, and it is cleared. */
static int find(rnnp_choice_scope scope, const rnnp_records *records, const rnnp_record_host *host,
                const rnnp_record_key *key, rnnp_choice *choice, rnnp_record_found *found)
{
    rnnp_record_found_init(found);
    const int there =
        rnnp_records_find(records, host, key, rnnp_choice_usable, &scope, found) == RNNP_OK && found->record;
    rnnp_choice_read(scope.kind, there ? found->record->choice : "", choice);
    return there;
}

void rnnp_choice_find(const rnnp_context *context, const rnnp_records *records, const rnnp_record_host *host,
                      const rnnp_recurrent *packed, size_t batch, size_t steps, size_t threads, rnnp_recurrent *layer,
                      rnnp_record_found *found)
{
    rnnp_record_key key;
    rnnp_choice choice;

    rnnp_choice_key(layer, batch, steps, threads, &key);
    find(rnnp_layer_scope(context, layer, packed), records, host, &key, &choice, found);
    layer->choice = choice.layer;
}

void rnnp_choice_find_product(const rnnp_context *context, const rnnp_records *records, const rnnp_record_host *host,
                              const rnnp_variant *packed, const rnnp_shape *shape, size_t threads,
                              rnnp_product *product, rnnp_record_found *found)
{
    const rnnp_choice_scope scope = rnnp_product_scope(context, (rnnp_format)shape->weights, packed);
    rnnp_record_key key;
    rnnp_choice choice;

    rnnp_shape_key(shape, threads, &key);
    if (!find(scope, records, host, &key, &choice, found)) return;
    product->kernel = choice.product.kernel ? choice.product.kernel : product->kernel;
    product->threads = choice.product.threads;
}

void rnnp_choice_find_stack(const rnnp_records *records, const rnnp_record_host *host, const rnnp_shape *shape,
                            size_t threads, rnnp_stack_choice *stack, rnnp_record_found *found)
{
    rnnp_record_key key;
    rnnp_choice choice;

    rnnp_shape_key(shape, threads, &key);
    find((rnnp_choice_scope){.kind = RNNP_SHAPE_STACK}, records, host, &key, &choice, found);
    *stack = choice.stack;
}
