/* SPDX-License-Identifier: Apache-2.0
 *
 * A packed file that is overwritten in place while it is mapped. Its numbers may come out; but what decides about
 * shapes and places was copied when it was opened, so that no run reads or writes anywhere else.
 */
#include "../model/graph.h"
#include "packed.h"

#include <unistd.h>

enum { N = 50 };

/* Everything that reads integers when it runs. */
static rnnp_model *make_reader(rnnp_context *context)
{
    return make_graph(context, "x: f32[?,4]; left, right = Split(x, {1,3}, axis=1);"
                               "-> slice = Slice(x, {0}, {40}, {0}), part = right, sum = ReduceSum(x, {1}),"
                               "row = Gather(x, {7,-1})");
}

static void run_into(rnnp_run *run, const rnnp_tensor *in, float *to)
{
    rnnp_tensor out[4];

    for (size_t i = 0; i < 4; i++, to += N * 4) {
        OK(rnnp_run_output(run, i, &out[i]));
        out[i].data = to;
    }
    OK(rnnp_run_execute(run, in, 1, out, 4));
}

TEST(test_integers_are_copied)
{
    rnnp_context *context = make_context(NULL, 1);
    rnnp_model *model = make_reader(context);
    FREED float *x = numbers(N * 4, 3, 1.0f), *before = calloc(4 * N * 4, sizeof *x),
                *after = calloc(4 * N * 4, sizeof *x);
    const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {N, 4}, .data = x};
    char path[] = "changed_XXXXXX";
    const int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    OK(rnnp_packed_write_file(model, NULL, path));
    rnnp_model_destroy(model);
    OK(rnnp_packed_open_file(context, path, NULL, &model));
    rnnp_plan *plan = make_plan(model);
    NEW(run, run, plan, &in, 1);
    run_into(run, &in, before);

    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long bytes = ftell(file);
    assert_int_equal(fseek(file, 0, SEEK_SET), 0);
    for (long i = 0; i < bytes; i++) fputc(i % 8 == 0 ? 45 : 0, file); /* 45, to whoever reads an i64 */
    fclose(file);
    run_into(run, &in, after);
    assert_memory_equal(after, before, 4 * N * 4 * sizeof *x);

    rnnp_run_destroy(run); /* and what is created from now on */
    OK(rnnp_run_create(plan, &in, 1, &run));
    run_into(run, &in, after);
    assert_memory_equal(after, before, 4 * N * 4 * sizeof *x);
    rnnp_run_destroy(run);
    rnnp_plan_destroy(plan);
    rnnp_model_destroy(model);
    rnnp_context_destroy(context);
    remove(path);
}
