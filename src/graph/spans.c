/* SPDX-License-Identifier: Apache-2.0
 *
 * The placement of activations. Spans that live are a list by offset; the gap before one is its own. A span that ends
 * leaves its room to the gap of the next; a new one takes the start of the smallest gap that holds it.
 */
#include "engine.h"

/* Gaps that are looked at. No model has as many at a time, so that the best is found; a hostile one must not make the
 * search long. */
enum { GAPS = 1024 };

/* Lists of spans by number. END closes the list by offset: its gap has no end. */
typedef struct lists {
    rnnp_span *spans;
    size_t end;             /* n */
    size_t *before, *after; /* [n + 1]: neighbours by offset, of those that live */
    size_t *gap;            /* [n + 1]: free bytes before it */
    size_t *newer, *older;  /* [n + 1]: neighbours in the list of those that have a gap, in no order */
    size_t *by_last;        /* [n]: all spans by when they end */
} lists;

enum { NUMBERS = 6 };

size_t rnnp_spans_room(size_t n) { return NUMBERS * (n + 1); }

static size_t end_of(const lists *l, size_t s) { return l->spans[s].offset + rnnp_align64(l->spans[s].bytes); }

/* Sets the gap before a span; `end` itself heads the list of gaps and is never in it. */
static void set_gap(lists *l, size_t s, size_t bytes)
{
    const size_t head = l->end, had = l->gap[s];

    l->gap[s] = bytes;
    if (s == head || !had == !bytes) return;
    if (bytes) {
        l->newer[s] = head;
        l->older[s] = l->older[head];
        l->newer[l->older[s]] = s;
        l->older[head] = s;
    } else {
        l->older[l->newer[s]] = l->older[s];
        l->newer[l->older[s]] = l->newer[s];
    }
}

static void retire(lists *l, size_t s)
{
    const size_t next = l->after[s], gap = l->gap[s] + rnnp_align64(l->spans[s].bytes);

    l->before[next] = l->before[s];
    l->after[l->before[s]] = next;
    set_gap(l, s, 0);
    if (next != l->end) set_gap(l, next, l->gap[next] + gap);
}

/* The span before which so many bytes fit best, at the lowest offset of equals. */
static size_t best_gap(const lists *l, size_t bytes)
{
    size_t best = l->end;

    for (size_t s = l->older[l->end], looked = 0; s != l->end && looked < GAPS; s = l->older[s], looked++) {
        if (l->gap[s] < bytes) continue;
        if (best == l->end || l->gap[s] < l->gap[best] ||
            (l->gap[s] == l->gap[best] && l->spans[s].offset < l->spans[best].offset))
            best = s;
    }
    return best;
}

/* Heap sort: no recursion, no memory, no bad case. */
static void sift(const rnnp_span *spans, size_t *heap, size_t root, size_t n)
{
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        const size_t item = heap[root];

        child += child + 1 < n && spans[heap[child + 1]].last > spans[heap[child]].last;
        if (spans[item].last >= spans[heap[child]].last) return;
        heap[root] = heap[child];
        heap[child] = item;
    }
}

static void sort_by_last(const rnnp_span *spans, size_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++) order[i] = i;
    for (size_t i = n / 2; i-- > 0;) sift(spans, order, i, n);
    for (size_t i = n; i-- > 1;) {
        const size_t largest = order[0];

        order[0] = order[i];
        order[i] = largest;
        sift(spans, order, 0, i);
    }
}

size_t rnnp_spans_place(rnnp_span *spans, size_t n, size_t *room)
{
    const size_t each = n + 1;
    lists l = {spans, n, room, room + each, room + 2 * each, room + 3 * each, room + 4 * each, room + 5 * each};
    size_t total = 0, ended = 0;

    l.before[n] = l.after[n] = l.newer[n] = l.older[n] = n;
    sort_by_last(spans, l.by_last, n);
    for (size_t s = 0; s < n; s++) {
        if (spans[s].bytes > SIZE_MAX - 63) return SIZE_MAX;
        const size_t bytes = rnnp_align64(spans[s].bytes);

        for (; ended < n && spans[l.by_last[ended]].last < spans[s].first; ended++) {
            if (spans[l.by_last[ended]].bytes) retire(&l, l.by_last[ended]);
        }
        spans[s].offset = 0;
        if (bytes == 0) continue;
        const size_t next = best_gap(&l, bytes), below = l.before[next];
        size_t top;

        spans[s].offset = next == n ? (below == n ? 0 : end_of(&l, below)) : spans[next].offset - l.gap[next];
        if (rnnp_add_overflow(spans[s].offset, bytes, &top)) return SIZE_MAX;
        if (next != n) set_gap(&l, next, l.gap[next] - bytes);
        l.gap[s] = 0;
        l.before[s] = below;
        l.after[s] = next;
        l.after[below] = s;
        l.before[next] = s;
        total = top > total ? top : total;
    }
    return total;
}
