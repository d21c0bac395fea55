/* SPDX-License-Identifier: Apache-2.0
 *
 * What the execution provider uses of ONNX Runtime's C ABI, which is stable: its tables of functions only grow at their
 * ends, so a function is known by its place, and structs of callbacks say for which version they were made. Debian has
 * no headers of ONNX Runtime, and npm's package has none either. With -DRNNP_ORT_INCLUDE=DIR the build compares all of
 * this with the headers there (api_check.c).
 *
 * Names are ONNX Runtime's own; onnxruntime_c_api.h and onnxruntime_ep_c_api.h describe them.
 */
#ifndef RNNP_ORT_API_H
#define RNNP_ORT_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Execution providers can be libraries since 1.23. */
enum { ORT_API_OF = 23 };

typedef struct OrtAllocator OrtAllocator;
typedef struct OrtDataTransferImpl OrtDataTransferImpl;
typedef struct OrtEnv OrtEnv;
typedef struct OrtEpDevice OrtEpDevice;
typedef struct OrtEpGraphSupportInfo OrtEpGraphSupportInfo;
typedef struct OrtGraph OrtGraph;
typedef struct OrtHardwareDevice OrtHardwareDevice;
typedef struct OrtKernelContext OrtKernelContext;
typedef struct OrtKeyValuePairs OrtKeyValuePairs;
typedef struct OrtLogger OrtLogger;
typedef struct OrtMemoryDevice OrtMemoryDevice;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtNode OrtNode;
typedef struct OrtNodeComputeContext OrtNodeComputeContext;
typedef struct OrtOpAttr OrtOpAttr;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtStatus OrtStatus;
typedef struct OrtSyncStreamImpl OrtSyncStreamImpl;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtValue OrtValue;
typedef struct OrtValueInfo OrtValueInfo;

enum { ORT_CODE_FAIL = 1, ORT_CODE_INVALID_ARGUMENT = 2, ORT_CODE_NOT_IMPLEMENTED = 9, ORT_CODE_INVALID_GRAPH = 10 };
enum { ORT_LOG_INFO = 1, ORT_LOG_WARNING = 2, ORT_LOG_FATAL = 4 };
enum { ORT_TYPE_TENSOR = 1 };
enum { ORT_HARDWARE_CPU = 0 };
enum { ORT_COMPILED_NOT_APPLICABLE = 0 };
/* Of tensors' elements: ONNX's numbers. */
enum { ORT_FLOAT = 1, ORT_INT32 = 6, ORT_INT64 = 7 };
enum { ORT_ATTR_INT = 1, ORT_ATTR_INTS, ORT_ATTR_FLOAT, ORT_ATTR_FLOATS, ORT_ATTR_STRING, ORT_ATTR_STRINGS };

/* ---- Tables of functions: place, result, name, arguments ---- */

/* Of OrtEpApi. */
#define ORT_EP_FUNCTIONS(F)                                                                                \
    F(0, OrtStatus *, CreateEpDevice,                                                                      \
      (struct OrtEpFactory * factory, const OrtHardwareDevice *hardware, const OrtKeyValuePairs *metadata, \
       const OrtKeyValuePairs *options, OrtEpDevice **device))                                             \
    F(2, OrtStatus *, EpGraphSupportInfo_AddNodesToFuse,                                                   \
      (OrtEpGraphSupportInfo * info, const OrtNode *const *nodes, size_t n,                                \
       const struct OrtNodeFusionOptions *options))

/* Of OrtApi, for a provider. */
#define ORT_FUNCTIONS(F)                                                                                            \
    F(0, OrtStatus *, CreateStatus, (int code, const char *message))                                                \
    F(2, const char *, GetErrorMessage, (const OrtStatus *status))                                                  \
    F(51, OrtStatus *, GetTensorMutableData, (OrtValue * value, void **data))                                       \
    F(55, OrtStatus *, CastTypeInfoToTensorInfo, (const OrtTypeInfo *type, const OrtTensorTypeAndShapeInfo **info)) \
    F(56, OrtStatus *, GetOnnxTypeFromTypeInfo, (const OrtTypeInfo *type, int *onnx_type))                          \
    F(60, OrtStatus *, GetTensorElementType, (const OrtTensorTypeAndShapeInfo *info, int *type))                    \
    F(61, OrtStatus *, GetDimensionsCount, (const OrtTensorTypeAndShapeInfo *info, size_t *rank))                   \
    F(62, OrtStatus *, GetDimensions, (const OrtTensorTypeAndShapeInfo *info, int64_t *shape, size_t rank))         \
    F(65, OrtStatus *, GetTensorTypeAndShape, (const OrtValue *value, OrtTensorTypeAndShapeInfo **info))            \
    F(90, OrtStatus *, KernelContext_GetInput, (const OrtKernelContext *context, size_t i, const OrtValue **value)) \
    F(91, OrtStatus *, KernelContext_GetOutput,                                                                     \
      (OrtKernelContext * context, size_t i, const int64_t *shape, size_t rank, OrtValue **value))                  \
    F(93, void, ReleaseStatus, (OrtStatus * status))                                                                \
    F(99, void, ReleaseTensorTypeAndShapeInfo, (OrtTensorTypeAndShapeInfo * info))                                  \
    F(237, OrtStatus *, HasSessionConfigEntry, (const OrtSessionOptions *options, const char *key, int *has))       \
    F(238, OrtStatus *, GetSessionConfigEntry,                                                                      \
      (const OrtSessionOptions *options, const char *key, char *value, size_t *size))                               \
    F(247, OrtStatus *, Logger_LogMessage,                                                                          \
      (const OrtLogger *logger, int level, const char *message, const char *file, int line, const char *function))  \
    F(272, OrtStatus *, ReadOpAttr, (const OrtOpAttr *attr, int type, void *data, size_t room, size_t *size))       \
    F(289, OrtStatus *, GetValueInfoName, (const OrtValueInfo *value, const char **name))                           \
    F(290, OrtStatus *, GetValueInfoTypeInfo, (const OrtValueInfo *value, const OrtTypeInfo **type))                \
    F(307, int, HardwareDevice_Type, (const OrtHardwareDevice *device))                                             \
    F(317, const void *, GetEpApi, (void))                                                                          \
    F(323, OrtStatus *, ValueInfo_GetValueProducer,                                                                 \
      (const OrtValueInfo *value, const OrtNode **producer, size_t *output))                                        \
    F(324, OrtStatus *, ValueInfo_GetValueNumConsumers, (const OrtValueInfo *value, size_t *n))                     \
    F(326, OrtStatus *, ValueInfo_GetInitializerValue, (const OrtValueInfo *value, const OrtValue **initializer))   \
    F(331, OrtStatus *, ValueInfo_IsConstantInitializer, (const OrtValueInfo *value, bool *is_constant))            \
    F(344, OrtStatus *, Graph_GetNumNodes, (const OrtGraph *graph, size_t *n))                                      \
    F(345, OrtStatus *, Graph_GetNodes, (const OrtGraph *graph, const OrtNode **nodes, size_t n))                   \
    F(349, OrtStatus *, Node_GetName, (const OrtNode *node, const char **name))                                     \
    F(350, OrtStatus *, Node_GetOperatorType, (const OrtNode *node, const char **type))                             \
    F(351, OrtStatus *, Node_GetDomain, (const OrtNode *node, const char **domain))                                 \
    F(352, OrtStatus *, Node_GetSinceVersion, (const OrtNode *node, int *version))                                  \
    F(353, OrtStatus *, Node_GetNumInputs, (const OrtNode *node, size_t *n))                                        \
    F(354, OrtStatus *, Node_GetInputs, (const OrtNode *node, const OrtValueInfo **values, size_t n))               \
    F(355, OrtStatus *, Node_GetNumOutputs, (const OrtNode *node, size_t *n))                                       \
    F(356, OrtStatus *, Node_GetOutputs, (const OrtNode *node, const OrtValueInfo **values, size_t n))              \
    F(357, OrtStatus *, Node_GetNumImplicitInputs, (const OrtNode *node, size_t *n))                                \
    F(358, OrtStatus *, Node_GetImplicitInputs, (const OrtNode *node, const OrtValueInfo **values, size_t n))       \
    F(359, OrtStatus *, Node_GetNumAttributes, (const OrtNode *node, size_t *n))                                    \
    F(360, OrtStatus *, Node_GetAttributes, (const OrtNode *node, const OrtOpAttr **attributes, size_t n))          \
    F(363, OrtStatus *, OpAttr_GetType, (const OrtOpAttr *attr, int *type))                                         \
    F(364, OrtStatus *, OpAttr_GetName, (const OrtOpAttr *attr, const char **name))

/* Of OrtApi, for a program that runs models. */
#define ORT_HOST_FUNCTIONS(F)                                                                                     \
    F(3, OrtStatus *, CreateEnv, (int log_level, const char *name, OrtEnv **env))                                 \
    F(7, OrtStatus *, CreateSession,                                                                              \
      (const OrtEnv *env, const char *path, const OrtSessionOptions *options, OrtSession **session))              \
    F(9, OrtStatus *, Run,                                                                                        \
      (OrtSession * session, const OrtRunOptions *options, const char *const *input_names,                        \
       const OrtValue *const *inputs, size_t n_inputs, const char *const *output_names, size_t n_outputs,         \
       OrtValue **outputs))                                                                                       \
    F(10, OrtStatus *, CreateSessionOptions, (OrtSessionOptions * *options))                                      \
    F(23, OrtStatus *, SetSessionGraphOptimizationLevel, (OrtSessionOptions * options, int level))                \
    F(24, OrtStatus *, SetIntraOpNumThreads, (OrtSessionOptions * options, int threads))                          \
    F(25, OrtStatus *, SetInterOpNumThreads, (OrtSessionOptions * options, int threads))                          \
    F(31, OrtStatus *, SessionGetOutputCount, (const OrtSession *session, size_t *n))                             \
    F(49, OrtStatus *, CreateTensorWithDataAsOrtValue,                                                            \
      (const OrtMemoryInfo *info, void *data, size_t bytes, const int64_t *shape, size_t rank, int type,          \
       OrtValue **value))                                                                                         \
    F(69, OrtStatus *, CreateCpuMemoryInfo, (int allocator_type, int memory_type, OrtMemoryInfo **info))          \
    F(92, void, ReleaseEnv, (OrtEnv * env))                                                                       \
    F(94, void, ReleaseMemoryInfo, (OrtMemoryInfo * info))                                                        \
    F(95, void, ReleaseSession, (OrtSession * session))                                                           \
    F(96, void, ReleaseValue, (OrtValue * value))                                                                 \
    F(100, void, ReleaseSessionOptions, (OrtSessionOptions * options))                                            \
    F(130, OrtStatus *, AddSessionConfigEntry, (OrtSessionOptions * options, const char *key, const char *value)) \
    F(301, OrtStatus *, RegisterExecutionProviderLibrary, (OrtEnv * env, const char *name, const char *path))     \
    F(302, OrtStatus *, UnregisterExecutionProviderLibrary, (OrtEnv * env, const char *name))                     \
    F(303, OrtStatus *, GetEpDevices, (const OrtEnv *env, const OrtEpDevice *const **devices, size_t *n))         \
    F(304, OrtStatus *, SessionOptionsAppendExecutionProvider_V2,                                                 \
      (OrtSessionOptions * options, OrtEnv * env, const OrtEpDevice *const *devices, size_t n,                    \
       const char *const *keys, const char *const *values, size_t n_options))                                     \
    F(312, const char *, EpDevice_EpName, (const OrtEpDevice *device))

/* ---- Structs of callbacks ---- */

typedef struct OrtNodeFusionOptions {
    uint32_t ort_version_supported;
    bool drop_constant_initializers;
} OrtNodeFusionOptions;

typedef struct OrtNodeComputeInfo OrtNodeComputeInfo;
struct OrtNodeComputeInfo {
    uint32_t ort_version_supported;
    OrtStatus *(*CreateState)(OrtNodeComputeInfo *self, OrtNodeComputeContext *context, void **state);
    OrtStatus *(*Compute)(OrtNodeComputeInfo *self, void *state, OrtKernelContext *context);
    void (*ReleaseState)(OrtNodeComputeInfo *self, void *state);
};

typedef void (*ort_unused)(void);

/* Functions that 1.24 and later added lie behind; they are not looked for in a struct of 1.23. */
typedef struct OrtEp OrtEp;
struct OrtEp {
    uint32_t ort_version_supported;
    const char *(*GetName)(const OrtEp *self);
    OrtStatus *(*GetCapability)(OrtEp *self, const OrtGraph *graph, OrtEpGraphSupportInfo *info);
    OrtStatus *(*Compile)(OrtEp *self, const OrtGraph **graphs, const OrtNode **fused, size_t n,
                          OrtNodeComputeInfo **infos, OrtNode **context_nodes);
    void (*ReleaseNodeComputeInfos)(OrtEp *self, OrtNodeComputeInfo **infos, size_t n);
    ort_unused optional[8]; /* GetPreferredDataLayout to GetCompiledModelCompatibilityInfo */
};

typedef struct OrtEpFactory OrtEpFactory;
struct OrtEpFactory {
    uint32_t ort_version_supported;
    const char *(*GetName)(const OrtEpFactory *self);
    const char *(*GetVendor)(const OrtEpFactory *self);
    OrtStatus *(*GetSupportedDevices)(OrtEpFactory *self, const OrtHardwareDevice *const *devices, size_t n,
                                      OrtEpDevice **ep_devices, size_t room, size_t *n_ep_devices);
    OrtStatus *(*CreateEp)(OrtEpFactory *self, const OrtHardwareDevice *const *devices,
                           const OrtKeyValuePairs *const *metadata, size_t n, const OrtSessionOptions *options,
                           const OrtLogger *logger, OrtEp **ep);
    void (*ReleaseEp)(OrtEpFactory *self, OrtEp *ep);
    uint32_t (*GetVendorId)(const OrtEpFactory *self);
    const char *(*GetVersion)(const OrtEpFactory *self);
    OrtStatus *(*ValidateCompiledModelCompatibilityInfo)(OrtEpFactory *self, const OrtHardwareDevice *const *devices,
                                                         size_t n, const char *info, int *compatibility);
    OrtStatus *(*CreateAllocator)(OrtEpFactory *self, const OrtMemoryInfo *memory, const OrtKeyValuePairs *options,
                                  OrtAllocator **allocator);
    void (*ReleaseAllocator)(OrtEpFactory *self, OrtAllocator *allocator);
    OrtStatus *(*CreateDataTransfer)(OrtEpFactory *self, OrtDataTransferImpl **transfer);
    bool (*IsStreamAware)(const OrtEpFactory *self);
    OrtStatus *(*CreateSyncStreamForDevice)(OrtEpFactory *self, const OrtMemoryDevice *memory,
                                            const OrtKeyValuePairs *options, OrtSyncStreamImpl **stream);
};

/* ---- Access ---- */

typedef struct OrtApiBase {
    const void *(*GetApi)(uint32_t version);
    const char *(*GetVersionString)(void);
} OrtApiBase;

#define ORT_MEMBER(at, result, name, arguments) result(*name) arguments;
/* An entry of a table has the size of a pointer to a function, whatever the function's type. */
#define ORT_READ(at, result, name, arguments) memcpy(&api->name, table + (at) * sizeof api->name, sizeof api->name);

typedef struct ort_api {
    ORT_FUNCTIONS(ORT_MEMBER)
    ORT_EP_FUNCTIONS(ORT_MEMBER)
} ort_api;

/* The functions of a runtime of 1.23 or later; returns 0 for an older one. */
static inline int ort_api_read(const OrtApiBase *base, ort_api *api)
{
    const char *table = (const char *)base->GetApi(ORT_API_OF);
    if (!table) return 0;
    ORT_FUNCTIONS(ORT_READ)
    table = (const char *)api->GetEpApi();
    if (!table) return 0;
    ORT_EP_FUNCTIONS(ORT_READ)
    return 1;
}

#endif
