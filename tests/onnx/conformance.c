/* SPDX-License-Identifier: Apache-2.0
 *
 * conformance <folder of our cases> [<ONNX's node tests>]: runs every case in every math class and says how far the
 * results are from the expected ones, as |result - expected| / (1 + |expected|). Integers must be equal.
 *
 * Our cases come with float64 expectations. Their layers are small: a pre-activation is a chain of at most 20 terms of
 * magnitude 1 or less, thus off by some 3e-7 at worst; a gate adds its 3.5 ULP, which is 2e-7 near 1; errors fade over
 * the steps because states are scaled by gates below 1. Hence 1e-6 for the precise classes. The fast class is off by
 * 5e-5 per gate. ONNX's node tests hold what float32 code once gave, with the tolerance that ONNX's runner gives them.
 */
#include "case.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rnnpack/onnx.h"

enum { MAX_REASONS = 512 };

/* A result passes when it is off by at most absolute + relative * |expected|. */
typedef struct bound {
    double absolute, relative;
} bound;

typedef struct math_class {
    rnnp_math math;
    const char *name;
    bound ours, node_tests;
} math_class;

static const math_class classes[] = {
    {RNNP_MATH_U35, "u35", {1e-6, 1e-6}, {1e-7, 1e-3}},
    {RNNP_MATH_U10, "u10", {1e-6, 1e-6}, {1e-7, 1e-3}},
    {RNNP_MATH_FAST, "fast", {5e-4, 5e-4}, {5e-4, 1e-3}},
};

typedef struct group {
    const char *name, *pattern;
    case_status (*read)(const char *path, onnx_case *c);
    int is_ours;
    size_t minimum; /* fewer passed cases mean that something was not found */
} group;

typedef enum outcome { PASSED, SKIPPED, FAILED } outcome;

typedef struct verdict {
    outcome outcome;
    double error;   /* largest of the case */
    char text[768]; /* why it was skipped or failed */
} verdict;

/* Why cases were skipped, and how often. */
typedef struct reasons {
    size_t n;
    struct {
        char text[160];
        size_t count;
    } at[MAX_REASONS];
} reasons;

static void count_reason(reasons *r, const char *text)
{
    size_t i = 0;

    while (i < r->n && strncmp(r->at[i].text, text, sizeof r->at[i].text - 1) != 0) i++;
    if (i == MAX_REASONS) return;
    if (i == r->n) {
        snprintf(r->at[r->n++].text, sizeof r->at[i].text, "%.159s", text);
        r->at[i].count = 0;
    }
    r->at[i].count++;
}

/* ---- Comparing ---- */

static int compare_float(double result, double expected, bound limit, double *error)
{
    if (isnan(expected) || isinf(expected)) return isnan(expected) ? isnan(result) != 0 : result == expected;
    const double distance = fabs(result - expected);
    if (!(distance / (1.0 + fabs(expected)) <= *error)) *error = distance / (1.0 + fabs(expected));
    return distance <= limit.absolute + limit.relative * fabs(expected);
}

static int compare(const rnnp_tensor *result, const case_tensor *expected, bound limit, verdict *v)
{
    const rnnp_tensor *want = &expected->tensor;
    const int as_double = want->dtype == RNNP_DTYPE_F64 && result->dtype == RNNP_DTYPE_F32;
    const size_t n = rnnp_tensor_elements(want);

    if (result->dtype != want->dtype && !as_double) {
        snprintf(v->text, sizeof v->text, "output %s is %s, expected %s", expected->name,
                 rnnp_dtype_name(result->dtype), rnnp_dtype_name(want->dtype));
        return 0;
    }
    int same_shape = result->rank == want->rank;
    for (size_t i = 0; same_shape && i < want->rank; i++) same_shape = result->shape[i] == want->shape[i];
    if (!same_shape) {
        snprintf(v->text, sizeof v->text, "output %s has the wrong shape", expected->name);
        return 0;
    }
    if (result->dtype != RNNP_DTYPE_F32) {
        if (memcmp(result->data, want->data, n * rnnp_dtype_bytes(want->dtype)) == 0) return 1;
        snprintf(v->text, sizeof v->text, "output %s differs", expected->name);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        const double got = ((const float *)result->data)[i];
        const double expect = as_double ? ((const double *)want->data)[i] : ((const float *)want->data)[i];

        if (!compare_float(got, expect, limit, &v->error)) {
            snprintf(v->text, sizeof v->text, "output %s[%zu] is %.9g, expected %.9g", expected->name, i, got, expect);
            return 0;
        }
    }
    return 1;
}

/* ---- Running ---- */

/* The case's tensors in the model's order. */
static int gather_inputs(const rnnp_model *model, const onnx_case *c, rnnp_tensor *inputs, verdict *v)
{
    for (size_t i = 0; i < rnnp_model_input_count(model); i++) {
        rnnp_port_info port = {.struct_size = sizeof port};

        rnnp_model_input_info(model, i, &port);
        const case_tensor *tensor = case_find(c->in, c->n_in, port.name);
        if (!tensor) {
            snprintf(v->text, sizeof v->text, "no tensor for input %s", port.name);
            return 0;
        }
        inputs[i] = tensor->tensor;
    }
    return 1;
}

/* Executes twice, the second time into other memory: what the first one left behind must not matter. */
static rnnp_status execute(rnnp_run *run, const rnnp_tensor *inputs, size_t n_inputs, rnnp_tensor *outputs,
                           size_t n_outputs, int *repeatable)
{
    rnnp_tensor again[CASE_MAX_PORTS] = {0};
    rnnp_status status = RNNP_OK;

    *repeatable = 1;
    for (size_t i = 0; i < n_outputs; i++) {
        rnnp_run_output(run, i, &outputs[i]);
        const size_t bytes = rnnp_tensor_elements(&outputs[i]) * rnnp_dtype_bytes(outputs[i].dtype);
        outputs[i].data = malloc(bytes + 1);
        again[i].data = malloc(bytes + 1);
        if (!outputs[i].data || !again[i].data) status = RNNP_ERR_MEMORY;
    }
    if (status == RNNP_OK) status = rnnp_run_execute(run, inputs, n_inputs, outputs, n_outputs);
    if (status == RNNP_OK) status = rnnp_run_execute(run, inputs, n_inputs, again, n_outputs);
    for (size_t i = 0; i < n_outputs; i++) {
        const size_t bytes = rnnp_tensor_elements(&outputs[i]) * rnnp_dtype_bytes(outputs[i].dtype);

        if (status == RNNP_OK && memcmp(outputs[i].data, again[i].data, bytes) != 0) *repeatable = 0;
        free(again[i].data);
    }
    return status;
}

static int compare_all(const rnnp_model *model, const onnx_case *c, const rnnp_tensor *outputs, bound limit, verdict *v)
{
    if (rnnp_model_output_count(model) != c->n_out) {
        snprintf(v->text, sizeof v->text, "%zu outputs, expected %zu", rnnp_model_output_count(model), c->n_out);
        return 0;
    }
    for (size_t i = 0; i < c->n_out; i++) {
        rnnp_port_info port = {.struct_size = sizeof port};

        rnnp_model_output_info(model, i, &port);
        const case_tensor *expected = case_find(c->out, c->n_out, port.name);
        if (!expected) {
            snprintf(v->text, sizeof v->text, "output %s is not expected", port.name);
            return 0;
        }
        if (!compare(&outputs[i], expected, limit, v)) return 0;
    }
    return 1;
}

/* What the library says it cannot do. Our own cases stay within what it can. */
static verdict refused(const rnnp_context *context, rnnp_status status)
{
    const int unsupported = status == RNNP_ERR_UNSUPPORTED || status == RNNP_ERR_TYPE;
    verdict v = {unsupported ? SKIPPED : FAILED, 0.0, ""};

    snprintf(v.text, sizeof v.text, "%s", rnnp_last_error(context));
    return v;
}

static verdict run_model(rnnp_context *context, const rnnp_model *model, const onnx_case *c, const math_class *class,
                         bound limit)
{
    verdict v = {FAILED, 0.0, ""};
    rnnp_tensor inputs[CASE_MAX_PORTS], outputs[CASE_MAX_PORTS] = {0};
    const size_t n_inputs = rnnp_model_input_count(model), n_outputs = rnnp_model_output_count(model);
    rnnp_plan_options options;
    rnnp_plan_options_init(&options);
    rnnp_plan *plan = NULL;
    rnnp_run *run = NULL;
    int repeatable = 0;

    if (!gather_inputs(model, c, inputs, &v)) return v;
    options.math = class->math;
    rnnp_status status = rnnp_plan_create(model, &options, &plan);
    if (status == RNNP_OK) status = rnnp_run_create(plan, inputs, n_inputs, &run);
    if (status == RNNP_OK) status = execute(run, inputs, n_inputs, outputs, n_outputs, &repeatable);
    if (status != RNNP_OK) {
        v = refused(context, status);
    } else if (!repeatable) {
        snprintf(v.text, sizeof v.text, "a second execution gives other bits");
    } else if (compare_all(model, c, outputs, limit, &v)) {
        v.outcome = PASSED;
    }
    for (size_t i = 0; i < n_outputs; i++) free(outputs[i].data);
    rnnp_run_destroy(run);
    rnnp_plan_destroy(plan);
    return v;
}

static verdict run_case(rnnp_context *context, const onnx_case *c, const math_class *class, bound limit)
{
    verdict v = {FAILED, 0.0, "no memory"};
    size_t size;
    void *bytes = case_pack(c, &size);
    const rnnp_load_options options = {.struct_size = sizeof options, .directory = c->directory};
    rnnp_model *model;

    if (!bytes) return v;
    const rnnp_status status = rnnp_onnx_open_memory(context, bytes, size, &options, &model);
    free(bytes);
    v = status == RNNP_OK ? run_model(context, model, c, class, limit) : refused(context, status);
    rnnp_model_destroy(model);
    return v;
}

/* Node tests give everything at run time, also shapes and axes, which a plan wants to know beforehand. What is refused
 * for that is tried again with its i64 inputs as constants, then with all of them. */
static verdict run_node_test(rnnp_context *context, onnx_case *c, const math_class *class, bound limit)
{
    static const rnnp_dtype constant[] = {RNNP_DTYPE_I64, 0};
    verdict v = run_case(context, c, class, limit);

    for (size_t i = 0; i < 2 && v.outcome == SKIPPED; i++) {
        if (case_make_constant(c, constant[i])) v = run_case(context, c, class, limit);
    }
    return v;
}

static int run_group(rnnp_context *context, const group *g, const char *folder, const math_class *class, reasons *skips)
{
    const bound limit = g->is_ours ? class->ours : class->node_tests;
    size_t counts[3] = {0};
    double error = 0.0;
    char pattern[1024];
    glob_t paths = {0};

    snprintf(pattern, sizeof pattern, "%s/%s", folder, g->pattern);
    glob(pattern, 0, NULL, &paths);
    for (size_t i = 0; i < paths.gl_pathc; i++) {
        onnx_case c;
        verdict v = {FAILED, 0.0, ""};
        const case_status status = g->read(paths.gl_pathv[i], &c);

        if (status == CASE_READ)
            v = g->is_ours ? run_case(context, &c, class, limit) : run_node_test(context, &c, class, limit);
        else
            snprintf(v.text, sizeof v.text, "%s", c.reason);
        if (status == CASE_SKIPPED || (v.outcome == SKIPPED && !g->is_ours)) {
            v.outcome = SKIPPED;
            count_reason(skips, v.text);
        } else if (v.outcome != PASSED) {
            v.outcome = FAILED;
            printf("FAILED %s %s: %s\n", class->name, c.name, v.text);
        }
        counts[v.outcome]++;
        error = fmax(error, v.error);
        case_free(&c);
    }
    printf("%-9s %-4s %4zu cases, %4zu passed, %4zu skipped, %zu failed, largest error %.3g\n", g->name, class->name,
           paths.gl_pathc, counts[PASSED], counts[SKIPPED], counts[FAILED], error);
    globfree(&paths);
    if (counts[PASSED] < g->minimum) printf("FAILED %s: at least %zu cases should have passed\n", g->name, g->minimum);
    return counts[FAILED] == 0 && counts[PASSED] >= g->minimum;
}

int main(int argc, char **argv)
{
    static const group groups[] = {
        {"recurrent", "recurrent/*.onnx", case_read_ours, 1, 100},
        {"graph", "graph/*.onnx", case_read_ours, 1, 20},
        {"torch", "torch/*.onnx", case_read_ours, 1, 7},
        {"node rnn", "test_*rnn_*/model.onnx", case_read_node_test, 0, 4},
        {"node lstm", "test_lstm_*/model.onnx", case_read_node_test, 0, 4},
        {"node gru", "test_gru_*/model.onnx", case_read_node_test, 0, 4},
        {"node all", "test_*/model.onnx", case_read_node_test, 0, 570},
    };
    static reasons skips;
    rnnp_context *context;
    int ok = 1;

    if (argc < 2) {
        fprintf(stderr, "usage: conformance CASES [NODE_TESTS]\n");
        return 2;
    }
    if (rnnp_context_create(NULL, &context) != RNNP_OK) return 1;
    for (size_t m = 0; m < sizeof classes / sizeof classes[0]; m++) {
        skips.n = 0;
        for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
            if (groups[i].is_ours || argc > 2)
                ok &= run_group(context, &groups[i], groups[i].is_ours ? argv[1] : argv[2], &classes[m], &skips);
        }
    }
    for (size_t i = 0; i < skips.n; i++) printf("skipped here: %s (%zu)\n", skips.at[i].text, skips.at[i].count);
    if (argc < 3) printf("skipped: the ONNX project's node tests are not installed (libonnx-testdata)\n");
    rnnp_context_destroy(context);
    return ok ? 0 : 1;
}
