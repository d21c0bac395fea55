/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "model.h"
#ifdef RNNP_CLI_TRAIN
#include "train/decider.h"
#endif

typedef struct sizes {
    size_t plan_bytes, run_bytes;
    size_t multiple;     /* of time steps, that a stream takes */
    char no_run[256];    /* why a model cannot run with default sizes; "" when it can */
    char no_stream[256]; /* the same of a stream */
    rnnp_packed_info packed;
#ifdef RNNP_CLI_TRAIN
    decider decided;
#endif
} sizes;

/* Outputs that a stream may carry to inputs; *n of them, to be freed. */
static rnnp_carried *find_carried(const rnnp_model *model, size_t *n)
{
    rnnp_carried *found = cli_alloc(rnnp_model_input_count(model), sizeof *found);
    if (rnnp_model_find_carried(model, found, rnnp_model_input_count(model), n) != RNNP_OK) *n = 0;
    return found;
}

static void measure_stream(const cli_call *call, const cli_model *m, sizes *s)
{
    rnnp_stream_options options;
    rnnp_stream_options_init(&options);
    FREED rnnp_carried *found = find_carried(m->model, &options.n_carried);
    options.carried = found;
    options.batch = call->batch;
    if (rnnp_stream_multiple(m->plan, &options, &s->multiple) != RNNP_OK)
        snprintf(s->no_stream, sizeof s->no_stream, "%s", rnnp_last_error(m->context));
}

static int measure(const cli_call *call, const cli_model *m, sizes *s)
{
    AUTO_TENSORS t = {0};
    TRY(cli_status(m->context, rnnp_plan_bytes(m->model, &m->options, &s->plan_bytes)));
    s->packed.struct_size = sizeof s->packed;
    TRY(cli_status(m->context, rnnp_model_packed_info(m->model, &s->packed)));
    cli_tensors_create(&t, m->model);
    cli_tensors_shape(&t, m->model, call->batch, call->steps);
    const rnnp_status status = rnnp_run_bytes(m->plan, t.inputs, t.n_inputs, &s->run_bytes);
    if (cli_given(call, "--batch") || cli_given(call, "--steps")) return cli_status(m->context, status);
    if (status != RNNP_OK) snprintf(s->no_run, sizeof s->no_run, "%s", rnnp_last_error(m->context));
    return CLI_OK;
}

/* ---- Metadata: what a producer noted, and in words what rnnpack train did (train/recipe.h) ---- */

/* Each line of a text, the first one behind a title. */
static void text_lines(const char *title, const char *text)
{
    for (const char *at = text; at && *at; at += *at == '\n') {
        const size_t n = strcspn(at, "\n");
        FREED char *line = cli_copy(at);
        line[n] = '\0';
        printf("%-11s %s\n", at == text ? title : "", cli_plain(line));
        at += n;
    }
}

static void text_metadata(const rnnp_model *model)
{
    static const char *const told[][2] = {
        {"data", "rnnpack.data"}, {"columns", "rnnpack.columns"}, {"classes", "rnnpack.classes"}};
    const char *key, *value;
    for (size_t i = 0; rnnp_model_metadata_get(model, i, &key, &value) == RNNP_OK; i++)
        if (strncmp(key, "rnnpack.", 8) != 0) printf("%-11s %s: %s\n", "metadata", cli_plain(key), cli_plain(value));
    for (size_t i = 0; i < COUNT(told); i++) text_lines(told[i][0], rnnp_model_metadata_find(model, told[i][1]));
}

static void json_metadata(json *j, const rnnp_model *model)
{
    const char *key, *value;
    json_array(j, "metadata");
    for (size_t i = 0; rnnp_model_metadata_get(model, i, &key, &value) == RNNP_OK; i++)
        json_flat(j, NULL, TEXT("key", key), TEXT("value", value));
    json_close(j);
}

#ifdef RNNP_CLI_TRAIN
static void text_decider(const decider *d)
{
    char text[DECIDER_TEXT];
    if (decider_calibration_text(d, text)) printf("%-11s %s\n", "calibrated", cli_plain(text));
    if (decider_threshold_text(d, text)) printf("%-11s %s\n", "threshold", cli_plain(text));
}

static void json_decider(json *j, const decider *d)
{
    char calibration[DECIDER_TEXT], threshold[DECIDER_TEXT];
    json_put(j, TEXT("calibrated", decider_calibration_text(d, calibration)),
             TEXT("threshold", decider_threshold_text(d, threshold)));
}
#endif

/* ---- Text -------------------------------------------------------------------------------------- */

static void text_ports(const char *title, const rnnp_model *model, size_t n, port_fn *get)
{
    rnnp_port_info p = {.struct_size = sizeof p};
    for (size_t i = 0; i < n; i++)
        if (get(model, i, &p) == RNNP_OK)
            printf("%-11s %s  %s %s\n", i ? "" : title, cli_plain(p.name), rnnp_dtype_name(p.dtype),
                   cli_shape(p.rank, p.shape, p.symbol));
}

static void text_carried(const rnnp_model *model)
{
    size_t n;
    FREED rnnp_carried *found = find_carried(model, &n);
    for (size_t i = 0; i < n; i++)
        printf("%-11s %s=%s\n", i ? "" : "carry", cli_plain(found[i].input), cli_plain(found[i].output));
}

/* Of the weights that a kernel reads; "-" for a node that has no kernel of its own. */
static const char *format_of(const rnnp_node_info *node, const char *variant)
{
    return variant ? rnnp_weights_name(node->weights) : "-";
}

static void text_node(const cli_model *m, size_t index)
{
    rnnp_node_info node = {.struct_size = sizeof node};
    rnnp_port_info y = {.struct_size = sizeof y};
    if (rnnp_model_node_info(m->model, index, &node) != RNNP_OK) return;
    const int has_output = rnnp_model_node_output_info(m->model, index, 0, &y) == RNNP_OK;
    const char *const variant = rnnp_plan_node_variant(m->plan, index);
    printf("%4zu  %-20s %-24s %10zu  %-7s  %10s  %s\n", index, cli_plain(node.op),
           has_output ? cli_shape(y.rank, y.shape, y.symbol) : "", node.parameters, format_of(&node, variant),
           node.weight_bytes_per_step ? cli_bytes((double)node.weight_bytes_per_step) : "-", variant ? variant : "-");
}

static void text_blocks(const cli_model *m, const rnnp_packed_info *p)
{
    if (p->n_blocks) printf("\n%4s  %10s  %s\n", "node", "packed", "layout");
    for (size_t i = 0; i < p->n_blocks; i++) {
        rnnp_packed_block_info block = {.struct_size = sizeof block};
        if (rnnp_model_packed_block_info(m->model, i, &block) == RNNP_OK)
            printf("%4zu  %10s  %s\n", block.node, cli_bytes((double)block.bytes), cli_plain(block.layout));
    }
    for (size_t i = 0; p->version && i < rnnp_model_node_count(m->model); i++)
        if (rnnp_plan_node_place(m->plan, i) == RNNP_WEIGHTS_PLACE_PLAN)
            printf("note: node %zu is packed when it is planned: the file has no block for these kernels\n", i);
}

static void print_text(const cli_call *call, const cli_model *m, const sizes *s)
{
    const rnnp_packed_info *const p = &s->packed;
    rnnp_node_info node = {.struct_size = sizeof node};
    printf("%-11s %s\n", "model", cli_plain(m->path));
    text_ports("inputs", m->model, rnnp_model_input_count(m->model), rnnp_model_input_info);
    text_ports("outputs", m->model, rnnp_model_output_count(m->model), rnnp_model_output_info);
    text_carried(m->model);
    printf("%-11s %zu\n", "parameters", rnnp_model_constant_elements(m->model));
    printf("%-11s %s read by recurrent layers in each step\n", "weights", cli_bytes((double)m->weight_bytes));
    printf("%-11s plan %s", "memory", cli_bytes((double)s->plan_bytes));
    if (s->no_run[0])
        printf("; cannot run with batch %zu and %zu steps: %s\n", call->batch, call->steps, cli_plain(s->no_run));
    else
        printf(", run with batch %zu and %zu steps %s\n", call->batch, call->steps, cli_bytes((double)s->run_bytes));
    if (s->no_stream[0])
        printf("%-11s not possible: %s\n", "stream", cli_plain(s->no_stream));
    else
        printf("%-11s takes %zu time step%s in a call, or a multiple\n", "stream", s->multiple,
               s->multiple == 1 ? "" : "s");
    if (p->version)
        printf("%-11s version %zu, %s: original weights %s, packed %s in %zu blocks\n", "packed", p->version,
               cli_bytes((double)p->file_bytes), cli_bytes((double)p->data_bytes), cli_bytes((double)p->packed_bytes),
               p->n_blocks);
    text_metadata(m->model);
#ifdef RNNP_CLI_TRAIN
    text_decider(&s->decided);
#endif
    printf("\n%4s  %-20s %-24s %10s  %-7s  %10s  %s\n", "node", "operator", "output", "parameters", "weights",
           "bytes/step", "kernel");
    for (size_t i = 0; i < rnnp_model_node_count(m->model); i++) text_node(m, i);
    for (size_t i = 0; i < rnnp_model_node_count(m->model); i++)
        if (rnnp_model_node_info(m->model, i, &node) == RNNP_OK && node.note)
            printf("note: node %zu %s '%s': %s\n", i, cli_plain(node.op), cli_plain(node.name), cli_plain(node.note));
    text_blocks(m, p);
}

/* ---- JSON -------------------------------------------------------------------------------------- */

static void json_port(json *j, const rnnp_port_info *p)
{
    json_object(j, NULL);
    json_put(j, TEXT("name", p->name), TEXT("dtype", rnnp_dtype_name(p->dtype)));
    json_array(j, "shape");
    for (size_t d = 0; d < p->rank; d++)
        json_put(j, p->shape[d] != RNNP_DYNAMIC ? INT(NULL, p->shape[d]) : TEXT(NULL, p->symbol[d]));
    json_close(j);
    json_close(j);
}

static void json_ports(json *j, const char *key, const rnnp_model *model, size_t n, port_fn *get)
{
    rnnp_port_info p = {.struct_size = sizeof p};
    json_array(j, key);
    for (size_t i = 0; i < n; i++)
        if (get(model, i, &p) == RNNP_OK) json_port(j, &p);
    json_close(j);
}

static void json_carried(json *j, const rnnp_model *model)
{
    size_t n;
    FREED rnnp_carried *found = find_carried(model, &n);
    json_array(j, "carry");
    for (size_t i = 0; i < n; i++) json_flat(j, NULL, TEXT("input", found[i].input), TEXT("output", found[i].output));
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
            json_put(j, TEXT(NULL, NULL));
    }
    json_close(j);
}

static void json_node(json *j, const cli_model *m, size_t index)
{
    static const char *const places[] = {NULL, "plan", "file"};
    rnnp_node_info node = {.struct_size = sizeof node};
    if (rnnp_model_node_info(m->model, index, &node) != RNNP_OK) return;
    json_object(j, NULL);
    json_put(j, TEXT("name", node.name), TEXT("op", node.op));
    json_node_ports(j, "inputs", m->model, index, node.n_inputs, rnnp_model_node_input_info);
    json_node_ports(j, "outputs", m->model, index, node.n_outputs, rnnp_model_node_output_info);
    const char *const variant = rnnp_plan_node_variant(m->plan, index);
    json_put(j, INT("parameters", node.parameters), TEXT("weights", variant ? rnnp_weights_name(node.weights) : NULL),
             INT("weight_bytes_per_step", node.weight_bytes_per_step), TEXT("variant", variant),
             TEXT("packed_weights", places[rnnp_plan_node_place(m->plan, index)]), TEXT("note", node.note));
    json_close(j);
}

static void json_packed(json *j, const cli_model *m, const rnnp_packed_info *p)
{
    json_object(j, "packed");
    json_put(j, INT("version", p->version), INT("file_bytes", p->file_bytes), INT("graph_bytes", p->graph_bytes),
             INT("data_bytes", p->data_bytes), INT("packed_bytes", p->packed_bytes));
    json_array(j, "blocks");
    for (size_t i = 0; i < p->n_blocks; i++) {
        rnnp_packed_block_info block = {.struct_size = sizeof block};
        if (rnnp_model_packed_block_info(m->model, i, &block) != RNNP_OK) continue;
        json_flat(j, NULL, INT("node", block.node), INT("bytes", block.bytes), TEXT("layout", block.layout));
    }
    json_close(j);
    json_close(j);
}

static void print_json(const cli_call *call, const cli_model *m, const sizes *s)
{
    json j = {0};
    json_object(&j, NULL);
    json_put(&j, TEXT("model", m->path));
    json_ports(&j, "inputs", m->model, rnnp_model_input_count(m->model), rnnp_model_input_info);
    json_ports(&j, "outputs", m->model, rnnp_model_output_count(m->model), rnnp_model_output_info);
    json_carried(&j, m->model);
    json_put(&j, INT("parameters", rnnp_model_constant_elements(m->model)),
             INT("weight_bytes_per_step", m->weight_bytes), INT("plan_bytes", s->plan_bytes));
    if (!s->no_run[0]) {
        json_flat(&j, "run", INT("batch", call->batch), INT("steps", call->steps), INT("bytes", s->run_bytes));
    } else {
        json_put(&j, TEXT("run", NULL), TEXT("no_run", s->no_run));
    }
    if (s->no_stream[0])
        json_put(&j, TEXT("stream", NULL), TEXT("no_stream", s->no_stream));
    else
        json_flat(&j, "stream", INT("multiple", s->multiple));
    if (s->packed.version)
        json_packed(&j, m, &s->packed);
    else
        json_put(&j, TEXT("packed", NULL));
    json_metadata(&j, m->model);
#ifdef RNNP_CLI_TRAIN
    json_decider(&j, &s->decided);
#endif
    json_array(&j, "nodes");
    for (size_t i = 0; i < rnnp_model_node_count(m->model); i++) json_node(&j, m, i);
    json_end(&j);
}

int cli_inspect(const cli_call *call)
{
    cli_call planned = *call;
    AUTO_MODEL m = {0};
    sizes s = {0};
    planned.batch = planned.steps = 0; /* the sizes are those of a run; a plan expects any */
    TRY(cli_model_open(&m, &planned, 0));
    TRY(measure(call, &m, &s));
    measure_stream(call, &m, &s);
#ifdef RNNP_CLI_TRAIN
    const int code = decider_read(m.model, m.path, &s.decided);
    if (code == CLI_OK) (call->json ? print_json : print_text)(call, &m, &s);
    decider_free(&s.decided);
    return code;
#else
    (call->json ? print_json : print_text)(call, &m, &s);
    return CLI_OK;
#endif
}
