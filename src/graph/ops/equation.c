/* SPDX-License-Identifier: Apache-2.0 */
#include "equation.h"

#include <stdio.h>

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* Of a letter; RNNP_LABELS for anything else. */
static uint8_t label_of(char c)
{
    if (c >= 'A' && c <= 'Z') return (uint8_t)(c - 'A');
    return c >= 'a' && c <= 'z' ? (uint8_t)(26 + c - 'a') : RNNP_LABELS;
}

rnnp_label_text rnnp_label_name(uint8_t label)
{
    rnnp_label_text text;

    if (label < RNNP_LETTERS)
        snprintf(text.s, sizeof text.s, "%c", label < 26 ? 'A' + label : 'a' + label - 26);
    else
        snprintf(text.s, sizeof text.s, "axis -%d of ...", label - RNNP_LETTERS + 1);
    return text;
}

static const char *skip_spaces(const char *at)
{
    while (is_space(*at)) at++;
    return at;
}

/* Reads a term up to what cannot be part of it. */
static rnnp_status parse_term(rnnp_parse *p, const char *text, const char **at, rnnp_term *term)
{
    rnnp_labels *letters = &term->letters;

    *term = (rnnp_term){{0}, 0, 0};
    for (;; (*at)++) {
        *at = skip_spaces(*at);
        if (strncmp(*at, "...", 3) == 0) {
            if (term->has_ellipsis)
                return PARSE_FAIL(p, RNNP_ERR_ARG, "a second ... in one term, at position %zu of the equation",
                                  (size_t)(*at - text));
            term->has_ellipsis = 1;
            term->ellipsis = letters->n;
            *at += 2;
            continue;
        }
        if (label_of(**at) == RNNP_LABELS) return RNNP_OK;
        if (letters->n == RNNP_MAX_RANK)
            return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED,
                              "label %c at position %zu of the equation is one of more than %d", **at,
                              (size_t)(*at - text), RNNP_MAX_RANK);
        letters->at[letters->n++] = label_of(**at);
    }
}

static rnnp_status unexpected(rnnp_parse *p, const char *text, const char *at)
{
    if (!*at) return PARSE_FAIL(p, RNNP_ERR_ARG, "the equation ends at position %zu, too early", (size_t)(at - text));
    return PARSE_FAIL(p, RNNP_ERR_ARG, "'%c' at position %zu of the equation is not expected", *at,
                      (size_t)(at - text));
}

/* How often each label occurs among the operands. */
static void count_letters(const rnnp_equation *equation, size_t n_terms, size_t *count)
{
    for (size_t t = 0; t < n_terms; t++) {
        const rnnp_labels *letters = &equation->terms[t].letters;

        for (size_t i = 0; i < letters->n; i++) count[letters->at[i]]++;
    }
}

/* Without "->": what is behind ellipses, then the letters that occur once, in their order. */
static rnnp_status imply_result(rnnp_parse *p, rnnp_equation *equation, const size_t *count)
{
    rnnp_term *result = &equation->result;

    *result = (rnnp_term){{0}, 0, 0};
    for (size_t t = 0; t < p->node->n_inputs; t++) result->has_ellipsis |= equation->terms[t].has_ellipsis;
    for (uint8_t label = 0; label < RNNP_LETTERS; label++) {
        if (count[label] != 1) continue;
        if (result->letters.n == RNNP_MAX_RANK)
            return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "the result has a rank above %d", RNNP_MAX_RANK);
        result->letters.at[result->letters.n++] = label;
    }
    return RNNP_OK;
}

static rnnp_status check_result(rnnp_parse *p, const rnnp_equation *equation, const size_t *count)
{
    const rnnp_labels *letters = &equation->result.letters;
    uint64_t seen = 0;
    int ellipsis = 0;

    for (size_t i = 0; i < letters->n; i++) {
        const uint8_t label = letters->at[i];

        if (!count[label] || seen >> label & 1)
            return PARSE_FAIL(p, RNNP_ERR_ARG, "label %s of the result is %s", rnnp_label_name(label).s,
                              count[label] ? "there twice" : "in no operand");
        seen |= UINT64_C(1) << label;
    }
    for (size_t t = 0; t < p->node->n_inputs; t++) ellipsis |= equation->terms[t].has_ellipsis;
    if (ellipsis != equation->result.has_ellipsis)
        return PARSE_FAIL(p, RNNP_ERR_ARG, "there is ... in %s only", ellipsis ? "the operands" : "the result");
    return RNNP_OK;
}

rnnp_status rnnp_equation_parse(rnnp_parse *p, const char *text, rnnp_equation *equation)
{
    const size_t n = p->node->n_inputs;
    size_t count[RNNP_LETTERS] = {0};
    const char *at = text;
    rnnp_status status;

    equation->terms = rnnp_model_calloc(p->model, n, sizeof *equation->terms);
    if (!equation->terms) return RNNP_ERR_MEMORY;
    for (size_t t = 0; t < n; t++, at++) {
        if ((status = parse_term(p, text, &at, &equation->terms[t])) != RNNP_OK) return status;
        if (t + 1 == n) break;
        if (*at != ',' && (!*at || *at == '-'))
            return PARSE_FAIL(p, RNNP_ERR_ARG, "the equation has %zu terms for %zu operands", t + 1, n);
        if (*at != ',') return unexpected(p, text, at);
    }
    if (*at == ',')
        return PARSE_FAIL(p, RNNP_ERR_ARG, "the equation has a term at position %zu beyond its %zu operands",
                          (size_t)(at - text) + 1, n);
    count_letters(equation, n, count);
    if (!*at) return imply_result(p, equation, count);
    if (strncmp(at, "->", 2) != 0) return unexpected(p, text, at);
    at += 2;
    if ((status = parse_term(p, text, &at, &equation->result)) != RNNP_OK) return status;
    return *at ? unexpected(p, text, at) : check_result(p, equation, count);
}

int rnnp_term_labels(const rnnp_term *term, size_t rank, rnnp_labels *labels)
{
    const rnnp_labels *letters = &term->letters;

    if (rank < letters->n || (rank > letters->n && !term->has_ellipsis)) return 0;
    const size_t behind = rank - letters->n, before = term->has_ellipsis ? term->ellipsis : letters->n;
    labels->n = rank;
    for (size_t i = 0; i < rank; i++) {
        if (i >= before && i < before + behind)
            labels->at[i] = (uint8_t)(RNNP_LETTERS + before + behind - 1 - i);
        else
            labels->at[i] = letters->at[i < before ? i : i - behind];
    }
    return 1;
}
