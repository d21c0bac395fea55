/* SPDX-License-Identifier: Apache-2.0
 *
 * Training across sites whose data stay where they are: rounds of FedAvg (McMahan et al. 2017) or FedProx (Li et al.
 * 2020). In each step the coordinator calls, every site answers, and answers are added up (docs/howto/hospitals.md).
 *
 *   federation.c  what all know, and what becomes of a sum of answers
 *   calls.c       what a call says
 *   member.c      a site's data, and its answers
 *   tally.c       scores as sums
 *   decision.c    [predict] from sums
 *   parties.c     who takes part, by the configuration
 *   coordinate.c, site.c  the commands that exchange files; simulate.c: all in one process
 */
#ifndef RNNP_CLI_FEDERATION_H
#define RNNP_CLI_FEDERATION_H

#include "../train/experiment.h"
#include "exchange.h"
#include "decision.h"
#include "names.h"
#include "tally.h"

/* ---- federation.c ---- */

typedef enum federate_stage {
    STAGE_NAMES,       /* texts, as they are; all further answers are sums */
    STAGE_FILL,        /* sequences, classes, and of each feature and target the sum and number of its values */
    STAGE_MEANS,       /* the same of all channels, gaps filled */
    STAGE_DEVIATIONS,  /* squared distances from the means, of channels and of targets that are values */
    STAGE_ROUND,       /* updates */
    STAGE_TEMPERATURE, /* slopes of the likelihood of what is held out: SEARCH_STEPS times */
    STAGE_CASES,       /* what is held out, counted on the grid */
    STAGE_EVALUATE,
    STAGE_DONE
} federate_stage;

typedef struct federation {
    const train_config *config;
    rnnp_context *context;
    size_t sites;
    federate_stage stage;
    size_t round; /* that comes, or those that are done */
    double loss;  /* of the last epoch of the round before, over all sites */

    /* agreed on, from the stage after on */
    agreement agreed;
    double sequences, *class_counts;  /* [classes] */
    double *fill;                     /* [features] means, which missing values become */
    size_t channels;                  /* features, with what filling adds */
    double *means, *counts, *squares; /* [channels] */
    double *targets;                  /* [targets][2] of values the sum and number, of labels how many are 0 and 1 */
    double *target_squares;           /* [targets] of values */

    /* from the first round on */
    network net;
    float *scale;        /* [2][channels] of the network */
    float *target_scale; /* [2][targets] the same of values; of labels [targets][2] weights */
    rnnp_model *model;
    rnnp_trainer *trainer;
    float *parameters; /* [n_parameters] of fit_copy */
    size_t n_parameters;
    decision decision; /* of [predict] */
    scores found;      /* over all sites, when done: what tally.c knows of them */
} federation;

/* The configuration is right for a federation of so many sites, or a sentence. */
int federation_begin(federation *f, train_config *config, rnnp_context *context, size_t sites);
void federation_free(federation *f);
#define AUTO_FEDERATION __attribute__((cleanup(federation_free))) federation

/* Once names are known: stage FILL. Fails when [predict] does not fit the classes. */
int federation_named(federation *f);
/* Numbers in an answer of this stage. */
size_t federation_numbers(const federation *f);
/* Takes the sum of the sites' answers, and goes on to the next stage. */
int federation_take(federation *f, const double *sum);
/* The network, and its parameters as a training begins with them. */
int federation_build(federation *f);
tally federation_tally(const federation *f);
/* With noise: the size of a unit of it in an update. */
double federation_unit(const federation *f);
/* The model that the parameters make, as rnnpack train would write it. */
int federation_model(const federation *f, rnnp_model **model);
/* "round 3 of 10: loss 0.5" and the like, of the step that was taken last. */
void federation_print(const federation *f, federate_stage before);
/* What the noise guarantees, or that there is none. */
void federation_print_privacy(const train_config *config);

/* ---- calls.c ---- */

/* A call as a payload, and what a site learns from it. 0: it is malformed. */
void federation_put(const federation *f, payload *p);
int federation_get(federation *f, payload *p, int *good);

/* ---- member.c ---- */

typedef struct member {
    federation *f; /* a simulation's members share one */
    const char *name;
    dataset train, test;        /* filled from stage MEANS on */
    row_list kept, held, known; /* known: those kept that there is something to learn from */
    int filled;
    uint8_t noise_key[KEY_BYTES]; /* secret */
    scores held_out;              /* once parameters do not change any more, with a [predict] that is fitted */
    scores found;                 /* of its test set, or of what it held out, after EVALUATE */
} member;

/* Splits off what is held out. */
int member_begin(member *m);
/* x [federation_numbers], of the stage at hand. */
int member_answer(member *m, double *x);
const dataset *member_judged(const member *m);
void member_free(member *m);

/* The update of a round made ready to be added up: cut to the norm, and with noise. x [n] is the difference of the
 * parameters, weighted by `weight` unless there is noise. */
void member_protect(const federation *f, const uint8_t noise_key[KEY_BYTES], double weight, double *x, size_t n);

/* ---- parties.c ---- */

typedef struct parties {
    size_t n; /* sites */
    char **names;
    uint8_t (*open)[KEY_BYTES]; /* [n] */
    uint8_t coordinator[KEY_BYTES];
} parties;

int parties_read(const train_config *config, parties *p);
void parties_free(parties *p);
#define AUTO_PARTIES __attribute__((cleanup(parties_free))) parties

/* An answer in words: the numbers, masked if the configuration says so. */
int parties_seal(const federation *f, const parties *p, size_t me, const party_keys *keys,
                 const uint8_t which[KEY_BYTES], uint64_t step, const double *x, size_t n, uint64_t *words);
/* What a first call says: something that is new each time, and the configuration. */
void parties_put_call(const train_config *config, payload *p);
/* Fails with the first key that differs. */
int parties_check_call(const train_config *config, payload *p, const char *path);

/* Waits until there is a good file; says once what is wrong with one that is not. FILE_ABSENT after so many seconds. */
int parties_await(const char *path, const uint8_t key[KEY_BYTES], const uint8_t *which, uint64_t step, int answer,
                  size_t most, double seconds, exchange_file *file);

#endif
