/* SPDX-License-Identifier: Apache-2.0
 *
 * operators [PAGE]: prints docs/reference/operators.md from the tables of operators and gradients; with a page,
 * compares it. Exit status 1, and the first line that differs, where the page is another.
 */
#include "src/train/gradient.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static FILE *page; /* NULL: print */
static size_t line;
static int differs;

__attribute__((format(__printf__, 1, 2))) static void put(const char *format, ...)
{
    char text[512], have[512] = "";
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    line++;
    if (!page) {
        fputs(text, stdout);
    } else if (!differs && (!fgets(have, sizeof have, page) || strcmp(have, text) != 0)) {
        printf("line %zu is:        %sit should be: %smake the page anew: operators > docs/reference/operators.md\n",
               line, *have ? have : "missing\n", text);
        differs = 1;
    }
}

/* "1", "2 or 3", "1 to 5", "any number" */
static const char *counts(size_t least, size_t most, char text[32])
{
    if (most == 255)
        snprintf(text, 32, "%zu or more", least);
    else
        snprintf(text, 32, least == most ? "%zu" : least + 1 == most ? "%zu or %zu" : "%zu to %zu", least, most);
    return text;
}

static void put_operator(const rnnp_operator *op)
{
    const char *const weights = op->weights[0].input ? ", f16, bf16, s8" : "";
    const char *const packed = op->packed_inputs ? "f32" : "";
    const char *const state = op->state_arrays ? "recurrent" : op->pace ? "earlier inputs" : "";
    char in[32], out[32], opset[16];

    snprintf(opset, sizeof opset, "%d", op->since_opset);
    put("| %s | %s | %s | %s | %s%s | %s | %s |\n", op->name, op->since_opset ? opset : "",
        counts(op->min_inputs, op->max_inputs, in), counts(op->min_outputs, op->max_outputs, out), packed, weights,
        state, op->is_view || rnnp_gradient_find(op->name) ? "yes" : "");
}

int main(int argc, char **argv)
{
    if (argc > 1 && !(page = fopen(argv[1], "r"))) {
        perror(argv[1]);
        return 1;
    }
    put("# Operators\n");
    put("\n");
    put("All operators of the ONNX standard that rnnpack has. The test `docs.operators` keeps this page equal to\n");
    put("`src/graph/operators.def` and the operators' own rows. [ONNX](onnx.md) says how the standard is read.\n");
    put("\n");
    put("* **since**: the opset that brought the operator, where that is later than the oldest one that is read.\n");
    put("* **weights**: the formats of a constant right side, which is packed once, in the plan.\n");
    put("* **keeps**: what a stream keeps between steps. What keeps earlier inputs may have a stride along time.\n");
    put("* **trains**: whether gradients go through it. Any operator may stand below all parameters.\n");
    put("\n");
    put("Loop and Scan of a file become LoopBegin and LoopEnd with the nodes of the body between them.\n");
    put("\n");
    put("| operator | since | inputs | outputs | weights | keeps | trains |\n");
    put("|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; rnnp_operators[i]; i++) put_operator(rnnp_operators[i]);
    if (page && !differs && fgetc(page) != EOF) {
        printf("the page goes on after line %zu\n", line);
        differs = 1;
    }
    return differs;
}
