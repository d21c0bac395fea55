/* SPDX-License-Identifier: Apache-2.0
 *
 * The provider's factory. A session adds the provider with options, all of them text:
 *
 *   threads   of the provider's own team, or "all"; default 1. ONNX Runtime's pool is left to its own nodes
 *   isa       the highest instruction set
 *   math      u35 (default), u10 or fast
 *   records   a file of tuning records
 */
#include "ep.h"

#include <stdio.h>
#include <stdlib.h>

#define PROVIDER "RnnpackExecutionProvider"
/* Options of a session have this before their names: the provider's name in lower case. */
#define OPTION "ep.rnnpackexecutionprovider."

enum { OPTION_BYTES = RNNP_RECORDS_PATH };

typedef struct factory {
    OrtEpFactory base;
    ort_api ort;
} factory;

/* ---- Options ---- */

/* The text of an option, "" without one. */
static OrtStatus *option(const rnnp_ort_ep *ep, const OrtSessionOptions *options, const char *key, char *text)
{
    size_t size = OPTION_BYTES;
    int has = 0;
    *text = '\0';
    ORT_TRY(ep->ort->HasSessionConfigEntry(options, key, &has));
    return has ? ep->ort->GetSessionConfigEntry(options, key, text, &size) : NULL;
}

static OrtStatus *refuse(const rnnp_ort_ep *ep, const char *name, const char *text, const char *want)
{
    char sentence[400];
    snprintf(sentence, sizeof sentence, "rnnpack: option %s is \"%.200s\", not %s", name, text, want);
    return ep->ort->CreateStatus(ORT_CODE_INVALID_ARGUMENT, sentence);
}

static OrtStatus *read_threads(const rnnp_ort_ep *ep, const char *text, size_t *threads)
{
    *threads = RNNP_ALL_CPUS;
    if (strcmp(text, "all") == 0) return NULL;
    char *end;
    const unsigned long n = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || n < 1 || n > 4096)
        return refuse(ep, "threads", text, "a number from 1 to 4096 or \"all\"");
    *threads = n;
    return NULL;
}

static OrtStatus *read_math(const rnnp_ort_ep *ep, const char *text, rnnp_math *math)
{
    static const char *const names[] = {"u35", "u10", "fast"};
    static const rnnp_math classes[] = {RNNP_MATH_U35, RNNP_MATH_U10, RNNP_MATH_FAST};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *math = classes[i];
        return NULL;
    }
    return refuse(ep, "math", text, "u35, u10 or fast");
}

/* Where there is no context yet, what it says of the failure to make it is all that is told of that. */
static void tell(void *user, rnnp_log_level level, const char *message)
{
    rnnp_ort_ep *ep = user;
    const int severity = level == RNNP_LOG_WARNING ? ORT_LOG_WARNING : ORT_LOG_INFO;
    if (!ep->context) snprintf(ep->first_words, sizeof ep->first_words, "%s", message);
    rnnp_ort_log(ep, severity, message);
}

static OrtStatus *make_context(rnnp_ort_ep *ep, rnnp_context_options *options)
{
    options->log = tell;
    options->log_user = ep;
    const rnnp_status status = rnnp_context_create(options, &ep->context);
    if (status == RNNP_OK) return NULL;
    return ep->ort->CreateStatus(status == RNNP_ERR_ARG ? ORT_CODE_INVALID_ARGUMENT : ORT_CODE_FAIL, ep->first_words);
}

static OrtStatus *read_options(rnnp_ort_ep *ep, const OrtSessionOptions *options)
{
    rnnp_context_options context;
    char text[OPTION_BYTES], isa[OPTION_BYTES];
    rnnp_context_options_init(&context);
    rnnp_plan_options_init(&ep->plan);
    ORT_TRY(option(ep, options, OPTION "threads", text));
    if (*text) ORT_TRY(read_threads(ep, text, &context.threads));
    ORT_TRY(option(ep, options, OPTION "isa", isa));
    if (*isa) context.max_isa = isa;
    ORT_TRY(option(ep, options, OPTION "math", text));
    if (*text) ORT_TRY(read_math(ep, text, &ep->plan.math));
    ORT_TRY(make_context(ep, &context));
    ORT_TRY(option(ep, options, OPTION "records", text));
    if (*text) ORT_TRY(rnnp_ort_status(ep, rnnp_records_open_file(ep->context, text, &ep->records)));
    ep->plan.records = ep->records;
    return NULL;
}

/* ---- Provider ---- */

static const char *ep_name(const OrtEp *self)
{
    (void)self;
    return PROVIDER;
}

static void release_ep(OrtEpFactory *self, OrtEp *ep)
{
    rnnp_ort_ep *own = (rnnp_ort_ep *)ep;
    (void)self;
    if (!own) return;
    rnnp_records_destroy(own->records);
    rnnp_context_destroy(own->context);
    free(own);
}

static OrtStatus *create_ep(OrtEpFactory *self, const OrtHardwareDevice *const *devices,
                            const OrtKeyValuePairs *const *metadata, size_t n, const OrtSessionOptions *options,
                            const OrtLogger *logger, OrtEp **ep)
{
    const factory *f = (const factory *)self;
    rnnp_ort_ep *made = calloc(1, sizeof *made);
    (void)devices;
    (void)metadata;
    (void)n;
    *ep = NULL;
    if (!made) return f->ort.CreateStatus(ORT_CODE_FAIL, "out of memory");
    made->base = (OrtEp){.ort_version_supported = ORT_API_OF,
                         .GetName = ep_name,
                         .GetCapability = rnnp_ort_claim,
                         .Compile = rnnp_ort_compile,
                         .ReleaseNodeComputeInfos = rnnp_ort_release};
    made->ort = &f->ort;
    made->logger = logger;
    OrtStatus *status = read_options(made, options);
    if (status)
        release_ep(self, &made->base);
    else
        *ep = &made->base;
    return status;
}

/* ---- Factory ---- */

static const char *factory_name(const OrtEpFactory *self)
{
    (void)self;
    return PROVIDER;
}

static const char *factory_vendor(const OrtEpFactory *self)
{
    (void)self;
    return "rnnpack";
}

static uint32_t factory_vendor_id(const OrtEpFactory *self)
{
    (void)self;
    return 0;
}

static const char *factory_version(const OrtEpFactory *self)
{
    (void)self;
    return rnnp_version();
}

static OrtStatus *supported_devices(OrtEpFactory *self, const OrtHardwareDevice *const *devices, size_t n,
                                    OrtEpDevice **ep_devices, size_t room, size_t *n_ep_devices)
{
    const ort_api *ort = &((const factory *)self)->ort;
    *n_ep_devices = 0;
    for (size_t i = 0; i < n && *n_ep_devices < room; i++) {
        if (ort->HardwareDevice_Type(devices[i]) != ORT_HARDWARE_CPU) continue;
        ORT_TRY(ort->CreateEpDevice(self, devices[i], NULL, NULL, &ep_devices[*n_ep_devices]));
        ++*n_ep_devices;
    }
    return NULL;
}

/* No compiled models, and no memory, transfer or streams of its own: it works in the CPU's memory. */

static OrtStatus *compatibility(OrtEpFactory *self, const OrtHardwareDevice *const *devices, size_t n, const char *info,
                                int *answer)
{
    (void)self;
    (void)devices;
    (void)n;
    (void)info;
    *answer = ORT_COMPILED_NOT_APPLICABLE;
    return NULL;
}

static OrtStatus *no_allocator(OrtEpFactory *self, const OrtMemoryInfo *memory, const OrtKeyValuePairs *options,
                               OrtAllocator **allocator)
{
    (void)self;
    (void)memory;
    (void)options;
    *allocator = NULL;
    return NULL;
}

static void release_allocator(OrtEpFactory *self, OrtAllocator *allocator)
{
    (void)self;
    (void)allocator;
}

static OrtStatus *no_transfer(OrtEpFactory *self, OrtDataTransferImpl **transfer)
{
    (void)self;
    *transfer = NULL;
    return NULL;
}

static bool is_stream_aware(const OrtEpFactory *self)
{
    (void)self;
    return false;
}

static OrtStatus *no_stream(OrtEpFactory *self, const OrtMemoryDevice *memory, const OrtKeyValuePairs *options,
                            OrtSyncStreamImpl **stream)
{
    (void)self;
    (void)memory;
    (void)options;
    *stream = NULL;
    return NULL;
}

OrtStatus *CreateEpFactories(const char *name, const OrtApiBase *base, const OrtLogger *logger,
                             OrtEpFactory **factories, size_t room, size_t *n)
{
    ort_api ort;
    (void)name;
    (void)logger;
    *n = 0;
    if (!ort_api_read(base, &ort)) { /* there is no table to make a status by, but its oldest part */
        const char *table = (const char *)base->GetApi(1);
        if (!table) return NULL;
        memcpy(&ort.CreateStatus, table, sizeof ort.CreateStatus);
        return ort.CreateStatus(ORT_CODE_NOT_IMPLEMENTED, "rnnpack: needs ONNX Runtime 1.23 or later");
    }
    factory *f = room > 0 ? calloc(1, sizeof *f) : NULL;
    if (!f) return ort.CreateStatus(ORT_CODE_FAIL, "rnnpack: no room for a factory");
    f->ort = ort;
    f->base = (OrtEpFactory){.ort_version_supported = ORT_API_OF,
                             .GetName = factory_name,
                             .GetVendor = factory_vendor,
                             .GetSupportedDevices = supported_devices,
                             .CreateEp = create_ep,
                             .ReleaseEp = release_ep,
                             .GetVendorId = factory_vendor_id,
                             .GetVersion = factory_version,
                             .ValidateCompiledModelCompatibilityInfo = compatibility,
                             .CreateAllocator = no_allocator,
                             .ReleaseAllocator = release_allocator,
                             .CreateDataTransfer = no_transfer,
                             .IsStreamAware = is_stream_aware,
                             .CreateSyncStreamForDevice = no_stream};
    factories[(*n)++] = &f->base;
    return NULL;
}

OrtStatus *ReleaseEpFactory(OrtEpFactory *made)
{
    free(made);
    return NULL;
}
