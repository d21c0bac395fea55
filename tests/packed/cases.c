/* SPDX-License-Identifier: Apache-2.0
 *
 * cases <folder of ONNX files>...: each model that loads is packed, read back and run. The packed one must answer every
 * question as the original does: the same status and sentence, or the same bits; and packed again, the same file.
 */
#include "packed.h"

#include "rnnpack/onnx.h"

#include <glob.h>

enum { PORTS = 16 };

static const char *const isas[] = {"generic", "avx2"};

/* Small numbers of the right dtype: usable as indices, lengths and shapes. */
static void *make_data(const rnnp_tensor *tensor, uint32_t seed)
{
    const size_t n = rnnp_tensor_elements(tensor), width = rnnp_dtype_bytes(tensor->dtype);
    unsigned char *data = calloc(n + 1, 8);

    assert_non_null(data);
    if (tensor->dtype == RNNP_F32)
        fill((float *)(void *)data, n, seed, 1.0f);
    for (size_t i = 0; i < n && tensor->dtype != RNNP_F32; i++)
        data[i * width] = (unsigned char)((seed + i) % 2);
    return data;
}

typedef struct answer {
    rnnp_status status;
    char sentence[256];
    size_t n;
    rnnp_tensor out[PORTS];
} answer;

static rnnp_status run(rnnp_plan *plan, const rnnp_tensor *in, size_t n_in, answer *a)
{
    rnnp_run *r = NULL;
    rnnp_status status = rnnp_run_create(plan, in, n_in, &r);

    for (size_t i = 0; status == RNNP_OK && i < a->n; i++) {
        OK(rnnp_run_output(r, i, &a->out[i]));
        a->out[i].data = calloc(rnnp_tensor_elements(&a->out[i]) + 1, 8);
        assert_non_null(a->out[i].data);
    }
    if (status == RNNP_OK)
        status = rnnp_run_execute(r, in, n_in, a->out, a->n);
    rnnp_run_destroy(r);
    return status;
}

static answer ask(rnnp_context *context, const rnnp_model *model)
{
    const size_t n_in = rnnp_model_inputs(model);
    answer a = {.n = rnnp_model_outputs(model)};
    rnnp_tensor in[PORTS];
    rnnp_plan *plan = NULL;

    assert_true(n_in <= PORTS && a.n <= PORTS);
    for (size_t i = 0; i < n_in; i++) {
        rnnp_port port;

        OK(rnnp_model_input_port(model, i, &port));
        in[i] = (rnnp_tensor){.dtype = port.dtype, .rank = port.rank};
        for (size_t d = 0; d < port.rank; d++)
            in[i].shape[d] = port.shape[d] == RNNP_DYNAMIC ? 3 : port.shape[d];
        in[i].data = make_data(&in[i], (uint32_t)i);
    }
    a.status = rnnp_plan_create(model, NULL, &plan);
    if (a.status == RNNP_OK)
        a.status = run(plan, in, n_in, &a);
    if (a.status != RNNP_OK)
        snprintf(a.sentence, sizeof a.sentence, "%s", rnnp_context_last_error(context));
    rnnp_plan_destroy(plan);
    for (size_t i = 0; i < n_in; i++)
        free(in[i].data);
    return a;
}

static void assert_same_answers(const answer *a, const answer *b)
{
    assert_int_equal(a->status, b->status);
    assert_string_equal(a->sentence, b->sentence);
    for (size_t i = 0; a->status == RNNP_OK && i < a->n; i++) {
        assert_int_equal(a->out[i].dtype, b->out[i].dtype);
        assert_int_equal(a->out[i].rank, b->out[i].rank);
        assert_memory_equal(a->out[i].shape, b->out[i].shape, a->out[i].rank * sizeof(int64_t));
        assert_memory_equal(a->out[i].data, b->out[i].data,
                            rnnp_tensor_elements(&a->out[i]) * rnnp_dtype_bytes(a->out[i].dtype));
    }
}

static void free_answer(answer *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->out[i].data);
}

/* Returns 1 for a model that ran, 0 for one that did not load or does not run on these inputs. */
static int check(rnnp_context *context, const char *path)
{
    rnnp_model *model, *packed;

    if (rnnp_onnx_load_file(context, path, &model) != RNNP_OK)
        return 0;
    const buffer file = write_model(context, model, isas, 2);
    OK(rnnp_packed_open_memory(context, file.at, file.size, &packed));
    assert_int_equal(rnnp_model_nodes(model), rnnp_model_nodes(packed));
    answer a = ask(context, model), b = ask(context, packed);
    assert_same_answers(&a, &b);
    const buffer again = write_model(context, packed, isas, 2);
    assert_int_equal(file.size, again.size);
    assert_memory_equal(file.at, again.at, file.size);
    const int ran = a.status == RNNP_OK;
    free(file.at);
    free(again.at);
    free_answer(&a);
    free_answer(&b);
    rnnp_model_destroy(packed);
    rnnp_model_destroy(model);
    return ran;
}

static char **folders;

static void test_cases(void **state)
{
    rnnp_context *context = make_context(NULL, 1);
    size_t seen = 0, ran = 0;

    (void)state;
    for (char **folder = folders; *folder; folder++) {
        char pattern[600];
        glob_t found;

        snprintf(pattern, sizeof pattern, "%s/*/*.onnx", *folder);
        assert_int_equal(glob(pattern, 0, NULL, &found), 0);
        for (size_t i = 0; i < found.gl_pathc; i++) {
            seen++;
            ran += (size_t)check(context, found.gl_pathv[i]);
        }
        globfree(&found);
    }
    printf("%zu models, %zu ran packed as they do unpacked\n", seen, ran);
    assert_true(ran >= 100);
    rnnp_context_destroy(context);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};

    if (argc < 2)
        return 2;
    folders = argv + 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
