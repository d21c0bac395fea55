/* SPDX-License-Identifier: Apache-2.0
 *
 * What is swept: the functions with the errors they may have, and the rows of the variant table that compute them.
 */
#ifndef SWEEP_SUBJECTS_H
#define SWEEP_SUBJECTS_H

#include "dispatch/dispatch.h"
#include "sleef.h"

enum { SUBJECTS = 15, MOST_OTHERS = 8, MOST_OPINIONS = 4 };

typedef struct promise {
    rnnp_op op;
    kind kind;
    metric metric; /* what the class bounds; METRIC_ULP bounds denormal results too */
    double bound;
    int exact; /* at zeros and infinities */
} promise;

extern const promise promises[SUBJECTS]; /* in the order of kinds */

typedef struct subject {
    const promise *promise;
    const rnnp_variant *measured;            /* NULL: not selected */
    const rnnp_variant *others[MOST_OTHERS]; /* must give the same bits */
    size_t other_count;
    const sleef_form *opinions[MOST_OPINIONS]; /* another library's, in all forms that run here */
    size_t opinion_count;
} subject;

/* `only`: a pattern of op names, NULL for all. `isa`: measure on this one, NULL for the highest that runs here. 0 if it
 * does not run here. */
int subjects_select(subject subjects[SUBJECTS], uint64_t features, const char *only, const char *isa);

void subject_run(const rnnp_variant *variant, const float *x, float *y, size_t n);

/* Of the opinion, with its version; NULL in a build without. */
const char *opinion_name(void);

#endif
