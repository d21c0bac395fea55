/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that runs models by ONNX Runtime, with and without rnnpack's execution provider.
 */
#ifndef RNNP_TESTS_ORT_HOST_H
#define RNNP_TESTS_ORT_HOST_H

#include "tests/model/build.h"

#include "src/ort/api.h"

#include <dlfcn.h>

#define PROVIDER "RnnpackExecutionProvider"

typedef struct host_api {
    ORT_FUNCTIONS(ORT_MEMBER)
    ORT_HOST_FUNCTIONS(ORT_MEMBER)
} host_api;

typedef struct host {
    host_api api;
    OrtEnv *env;
    OrtMemoryInfo *memory;
    const OrtEpDevice *device;
} host;

/* A status's sentence, or "" for success. The status goes. */
typedef struct told {
    char text[400];
} told;

static inline told tell(const host *h, OrtStatus *status)
{
    told t = {""};

    if (!status) return t;
    snprintf(t.text, sizeof t.text, "%s", h->api.GetErrorMessage(status));
    h->api.ReleaseStatus(status);
    return t;
}

#define DONE(h, call)                                              \
    do {                                                           \
        const told told_ = tell(h, call);                          \
        if (*told_.text) fail_msg("ONNX Runtime: %s", told_.text); \
    } while (0)

/* Opens ONNX Runtime and registers the provider: the first of the two lines that a program adds. */
static inline void host_open(host *h, const char *runtime, const char *provider)
{
    void *library = dlopen(runtime, RTLD_NOW | RTLD_LOCAL);
    const OrtApiBase *(*base)(void);
    const OrtEpDevice *const *devices;
    size_t n;
    host_api *api = &h->api;

    if (!library) fail_msg("%s", dlerror());
    void *symbol = dlsym(library, "OrtGetApiBase");
    memcpy(&base, &symbol, sizeof base);
    const char *table = base()->GetApi(ORT_API_OF);
    assert_non_null(table);
    ORT_FUNCTIONS(ORT_READ)
    ORT_HOST_FUNCTIONS(ORT_READ)
    DONE(h, api->CreateEnv(ORT_LOG_FATAL, "test", &h->env));
    DONE(h, api->CreateCpuMemoryInfo(0, 0, &h->memory));
    DONE(h, api->RegisterExecutionProviderLibrary(h->env, "rnnpack", provider));
    DONE(h, api->GetEpDevices(h->env, &devices, &n));
    for (size_t i = 0; i < n; i++)
        if (strcmp(api->EpDevice_EpName(devices[i]), PROVIDER) == 0) h->device = devices[i];
    assert_non_null(h->device);
}

static inline void host_close(host *h)
{
    h->api.ReleaseMemoryInfo(h->memory);
    DONE(h, h->api.UnregisterExecutionProviderLibrary(h->env, "rnnpack"));
    h->api.ReleaseEnv(h->env);
}

/* How a session is made. */
typedef struct session_kind {
    int with_provider, alone; /* alone: no node may be left to ONNX Runtime's own kernels */
    const char *key, *value;  /* an option of the provider's, or NULL */
} session_kind;

static inline told session_open(const host *h, const char *path, const session_kind *kind, OrtSession **session)
{
    OrtSessionOptions *options;

    *session = NULL;
    DONE(h, h->api.CreateSessionOptions(&options));
    DONE(h, h->api.SetIntraOpNumThreads(options, 1));
    if (kind->alone) DONE(h, h->api.AddSessionConfigEntry(options, "session.disable_cpu_ep_fallback", "1"));
    if (kind->with_provider) /* the second of the two lines */
        DONE(h, h->api.SessionOptionsAppendExecutionProvider_V2(options, h->env, &h->device, 1, &kind->key,
                                                                &kind->value, kind->key != NULL));
    const told t = tell(h, h->api.CreateSession(h->env, path, options, session));
    h->api.ReleaseSessionOptions(options);
    return t;
}

/* Runs a session on inputs whose names, and those of its outputs, are those of `model`. */
static inline told session_run(const host *h, OrtSession *session, const rnnp_model *model, const rnnp_tensor *in,
                               produced *out)
{
    enum { MOST = 8 };
    static const int types[] = {
        [RNNP_DTYPE_F32] = ORT_FLOAT, [RNNP_DTYPE_I32] = ORT_INT32, [RNNP_DTYPE_I64] = ORT_INT64};
    const size_t n_in = rnnp_model_input_count(model), n_out = rnnp_model_output_count(model);
    const char *from[MOST], *to[MOST_OUTPUTS];
    OrtValue *inputs[MOST], *outputs[MOST_OUTPUTS] = {NULL};
    rnnp_port_info port;

    assert_true(n_in <= MOST && n_out <= MOST_OUTPUTS);
    rnnp_port_info_init(&port);
    for (size_t i = 0; i < n_in; i++) {
        OK(rnnp_model_input_info(model, i, &port));
        from[i] = port.name;
        DONE(h, h->api.CreateTensorWithDataAsOrtValue(h->memory, in[i].data,
                                                      rnnp_tensor_elements(&in[i]) * rnnp_dtype_bytes(in[i].dtype),
                                                      in[i].shape, in[i].rank, types[in[i].dtype], &inputs[i]));
    }
    for (size_t i = 0; i < n_out; i++) {
        OK(rnnp_model_output_info(model, i, &port));
        to[i] = port.name;
    }
    const told t = tell(h, h->api.Run(session, NULL, from, (const OrtValue *const *)inputs, n_in, to, n_out, outputs));
    *out = (produced){.status = *t.text ? RNNP_ERR_STATE : RNNP_OK};
    for (size_t i = 0; i < n_out && !*t.text; i++) {
        OrtTensorTypeAndShapeInfo *info;
        void *data;
        rnnp_tensor *o = &out->out[out->n++];

        DONE(h, h->api.GetTensorTypeAndShape(outputs[i], &info));
        DONE(h, h->api.GetDimensionsCount(info, &o->rank));
        DONE(h, h->api.GetDimensions(info, o->shape, o->rank));
        h->api.ReleaseTensorTypeAndShapeInfo(info);
        DONE(h, h->api.GetTensorMutableData(outputs[i], &data));
        o->data = calloc(rnnp_tensor_elements(o) + 1, sizeof(float));
        assert_non_null(o->data);
        memcpy(o->data, data, rnnp_tensor_elements(o) * sizeof(float));
        h->api.ReleaseValue(outputs[i]);
    }
    for (size_t i = 0; i < n_in; i++) h->api.ReleaseValue(inputs[i]);
    return t;
}

#endif
