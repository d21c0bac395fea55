/* SPDX-License-Identifier: Apache-2.0
 *
 * The CPUs that the process may use change while it tunes: affinity, changed by the progress callback and by another
 * thread, and a cgroup's quota. They are part of the key, so no record may be filed under a budget that was not in
 * force.
 */
#define _GNU_SOURCE

#include "tuning.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MANY = 6 };

static rnnp_shape shapes[MANY];

static void make_shapes(void)
{
    for (size_t i = 0; i < MANY; i++) {
        shapes[i] = small[0];
        shapes[i].batch = 1 + i;
    }
}

static void assert_budgets(const rnnp_records *set, uint64_t a, uint64_t b)
{
    const rnnp_record_host *host;

    for (size_t i = 0; rnnp_records_get(set, i, &host, NULL) == RNNP_OK; i++)
        assert_true(host->budget == a || host->budget == b);
}

/* ---- Affinity ---- */

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
    rnnp_context *context = make_context(NULL, 1);
    const rnnp_record_host before = host_of(context);
    rnnp_tune_options o = options_for(6);
    rnnp_records *set = make_set(context);
    mover m = {.shape = 2};

    if (before.budget < 2) {
        print_message("skipped: the process may use one CPU only\n");
        rnnp_records_destroy(set);
        rnnp_context_destroy(context);
        skip();
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
    assert_budgets(set, before.budget, 1);
    for (size_t i = 0; i < MANY; i++) { /* what was measured while it changed counts for neither budget */
        const rnnp_record_key key = key_of(&shapes[i], 1);
        const uint64_t allowed = m.filed[i] ? before.budget : 1;
        const rnnp_record_host *host;
        const rnnp_record *r;

        for (size_t k = 0; rnnp_records_get(set, k, &host, &r) == RNNP_OK; k++) {
            if (r->key.batch == key.batch) assert_int_equal(host->budget, allowed);
        }
    }
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
}

/* Another thread moves the one that tunes to and fro all the time. */
typedef struct shaker {
    pid_t tuner;
    atomic_int stop;
    cpu_set_t all;
} shaker;

static void *shake(void *user)
{
    shaker *s = user;

    for (size_t cpu = 0; !atomic_load(&s->stop); cpu = (cpu + 1) % CPU_SETSIZE) {
        cpu_set_t one;

        if (!CPU_ISSET(cpu, &s->all)) continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        sched_setaffinity(s->tuner, sizeof one, &one);
        usleep(500);
        sched_setaffinity(s->tuner, sizeof s->all, &s->all);
        usleep(500);
    }
    return NULL;
}

TEST(test_shaken)
{
    OWNED(context) context = make_context(NULL, 2);
    const rnnp_record_host before = host_of(context);
    rnnp_tune_options o = options_for(1);
    OWNED(records) set = make_set(context);
    shaker s = {.tuner = gettid()};
    pthread_t thread;

    atomic_init(&s.stop, 0);
    assert_int_equal(sched_getaffinity(0, sizeof s.all, &s.all), 0);
    assert_int_equal(pthread_create(&thread, NULL, shake, &s), 0);
    OK(rnnp_tune(context, shapes, MANY, &o, set));
    atomic_store(&s.stop, 1);
    pthread_join(thread, NULL);
    assert_int_equal(sched_setaffinity(0, sizeof s.all, &s.all), 0);
    assert_budgets(set, before.budget, 1);
}

/* ---- A quota of half a core, in a cgroup of the test's own ---- */

static int write_file(const char *folder, const char *name, const char *text)
{
    char path[640];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return 0;
    const int written = write(file, text, strlen(text)) == (ssize_t)strlen(text);
    return close(file) == 0 && written;
}

typedef struct limiter {
    char folder[512], home[256];
    int limited;
} limiter;

/* Both versions' hierarchies: how the line of /proc/self/cgroup begins, where it is mounted, and what sets half a
 * core. */
static const struct {
    const char *line, *root, *name, *value;
} hierarchies[] = {
    {"0::", "/sys/fs/cgroup", "cpu.max", "50000 100000"},
    {":cpu:", "/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "50000"},
    {":cpu,cpuacct:", "/sys/fs/cgroup/cpu,cpuacct", "cpu.cfs_quota_us", "50000"},
};

/* The folder of the group that the process is in. */
static int find_home(size_t hierarchy, char *home, size_t size)
{
    FILE *file = fopen("/proc/self/cgroup", "r");
    char line[128];
    int found = 0;

    while (file && !found && fgets(line, sizeof line, file)) {
        const char *at = strstr(line, hierarchies[hierarchy].line);

        line[strcspn(line, "\n")] = '\0';
        if (at && (at == line || *at == ':')) {
            const char *path = at + strlen(hierarchies[hierarchy].line);

            snprintf(home, size, "%s%s", hierarchies[hierarchy].root, strcmp(path, "/") == 0 ? "" : path);
            found = 1;
        }
    }
    if (file) fclose(file);
    return found;
}

/* Into a new group below its own, with that quota; 0 where the system does not let us. */
static int enter(limiter *l)
{
    char pid[32];

    snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    for (size_t i = 0; i < sizeof hierarchies / sizeof hierarchies[0]; i++) {
        if (!find_home(i, l->home, sizeof l->home)) continue;
        snprintf(l->folder, sizeof l->folder, "%s/rnnpack-test-%d", l->home, (int)getpid());
        if (mkdir(l->folder, 0755) != 0) continue;
        if (write_file(l->folder, hierarchies[i].name, hierarchies[i].value) &&
            write_file(l->folder, "cgroup.procs", pid))
            return 1;
        rmdir(l->folder);
    }
    return 0;
}

static void leave(const limiter *l)
{
    char pid[32];

    snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    assert_true(write_file(l->home, "cgroup.procs", pid));
    for (int tries = 0; rmdir(l->folder) != 0 && tries < 100; tries++) usleep(10000);
}

static int limit_once(void *user, const rnnp_tune_progress *p)
{
    limiter *l = user;

    if (p->shape == 1 && !p->record && !l->limited) l->limited = enter(l) ? 1 : -1;
    return l->limited < 0;
}

TEST(test_quota)
{
    rnnp_context *context = make_context(NULL, 2);
    const rnnp_record_host before = host_of(context);
    rnnp_records *set = make_set(context);
    rnnp_tune_options o = options_for(6);
    limiter l = {.limited = 0};

    o.threads = 1;
    o.progress = limit_once;
    o.progress_user = &l;
    for (; !l.limited && o.seconds < 100; o.seconds *= 2) OK(rnnp_tune(context, shapes, MANY, &o, set));
    const rnnp_record_host after = host_of(context);
    if (l.limited > 0) leave(&l);
    if (l.limited > 0) {
        assert_int_equal(after.budget, 1); /* half a core, rounded up */
        assert_int_equal(host_of(context).budget, before.budget);
    }
    assert_budgets(set, before.budget, 1);
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
    if (l.limited < 0) {
        print_message("skipped: no cgroup can be made here\n");
        skip();
    }
    assert_int_equal(l.limited, 1);
}

/* The same through the seam: a file system of the test's own. */
static void put_file(const char *root, const char *path, const char *text)
{
    char full[256];

    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0755);
        *slash = '/';
    }
    const int file = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    assert_true(write(file, text, strlen(text)) == (ssize_t)strlen(text));
    close(file);
}

TEST(test_quota_seam)
{
    char root[] = "/tmp/rnnpack-test-XXXXXX", command[64];

    assert_non_null(mkdtemp(root));
    put_file(root, "/proc/self/cgroup", "0::/job\n");
    put_file(root, "/sys/fs/cgroup/job/cpu.max", "max 100000\n");
    assert_int_equal(rnnp_cgroup_cpus(root), 0);
    put_file(root, "/sys/fs/cgroup/job/cpu.max", "50000 100000\n"); /* it is read anew */
    assert_int_equal(rnnp_cgroup_cpus(root), 1);
    put_file(root, "/sys/fs/cgroup/job/cpu.max", "250000 100000\n");
    assert_int_equal(rnnp_cgroup_cpus(root), 3);
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

int tests_begin(char **arguments)
{
    (void)arguments;
    make_shapes();
    return 0;
}
