/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes of the tree over slices (slices.c), in the order of their slices, on a stack.
 */
#ifndef RNNP_TRAIN_TREE_H
#define RNNP_TRAIN_TREE_H

#include "training.h"

/* Whether the two on top are siblings. */
static inline int rnnp_tree_can_join(const rnnp_tree_node *node, size_t n)
{
    return n >= 2 && node[n - 2].level == node[n - 1].level && node[n - 2].index % 2 == 0;
}

static inline void rnnp_tree_join(rnnp_tree_node *node, size_t n)
{
    node[n - 2].level++;
    node[n - 2].index /= 2;
    node[n - 2].loss += node[n - 1].loss;
}

/* The node on top rises to its parent's place when its sibling would begin beyond the last slice. */
static inline int rnnp_tree_rise(rnnp_tree_node *node, size_t n, size_t slices)
{
    rnnp_tree_node *top = n ? &node[n - 1] : NULL;
    if (!top || top->index == 0 || top->index % 2 || (top->index + 1) << top->level < slices) return 0;
    top->level++;
    top->index /= 2;
    return 1;
}

/* Siblings on top become their parent, as often as there are any. */
static inline size_t rnnp_tree_join_tops(rnnp_tree_node *node, size_t n)
{
    for (; rnnp_tree_can_join(node, n); n--) rnnp_tree_join(node, n);
    return n;
}

/* The same after the last slice, where nodes rise. */
static inline size_t rnnp_tree_end(rnnp_tree_node *node, size_t n, size_t slices)
{
    do n = rnnp_tree_join_tops(node, n);
    while (rnnp_tree_rise(node, n, slices));
    return n;
}

/* What slices [from, to) leave on the stack of a thread that adds siblings after each slice but the last. */
static inline size_t rnnp_tree_left(size_t from, size_t to, rnnp_tree_node node[RNNP_TREE_NODES])
{
    size_t n = 0;
    for (size_t s = from; s < to; s++) {
        n = rnnp_tree_join_tops(node, n);
        node[n++] = (rnnp_tree_node){0, s, 0};
    }
    return n;
}

/* The nodes that slices [from, to) of so many add up to. */
static inline size_t rnnp_tree_nodes(size_t from, size_t to, size_t slices, rnnp_tree_node node[RNNP_TREE_NODES])
{
    return rnnp_tree_end(node, rnnp_tree_left(from, to, node), slices);
}

#endif
