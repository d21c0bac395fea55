/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack explain: which kernels and schedules a model's recurrent and dense layers get here, and why.
 */
#include "rnnpack/tune.h"

#include "cli.h"
#include "json.h"

#include <stdio.h>

typedef struct question {
    const char *path;
    size_t batch, steps;
    int as_json;
} question;

static const char *match_text(rnnp_match match)
{
    return match == RNNP_MATCH_EXACT ? "exact" : match == RNNP_MATCH_NEAREST ? "nearest" : "none";
}

static void print_stack(const rnnp_explanation *e)
{
    if (e->stack_layers == 0) return;
    printf("  stack     of %zu layers: %s%s\n", e->stack_layers, *e->stack_choice ? e->stack_choice : "by rule",
           e->stack_match == RNNP_MATCH_NONE      ? "; no record"
           : e->stack_match == RNNP_MATCH_NEAREST ? "; nearest"
                                                  : "");
}

static void print_text(const rnnp_node_info *node, const rnnp_explanation *e)
{
    printf("%s %s\n  kernel    %s\n", cli_plain(node->op), cli_plain(node->name), e->variant);
    print_stack(e);
    if (e->match == RNNP_MATCH_NONE) {
        printf("  record    none: %s\n", *e->reason ? e->reason : "no tuning records are in use");
        return;
    }
    printf("  untuned   %s\n  record    %s, %s: batch %llu, steps %llu%s%s\n  choice    %s\n", e->usual,
           match_text(e->match), e->source, (unsigned long long)e->batch, (unsigned long long)e->steps,
           *e->reason ? "; " : "", e->reason, *e->choice ? e->choice : "(the default)");
    if (e->ns) printf("  measured  %.2f us, untuned %.2f us\n", 1e-3 * (double)e->ns, 1e-3 * (double)e->default_ns);
}

static void print_json(json *j, const rnnp_node_info *node, const rnnp_explanation *e)
{
    json_object(j, NULL);
    json_string(j, "op", node->op);
    json_string(j, "name", node->name);
    json_string(j, "kernel", e->variant);
    json_string(j, "untuned", e->usual);
    json_string(j, "match", match_text(e->match));
    json_string(j, "source", e->source);
    json_string(j, "choice", e->choice);
    json_string(j, "reason", e->reason);
    json_size(j, "ns", e->ns);
    json_size(j, "untuned_ns", e->default_ns);
    if (e->stack_layers) {
        json_object(j, "stack");
        json_size(j, "layers", e->stack_layers);
        json_string(j, "match", match_text(e->stack_match));
        json_string(j, "choice", e->stack_choice);
        json_string(j, "reason", e->stack_reason);
        json_close(j);
    }
    json_close(j);
}

static void print_passed(void *user, const char *file, const char *reason)
{
    (void)user;
    printf("          %s is ignored: %s\n", cli_plain(file), reason);
}

static void json_passed(void *user, const char *file, const char *reason)
{
    json *j = user;

    json_object(j, NULL);
    json_string(j, "file", file);
    json_string(j, "reason", reason);
    json_close(j);
}

static int explain(const question *q, const cli_model *m, const char *records)
{
    json j = {0};
    size_t layers = 0;

    if (q->as_json) {
        json_object(&j, NULL);
        json_string(&j, "model", q->path);
        json_string(&j, "records", m->records_file);
        json_array(&j, "ignored");
        cli_records_passed(records, json_passed, &j);
        json_close(&j);
        json_array(&j, "layers");
    } else {
        printf("records   %s\n", *m->records_file ? cli_plain(m->records_file) : "no file");
        cli_records_passed(records, print_passed, NULL);
    }
    for (size_t n = 0; n < rnnp_model_node_count(m->model); n++) {
        rnnp_node_info node = {.struct_size = sizeof node};
        rnnp_explanation e = {.struct_size = sizeof e};

        rnnp_model_node_info(m->model, n, &node);
        const rnnp_status status = rnnp_plan_explain(m->plan, n, q->batch, q->steps, &e);
        if (status == RNNP_ERR_ARG) continue; /* a node that is not tuned */
        if (status != RNNP_OK) return cli_fail_status(m->context, status);
        layers++;
        if (q->as_json)
            print_json(&j, &node, &e);
        else
            print_text(&node, &e);
    }
    if (q->as_json) {
        json_close(&j);
        json_close(&j);
    } else if (layers == 0) {
        printf("no layer that is tuned\n");
    }
    return CLI_OK;
}

int cli_explain(int argc, char **argv)
{
    cli_host host = {.threads = 1, .tells_records = 1};
    question q = {.batch = 1, .steps = 1};
    const arg_option options[] = {
        {"--batch", "B", "rows that run together (default 1)", ARG_SIZE, &q.batch},
        {"--steps", "T", "time steps of a call (default 1, a stream)", ARG_SIZE, &q.steps},
        CLI_HOST_OPTIONS(host),
        CLI_JSON_OPTION(q.as_json),
    };
    const arg_command command = {
        "explain", "MODEL",
        "Tells for each recurrent and dense layer of a model which tuning record is used, or why\n"
        "none, and what would be chosen without it.",
        options, sizeof options / sizeof options[0]};
    const args_result parsed = args_parse(&command, argc, argv, &q.path);

    if (parsed != ARGS_OK) return parsed == ARGS_DONE ? CLI_OK : CLI_USAGE;
    if (q.batch == 0 || q.steps == 0) {
        cli_fail("--batch and --steps must be at least 1");
        return CLI_USAGE;
    }
    cli_model m;
    host.batch = q.batch;
    host.steps = q.steps;
    int code = cli_model_open(&m, &host, q.path);
    if (code == CLI_OK) code = explain(&q, &m, host.records);
    cli_model_close(&m);
    return code;
}
