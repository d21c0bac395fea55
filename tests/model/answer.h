/* SPDX-License-Identifier: Apache-2.0
 *
 * A model asked with inputs made up for it: what it answers, to be compared with what another form of it answers.
 * Dynamic dimensions are 3.
 */
#ifndef RNNP_TESTS_ANSWER_H
#define RNNP_TESTS_ANSWER_H

#include "build.h"

enum { ANSWER_PORTS = 16 };

/* Small numbers of the right dtype: usable as indices, lengths and shapes. */
static inline void *make_data(const rnnp_tensor *tensor, uint32_t seed)
{
    const size_t n = rnnp_tensor_elements(tensor), width = rnnp_dtype_bytes(tensor->dtype);
    unsigned char *data = calloc(n + 1, 8);

    assert_non_null(data);
    if (tensor->dtype == RNNP_DTYPE_F32) fill((float *)(void *)data, n, seed, 1.0f);
    for (size_t i = 0; i < n && tensor->dtype != RNNP_DTYPE_F32; i++) data[i * width] = (unsigned char)((seed + i) % 2);
    return data;
}

typedef struct answer {
    rnnp_status status;
    char sentence[256];
    size_t n;
    rnnp_tensor out[ANSWER_PORTS];
} answer;

static inline rnnp_status answer_run(rnnp_plan *plan, const rnnp_tensor *in, size_t n_in, answer *a)
{
    OWNED(run) r = NULL;
    rnnp_status status = rnnp_run_create(plan, in, n_in, &r);

    for (size_t i = 0; status == RNNP_OK && i < a->n; i++) {
        OK(rnnp_run_output(r, i, &a->out[i]));
        a->out[i].data = calloc(rnnp_tensor_elements(&a->out[i]) + 1, 8);
        assert_non_null(a->out[i].data);
    }
    if (status == RNNP_OK) status = rnnp_run_execute(r, in, n_in, a->out, a->n);
    return status;
}

static inline answer ask(rnnp_context *context, const rnnp_model *model)
{
    const size_t n_in = rnnp_model_input_count(model);
    answer a = {.n = rnnp_model_output_count(model)};
    rnnp_tensor in[ANSWER_PORTS];
    rnnp_plan *plan = NULL;

    assert_true(n_in <= ANSWER_PORTS && a.n <= ANSWER_PORTS);
    for (size_t i = 0; i < n_in; i++) {
        rnnp_port_info port = {.struct_size = sizeof port};

        OK(rnnp_model_input_info(model, i, &port));
        in[i] = (rnnp_tensor){.dtype = port.dtype, .rank = port.rank};
        for (size_t d = 0; d < port.rank; d++) in[i].shape[d] = port.shape[d] == RNNP_DYNAMIC ? 3 : port.shape[d];
        in[i].data = make_data(&in[i], (uint32_t)i);
    }
    a.status = rnnp_plan_create(model, NULL, &plan);
    if (a.status == RNNP_OK) a.status = answer_run(plan, in, n_in, &a);
    if (a.status != RNNP_OK) snprintf(a.sentence, sizeof a.sentence, "%s", rnnp_last_error(context));
    rnnp_plan_destroy(plan);
    for (size_t i = 0; i < n_in; i++) free(in[i].data);
    return a;
}

static inline void assert_same_answers(const answer *a, const answer *b)
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

static inline void free_answer(answer *a)
{
    for (size_t i = 0; i < a->n; i++) free(a->out[i].data);
}

#endif
