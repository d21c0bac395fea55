/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack watch: a signal on its way through a model.
 *
 *   watch.c     the command, from its start to its end
 *   setup.c     the options, the model's recipe, and what follows from both
 *   board.c     the latest of it, for the page (web.c, page.html)
 *   loop.c      samples from the source (source.h) to the monitor (monitor.h), and what happens meanwhile
 */
#ifndef RNNP_CLI_WATCHING_H
#define RNNP_CLI_WATCHING_H

#include "../train/decider.h"
#include "../train/recipe.h"
#include "board.h"
#include "monitor.h"
#include "source.h"
#include "web.h"

typedef struct watch {
    const cli_call *call;
    cli_model model;
    recipe recipe;
    decider decider; /* what training says of the probabilities */
    int has_recipe;
    text_list channels; /* --channels */
    source source;
    monitor monitor;
    talk talk;
    double gap_after; /* seconds */
    board *board;     /* with --http, and its server */
    web *web;

    /* loop.c */
    double last;    /* when the last sample arrived */
    double counted; /* when the board was last told the numbers */
    int begun, silent, behind;
    uint64_t events; /* of the source, that were told */
    const char *end; /* why it ended */
} watch;

/* Model, source and monitor by the options; nothing is told yet. */
int watch_set_up(watch *w);
/* From here on signals end the watching in order. */
void watch_listen(void);
/* Until the input ends, a signal comes or stdout fails. */
int watch_run(watch *w);
void watch_tell_latency(watch *w);
/* The numbers of the page. */
void watch_count(watch *w);

#endif
