/* SPDX-License-Identifier: Apache-2.0
 *
 * lost_cpu [REPORT]: a team of two on two CPUs, of which one is lost for a while. An LSTM layer is called again and
 * again, with one thread and with two, and every call must give the same bits. The CPU is lost
 *
 *   to a competitor: a process that spins, pinned to one of the CPUs, for as long as the test says;
 *   to a stop: the worker itself is kept in a signal's handler, wherever it is in its work.
 *
 * What is checked holds on a busy machine, too: bits, that calls end, and that two threads are back soon after. Ratios
 * of times are printed; with the argument "report", which expects an idle machine, they are checked as well.
 */
#include "tests/model/build.h"

#include "rnnpack/kernels.h"
#include "src/clock.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEPS = 50, MOST_CALLS = 4000 };

typedef struct subject {
    size_t hidden, batch;
    rnnp_context *context[2]; /* one thread, two threads */
    rnnp_layer *layer[2];
    float *x, *y[2];
    void *workspace;
} subject;

static subject make_subject(size_t hidden, size_t batch)
{
    subject s = {.hidden = hidden, .batch = batch};
    DROPPED(free_layer) layer weights = make_layer(RNNP_CELL_LSTM, hidden, hidden, RNNP_DIRECTION_FORWARD, 3);
    size_t bytes = 0;

    s.x = numbers(STEPS * batch * hidden, 5, 1.0f);
    for (size_t i = 0; i < 2; i++) {
        s.context[i] = make_context(NULL, i + 1);
        OK(rnnp_layer_create(s.context[i], &weights.options, weights.weights, RNNP_MATH_U35, &s.layer[i]));
        OK(rnnp_layer_workspace_bytes(s.layer[i], STEPS, batch, &bytes));
        s.y[i] = malloc(STEPS * batch * hidden * sizeof(float));
        assert_non_null(s.y[i]);
    }
    s.workspace = aligned_alloc(64, (bytes + 63) / 64 * 64); /* two threads need more than one */
    assert_non_null(s.workspace);
    return s;
}

static void free_subject(subject *s)
{
    for (size_t i = 0; i < 2; i++) {
        rnnp_layer_destroy(s->layer[i]);
        rnnp_context_destroy(s->context[i]);
        free(s->y[i]);
    }
    free(s->x);
    free(s->workspace);
}

/* Seconds of a call with i + 1 threads. */
static double call(const subject *s, size_t i)
{
    rnnp_layer_args args;

    rnnp_layer_args_init(&args);
    args.steps = STEPS;
    args.batch = s->batch;
    args.x = s->x;
    args.y = s->y[i];
    args.workspace = s->workspace;
    const double start = rnnp_clock();
    OK(rnnp_layer_forward(s->layer[i], &args));
    return rnnp_clock() - start;
}

static void check_bits(const subject *s)
{
    assert_memory_equal(s->y[0], s->y[1], STEPS * s->batch * s->hidden * sizeof(float));
}

static void sleep_us(long us)
{
    const struct timespec time = {us / 1000000, us % 1000000 * 1000};

    nanosleep(&time, NULL);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

typedef struct times {
    double median, mean;
} times;

/* Calls for some time, with pauses between them. */
static times measure(const subject *s, size_t i, double seconds, long pause_us)
{
    static double t[MOST_CALLS];
    const double start = rnnp_clock();
    size_t n = 0;
    times result = {0};

    call(s, i);
    while (n < MOST_CALLS && (n < 5 || rnnp_clock() - start < seconds)) {
        if (pause_us) sleep_us(pause_us);
        t[n] = call(s, i);
        result.mean += t[n++];
    }
    result.mean /= (double)n;
    qsort(t, n, sizeof *t, by_value);
    result.median = t[n / 2];
    return result;
}

/* ---- A competitor ---- */

static int cpus[2]; /* two that this process may use */

static int find_cpus(void)
{
    cpu_set_t set;
    int n = 0;

    if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
    for (int c = 0; c < CPU_SETSIZE && n < 2; c++)
        if (CPU_ISSET((size_t)c, &set)) cpus[n++] = c;
    if (n < 2) return 0;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpus[0], &set);
    CPU_SET((size_t)cpus[1], &set);
    return sched_setaffinity(0, sizeof set, &set) == 0; /* threads made from now on */
}

static pid_t start_competitor(int cpu)
{
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        sched_setaffinity(0, sizeof set, &set);
        alarm(60);
        for (volatile unsigned spins = 0;; spins++) {
        }
    }
    sleep_us(20000);
    return child;
}

static void stop_competitor(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* ---- The tests ---- */

static int report;

static const struct {
    size_t hidden, batch;
} shapes[] = {{64, 4}, {256, 16}, {512, 64}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* Calls of the largest take a tenth of a second each, which only a report is worth. */
static size_t shapes_tested(void) { return report ? SHAPES : SHAPES - 1; }

/* Ratios of times of two threads to one; `most` is a claim about an idle machine. */
static void expect(const char *what, const subject *s, double ratio, double most)
{
    printf("LSTM %zu, batch %zu, %s: %.2f of one thread's time (at most %.2f expected)\n", s->hidden, s->batch, what,
           ratio, most);
    if (report) assert_true(ratio <= most);
}

TEST(test_pauses)
{
    static const long pauses[] = {0, 1000, 20000, 100000};

    for (size_t k = 0; k < shapes_tested(); k++) {
        DROPPED(free_subject) subject s = make_subject(shapes[k].hidden, shapes[k].batch);

        for (size_t p = 0; p < sizeof pauses / sizeof *pauses; p++) {
            const double seconds = report ? 1.0 : 0.05;
            const times one = measure(&s, 0, seconds, pauses[p]), two = measure(&s, 1, seconds, pauses[p]);
            char what[48];

            check_bits(&s);
            snprintf(what, sizeof what, "pauses of %ld ms, median", pauses[p] / 1000);
            expect(what, &s, two.median / one.median, one.median > 2e-3 ? 1 / 1.6 : 1.1);
        }
    }
}

TEST(test_competitor)
{
    for (size_t k = 0; k < shapes_tested(); k++) {
        DROPPED(free_subject) subject s = make_subject(shapes[k].hidden, shapes[k].batch);

        for (size_t c = 0; c < 2; c++) {
            const pid_t competitor = start_competitor(cpus[c]);
            const double seconds = report ? 1.0 : 0.1;
            const times one = measure(&s, 0, seconds, 0), two = measure(&s, 1, seconds, 0);

            stop_competitor(competitor);
            check_bits(&s);
            expect("with a competitor, mean", &s, two.mean / one.mean, 1.15);
            expect("with a competitor, median", &s, two.median / one.median, 1.15);
        }
    }
}

/* After a competitor's end: calls until one is about as fast as two threads are. */
TEST(test_return)
{
    DROPPED(free_subject) subject s = make_subject(128, 16);
    const double two = measure(&s, 1, 0.2, 0).median, one = measure(&s, 0, 0.2, 0).median;
    double worst = 0;

    for (size_t c = 0; c < 10; c++) {
        const pid_t competitor = start_competitor(cpus[c % 2]);

        for (double start = rnnp_clock(); rnnp_clock() - start < 0.1;) call(&s, 1);
        stop_competitor(competitor);
        const double end = rnnp_clock();
        double back = 0;
        while ((back = rnnp_clock() - end) < 1 && call(&s, 1) > (one + two) / 2) {
        }
        worst = back > worst ? back : worst;
    }
    check_bits(&s);
    printf("two threads again %.1f ms after a competitor's end, at the latest of 10 (at most 10 expected)\n",
           worst * 1e3);
    if (report) assert_true(worst <= 10e-3);
}

/* ---- A worker that stops ---- */

static atomic_int stopped, goes_on;

static void stop_here(int signal)
{
    const struct timespec time = {0, 100000};

    (void)signal;
    atomic_store(&stopped, 1);
    while (!atomic_load(&goes_on)) nanosleep(&time, NULL);
}

/* Another thread of this process than the caller, of those that run. */
static int find_worker(void)
{
    const int self = (int)syscall(SYS_gettid);
    char path[64];

    for (int tid = self + 1; tid < self + 10000; tid++) {
        snprintf(path, sizeof path, "/proc/self/task/%d", tid);
        if (access(path, F_OK) == 0) return tid;
    }
    return 0;
}

static void *let_go_on(void *arg)
{
    sleep_us(*(long *)arg);
    atomic_store(&goes_on, 1);
    return NULL;
}

/* While the worker is stopped the calls go on: at most one waits for it, if it was at a share just then. */
TEST(test_stopped_worker)
{
    const struct sigaction handler = {.sa_handler = stop_here};
    struct sigaction before;
    subject s = make_subject(128, 16);
    const int worker = find_worker();
    size_t calls = 0;

    if (!worker) {
        free_subject(&s);
        skip();
    }
    sigaction(SIGILL, &handler, &before); /* one that workers do not block */
    call(&s, 0);
    for (size_t round = 0; round < 20; round++) {
        long pause = 20000;
        pthread_t timer;

        for (size_t c = 0; c < round % 5; c++) call(&s, 1);
        atomic_store(&stopped, 0);
        atomic_store(&goes_on, 0);
        assert_int_equal(pthread_create(&timer, NULL, let_go_on, &pause), 0);
        syscall(SYS_tgkill, (int)getpid(), worker, SIGILL);
        for (; !atomic_load(&goes_on); calls++) call(&s, 1);
        pthread_join(timer, NULL);
        call(&s, 1);
        check_bits(&s);
    }
    sigaction(SIGILL, &before, NULL);
    printf("%zu calls while the worker was stopped, 20 times for 20 ms\n", calls);
    assert_true(calls >= 20);
    free_subject(&s);
}

/* With kernels without a fused multiply-add, or emulated, a call takes so long that a lost slice does not show. */
static int is_fast(void)
{
    DROPPED(free_subject) subject s = make_subject(64, 4);
    double best = call(&s, 0);

    for (size_t i = 0; i < 3 && best > 2e-3; i++) best = fmin(best, call(&s, 0));
    return best <= 2e-3;
}

int tests_begin(char **arguments)
{
    report = *arguments != NULL;
    if (!find_cpus()) {
        printf("skipped: needs two CPUs\n");
        return 77;
    }
    if (!is_fast()) {
        printf("skipped: calls are too slow here for a lost CPU to show\n");
        return 77;
    }
    return 0;
}
