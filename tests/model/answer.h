/* SPDX-License-Identifier: Apache-2.0
 *
 * A model asked with inputs made up for it: what it answers, to be compared with what another form of it answers.
 * Dynamic dimensions are 3.
 */
#ifndef RNNP_TESTS_ANSWER_H
#define RNNP_TESTS_ANSWER_H

#include "build.h"

enum { ANSWER_PORTS = 64, ANSWER_ELEMENTS = 1 << 16 };

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

/* What came out, and where there are none, the reason. */
typedef struct answer {
    produced got;
    char sentence[256];
} answer;

/* Any model: one whose tensors are too large is not run, which RNNP_ERR_LIMIT says. */
static inline answer ask(rnnp_context *context, const rnnp_model *model)
{
    const size_t n_in = rnnp_model_input_count(model);
    answer a = {.got.status = n_in <= ANSWER_PORTS ? RNNP_OK : RNNP_ERR_LIMIT};
    rnnp_tensor in[ANSWER_PORTS];
    OWNED(plan) plan = NULL;
    OWNED(run) run = NULL;
    size_t made = 0;

    for (; a.got.status == RNNP_OK && made < n_in; made++) {
        rnnp_tensor *x = &in[made];
        rnnp_port_info port = {.struct_size = sizeof port};

        OK(rnnp_model_input_info(model, made, &port));
        *x = (rnnp_tensor){.dtype = port.dtype, .rank = port.rank};
        for (size_t d = 0; d < port.rank; d++) x->shape[d] = port.shape[d] == RNNP_DYNAMIC ? 3 : port.shape[d];
        if (rnnp_tensor_elements(x) > ANSWER_ELEMENTS)
            a.got.status = RNNP_ERR_LIMIT;
        else
            x->data = make_data(x, (uint32_t)made);
    }
    if (a.got.status == RNNP_OK) a.got.status = rnnp_plan_create(model, NULL, &plan);
    if (a.got.status == RNNP_OK) a.got.status = rnnp_run_create(plan, in, n_in, &run);
    if (a.got.status == RNNP_OK) a.got = execute_run(run, in, n_in, ANSWER_ELEMENTS);
    if (a.got.status != RNNP_OK) snprintf(a.sentence, sizeof a.sentence, "%s", rnnp_last_error(context));
    for (size_t i = 0; i < made; i++) free(in[i].data);
    return a;
}

static inline void assert_same_answers(const answer *a, const answer *b)
{
    assert_int_equal(a->got.status, b->got.status);
    assert_string_equal(a->sentence, b->sentence);
    assert_true(a->got.status != RNNP_OK || equal_outputs(&a->got, &b->got));
}

static inline void free_answer(answer *a) { free_outputs(&a->got); }

#endif
