/* SPDX-License-Identifier: Apache-2.0
 *
 * opened LIBRARY: a program that knows nothing of the library opens it, again and again, while its threads run already,
 * and each of them gets its own sentences.
 */
#include "rnnpack/rnnpack.h"
#include "tests/test.h"

#include <dlfcn.h>
#include <pthread.h>

enum { THREADS = 8, ROUNDS = 50 };

static const char *library;

typedef struct functions {
    rnnp_status (*create)(const rnnp_context_options *options, rnnp_context **context);
    void (*destroy)(rnnp_context *context);
    const char *(*last_error)(const rnnp_context *context);
    rnnp_status (*model)(rnnp_context *context, rnnp_model **model);
} functions;

static functions called;
static rnnp_context *context;
static pthread_barrier_t opened, closed;

static void *fail_each_round(void *arg)
{
    size_t *wrong = arg;

    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&opened);
        *wrong += strcmp(called.last_error(context), "") != 0;
        *wrong += called.model(context, NULL) == RNNP_OK;
        *wrong += !strstr(called.last_error(context), "model is NULL");
        pthread_barrier_wait(&closed);
    }
    return NULL;
}

/* Functions as POSIX wants them read from a library. */
static void look_up(void *handle, const char *name, void *function)
{
    void *const symbol = dlsym(handle, name);

    assert_non_null(symbol);
    memcpy(function, &symbol, sizeof symbol);
}

TEST(opened_at_run_time)
{
    pthread_t thread[THREADS];
    size_t wrong[THREADS] = {0};

    pthread_barrier_init(&opened, NULL, THREADS + 1);
    pthread_barrier_init(&closed, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&thread[i], NULL, fail_each_round, &wrong[i]), 0);
    for (int i = 0; i < ROUNDS; i++) {
        void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

        if (!handle) fail_msg("%s", dlerror());
        look_up(handle, "rnnp_context_create", &called.create);
        look_up(handle, "rnnp_context_destroy", &called.destroy);
        look_up(handle, "rnnp_last_error", &called.last_error);
        look_up(handle, "rnnp_model_create", &called.model);
        assert_int_equal(called.create(NULL, &context), RNNP_OK);
        pthread_barrier_wait(&opened);
        pthread_barrier_wait(&closed);
        called.destroy(context);
        assert_int_equal(dlclose(handle), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(wrong[i], 0);
    }
    pthread_barrier_destroy(&opened);
    pthread_barrier_destroy(&closed);
}

int tests_begin(char **arguments)
{
    library = *arguments;
    return library ? 0 : 2;
}
