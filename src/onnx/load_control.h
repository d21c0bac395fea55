/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RNNP_ONNX_LOAD_CONTROL_H
#define RNNP_ONNX_LOAD_CONTROL_H

#include "scope.h"

/* RNNP_ERR_UNSUPPORTED for a name that stands for no value of the model (names.h). */
rnnp_status loader_whole_value(loader *l, const name_entry *e, const char *name);

/* Once the nodes of both branches are there: the node that joins their results. */
rnnp_status loader_if(loader *l, rnnp_model *model, const scope *s, const scope_node *at, const Onnx__NodeProto *p,
                      const char *name);

/* A node that is not supported, as the latest error says, counts where its results do: it may be on the side of an If
 * that is not taken. */
rnnp_status loader_unsupported(loader *l, rnnp_model *model, const scope *s, const Onnx__NodeProto *p,
                               const char *name);

/* Loop and Scan: what comes before the nodes of the body, and gives its inputs values; and what comes behind them. */
rnnp_status loader_begin_loop(loader *l, rnnp_model *model, const scope *s, scope_node *at, const Onnx__NodeProto *p,
                              const char *name);
rnnp_status loader_end_loop(loader *l, rnnp_model *model, const scope *s, const scope_node *at,
                            const Onnx__NodeProto *p, const char *name);

#endif
