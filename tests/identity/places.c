/* SPDX-License-Identifier: Apache-2.0 */
#include "places.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "specs.h"

typedef struct host_task {
    void (*task)(void *arg, size_t i);
    void *arg;
    size_t i;
} host_task;

static atomic_size_t widest_call;

static void *host_thread(void *arg)
{
    const host_task *t = arg;

    t->task(t->arg, t->i);
    return NULL;
}

/* A host's pool at its plainest: a thread per task, the caller takes the first. */
static void host_run(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    pthread_t threads[MOST_THREADS];
    host_task tasks[MOST_THREADS];

    (void)user;
    if (n > atomic_load(&widest_call)) atomic_store(&widest_call, n);
    for (size_t i = 1; i < n; i++) {
        tasks[i] = (host_task){task, arg, i};
        must(NULL, pthread_create(&threads[i], NULL, host_thread, &tasks[i]) ? RNNP_ERR_IO : RNNP_OK, "pthread_create");
    }
    if (n) task(arg, 0);
    for (size_t i = 1; i < n; i++) pthread_join(threads[i], NULL);
}

place make_place(const char *isa, size_t threads, int own)
{
    rnnp_context_options o;
    place p;

    rnnp_context_options_init(&o);
    o.max_isa = isa;
    o.threads = threads;
    if (!own) o.parallel = (rnnp_parallel){NULL, threads, host_run};
    MUST(NULL, rnnp_context_create(&o, &p.context));
    snprintf(p.name, sizeof p.name, "%s, %zu %s", isa, threads, own ? "own threads" : "host threads");
    return p;
}

/* The names of the ISAs whose kernels run here, from the variant table. */
static size_t usable_isas(const char **names, size_t room)
{
    rnnp_context *context;
    rnnp_variant_info v = {.struct_size = sizeof v};
    size_t n = 0;

    MUST(NULL, rnnp_context_create(NULL, &context));
    for (size_t i = 0; rnnp_context_variant_info(context, i, &v) == RNNP_OK; i++) {
        size_t k = 0;

        while (k < n && strcmp(names[k], v.isa) != 0) k++;
        if (v.usable && k == n && n < room) names[n++] = v.isa;
    }
    rnnp_context_destroy(context);
    return n;
}

size_t make_places(place *places)
{
    static const size_t threads[] = {1, 2, 3, MOST_THREADS};
    const char *isas[8];
    const size_t n_isas = usable_isas(isas, sizeof isas / sizeof isas[0]);
    size_t n = 0;

    for (size_t i = 0; i < n_isas; i++) {
        printf("%s%s", i ? " " : "instruction sets: ", isas[i]);
        for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
            places[n++] = make_place(isas[i], threads[t], 1);
            if (threads[t] > 1) places[n++] = make_place(isas[i], threads[t], 0);
        }
    }
    printf("\n");
    return n;
}

size_t widest_host_call(void) { return atomic_load(&widest_call); }
