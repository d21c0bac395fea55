/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack explain: which kernels and schedules a model's recurrent and dense layers get here, and why.
 */
#include "rnnpack/tune.h"

#include "model.h"

#include <stdio.h>

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
    json_put(j, TEXT("op", node->op), TEXT("name", node->name), TEXT("kernel", e->variant), TEXT("untuned", e->usual),
             TEXT("match", match_text(e->match)), TEXT("source", e->source), TEXT("choice", e->choice),
             TEXT("reason", e->reason), INT("ns", e->ns), INT("untuned_ns", e->default_ns));
    if (e->stack_layers) {
        json_flat(j, "stack", INT("layers", e->stack_layers), TEXT("match", match_text(e->stack_match)),
                  TEXT("choice", e->stack_choice), TEXT("reason", e->stack_reason));
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
    json_flat(user, NULL, TEXT("file", file), TEXT("reason", reason));
}

static int explain(const cli_call *call, const cli_model *m)
{
    json j = {0};
    size_t layers = 0;
    if (call->json) {
        json_object(&j, NULL);
        json_put(&j, TEXT("model", m->path), TEXT("records", m->records_file));
        json_array(&j, "ignored");
        cli_records_passed(call->records, json_passed, &j);
        json_close(&j);
        json_array(&j, "layers");
    } else {
        printf("records   %s\n", *m->records_file ? cli_plain(m->records_file) : "no file");
        cli_records_passed(call->records, print_passed, NULL);
    }
    for (size_t n = 0; n < rnnp_model_node_count(m->model); n++) {
        rnnp_node_info node = {.struct_size = sizeof node};
        rnnp_explanation e = {.struct_size = sizeof e};
        rnnp_model_node_info(m->model, n, &node);
        const rnnp_status status = rnnp_plan_explain(m->plan, n, call->batch, call->steps, &e);
        if (status == RNNP_ERR_ARG) continue; /* a node that is not tuned */
        TRY(cli_status(m->context, status));
        layers++;
        if (call->json)
            print_json(&j, &node, &e);
        else
            print_text(&node, &e);
    }
    if (call->json) {
        json_close(&j);
        json_close(&j);
    } else if (layers == 0) {
        printf("the model has no layer that can be tuned\n");
    }
    return CLI_OK;
}

int cli_explain(const cli_call *call)
{
    AUTO_MODEL m = {0};
    TRY(cli_model_open(&m, call, CLI_KEEP_QUIET));
    return explain(call, &m);
}
