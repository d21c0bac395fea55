/* SPDX-License-Identifier: Apache-2.0
 *
 * MaxPool and AveragePool with random windows, against the definition: where each window lies, and which of its
 * elements are inside. Shapes are fixed or dynamic.
 */
#include "graph.h"

ONE_CONTEXT(1)

enum { CASES = 3000, AXES = 3, MOST = 8 };

static uint32_t seed = 1;

static int below(int n)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((uint64_t)seed * (uint64_t)n >> 32);
}

typedef struct pooling {
    int axes, max, ceil, counts_padding, dynamic;
    int same; /* 1: SAME_UPPER, 2: SAME_LOWER, 3: VALID */
    int size[AXES], kernel[AXES], stride[AXES], dilation[AXES], before[AXES], after[AXES];
    int count[AXES]; /* of windows, by the definition; 0: refused */
} pooling;

static int extent(const pooling *p, int i) { return (p->kernel[i] - 1) * p->dilation[i] + 1; }

/* A window exists if it ends inside the padded axis. ceil_mode has one more if some elements are in no window and it
 * begins before the padding at the end. */
static void count_windows(pooling *p, int i)
{
    const int padded = p->size[i] + p->before[i] + p->after[i];
    int n = 0;

    while (n * p->stride[i] + extent(p, i) <= padded) n++;
    if (p->ceil && !p->same && n && (n - 1) * p->stride[i] + extent(p, i) < padded &&
        n * p->stride[i] < p->size[i] + p->before[i])
        n++;
    p->count[i] = n;
}

static pooling make_pooling(void)
{
    pooling p = {1 + below(AXES), below(2), below(2), below(2), below(2), 0, .size = {0}};

    p.same = below(3) ? 0 : 1 + below(3);
    for (int i = 0; i < p.axes; i++) {
        p.size[i] = 1 + below(MOST);
        p.kernel[i] = 1 + below(4);
        p.stride[i] = 1 + below(3);
        p.dilation[i] = 1 + below(2);
        p.before[i] = p.same ? 0 : below(extent(&p, i));
        p.after[i] = p.same ? 0 : below(extent(&p, i));
        if (p.same == 1 || p.same == 2) { /* as many windows as strides begin, and the padding that they need */
            p.count[i] = (p.size[i] + p.stride[i] - 1) / p.stride[i];
            const int pads = (p.count[i] - 1) * p.stride[i] + extent(&p, i) - p.size[i];
            for (int k = 0; k < pads; k++) (k % 2 == (p.same == 1) ? p.before : p.after)[i]++;
        } else {
            count_windows(&p, i);
        }
    }
    return p;
}

/* {a,b} or {a,b,c,d} */
static const char *list(char text[64], const pooling *p, const int *a, const int *b)
{
    size_t used = 0;

    for (int i = 0; i < (b ? 2 : 1) * p->axes; i++)
        used += (size_t)snprintf(text + used, 64 - used, "%c%d", i ? ',' : '{', i < p->axes ? a[i] : b[i - p->axes]);
    return strcat(text, "}");
}

static rnnp_model *make_pool(const pooling *p)
{
    static const char *const same[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    char kernel[64], stride[64], dilation[64], pads[64], shape[64] = "2,3", given[80] = "";

    for (int i = 0; i < p->axes; i++) snprintf(shape + strlen(shape), 8, p->dynamic ? ",?" : ",%d", p->size[i]);
    if (!p->same) snprintf(given, sizeof given, ", pads=%s", list(pads, p, p->before, p->after));
    return open_graph(context,
                      "x: f32[%s]; -> y = %s@22'pool'(x, kernel_shape=%s, strides=%s, dilations=%s, ceil_mode=%d,"
                      "auto_pad=%s%s%s)",
                      shape, p->max ? "MaxPool" : "AveragePool", list(kernel, p, p->kernel, NULL),
                      list(stride, p, p->stride, NULL), list(dilation, p, p->dilation, NULL), p->ceil, same[p->same],
                      p->max              ? ""
                      : p->counts_padding ? ", count_include_pad=1"
                                          : ", count_include_pad=0",
                      given);
}

/* Result at window o of the plane x. */
static float truth(const pooling *p, const float *x, const int *o)
{
    double sum = 0, most = -INFINITY;
    int counted = 0;

    for (int k0 = 0; k0 < p->kernel[0]; k0++)
        for (int k1 = 0; k1 < p->kernel[1]; k1++)
            for (int k2 = 0; k2 < p->kernel[2]; k2++) {
                const int k[] = {k0, k1, k2};
                int inside = 1, padded = 1;
                size_t at = 0;

                for (int i = 0; i < AXES; i++) {
                    const int place = o[i] * p->stride[i] - p->before[i] + k[i] * p->dilation[i];

                    inside &= place >= 0 && place < p->size[i];
                    padded &= place < p->size[i] + p->after[i];
                    at = at * (size_t)p->size[i] + (size_t)(place > 0 ? place : 0);
                }
                counted += p->counts_padding ? padded : inside;
                if (!inside) continue;
                sum += (double)x[at];
                most = fmax(most, (double)x[at]);
            }
    return (float)(p->max ? most : sum / counted);
}

TEST(test_random_windows)
{
    FREED float *x = numbers(6 * MOST * MOST * MOST, 1, 1.0f);
    size_t refused = 0;

    for (int c = 0; c < CASES; c++) {
        pooling p = make_pooling();
        OWNED(model) model = make_pool(&p);
        rnnp_tensor in = {RNNP_DTYPE_F32, (size_t)p.axes + 2, {2, 3}, .data = x};
        int fits = 1;

        for (int i = 0; i < p.axes; i++) in.shape[i + 2] = p.size[i], fits &= p.count[i] > 0;
        rnnp_status status = rnnp_model_close(model);
        if (status == RNNP_OK) {
            OWNED(plan) plan = make_plan(model);
            DROPPED(free_outputs) produced made = run_plan(plan, &in, 1);
            const float *y = made.out[0].data;

            status = made.status;
            assert_int_equal(status == RNNP_OK, fits);
            for (int i = p.axes; i < AXES; i++) p.size[i] = p.kernel[i] = p.stride[i] = p.dilation[i] = p.count[i] = 1;
            const size_t plane = (size_t)(p.size[0] * p.size[1] * p.size[2]);
            for (int i = 0; fits && i < p.axes; i++) assert_int_equal(made.out[0].shape[i + 2], p.count[i]);
            for (size_t q = 0; fits && q < 6; q++)
                for (int o0 = 0; o0 < p.count[0]; o0++)
                    for (int o1 = 0; o1 < p.count[1]; o1++)
                        for (int o2 = 0; o2 < p.count[2]; o2++, y++) {
                            const float want = truth(&p, x + q * plane, (const int[]){o0, o1, o2});

                            if (isnan(want) ? !isnan(*y) : !(*y == want || fabsf(*y - want) <= 1e-6f))
                                fail_msg("case %d: %g instead of %g", c, (double)*y, (double)want);
                        }
        }
        refused += !fits;
        if (!fits) REFUSED(context, status, RNNP_ERR_SHAPE, "pool: a kernel that covers");
    }
    assert_true(refused > CASES / 50 && refused < CASES / 2);
}

/* Whole numbers, an empty batch, and symbols that pass through. */
TEST(test_types_and_sizes)
{
    uint8_t bytes[] = {3, 250, 7, 0}, most[2];
    OWNED(model)
    model = make_graph(context, "x: u8[n,1,t]; -> y = MaxPool(x, kernel_shape={3}, pads={1,1}),"
                                "z = MaxPool(x, kernel_shape={2}, strides={2})");
    OWNED(plan) plan = make_plan(model);
    rnnp_port_info port = {.struct_size = sizeof port};
    for (int64_t batch = 0; batch < 2; batch++) {
        const rnnp_tensor in = {RNNP_DTYPE_U8, 3, {batch, 1, 4}, .data = bytes};
        DROPPED(free_outputs) produced made = run_plan(plan, &in, 1);

        OK(made.status);
        if (batch) memcpy(most, made.out[1].data, 2);
    }
    assert_true(most[0] == 250 && most[1] == 7);
    OK(rnnp_model_output_info(model, 0, &port));
    assert_string_equal(port.symbol[0], "n");
    assert_string_equal(port.symbol[2], "t");
    OK(rnnp_model_output_info(model, 1, &port));
    assert_null(port.symbol[2]);
    assert_int_equal(port.shape[2], RNNP_DYNAMIC);
}
