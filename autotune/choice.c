/* SPDX-License-Identifier: Apache-2.0 */
#include "choice.h"

#include "../src/context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 4096 };

void rnnp_choice_key(const rnnp_recurrent *layer, size_t batch, size_t steps, size_t threads, rnnp_record_key *key)
{
    static const char *const cells[] = {"", "rnn", "lstm", "gru"};
    static const char *const directions[] = {"", "", "-bidirectional"}; /* a reverse layer is as fast as a forward one */
    const char *reset = layer->cell == RNNP_CELL_GRU && layer->reset_after ? "-after" : "";

    *key = (rnnp_record_key){.precision = "f32", .input = layer->input, .hidden = layer->hidden,
                             .batch = batch ? batch : 1, .steps = steps ? steps : 1, .threads = threads};
    snprintf(key->layer, sizeof key->layer, "%s%s%s", cells[layer->cell], reset, directions[layer->direction]);
}

/* The variant of that name, or NULL. */
static const rnnp_variant *find_variant(const char *name)
{
    for (size_t isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        for (size_t i = 0; i < rnnp_tables[isa]->count; i++) {
            if (strcmp(rnnp_tables[isa]->rows[i].name, name) == 0)
                return &rnnp_tables[isa]->rows[i];
        }
    }
    return NULL;
}

/* A number from 1 to most, 0 for anything else. */
static size_t read_number(const char *text, size_t most)
{
    char *end;

    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    return text[0] >= '1' && text[0] <= '9' && *end == '\0' && errno == 0 && value <= most ? (size_t)value : 0;
}

static size_t part_of(const char *name)
{
    return strcmp(name, "step") == 0 ? 0 : strcmp(name, "second") == 0 ? 1 : RNNP_RECURRENT_PARTS;
}

static int usable_variant(const rnnp_choice_scope *scope, size_t part, const char *value)
{
    const rnnp_variant *v = find_variant(value);
    const rnnp_context *context = scope->context;

    if (!v || v->op != rnnp_recurrent_op(scope->layer, part) ||
        !rnnp_variant_usable(v, context->cpu.features, context->max_rank))
        return 0;
    if (!scope->packed)
        return 1;
    const rnnp_traits *has = &scope->packed->part[part].step->traits;
    return v->traits.lanes == has->lanes && rnnp_step_slices(&v->traits) == rnnp_step_slices(has);
}

int rnnp_choice_usable(void *scope, const char *name, const char *value)
{
    const size_t part = part_of(name);

    if (part < RNNP_RECURRENT_PARTS)
        return usable_variant(scope, part, value);
    if (strcmp(name, "chunk") == 0)
        return strcmp(value, "none") == 0 || read_number(value, RNNP_FAR_CHUNK_ROWS);
    if (strcmp(name, "threads") == 0)
        return read_number(value, MOST_THREADS) != 0;
    return strcmp(name, "walk") == 0 && strcmp(value, "up") == 0;
}

void rnnp_choice_read(const char *words, rnnp_recurrent_choice *choice)
{
    char name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];

    *choice = (rnnp_recurrent_choice){.chunk = 0};
    for (size_t i = 0; rnnp_record_word(words, i, name, value); i++) {
        const size_t part = part_of(name);

        if (part < RNNP_RECURRENT_PARTS)
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
    size_t used = 0;

#define ADD(...) used += (size_t)snprintf(words + used, RNNP_RECORD_CHOICE - used, __VA_ARGS__)
    words[0] = '\0';
    if (choice->chunk == RNNP_CHUNK_NONE)
        ADD(" chunk=none");
    else if (choice->chunk)
        ADD(" chunk=%zu", choice->chunk);
    if (choice->step[1])
        ADD(" second=%s", choice->step[1]->name);
    if (choice->step[0])
        ADD(" step=%s", choice->step[0]->name);
    if (choice->threads)
        ADD(" threads=%zu", choice->threads);
    if (choice->one_way)
        ADD(" walk=up");
#undef ADD
    memmove(words, words + (used > 0), used + (used == 0)); /* without the first space */
}

void rnnp_choice_find(const rnnp_context *context, const rnnp_records *records, const rnnp_record_host *host,
                      const rnnp_recurrent *packed, size_t batch, size_t steps, size_t threads, rnnp_recurrent *layer,
                      rnnp_record_found *found)
{
    rnnp_choice_scope scope = {context, layer, packed};
    rnnp_record_key key;

    rnnp_choice_key(layer, batch, steps, threads, &key);
    layer->choice = (rnnp_recurrent_choice){.chunk = 0};
    if (rnnp_records_find(records, host, &key, rnnp_choice_usable, &scope, found) == RNNP_OK && found->record)
        rnnp_choice_read(found->record->choice, &layer->choice);
}
