/* SPDX-License-Identifier: Apache-2.0
 *
 * SLEEF's functions in one form. The build compiles this once a form, and defines its name, FORM, and the floats of its
 * vectors, LANES.
 */
#include "sleef.h"

#include "kernels/features.h"

#define PASTE_(a, b, c, d) a##b##c##d
#define PASTE(a, b, c, d) PASTE_(a, b, c, d)
#define QUOTE(text) #text
#define TEXT(text) QUOTE(text)

#if LANES == 1
typedef float vec;
#else
typedef float vec __attribute__((vector_size(4 * LANES)));
#endif

/* SLEEF's header shows them to compilers that may use the form's instructions everywhere; here the CPU is asked. */
#define ARRAY_FUNCTION(function)                                       \
    vec PASTE(Sleef_finz_##function##f, LANES, _u10, FORM)(vec);       \
    static void function##_of(const float *x, float *y, size_t n)      \
    {                                                                  \
        for (size_t i = 0; i < n; i += LANES) {                        \
            vec v;                                                     \
            memcpy(&v, x + i, sizeof v);                               \
            v = PASTE(Sleef_finz_##function##f, LANES, _u10, FORM)(v); \
            memcpy(y + i, &v, sizeof v);                               \
        }                                                              \
    }
ARRAY_FUNCTION(exp)
ARRAY_FUNCTION(tanh)
ARRAY_FUNCTION(log)
ARRAY_FUNCTION(expm1)
ARRAY_FUNCTION(log1p)

enum { PART = 64 };

/* 1 / (1 + e^-x) */
static void sigmoid_of(const float *x, float *y, size_t n)
{
    float t[PART];
    for (size_t done = 0; done < n; done += PART) {
        const size_t part = n - done < PART ? n - done : PART;
        for (size_t i = 0; i < part; i++) t[i] = -x[done + i];
        exp_of(t, y + done, part);
        for (size_t i = done; i < done + part; i++) y[i] = 1 / (1 + y[i]);
    }
}

/* max(x, 0) + log(1 + e^-|x|) */
static void softplus_of(const float *x, float *y, size_t n)
{
    float t[PART], e[PART];
    for (size_t done = 0; done < n; done += PART) {
        const size_t part = n - done < PART ? n - done : PART;
        for (size_t i = 0; i < part; i++) t[i] = -fabsf(x[done + i]);
        exp_of(t, e, part);
        log1p_of(e, y + done, part);
        for (size_t i = done; i < done + part; i++) y[i] += x[i] > 0 ? x[i] : 0;
    }
}

static void elu_of(const float *x, float *y, size_t n)
{
    expm1_of(x, y, n);
    for (size_t i = 0; i < n; i++) y[i] = x[i] < 0 ? y[i] : x[i];
}

const sleef_form PASTE(sleef_, FORM, , ) = {
    .name = TEXT(FORM),
    .needs = NEEDS,
    .of = {[KIND_EXP] = exp_of,
           [KIND_TANH] = tanh_of,
           [KIND_SIGMOID] = sigmoid_of,
           [KIND_LOG] = log_of,
           [KIND_SOFTPLUS] = softplus_of,
           [KIND_ELU] = elu_of},
};
