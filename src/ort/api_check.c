/* SPDX-License-Identifier: Apache-2.0
 *
 * Comparisons of api.h with ONNX Runtime's headers, for a build that is given them (RNNP_ORT_INCLUDE); nothing of it
 * runs. Both declare the same names, so api.h's structs get others here.
 */
#define OrtApiBase own_OrtApiBase
#define OrtEp own_OrtEp
#define OrtEpFactory own_OrtEpFactory
#define OrtNodeComputeInfo own_OrtNodeComputeInfo
#define OrtNodeFusionOptions own_OrtNodeFusionOptions
#include "api.h"
#undef OrtApiBase
#undef OrtEp
#undef OrtEpFactory
#undef OrtNodeComputeInfo
#undef OrtNodeFusionOptions

#include <onnxruntime_c_api.h>

#define PLACE(table, at, name) \
    _Static_assert(offsetof(table, name) == (at) * sizeof(ort_unused), #name " has another place");
#define IN_API(at, result, name, arguments) PLACE(OrtApi, at, name)
#define IN_EP_API(at, result, name, arguments) PLACE(OrtEpApi, at, name)
ORT_FUNCTIONS(IN_API)
ORT_HOST_FUNCTIONS(IN_API)
ORT_EP_FUNCTIONS(IN_EP_API)

#define SAME(type, name) \
    _Static_assert(offsetof(type, name) == offsetof(own_##type, name), #type "." #name " has another place");
SAME(OrtApiBase, GetVersionString)
SAME(OrtNodeFusionOptions, drop_constant_initializers)
SAME(OrtNodeComputeInfo, CreateState)
SAME(OrtNodeComputeInfo, Compute)
SAME(OrtNodeComputeInfo, ReleaseState)
SAME(OrtEp, GetName)
SAME(OrtEp, GetCapability)
SAME(OrtEp, Compile)
SAME(OrtEp, ReleaseNodeComputeInfos)
_Static_assert(offsetof(OrtEp, GetPreferredDataLayout) == offsetof(own_OrtEp, optional), "the first optional function");
_Static_assert(offsetof(OrtEp, GetKernelRegistry) == sizeof(own_OrtEp), "the first function since 1.24");
SAME(OrtEpFactory, GetName)
SAME(OrtEpFactory, GetVendor)
SAME(OrtEpFactory, GetSupportedDevices)
SAME(OrtEpFactory, CreateEp)
SAME(OrtEpFactory, ReleaseEp)
SAME(OrtEpFactory, GetVendorId)
SAME(OrtEpFactory, GetVersion)
SAME(OrtEpFactory, ValidateCompiledModelCompatibilityInfo)
SAME(OrtEpFactory, CreateAllocator)
SAME(OrtEpFactory, ReleaseAllocator)
SAME(OrtEpFactory, CreateDataTransfer)
SAME(OrtEpFactory, IsStreamAware)
SAME(OrtEpFactory, CreateSyncStreamForDevice)

#define VALUE(own, theirs) _Static_assert((int)(own) == (int)(theirs), #theirs " has another value");
VALUE(ORT_CODE_FAIL, ORT_FAIL)
VALUE(ORT_CODE_INVALID_ARGUMENT, ORT_INVALID_ARGUMENT)
VALUE(ORT_CODE_NOT_IMPLEMENTED, ORT_NOT_IMPLEMENTED)
VALUE(ORT_CODE_INVALID_GRAPH, ORT_INVALID_GRAPH)
VALUE(ORT_LOG_INFO, ORT_LOGGING_LEVEL_INFO)
VALUE(ORT_LOG_WARNING, ORT_LOGGING_LEVEL_WARNING)
VALUE(ORT_LOG_FATAL, ORT_LOGGING_LEVEL_FATAL)
VALUE(ORT_TYPE_TENSOR, ONNX_TYPE_TENSOR)
VALUE(ORT_HARDWARE_CPU, OrtHardwareDeviceType_CPU)
VALUE(ORT_COMPILED_NOT_APPLICABLE, OrtCompiledModelCompatibility_EP_NOT_APPLICABLE)
VALUE(ORT_FLOAT, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT)
VALUE(ORT_INT32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32)
VALUE(ORT_INT64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64)
VALUE(ORT_ATTR_INT, ORT_OP_ATTR_INT)
VALUE(ORT_ATTR_INTS, ORT_OP_ATTR_INTS)
VALUE(ORT_ATTR_FLOAT, ORT_OP_ATTR_FLOAT)
VALUE(ORT_ATTR_FLOATS, ORT_OP_ATTR_FLOATS)
VALUE(ORT_ATTR_STRING, ORT_OP_ATTR_STRING)
VALUE(ORT_ATTR_STRINGS, ORT_OP_ATTR_STRINGS)
