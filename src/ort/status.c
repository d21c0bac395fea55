/* SPDX-License-Identifier: Apache-2.0 */
#include "ep.h"

OrtStatus *rnnp_ort_no_memory(const rnnp_ort_ep *ep) { return ep->ort->CreateStatus(ORT_CODE_FAIL, "out of memory"); }

OrtStatus *rnnp_ort_status(const rnnp_ort_ep *ep, rnnp_status status)
{
    int code = ORT_CODE_FAIL;
    switch (status) {
    case RNNP_OK: return NULL;
    case RNNP_ERR_ARG:
    case RNNP_ERR_SHAPE:
    case RNNP_ERR_TYPE: code = ORT_CODE_INVALID_ARGUMENT; break;
    case RNNP_ERR_UNSUPPORTED:
    case RNNP_ERR_LIMIT: code = ORT_CODE_NOT_IMPLEMENTED; break;
    case RNNP_ERR_FORMAT: code = ORT_CODE_INVALID_GRAPH; break;
    case RNNP_ERR_MEMORY:
    case RNNP_ERR_IO:
    case RNNP_ERR_STATE: break;
    }
    const char *sentence = rnnp_last_error(ep->context);
    return ep->ort->CreateStatus(code, *sentence ? sentence : rnnp_status_string(status));
}

void rnnp_ort_log(const rnnp_ort_ep *ep, int severity, const char *message)
{
    if (!ep->logger) return;
    OrtStatus *status = ep->ort->Logger_LogMessage(ep->logger, severity, message, "rnnpack", 0, "rnnpack");
    if (status) ep->ort->ReleaseStatus(status);
}
