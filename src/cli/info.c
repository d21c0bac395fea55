/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "json.h"

/* The table is walked once per op, so that the variants of an op stand together. */
static int first_of_op(const rnnp_context *context, size_t index, rnnp_variant_info *v)
{
    if (rnnp_context_variant_info(context, index, v) != RNNP_OK) return -1;
    rnnp_variant_info earlier = {.struct_size = sizeof earlier};
    for (size_t i = 0; i < index; i++)
        if (rnnp_context_variant_info(context, i, &earlier) == RNNP_OK && strcmp(earlier.op, v->op) == 0) return 0;
    return 1;
}

static void print_variant(const rnnp_variant_info *v)
{
    printf("  %c %-40s %s%s\n", v->chosen ? '*' : ' ', v->name, v->isa, v->usable ? "" : " (not usable here)");
}

static void print_kernels(const rnnp_context *context)
{
    rnnp_variant_info v = {.struct_size = sizeof v};
    int first;

    printf("kernels, * chosen\n");
    for (size_t i = 0; (first = first_of_op(context, i, &v)) >= 0; i++) {
        if (!first) continue;
        printf("%s\n", v.op);
        const char *const op = v.op;
        for (size_t k = i; rnnp_context_variant_info(context, k, &v) == RNNP_OK; k++)
            if (strcmp(v.op, op) == 0) print_variant(&v);
    }
}

/* How many kernels each instruction set has, and the names of those that do most of the work. */
static void print_summary(const rnnp_context *context)
{
    rnnp_variant_info v = {.struct_size = sizeof v};

    printf("kernels  ");
    for (size_t isa = 0, listed = 0; rnnp_isa_name(isa); isa++) {
        size_t all = 0, chosen = 0;

        for (size_t i = 0; rnnp_context_variant_info(context, i, &v) == RNNP_OK; i++) {
            all += strcmp(v.isa, rnnp_isa_name(isa)) == 0;
            chosen += v.chosen && strcmp(v.isa, rnnp_isa_name(isa)) == 0;
        }
        if (all) printf("%s %s %zu, %zu chosen", listed++ ? ";" : "", rnnp_isa_name(isa), all, chosen);
    }
    printf(" (--kernels lists them)\n");
    for (size_t i = 0; rnnp_context_variant_info(context, i, &v) == RNNP_OK; i++)
        if (v.chosen && (strstr(v.op, "_step") || strcmp(v.op, "gemm") == 0)) printf("  %s\n", v.name);
}

static void print_text(const rnnp_context *context, const rnnp_host_info *h, int kernels)
{
    char l1[CLI_TEXT], l2[CLI_TEXT], l3[CLI_TEXT];
    printf("version   %s\n", rnnp_version());
    printf("CPU       %s (%s family %u model %u stepping %u)\n", *h->brand ? cli_plain(h->brand) : "unknown",
           *h->vendor ? cli_plain(h->vendor) : "unknown vendor", h->family, h->model, h->stepping);
    printf("ISA       %s: %s\n", h->isa, h->isa_reason);
    printf("features ");
    for (size_t bit = 0; rnnp_feature_name(bit); bit++)
        if (h->features >> bit & 1) printf(" %s", rnnp_feature_name(bit));
    printf("\ncaches    L1d %s, L2 %s (%zu CPUs), L3 %s (%zu CPUs), lines of %zu B\n",
           cli_bytes_text(l1, sizeof l1, (double)h->l1d_bytes), cli_bytes_text(l2, sizeof l2, (double)h->l2_bytes),
           h->l2_sharers, cli_bytes_text(l3, sizeof l3, (double)h->l3_bytes), h->l3_sharers, h->line_bytes);
    printf("cores     %zu cores, %zu CPUs, of which this process may use %zu (from %s)\n", h->cores, h->cpus, h->budget,
           h->topology);
    printf("threads   %zu\n", h->threads);
    (kernels ? print_kernels : print_summary)(context);
}

static void print_json(const rnnp_context *context, const rnnp_host_info *h)
{
    json j = {0};
    json_object(&j, NULL);
    json_string(&j, "version", rnnp_version());
    json_object(&j, "cpu");
    json_string(&j, "vendor", h->vendor);
    json_string(&j, "brand", h->brand);
    json_size(&j, "family", h->family);
    json_size(&j, "model", h->model);
    json_size(&j, "stepping", h->stepping);
    json_array(&j, "features");
    for (size_t bit = 0; rnnp_feature_name(bit); bit++)
        if (h->features >> bit & 1) json_string(&j, NULL, rnnp_feature_name(bit));
    json_close(&j);
    json_close(&j);
    json_string(&j, "isa", h->isa);
    json_string(&j, "isa_reason", h->isa_reason);
    json_object(&j, "topology");
    json_string(&j, "source", h->topology);
    json_size(&j, "l1d_bytes", h->l1d_bytes);
    json_size(&j, "l2_bytes", h->l2_bytes);
    json_size(&j, "l2_sharers", h->l2_sharers);
    json_size(&j, "l3_bytes", h->l3_bytes);
    json_size(&j, "l3_sharers", h->l3_sharers);
    json_size(&j, "line_bytes", h->line_bytes);
    json_size(&j, "cores", h->cores);
    json_size(&j, "cpus", h->cpus);
    json_size(&j, "budget", h->budget);
    json_close(&j);
    json_size(&j, "threads", h->threads);
    json_array(&j, "variants");
    rnnp_variant_info v = {.struct_size = sizeof v};
    for (size_t i = 0; rnnp_context_variant_info(context, i, &v) == RNNP_OK; i++) {
        json_object(&j, NULL);
        json_string(&j, "op", v.op);
        json_string(&j, "name", v.name);
        json_string(&j, "isa", v.isa);
        json_bool(&j, "usable", v.usable);
        json_bool(&j, "chosen", v.chosen);
        json_close(&j);
    }
    json_close(&j);
    json_close(&j);
}

int cli_info(int argc, char **argv)
{
    cli_host host = {.threads = 1};
    int as_json = 0, kernels = 0;
    const arg_option options[] = {
        {"--kernels", NULL, "list all kernels, and which are chosen (--json always does)", ARG_FLAG, &kernels},
        {"--threads", "N", "size of the team; 0 takes the CPU budget (default 1)", ARG_SIZE, &host.threads},
        CLI_ISA_OPTION(host.isa),
        CLI_JSON_OPTION(as_json),
    };
    const arg_command command = {"info", NULL, "Shows what this CPU offers and which kernels are chosen on it.",
                                 options, sizeof options / sizeof options[0]};
    const args_result parsed = args_parse(&command, argc, argv, NULL);
    if (parsed != ARGS_OK) return parsed == ARGS_DONE ? CLI_OK : CLI_USAGE;

    rnnp_context *context = NULL;
    const int code = cli_context(&host, &context);
    if (code != CLI_OK) return code;
    rnnp_host_info info = {.struct_size = sizeof info};
    const rnnp_status status = rnnp_context_host(context, &info);
    if (status == RNNP_OK && as_json)
        print_json(context, &info);
    else if (status == RNNP_OK)
        print_text(context, &info, kernels);
    const int result = status == RNNP_OK ? CLI_OK : cli_fail_status(context, status);
    rnnp_context_destroy(context);
    return result;
}
