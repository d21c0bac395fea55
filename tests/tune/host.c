/* SPDX-License-Identifier: Apache-2.0
 *
 * The CPUs that the process may use change while it tunes. They are part of the key, so no record may be filed under a
 * budget that was not in force. (That a cgroup's quota is one more bound of the budget, and is read anew each time, is
 * told by tests/dispatch/topology.c.)
 */
#define _GNU_SOURCE

#include "tuning.h"

#include <sched.h>

enum { MANY = 6 };

static rnnp_shape shapes[MANY];

static void use_one_cpu(cpu_set_t *all)
{
    cpu_set_t one;
    size_t cpu = 0;

    assert_int_equal(sched_getaffinity(0, sizeof *all, all), 0);
    while (!CPU_ISSET(cpu, all)) cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
}

typedef struct mover {
    size_t shape; /* during which the affinity changes */
    int moved;
    int filed[MANY]; /* records before it did */
    cpu_set_t all;
} mover;

static int move_once(void *user, const rnnp_tune_progress *p)
{
    mover *m = user;

    if (p->record && !m->moved) m->filed[p->shape] = 1;
    if (p->shape == m->shape && !p->record && !m->moved) {
        use_one_cpu(&m->all);
        m->moved = 1;
    }
    return 0;
}

TEST(test_affinity)
{
    OWNED(context) context = make_context(NULL, 1);
    const rnnp_record_host before = host_of(context);
    rnnp_tune_options o = options_for(6);
    OWNED(records) set = make_set(context);
    mover m = {.shape = 2};
    const rnnp_record_host *host;
    const rnnp_record *r;

    if (before.budget < 2) {
        print_message("skipped: the process may use one CPU only\n");
        return;
    }
    for (size_t i = 0; i < MANY; i++) {
        shapes[i] = small[0];
        shapes[i].batch = 1 + i;
    }
    o.progress = move_once;
    o.progress_user = &m;
    for (; !m.moved && o.seconds < 100; o.seconds *= 2) { /* on a busy machine it may not come to the third shape */
        rnnp_records_destroy(set);
        set = make_set(context);
        memset(m.filed, 0, sizeof m.filed);
        OK(rnnp_tune(context, shapes, MANY, &o, set));
    }
    const rnnp_record_host after = host_of(context);
    if (m.moved) assert_int_equal(sched_setaffinity(0, sizeof m.all, &m.all), 0);
    assert_true(m.moved);
    assert_int_equal(after.budget, 1);
    for (size_t k = 0; rnnp_records_get(set, k, &host, &r) == RNNP_OK; k++) {
        if (strcmp(r->key.layer, "machine") == 0)
            continue; /* kept with the first shape that was filed, whichever it is */
        /* what was measured while it changed counts for neither budget */
        assert_int_equal(host->budget, m.filed[r->key.batch - 1] ? before.budget : 1);
    }
}
