/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributions as a table: a line for each row, channel and step, and one without a step for the sum of a channel.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attribute.h"

/* A field of RFC 4180. */
static void put_text(FILE *f, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, f);
        return;
    }
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"') fputc('"', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

static void put_head(FILE *f, const reasons *r, size_t input, size_t row, size_t channel)
{
    rnnp_port_info port = {.struct_size = sizeof port};
    rnnp_model_input_info(r->model, input, &port);
    fprintf(f, "%zu,", r->number[row]);
    put_text(f, r->ids && r->ids[row] ? r->ids[row] : "");
    fputc(',', f);
    put_text(f, port.name);
    fputc(',', f);
    put_text(f, reasons_channel(r, input, channel));
    fputc(',', f);
}

static void put_channel(FILE *f, const reasons *r, size_t input, size_t row, size_t channel)
{
    put_head(f, r, input, row, channel);
    fputs(",,,", f);
    for (size_t m = 0; m < r->n_methods; m++) fprintf(f, ",%.9g", reasons_sum(r, m, input, row, channel, 0));
    fputc('\n', f);
    for (size_t t = 0; t < reasons_steps(r, input, row); t++) {
        put_head(f, r, input, row, channel);
        fprintf(f, "%zu,", t);
        if (r->time && input == r->main) fprintf(f, "%.9g", r->time[row * r->axes[input].steps + t]);
        fprintf(f, ",%.9g,%.9g", reasons_value(r, input, row, t, channel), reasons_baseline(r, input, t, channel));
        for (size_t m = 0; m < r->n_methods; m++) fprintf(f, ",%.9g", reasons_of(r, m, input, row, t, channel));
        fputc('\n', f);
    }
}

int reasons_write_csv(const reasons *r, const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f) return cli_fail("cannot write %s: %s", path, strerror(errno));
    fputs("row,id,input,channel,step,time,value,baseline", f);
    for (size_t m = 0; m < r->n_methods; m++) fprintf(f, ",%s", reasons_method(r->method[m]));
    fputc('\n', f);
    for (size_t row = 0; row < r->rows; row++)
        for (size_t i = 0; i < r->t.n_inputs; i++)
            for (size_t c = 0; r->axes[i].attributed && c < r->axes[i].channels; c++) put_channel(f, r, i, row, c);
    const int bad = ferror(f);
    if (fclose(f) || bad) return cli_fail("cannot write %s: %s", path, strerror(errno));
    return CLI_OK;
}
