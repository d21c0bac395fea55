/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "json.h"
#include "rnnpack/packed.h"

typedef struct sizes {
    size_t batch, steps, plan_bytes, run_bytes;
    int run_asked;         /* the sizes were given, and are not our guess */
    char no_run[CLI_TEXT]; /* why the guess cannot be run; "" when it can */
    size_t weight_bytes;   /* packed weights that recurrent layers read each step */
    rnnp_packed_info packed;
} sizes;

static int measure(const cli_model *m, sizes *s)
{
    rnnp_status status = rnnp_plan_bytes(m->model, &m->options, &s->plan_bytes);
    if (status != RNNP_OK) return cli_fail_status(m->context, status);
    for (size_t i = 0; i < rnnp_model_node_count(m->model); i++) {
        rnnp_node_info node = {.struct_size = sizeof node};
        if (rnnp_model_node_info(m->model, i, &node) == RNNP_OK) s->weight_bytes += node.weight_bytes_per_step;
    }
    s->packed.struct_size = sizeof s->packed;
    if ((status = rnnp_model_packed_info(m->model, &s->packed)) != RNNP_OK) return cli_fail_status(m->context, status);
    cli_tensors t;
    int code = cli_tensors_create(&t, m->model);
    if (code == CLI_OK) code = cli_tensors_shape(&t, m->model, s->batch, s->steps);
    if (code == CLI_OK) {
        status = rnnp_run_bytes(m->plan, t.inputs, t.n_inputs, &s->run_bytes);
        if (status != RNNP_OK && s->run_asked)
            code = cli_fail_status(m->context, status);
        else if (status != RNNP_OK)
            snprintf(s->no_run, sizeof s->no_run, "%s", rnnp_last_error(m->context));
    }
    cli_tensors_destroy(&t);
    return code;
}

/* ---- Text -------------------------------------------------------------------------------------- */

typedef rnnp_status port_fn(const rnnp_model *model, size_t index, rnnp_port_info *port);

static void text_ports(const char *title, const rnnp_model *model, size_t n, port_fn *get)
{
    char shape[CLI_TEXT];
    rnnp_port_info p = {.struct_size = sizeof p};
    for (size_t i = 0; i < n; i++)
        if (get(model, i, &p) == RNNP_OK)
            printf("%-11s %s  %s %s\n", i ? "" : title, cli_plain(p.name), rnnp_dtype_name(p.dtype),
                   cli_shape_text(shape, sizeof shape, p.rank, p.shape, p.symbol));
}

static void text_node(const cli_model *m, size_t index)
{
    char shape[CLI_TEXT] = "", bytes[CLI_TEXT];
    rnnp_node_info node = {.struct_size = sizeof node};
    rnnp_port_info y = {.struct_size = sizeof y};
    if (rnnp_model_node_info(m->model, index, &node) != RNNP_OK) return;
    if (rnnp_model_node_output_info(m->model, index, 0, &y) == RNNP_OK)
        cli_shape_text(shape, sizeof shape, y.rank, y.shape, y.symbol);
    const char *const variant = rnnp_plan_node_variant(m->plan, index);
    printf("%4zu  %-20s %-24s %10zu  %10s  %s\n", index, cli_plain(node.op), shape, node.parameters,
           node.weight_bytes_per_step ? cli_bytes_text(bytes, sizeof bytes, (double)node.weight_bytes_per_step) : "-",
           variant ? variant : "-");
}

static void text_packed(const rnnp_packed_info *p)
{
    char whole[CLI_TEXT], data[CLI_TEXT], packed[CLI_TEXT];
    printf("%-11s version %zu, %s: original weights %s, packed %s in %zu blocks\n", "packed", p->version,
           cli_bytes_text(whole, sizeof whole, (double)p->file_bytes),
           cli_bytes_text(data, sizeof data, (double)p->data_bytes),
           cli_bytes_text(packed, sizeof packed, (double)p->packed_bytes), p->n_blocks);
}

static void text_blocks(const cli_model *m, const rnnp_packed_info *p)
{
    char bytes[CLI_TEXT];
    if (p->n_blocks) printf("\n%4s  %10s  %s\n", "node", "packed", "layout");
    for (size_t i = 0; i < p->n_blocks; i++) {
        rnnp_packed_block_info block = {.struct_size = sizeof block};
        if (rnnp_model_packed_block_info(m->model, i, &block) == RNNP_OK)
            printf("%4zu  %10s  %s\n", block.node, cli_bytes_text(bytes, sizeof bytes, (double)block.bytes),
                   cli_plain(block.layout));
    }
    for (size_t i = 0; p->version && i < rnnp_model_node_count(m->model); i++)
        if (rnnp_plan_node_place(m->plan, i) == RNNP_WEIGHTS_PLACE_PLAN)
            printf("note: node %zu is packed when it is planned: the file has no block for these kernels\n", i);
}

static void print_text(const cli_model *m, const char *path, const sizes *s)
{
    char plan[CLI_TEXT], run[CLI_TEXT], weights[CLI_TEXT];
    printf("%-11s %s\n", "model", cli_plain(path));
    text_ports("inputs", m->model, rnnp_model_input_count(m->model), rnnp_model_input_info);
    text_ports("outputs", m->model, rnnp_model_output_count(m->model), rnnp_model_output_info);
    printf("%-11s %zu\n", "parameters", rnnp_model_constant_elements(m->model));
    printf("%-11s %s read by recurrent layers each step\n", "weights",
           cli_bytes_text(weights, sizeof weights, (double)s->weight_bytes));
    printf("%-11s plan %s", "memory", cli_bytes_text(plan, sizeof plan, (double)s->plan_bytes));
    if (s->no_run[0])
        printf("; not run with batch %zu and %zu steps: %s\n", s->batch, s->steps, cli_plain(s->no_run));
    else
        printf(", run with batch %zu and %zu steps %s\n", s->batch, s->steps,
               cli_bytes_text(run, sizeof run, (double)s->run_bytes));
    if (s->packed.version) text_packed(&s->packed);
    printf("\n%4s  %-20s %-24s %10s  %10s  %s\n", "node", "operator", "output", "parameters", "bytes/step", "kernel");
    for (size_t i = 0; i < rnnp_model_node_count(m->model); i++) text_node(m, i);
    rnnp_node_info node = {.struct_size = sizeof node};
    for (size_t i = 0; i < rnnp_model_node_count(m->model); i++)
        if (rnnp_model_node_info(m->model, i, &node) == RNNP_OK && node.note)
            printf("note: node %zu %s '%s': %s\n", i, cli_plain(node.op), cli_plain(node.name), cli_plain(node.note));
    text_blocks(m, &s->packed);
}

/* ---- JSON -------------------------------------------------------------------------------------- */

static void json_port(json *j, const rnnp_port_info *p)
{
    json_object(j, NULL);
    json_string(j, "name", p->name);
    json_string(j, "dtype", rnnp_dtype_name(p->dtype));
    json_array(j, "shape");
    for (size_t d = 0; d < p->rank; d++) {
        if (p->shape[d] != RNNP_DYNAMIC)
            json_integer(j, NULL, p->shape[d]);
        else
            json_string(j, NULL, p->symbol[d]);
    }
    json_close(j);
    json_close(j);
}

static void json_ports(json *j, const char *key, const rnnp_model *model, size_t n, port_fn *get)
{
    json_array(j, key);
    rnnp_port_info p = {.struct_size = sizeof p};
    for (size_t i = 0; i < n; i++)
        if (get(model, i, &p) == RNNP_OK) json_port(j, &p);
    json_close(j);
}

typedef rnnp_status node_port_fn(const rnnp_model *model, size_t node, size_t index, rnnp_port_info *port);

static void json_node_ports(json *j, const char *key, const rnnp_model *model, size_t node, size_t n, node_port_fn *get)
{
    rnnp_port_info p = {.struct_size = sizeof p};
    json_array(j, key);
    for (size_t i = 0; i < n; i++) {
        if (get(model, node, i, &p) == RNNP_OK && *p.name)
            json_port(j, &p);
        else
            json_string(j, NULL, NULL);
    }
    json_close(j);
}

static void json_node(json *j, const cli_model *m, size_t index)
{
    static const char *const places[] = {NULL, "plan", "file"};
    rnnp_node_info node = {.struct_size = sizeof node};
    if (rnnp_model_node_info(m->model, index, &node) != RNNP_OK) return;
    json_object(j, NULL);
    json_string(j, "name", node.name);
    json_string(j, "op", node.op);
    json_node_ports(j, "inputs", m->model, index, node.n_inputs, rnnp_model_node_input_info);
    json_node_ports(j, "outputs", m->model, index, node.n_outputs, rnnp_model_node_output_info);
    json_size(j, "parameters", node.parameters);
    json_size(j, "weight_bytes_per_step", node.weight_bytes_per_step);
    json_string(j, "variant", rnnp_plan_node_variant(m->plan, index));
    json_string(j, "packed_weights", places[rnnp_plan_node_place(m->plan, index)]);
    json_string(j, "note", node.note);
    json_close(j);
}

static void json_packed(json *j, const cli_model *m, const rnnp_packed_info *p)
{
    json_object(j, "packed");
    json_size(j, "version", p->version);
    json_size(j, "file_bytes", p->file_bytes);
    json_size(j, "graph_bytes", p->graph_bytes);
    json_size(j, "data_bytes", p->data_bytes);
    json_size(j, "packed_bytes", p->packed_bytes);
    json_array(j, "blocks");
    for (size_t i = 0; i < p->n_blocks; i++) {
        rnnp_packed_block_info block = {.struct_size = sizeof block};
        if (rnnp_model_packed_block_info(m->model, i, &block) != RNNP_OK) continue;
        json_object(j, NULL);
        json_size(j, "node", block.node);
        json_size(j, "bytes", block.bytes);
        json_string(j, "layout", block.layout);
        json_close(j);
    }
    json_close(j);
    json_close(j);
}

static void print_json(const cli_model *m, const char *path, const sizes *s)
{
    json j = {0};
    json_object(&j, NULL);
    json_string(&j, "model", path);
    json_ports(&j, "inputs", m->model, rnnp_model_input_count(m->model), rnnp_model_input_info);
    json_ports(&j, "outputs", m->model, rnnp_model_output_count(m->model), rnnp_model_output_info);
    json_size(&j, "parameters", rnnp_model_constant_elements(m->model));
    json_size(&j, "weight_bytes_per_step", s->weight_bytes);
    json_size(&j, "plan_bytes", s->plan_bytes);
    if (!s->no_run[0]) {
        json_object(&j, "run");
        json_size(&j, "batch", s->batch);
        json_size(&j, "steps", s->steps);
        json_size(&j, "bytes", s->run_bytes);
        json_close(&j);
    } else {
        json_string(&j, "run", NULL);
        json_string(&j, "no_run", s->no_run);
    }
    if (s->packed.version)
        json_packed(&j, m, &s->packed);
    else
        json_string(&j, "packed", NULL);
    json_array(&j, "nodes");
    for (size_t i = 0; i < rnnp_model_node_count(m->model); i++) json_node(&j, m, i);
    json_close(&j);
    json_close(&j);
}

int cli_inspect(int argc, char **argv)
{
    cli_host host = {.threads = 1};
    enum { GUESS_BATCH = 1, GUESS_STEPS = 100 };
    sizes s = {.batch = SIZE_MAX, .steps = SIZE_MAX};
    int as_json = 0;
    const arg_option options[] = {
        {"--batch", "B", "size of dynamic dimensions named batch, N or B (default 1)", ARG_SIZE, &s.batch},
        {"--steps", "T", "size of all other dynamic dimensions (default 100)", ARG_SIZE, &s.steps},
        CLI_HOST_OPTIONS(host),
        CLI_JSON_OPTION(as_json),
    };
    const arg_command command = {
        "inspect", "MODEL",
        "Shows the inputs, outputs, nodes, weights and memory of an ONNX or packed model, and\n"
        "the kernels that are chosen for it on this CPU.",
        options, sizeof options / sizeof options[0]};
    const char *path;
    const args_result parsed = args_parse(&command, argc, argv, &path);
    if (parsed != ARGS_OK) return parsed == ARGS_DONE ? CLI_OK : CLI_USAGE;

    s.run_asked = s.batch != SIZE_MAX || s.steps != SIZE_MAX;
    s.batch = s.batch == SIZE_MAX ? GUESS_BATCH : s.batch;
    s.steps = s.steps == SIZE_MAX ? GUESS_STEPS : s.steps;
    if (s.batch == 0 || s.steps == 0) {
        cli_fail("--batch and --steps must be at least 1");
        return CLI_USAGE;
    }
    cli_model m;
    int code = cli_model_open(&m, &host, path);
    if (code == CLI_OK) code = measure(&m, &s);
    if (code == CLI_OK) (as_json ? print_json : print_text)(&m, path, &s);
    cli_model_close(&m);
    return code;
}
