/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

/* The table has a folder's variants together; here those of an op are. */
static void print_kernels(const rnnp_context *context)
{
    rnnp_variant_info v = {.struct_size = sizeof v}, other = v;
    printf("kernels, * chosen\n");
    for (size_t i = 0; rnnp_context_variant_info(context, i, &v) == RNNP_OK; i++) {
        size_t first = 0;
        while (rnnp_context_variant_info(context, first, &other) == RNNP_OK && strcmp(other.op, v.op) != 0) first++;
        if (first == i) printf("%s\n", v.op);
        for (size_t k = i; first == i && rnnp_context_variant_info(context, k, &other) == RNNP_OK; k++)
            if (strcmp(other.op, v.op) == 0)
                printf("  %c %-40s %s%s\n", other.chosen ? '*' : ' ', other.name, other.isa,
                       other.usable ? "" : " (not usable here)");
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
    printf("version   %s\n", rnnp_version());
    printf("CPU       %s (%s family %u model %u stepping %u)\n", *h->brand ? cli_plain(h->brand) : "unknown",
           *h->vendor ? cli_plain(h->vendor) : "unknown vendor", h->family, h->model, h->stepping);
    printf("ISA       %s: %s\n", h->isa, h->isa_reason);
    printf("features ");
    for (size_t bit = 0; rnnp_feature_name(bit); bit++)
        if (h->features >> bit & 1) printf(" %s", rnnp_feature_name(bit));
    printf("\ncaches    L1d %s, L2 %s (%zu CPUs), L3 %s (%zu CPUs), lines of %zu B\n", cli_bytes((double)h->l1d_bytes),
           cli_bytes((double)h->l2_bytes), h->l2_sharers, cli_bytes((double)h->l3_bytes), h->l3_sharers, h->line_bytes);
    printf("cores     %zu cores, %zu CPUs, of which this process may use %zu (from %s)\n", h->cores, h->cpus, h->budget,
           h->topology);
    printf("threads   %zu\n", h->threads);
    (kernels ? print_kernels : print_summary)(context);
}

static void print_json(const rnnp_context *context, const rnnp_host_info *h)
{
    rnnp_variant_info v = {.struct_size = sizeof v};
    json j = {0};
    json_object(&j, NULL);
    json_put(&j, TEXT("version", rnnp_version()));
    json_object(&j, "cpu");
    json_put(&j, TEXT("vendor", h->vendor), TEXT("brand", h->brand), INT("family", h->family), INT("model", h->model),
             INT("stepping", h->stepping));
    json_array(&j, "features");
    for (size_t bit = 0; rnnp_feature_name(bit); bit++)
        if (h->features >> bit & 1) json_put(&j, TEXT(NULL, rnnp_feature_name(bit)));
    json_close(&j);
    json_close(&j);
    json_put(&j, TEXT("isa", h->isa), TEXT("isa_reason", h->isa_reason));
    json_flat(&j, "topology", TEXT("source", h->topology), INT("l1d_bytes", h->l1d_bytes), INT("l2_bytes", h->l2_bytes),
              INT("l2_sharers", h->l2_sharers), INT("l3_bytes", h->l3_bytes), INT("l3_sharers", h->l3_sharers),
              INT("line_bytes", h->line_bytes), INT("cores", h->cores), INT("cpus", h->cpus), INT("budget", h->budget));
    json_put(&j, INT("threads", h->threads));
    json_array(&j, "variants");
    for (size_t i = 0; rnnp_context_variant_info(context, i, &v) == RNNP_OK; i++) {
        json_flat(&j, NULL, TEXT("op", v.op), TEXT("name", v.name), TEXT("isa", v.isa), BOOL("usable", v.usable),
                  BOOL("chosen", v.chosen));
    }
    json_end(&j);
}

int cli_info(const cli_call *call)
{
    rnnp_host_info info = {.struct_size = sizeof info};
    AUTO(context) *context = NULL;
    TRY(cli_context(call->threads, call->isa, &context));
    TRY(cli_status(context, rnnp_context_host(context, &info)));
    if (call->json)
        print_json(context, &info);
    else
        print_text(context, &info, call->kernels);
    return CLI_OK;
}
