/* SPDX-License-Identifier: Apache-2.0
 *
 * corpus HASHES: the same bits on every machine. Runs every model of the corpus on every ISA usable here with one
 * thread and with two, and compares a 64-bit hash of all outputs (FNV-1a over their bytes) with the stored one.
 *
 *   corpus HASHES [--only ISA] [--every N]   N: every Nth model, for slow emulators
 *   corpus --print [--only ISA] [--every N]  prints the lines of HASHES, from one thread of ISA (default: generic)
 *
 * Exit status 1 when a hash differs, when the file has other models, or when the ISA of --only is not usable.
 */
#include "models.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ISAS = 8, MAX_SHOWN = 10, MAX_LINE = CORPUS_NAME + 24 };

static const size_t thread_counts[] = {1, 2};

static int complain(rnnp_context *context, const char *name, const char *what)
{
    printf("FAILED %s: %s: %s\n", name, what, context ? rnnp_last_error(context) : "");
    return 0;
}

static uint64_t fnv(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < bytes; i++) hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* ---- One model ---- */

static int hash_run(rnnp_context *context, const char *name, const rnnp_plan *plan, const rnnp_tensor *in, size_t n_in,
                    uint64_t *hash)
{
    rnnp_tensor out[CORPUS_OUTPUTS];
    rnnp_run *run;
    size_t n = 0;
    int good = 1;

    if (rnnp_run_create(plan, in, n_in, &run) != RNNP_OK) return complain(context, name, "rnnp_run_create");
    while (n < CORPUS_OUTPUTS && rnnp_run_output(run, n, &out[n]) == RNNP_OK) {
        out[n].data = malloc(rnnp_tensor_elements(&out[n]) * sizeof(float));
        good = good && out[n].data;
        n++;
    }
    if (!good || rnnp_run_execute(run, in, n_in, out, n) != RNNP_OK) good = complain(context, name, "rnnp_run_execute");
    *hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++) {
        if (good) *hash = fnv(*hash, out[i].data, rnnp_tensor_elements(&out[i]) * sizeof(float));
        free(out[i].data);
    }
    rnnp_run_destroy(run);
    return good;
}

static int hash_entry(rnnp_context *context, const corpus_entry *entry, uint64_t *hash)
{
    char name[CORPUS_NAME];
    rnnp_tensor in[CORPUS_INPUTS];
    rnnp_plan_options options;
    rnnp_plan *plan;
    int good;

    corpus_name(entry, name);
    rnnp_model *model = corpus_model(context, entry);

    if (!model) return complain(context, name, "corpus_model");
    rnnp_plan_options_init(&options);
    options.math = entry->math;
    if (rnnp_plan_create(model, &options, &plan) == RNNP_OK) {
        const size_t n = corpus_inputs(entry, in);

        good = hash_run(context, name, plan, in, n, hash);
        for (size_t i = 0; i < n; i++) free(in[i].data);
        rnnp_plan_destroy(plan);
    } else {
        good = complain(context, name, "rnnp_plan_create");
    }
    rnnp_model_destroy(model);
    return good;
}

/* ---- All of them ---- */

typedef struct tally {
    size_t combinations, models, differences;
} tally;

static rnnp_context *make_context(const char *isa, size_t threads)
{
    rnnp_context_options o;
    rnnp_context *context;

    rnnp_context_options_init(&o);
    o.max_isa = isa;
    o.threads = threads;
    return rnnp_context_create(&o, &context) == RNNP_OK ? context : NULL;
}

/* The next line's hash if it is this model's; every model must have its line, in order. */
static int stored_hash(FILE *file, const char *name, uint64_t *hash)
{
    char line[MAX_LINE];
    char *end;

    do {
        if (!fgets(line, sizeof line, file)) return 0;
    } while (line[0] == '#');
    *hash = strtoull(line, &end, 16);
    return end == line + 16 && *end == ' ' && strncmp(end + 1, name, strlen(name)) == 0 &&
           strcmp(end + 1 + strlen(name), "\n") == 0;
}

/* file NULL: prints. Returns 0 when it cannot go on. */
static int walk(rnnp_context *context, FILE *file, size_t every, const char *where, tally *total)
{
    const tally before = *total;
    corpus_entry entry;
    uint64_t hash, expected = 0;
    char name[CORPUS_NAME];

    for (size_t i = 0; corpus_at(i, &entry); i++) {
        corpus_name(&entry, name);
        if (file && !stored_hash(file, name, &expected)) {
            printf("FAILED: the file of hashes has no line, or another one, for model %zu, %s\n", i, name);
            return 0;
        }
        if (i % every) continue;
        if (!hash_entry(context, &entry, &hash)) return 0;
        total->models++;
        if (!file)
            printf("%016" PRIx64 " %s\n", hash, name);
        else if (hash != expected && total->differences++ < MAX_SHOWN)
            printf("DIFFERS: %s, %s: %016" PRIx64 ", stored is %016" PRIx64 "\n", where, name, hash, expected);
    }
    total->combinations++;
    if (file)
        printf("%s: %zu models, %zu differences\n", where, total->models - before.models,
               total->differences - before.differences);
    return 1;
}

static int compare(const char *isa, const char *path, size_t every, tally *total)
{
    int good = 1;

    for (size_t t = 0; good && t < sizeof thread_counts / sizeof thread_counts[0]; t++) {
        rnnp_context *context = make_context(isa, thread_counts[t]);
        FILE *file = fopen(path, "r");
        char where[48];

        snprintf(where, sizeof where, "%s, %zu thread%s", isa, thread_counts[t], thread_counts[t] > 1 ? "s" : "");
        if (context && file)
            good = walk(context, file, every, where, total);
        else
            good = complain(context, file ? isa : path, file ? "rnnp_context_create" : "fopen");
        if (file) fclose(file);
        rnnp_context_destroy(context);
    }
    return good;
}

/* The ISAs of this build in the order of the variant table, and whether they run here. */
static size_t find_isas(rnnp_variant_info isas[MAX_ISAS])
{
    rnnp_context *context = make_context(NULL, 1);
    rnnp_variant_info v = {.struct_size = sizeof v};
    size_t n = 0;

    for (size_t i = 0; context && rnnp_context_variant_info(context, i, &v) == RNNP_OK; i++) {
        if (n < MAX_ISAS && (n == 0 || strcmp(isas[n - 1].isa, v.isa) != 0)) isas[n++] = v;
    }
    rnnp_context_destroy(context);
    return n;
}

int main(int argc, char **argv)
{
    const char *only = NULL, *path = NULL;
    size_t every = 1;
    tally total = {0, 0, 0};
    rnnp_variant_info isas[MAX_ISAS];
    int good = 1, print = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--print") == 0)
            print = 1;
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            only = argv[++i];
        else if (strcmp(argv[i], "--every") == 0 && i + 1 < argc)
            every = strtoul(argv[++i], NULL, 10);
        else
            path = argv[i];
    }
    if (!every || print == (path != NULL)) {
        fprintf(stderr, "usage: corpus HASHES|--print [--only ISA] [--every N]\n");
        return 2;
    }
    const char *wanted = print && !only ? "generic" : only;
    const size_t n = find_isas(isas);

    for (size_t i = 0; good && i < n; i++) {
        if (wanted && strcmp(isas[i].isa, wanted) != 0) continue;
        if (!isas[i].usable) {
            printf("%s: not compared, this CPU does not have it\n", isas[i].isa);
        } else if (print) {
            rnnp_context *context = make_context(wanted, 1);

            good = context ? walk(context, NULL, every, wanted, &total) : complain(NULL, wanted, "rnnp_context_create");
            rnnp_context_destroy(context);
        } else {
            good = compare(isas[i].isa, path, every, &total);
        }
    }
    if (!print)
        printf("%zu combinations, %zu models run, %zu differences\n", total.combinations, total.models,
               total.differences);
    return good && total.combinations && !total.differences ? 0 : 1;
}
