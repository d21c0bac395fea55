/* SPDX-License-Identifier: Apache-2.0
 *
 * Which nodes of a graph the provider takes: recurrent ones that rnnpack can run, each as a part of its own. Recurrent
 * nodes that are connected by nothing but views become one part, so that their stack can be run as one. A part must not
 * need, not even through others, what is computed from its own outputs elsewhere.
 */
#include "ep.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct graph_nodes {
    const rnnp_ort_ep *ep;
    const OrtNode **at; /* [n] in topological order */
    size_t n;
    struct place {
        const OrtNode *node;
        size_t index;
    } * places;    /* [n] by address */
    size_t *part;  /* [n]: the part that a node belongs to, named by its first recurrent node + 1; 0: none */
    size_t *first; /* [n + 1]: where a node's predecessors begin in `before` */
    size_t *before;
    char *outside; /* [n], for is_convex() */
} graph_nodes;

static int by_address(const void *a, const void *b)
{
    const uintptr_t x = (uintptr_t)((const struct place *)a)->node, y = (uintptr_t)((const struct place *)b)->node;
    return (x > y) - (x < y);
}

/* SIZE_MAX if the node is not of this graph. */
static size_t index_of(const graph_nodes *g, const OrtNode *node)
{
    const struct place key = {node, 0};
    const struct place *found = node ? bsearch(&key, g->places, g->n, sizeof key, by_address) : NULL;
    return found ? found->index : SIZE_MAX;
}

static size_t producer_of(const graph_nodes *g, const OrtValueInfo *value)
{
    const OrtNode *producer = NULL;
    OrtStatus *status = value ? g->ep->ort->ValueInfo_GetValueProducer(value, &producer, NULL) : NULL;
    if (status) g->ep->ort->ReleaseStatus(status);
    return status ? SIZE_MAX : index_of(g, producer);
}

/* ---- Reading ---- */

static OrtStatus *read_predecessors(graph_nodes *g)
{
    size_t room = 0, used = 0;
    for (size_t i = 0; i < g->n; i++) {
        g->first[i] = used;
        for (int implicit = 0; implicit < 2; implicit++) {
            rnnp_ort_values in;
            ORT_TRY(rnnp_ort_values_of(g->ep, g->at[i], implicit ? RNNP_ORT_IMPLICIT : RNNP_ORT_INPUTS, &in));
            if (used + in.n > room) {
                room = 2 * (used + in.n);
                size_t *larger = realloc(g->before, room * sizeof *larger);
                if (!larger) {
                    free(in.at);
                    return rnnp_ort_no_memory(g->ep);
                }
                g->before = larger;
            }
            for (size_t k = 0; k < in.n; k++) {
                const size_t from = producer_of(g, in.at[k]);
                if (from != SIZE_MAX) g->before[used++] = from;
            }
            free(in.at);
        }
    }
    g->first[g->n] = used;
    return NULL;
}

static OrtStatus *read_graph(graph_nodes *g, const OrtGraph *graph)
{
    ORT_TRY(g->ep->ort->Graph_GetNumNodes(graph, &g->n));
    g->at = calloc(g->n + 1, sizeof *g->at);
    g->places = calloc(g->n + 1, sizeof *g->places);
    g->part = calloc(g->n + 1, sizeof *g->part);
    g->first = calloc(g->n + 1, sizeof *g->first);
    g->outside = calloc(g->n + 1, sizeof *g->outside);
    if (!g->at || !g->places || !g->part || !g->first || !g->outside) return rnnp_ort_no_memory(g->ep);
    ORT_TRY(g->ep->ort->Graph_GetNodes(graph, g->at, g->n));
    for (size_t i = 0; i < g->n; i++) g->places[i] = (struct place){g->at[i], i};
    qsort(g->places, g->n, sizeof *g->places, by_address);
    return read_predecessors(g);
}

/* 1 if a node is an operator of the default domain that is in the list, which ends with NULL. */
static int is_one_of(const graph_nodes *g, size_t i, const char *const *list)
{
    const char *op = "", *domain = "";
    OrtStatus *status = g->ep->ort->Node_GetOperatorType(g->at[i], &op);
    if (!status) status = g->ep->ort->Node_GetDomain(g->at[i], &domain);
    if (status) g->ep->ort->ReleaseStatus(status);
    if (status || (*domain && strcmp(domain, "ai.onnx") != 0)) return 0;
    while (*list && strcmp(*list, op) != 0) list++;
    return *list != NULL;
}

static int is_recurrent(const graph_nodes *g, size_t i)
{
    static const char *const ops[] = {"LSTM", "GRU", "RNN", NULL};
    return is_one_of(g, i, ops);
}

static int is_view(const graph_nodes *g, size_t i)
{
    static const char *const ops[] = {"Squeeze", "Unsqueeze", "Transpose", "Reshape", NULL};
    return is_one_of(g, i, ops);
}

/* ---- Parts ---- */

static OrtStatus *make_part(const graph_nodes *g, const OrtNode *const *nodes, size_t n, rnnp_ort_part *part)
{
    const OrtValueInfo **outputs = NULL;
    size_t n_outputs = 0;
    OrtStatus *status = NULL;
    for (size_t i = 0; i < n && !status; i++) {
        rnnp_ort_values out;
        status = rnnp_ort_values_of(g->ep, nodes[i], RNNP_ORT_OUTPUTS, &out);
        const OrtValueInfo **larger = status ? NULL : realloc(outputs, (n_outputs + out.n + 1) * sizeof *outputs);
        if (larger) {
            outputs = larger;
            memcpy(outputs + n_outputs, out.at, out.n * sizeof *outputs);
            n_outputs += out.n;
        } else if (!status) {
            status = rnnp_ort_no_memory(g->ep);
        }
        free(out.at);
    }
    if (!status) status = rnnp_ort_part_make(g->ep, nodes, n, outputs, n_outputs, part);
    free(outputs);
    return status;
}

/* 1 if rnnpack can run these nodes; where it cannot, the log says why. */
static int can_run(const graph_nodes *g, const OrtNode *const *nodes, size_t n)
{
    rnnp_ort_part part;
    OrtStatus *status = make_part(g, nodes, n, &part);
    if (!status) {
        rnnp_ort_part_free(&part);
        return 1;
    }
    char text[600];
    snprintf(text, sizeof text, "left to other providers: %s", g->ep->ort->GetErrorMessage(status));
    rnnp_ort_log(g->ep, ORT_LOG_INFO, text);
    g->ep->ort->ReleaseStatus(status);
    return 0;
}

/* The nodes of a part, in order. */
static size_t nodes_of(const graph_nodes *g, size_t part, const OrtNode **nodes)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        if (g->part[i] == part) nodes[n++] = g->at[i];
    return n;
}

/* 0 if a node of the part needs, through a node that is not of it, an output of the part. */
static int is_convex(graph_nodes *g, size_t part)
{
    for (size_t i = 0; i < g->n; i++) {
        int behind = 0, through = 0;
        for (size_t k = g->first[i]; k < g->first[i + 1]; k++) {
            const size_t from = g->before[k];
            behind |= g->part[from] == part;
            through |= g->part[from] != part && g->outside[from];
        }
        if (g->part[i] == part && through) return 0;
        g->outside[i] = (char)(g->part[i] != part && (behind || through));
    }
    return 1;
}

/* Node i's first input, if it is made by a node of the graph that nothing else reads it of, or SIZE_MAX; a view's other
 * inputs must be constant. */
static size_t only_source(const graph_nodes *g, size_t i)
{
    const ort_api *ort = g->ep->ort;
    rnnp_ort_values in;
    size_t from = SIZE_MAX, consumers = 0;
    bool constants = true;
    OrtStatus *status = rnnp_ort_values_of(g->ep, g->at[i], RNNP_ORT_INPUTS, &in);
    if (!status && in.n > 0 && in.at[0]) {
        from = producer_of(g, in.at[0]);
        status = ort->ValueInfo_GetValueNumConsumers(in.at[0], &consumers);
    }
    for (size_t k = 1; !status && k < in.n && constants && !is_recurrent(g, i); k++)
        if (in.at[k]) status = ort->ValueInfo_IsConstantInitializer(in.at[k], &constants);
    if (status) ort->ReleaseStatus(status);
    free(in.at);
    return status || consumers != 1 || !constants ? SIZE_MAX : from;
}

static void move_to(graph_nodes *g, size_t upper, size_t views, size_t part, size_t part_of_views)
{
    size_t view = only_source(g, upper);
    g->part[upper] = part;
    for (; views > 0; views--, view = only_source(g, view)) g->part[view] = part_of_views;
}

/* Moves a recurrent node, still a part of its own, into the part of the recurrent node below it, with the views between
 * them. */
static void join_below(graph_nodes *g, size_t upper)
{
    const size_t own = g->part[upper];
    size_t views = 0, at = only_source(g, upper);
    for (; at != SIZE_MAX && g->part[at] == 0 && is_view(g, at); at = only_source(g, at)) views++;
    if (at == SIZE_MAX || !g->part[at] || !is_recurrent(g, at)) return;
    move_to(g, upper, views, g->part[at], g->part[at]);
    if (!is_convex(g, g->part[at])) move_to(g, upper, views, own, 0);
}

static OrtStatus *add_part(const graph_nodes *g, const OrtNode *const *nodes, size_t n, OrtEpGraphSupportInfo *info)
{
    const OrtNodeFusionOptions options = {ORT_API_OF, true};
    return g->ep->ort->EpGraphSupportInfo_AddNodesToFuse(info, nodes, n, &options);
}

/* A part that cannot be run as a whole is its recurrent nodes, each of which can be. */
static OrtStatus *add_parts(graph_nodes *g, OrtEpGraphSupportInfo *info, const OrtNode **nodes)
{
    for (size_t i = 0; i < g->n; i++) {
        if (g->part[i] != i + 1) continue;
        const size_t n = nodes_of(g, i + 1, nodes);
        if (n == 1 || can_run(g, nodes, n)) {
            ORT_TRY(add_part(g, nodes, n, info));
            continue;
        }
        for (size_t k = 0; k < g->n; k++)
            if (g->part[k] == i + 1 && is_recurrent(g, k)) ORT_TRY(add_part(g, &g->at[k], 1, info));
    }
    return NULL;
}

static OrtStatus *claim(graph_nodes *g, const OrtGraph *graph, OrtEpGraphSupportInfo *info)
{
    ORT_TRY(read_graph(g, graph));
    for (size_t i = 0; i < g->n; i++)
        if (is_recurrent(g, i) && can_run(g, &g->at[i], 1)) g->part[i] = i + 1;
    for (size_t i = 0; i < g->n; i++)
        if (g->part[i] == i + 1) join_below(g, i);
    const OrtNode **nodes = calloc(g->n + 1, sizeof *nodes);
    if (!nodes) return rnnp_ort_no_memory(g->ep);
    OrtStatus *status = add_parts(g, info, nodes);
    free(nodes);
    return status;
}

OrtStatus *rnnp_ort_claim(OrtEp *self, const OrtGraph *graph, OrtEpGraphSupportInfo *info)
{
    graph_nodes g = {.ep = (const rnnp_ort_ep *)self};
    OrtStatus *status = claim(&g, graph, info);
    free(g.at);
    free(g.places);
    free(g.part);
    free(g.first);
    free(g.before);
    free(g.outside);
    return status;
}
