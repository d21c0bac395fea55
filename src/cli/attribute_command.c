/* SPDX-License-Identifier: Apache-2.0 */
#include "attribute.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Options ---- */

/* A list whose parts are not empty. */
static int check_list(const char *option, const char *list)
{
    const size_t n = strlen(list);
    return n && list[0] != ',' && list[n - 1] != ',' && !strstr(list, ",,")
               ? CLI_OK
               : cli_misuse("%s: '%s' has an empty part", option, list);
}

static int name_channels(reasons *r, const char *list)
{
    FREED char *copy = cli_copy(list);
    size_t room = 0;
    for (size_t i = 0; r->channels && i < r->n_channels; i++) free(r->channels[i]);
    r->n_channels = 0;
    for (char *word = strtok(copy, ","); word; word = strtok(NULL, ",")) {
        cli_grow(&r->channels, &room, r->n_channels + 1, sizeof *r->channels);
        r->channels[r->n_channels++] = cli_copy(word);
    }
    return r->n_channels == r->axes[r->main].channels
               ? CLI_OK
               : cli_fail("--channels has %zu names, the input %zu channels", r->n_channels, r->axes[r->main].channels);
}

static int ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

static int read_methods(reasons *r, const char *list)
{
    static const char *const names[ATTRIBUTE_METHODS] = {"integrated", "gradient", "occlusion"};
    FREED char *copy = cli_copy(list);
    for (char *word = strtok(copy, ","); word; word = strtok(NULL, ",")) {
        size_t m = 0;
        while (m < ATTRIBUTE_METHODS && strcmp(word, names[m]) != 0) m++;
        if (m == ATTRIBUTE_METHODS)
            return cli_misuse("--methods: '%s' is none of integrated, gradient, occlusion", word);
        for (size_t k = 0; k < r->n_methods; k++)
            if (r->method[k] == (rnnp_attribution_method)m) return cli_misuse("--methods: %s stands there twice", word);
        r->method[r->n_methods++] = (rnnp_attribution_method)m;
    }
    return r->n_methods ? CLI_OK : cli_misuse("--methods names no method");
}

static int read_score(const char *name, rnnp_score *score)
{
    static const char *const names[] = {"output", "logit", "probability"};
    for (size_t k = 0; k < COUNT(names); k++)
        if (strcmp(name, names[k]) == 0) {
            *score = (rnnp_score)k;
            return CLI_OK;
        }
    return cli_misuse("--score needs output, logit or probability, not '%s'", name);
}

static int read_target(const reasons *r, const char *text, size_t *target)
{
    *target = RNNP_TARGET_LARGEST;
    if (!text) return CLI_OK;
    for (size_t k = 0; k < r->n_classes; k++)
        if (strcmp(r->classes[k], text) == 0) {
            *target = k;
            return CLI_OK;
        }
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    *target = (size_t)number;
    if (text[0] < '0' || text[0] > '9' || *end || errno || number >= SIZE_MAX)
        return cli_fail("--target: '%s' is no number%s", text, r->classes ? " and no class of the data" : "");
    return CLI_OK;
}

/* ---- The command ---- */

static int run_method(reasons *r, size_t m, const cli_call *call, size_t *targets)
{
    AUTO(attribution) *attribution = NULL;
    rnnp_attribution_options o;
    rnnp_attribution_options_init(&o);
    o.method = r->method[m];
    TRY(read_score(call->score, &o.score));
    TRY(cli_math(call->math, &o.math));
    o.batch = r->batch;
    o.points = call->points == SIZE_MAX ? 0 : call->points;
    o.tolerance = r->tolerance;
    o.window = call->window == SIZE_MAX ? 0 : call->window;
    o.time_axis = r->time_axis;
    const rnnp_status status = rnnp_attribution_create(r->model, &o, &attribution);
    if (status == RNNP_ERR_UNSUPPORTED && o.method != RNNP_ATTRIBUTION_OCCLUSION)
        return cli_fail("%s (--methods occlusion needs no gradients)", rnnp_last_error(r->context));
    TRY(cli_status(r->context, status));
    r->a[m] = cli_alloc(r->t.n_inputs, sizeof *r->a[m]);
    r->found[m] = cli_alloc(r->rows, sizeof *r->found[m]);
    for (size_t i = 0; i < r->t.n_inputs; i++)
        if (r->axes[i].attributed) r->a[m][i].data = cli_tensor_alloc(&r->t.inputs[i]);
    rnnp_attribution_batch batch;
    rnnp_attribution_batch_init(&batch);
    batch.inputs = r->t.inputs;
    batch.n_inputs = r->t.n_inputs;
    batch.baselines = r->baselines;
    batch.targets = targets;
    batch.attributions = r->a[m];
    batch.rows = r->found[m];
    TRY(cli_status(r->context, rnnp_attribution_run(attribution, &batch)));
    for (size_t k = 0; k < r->rows; k++) targets[k] = r->found[m][k].target;
    return CLI_OK;
}

static double share(const rnnp_attribution_row *row)
{
    const double difference = row->score - row->baseline_score;
    return difference != 0 ? fabs(row->residual / difference) : fabs(row->residual) > row->rounding ? INFINITY : 0;
}

/* Reasons that do not add up are no reasons. */
static int check_complete(const reasons *r)
{
    for (size_t m = 0; m < r->n_methods; m++)
        for (size_t k = 0; r->method[m] == RNNP_ATTRIBUTION_INTEGRATED && k < r->rows; k++) {
            const rnnp_attribution_row *row = &r->found[m][k];
            if (!row->complete)
                return cli_fail("%s: with %zu points the attributions sum up to %g, but the score differs from the "
                                "baseline's by %g (residual %.3g %%, allowed %g %%): give more --points, or a larger "
                                "--tolerance",
                                reasons_row(r, k), row->points, row->sum, row->score - row->baseline_score,
                                100 * share(row), 100 * r->tolerance);
        }
    return CLI_OK;
}

static void print_rows(const reasons *r)
{
    for (size_t k = 0; k < r->rows; k++) {
        const rnnp_attribution_row *row = &r->found[0][k];
        printf("%s: %s of %s %.6g, baseline %.6g", cli_plain(reasons_row(r, k)), r->score,
               cli_plain(reasons_class(r, row->target)), row->score, row->baseline_score);
        for (size_t m = 0; m < r->n_methods; m++) {
            const rnnp_attribution_row *of = &r->found[m][k];
            printf("; %s sums up to %.6g", reasons_method(r->method[m]), of->sum);
            if (r->method[m] == RNNP_ATTRIBUTION_INTEGRATED)
                printf(" (residual %.2g %%, %zu points)", 100 * share(of), of->points);
        }
        putchar('\n');
    }
}

typedef struct channel_line {
    size_t channel;
    double magnitude;
} channel_line;

static int by_magnitude(const void *a, const void *b)
{
    const channel_line *x = a, *y = b;
    if (x->magnitude != y->magnitude) return x->magnitude < y->magnitude ? 1 : -1;
    return x->channel > y->channel ? 1 : -1;
}

/* Means over the rows, the largest first. */
static void print_channels(const reasons *r)
{
    enum { MOST = 20 };
    const size_t n = r->axes[r->main].channels;
    FREED channel_line *lines = cli_alloc(n, sizeof *lines);
    for (size_t c = 0; c < n; c++) {
        lines[c].channel = c;
        for (size_t k = 0; k < r->rows; k++)
            lines[c].magnitude += reasons_sum(r, 0, r->main, k, c, 1) / (double)r->rows;
    }
    qsort(lines, n, sizeof *lines, by_magnitude);
    printf("\n%-24s %12s", "channel, mean of rows", "magnitude");
    for (size_t m = 0; m < r->n_methods; m++) printf(" %21s", reasons_method(r->method[m]));
    putchar('\n');
    for (size_t c = 0; c < n && c < MOST; c++) {
        printf("%-24.24s %12.5g", cli_plain(reasons_channel(r, r->main, lines[c].channel)), lines[c].magnitude);
        for (size_t m = 0; m < r->n_methods; m++) {
            double sum = 0;
            for (size_t k = 0; k < r->rows; k++) sum += reasons_sum(r, m, r->main, k, lines[c].channel, 0);
            printf(" %21.5g", sum / (double)r->rows);
        }
        putchar('\n');
    }
    if (n > MOST) printf("and %zu more\n", n - MOST);
}

static int open_data(reasons *r, const cli_call *call)
{
    TRY(cli_context(call->threads, call->isa, &r->context));
    TRY(cli_load(r->context, call->operands[0], call, 0, &r->model));
#ifdef RNNP_CLI_TRAIN
    if (call->config) return reasons_configure(r, call);
    if (call->arrays.n && !ends_with(call->arrays.at[0].value, ".npy") &&
        rnnp_model_metadata_find(r->model, "rnnpack.data"))
        return reasons_from_recipe(r, call);
#endif
    return reasons_read(r, call);
}

int cli_attribute(const cli_call *call)
{
    __attribute__((cleanup(reasons_close))) reasons r = {.score = call->score, .path = call->operands[0]};
    const int html = ends_with(call->output, ".html");
    rnnp_score score;
    rnnp_math math;
    size_t target;
    if (!html && !ends_with(call->output, ".csv"))
        return cli_misuse("-o needs a name that ends in .html or .csv, not '%s'", call->output);
    TRY(check_list("--methods", call->methods));
    if (call->pick) TRY(check_list("--rows", call->pick));
    TRY(read_methods(&r, call->methods));
    TRY(read_score(call->score, &score));
    TRY(cli_math(call->math, &math));
    r.tolerance = call->tolerance / 100;
    r.time_axis = call->time_axis == SIZE_MAX               ? 0
                  : call->time_axis < (size_t)RNNP_MAX_RANK ? (int)call->time_axis + 1
                                                            : RNNP_MAX_RANK;
    TRY(open_data(&r, call));
    TRY(reasons_set_baseline(&r, call->baseline));
    TRY(reasons_choose(&r, call->pick));
    if (call->channels) TRY(name_channels(&r, call->channels));
    TRY(read_target(&r, call->target, &target));
    FREED size_t *targets = cli_alloc(r.rows, sizeof *targets);
    for (size_t k = 0; k < r.rows; k++) targets[k] = target;
    for (size_t m = 0; m < r.n_methods; m++) TRY(run_method(&r, m, call, targets));
    TRY(check_complete(&r));
    reasons_merge(&r);
    TRY(html ? reasons_write_html(&r, call->output) : reasons_write_csv(&r, call->output));
    print_rows(&r);
    print_channels(&r);
    return CLI_OK;
}
