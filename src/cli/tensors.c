/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void *cli_tensor_alloc(const rnnp_tensor *tensor)
{
    return cli_alloc(rnnp_tensor_elements(tensor), rnnp_dtype_bytes(tensor->dtype));
}

void cli_tensors_create(cli_tensors *t, const rnnp_model *model)
{
    *t = (cli_tensors){.n_inputs = rnnp_model_input_count(model), .n_outputs = rnnp_model_output_count(model)};
    t->inputs = cli_alloc(t->n_inputs, sizeof *t->inputs);
    t->outputs = cli_alloc(t->n_outputs, sizeof *t->outputs);
}

void cli_tensors_destroy(cli_tensors *t)
{
    for (size_t i = 0; t->inputs && i < t->n_inputs; i++) free(t->inputs[i].data);
    for (size_t i = 0; t->outputs && i < t->n_outputs; i++) free(t->outputs[i].data);
    free(t->inputs);
    free(t->outputs);
}

/* "batch", "batch_size", "Batch", "N", "b": what exporters call the batch. */
int cli_names_batch(const char *symbol)
{
    char lower[6] = "";
    for (size_t i = 0; symbol && symbol[i] && i < 5; i++) lower[i] = (char)tolower((unsigned char)symbol[i]);
    return strcmp(lower, "batch") == 0 || strcmp(lower, "n") == 0 || strcmp(lower, "b") == 0;
}

void cli_tensors_shape(cli_tensors *t, const rnnp_model *model, size_t batch, size_t steps)
{
    for (size_t i = 0; i < t->n_inputs; i++) {
        rnnp_port_info port = {.struct_size = sizeof port};
        rnnp_model_input_info(model, i, &port);
        t->inputs[i].dtype = port.dtype;
        t->inputs[i].rank = port.rank;
        for (size_t d = 0; d < port.rank; d++) {
            const size_t size = cli_names_batch(port.symbol[d]) ? batch : steps;
            t->inputs[i].shape[d] = port.shape[d] != RNNP_DYNAMIC ? port.shape[d] : (int64_t)size;
        }
    }
}

static int is_recurrent(const char *op)
{
    return 0
#define RNNP_CELL(cell, ...) || strcmp(op, #cell) == 0
#include "../../kernels/cells.def"
        ;
}

/* Does a recurrent layer read this input, cast or not, as how many steps are valid? Then all shall be. */
static int is_lengths(const rnnp_model *model, const char *name)
{
    enum { ONNX_SEQUENCE_LENS = 4 };
    for (size_t i = 0; i < rnnp_model_node_count(model); i++) {
        rnnp_node_info node = {.struct_size = sizeof node};
        rnnp_port_info port = {.struct_size = sizeof port};
        if (rnnp_model_node_info(model, i, &node) != RNNP_OK) continue;
        const int cast = strcmp(node.op, "Cast") == 0;
        const int recurrent = is_recurrent(node.op);
        if (!cast && !recurrent) continue;
        if (rnnp_model_node_input_info(model, i, cast ? 0 : ONNX_SEQUENCE_LENS, &port) != RNNP_OK ||
            strcmp(port.name, name) != 0)
            continue;
        if (recurrent) return 1;
        if (rnnp_model_node_output_info(model, i, 0, &port) == RNNP_OK) name = port.name;
    }
    return 0;
}

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Floats in [-1, 1); integers 0 and 1, which every embedding table has. */
static void fill(const rnnp_tensor *tensor, uint32_t *state, int32_t length)
{
    const size_t n = rnnp_tensor_elements(tensor);
    for (size_t i = 0; i < n; i++) {
        const uint32_t r = next_random(state);
        switch (tensor->dtype) {
        case RNNP_DTYPE_F32: ((float *)tensor->data)[i] = (float)(int32_t)r * 0x1p-31f; break;
        case RNNP_DTYPE_F64: ((double *)tensor->data)[i] = (double)(int32_t)r * 0x1p-31; break;
        case RNNP_DTYPE_I32: ((int32_t *)tensor->data)[i] = length >= 0 ? length : (int32_t)(r >> 31); break;
        case RNNP_DTYPE_I64: ((int64_t *)tensor->data)[i] = length >= 0 ? length : (int64_t)(r >> 31); break;
        case RNNP_DTYPE_BOOL:
        case RNNP_DTYPE_U8: ((uint8_t *)tensor->data)[i] = (uint8_t)(r >> 31); break;
        case RNNP_DTYPE_F16:
        case RNNP_DTYPE_BF16:
        case RNNP_DTYPE_I8: break; /* of constants alone */
        }
    }
}

void cli_tensors_fill(cli_tensors *t, const rnnp_model *model)
{
    int32_t steps = 0;
    t->random = 1;
    for (size_t i = 0; i < t->n_inputs; i++) {
        rnnp_port_info port = {.struct_size = sizeof port};
        rnnp_model_input_info(model, i, &port);
        t->inputs[i].data = cli_tensor_alloc(&t->inputs[i]);
        for (size_t d = 0; i == 0 && d < port.rank && d < 2 && !steps; d++) /* the sequence: batch and steps */
            if (!cli_names_batch(port.symbol[d]) && t->inputs[0].shape[d] <= INT32_MAX)
                steps = (int32_t)t->inputs[0].shape[d];
        fill(&t->inputs[i], &t->random, is_lengths(model, port.name) ? steps : -1);
    }
}

void cli_tensors_refill(cli_tensors *t)
{
    for (size_t i = 0; i < t->n_inputs; i++)
        if (t->inputs[i].dtype == RNNP_DTYPE_F32) fill(&t->inputs[i], &t->random, -1);
}

int cli_tensors_outputs(cli_tensors *t, const cli_model *m, const rnnp_run *run)
{
    for (size_t i = 0; i < t->n_outputs; i++) {
        TRY(cli_status(m->context, rnnp_run_output(run, i, &t->outputs[i])));
        t->outputs[i].data = cli_tensor_alloc(&t->outputs[i]);
    }
    return CLI_OK;
}
