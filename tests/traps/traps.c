/* SPDX-License-Identifier: Apache-2.0
 *
 * The step path of one thread allocates nothing, locks nothing and makes no system call: steps, runs and layer calls
 * are repeated in a child process whose every system call but write and exit kills it (seccomp), while allocation and
 * locking functions are traps (--wrap).
 */
#include "../model/graph.h"

#include "rnnpack/kernels.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INPUT = 6, HIDDEN = 70, CLASSES = 5, STEPS = 20, REPEATS = 200, SKIPPED = 77 };

static int armed;

static void trap(const char *what)
{
    if (!armed) return;
    armed = 0;
    const ssize_t written = write(STDERR_FILENO, what, strlen(what));
    syscall(SYS_exit_group, written > 0 ? 3 : 4);
}

#define TRAP(type, name, parameters, ...)  \
    type __real_##name parameters;         \
    type __wrap_##name parameters;         \
    type __wrap_##name parameters          \
    {                                      \
        trap(#name " was called\n");       \
        return __real_##name(__VA_ARGS__); \
    }
TRAP(void *, malloc, (size_t n), n)
TRAP(void *, calloc, (size_t n, size_t size), n, size)
TRAP(void *, realloc, (void *p, size_t n), p, n)
TRAP(void *, aligned_alloc, (size_t align, size_t n), align, n)
TRAP(int, posix_memalign, (void **p, size_t align, size_t n), p, align, n)
TRAP(int, pthread_mutex_lock, (pthread_mutex_t * m), m)
TRAP(int, pthread_cond_wait, (pthread_cond_t * c, pthread_mutex_t *m), c, m)
TRAP(int, pthread_cond_broadcast, (pthread_cond_t * c), c)
void __real_free(void *p);
void __wrap_free(void *p);
void __wrap_free(void *p)
{
    trap("free was called\n");
    __real_free(p);
}

/* ---- What is stepped ---- */

static rnnp_model *two_layers(rnnp_context *context, const char *cell, const char *before)
{
    return make_graph(context,
                      "x: f32[?,?,6]; a = %s[6,70]#1(x%s); b = %s[70,70]#2(a%s);"
                      "-> y = Softmax(MatMul(b, f32[70,5]~3*0.1), axis=-1)",
                      cell, before, cell, before);
}

typedef struct subject {
    rnnp_stream *stream, *pair; /* of one channel, and of two */
    rnnp_run *run;
    const rnnp_layer *layer;
    rnnp_layer_args args;
    rnnp_context *context;
    void *packed;
    float *x, *y;
} subject;

/* One channel steps, the other is moved and put back to its beginning. */
static rnnp_status step_channels(const subject *s)
{
    static const uint8_t active[] = {1, 0};
    rnnp_tensor in = tensor3(s->x, 1, 2, INPUT), out = tensor3(s->y, 1, 2, CLASSES);
    char state[4 * HIDDEN * sizeof(float) + sizeof(uint64_t)];
    const size_t bytes = rnnp_stream_row_state_bytes(s->pair);
    rnnp_status status = rnnp_stream_step_rows(s->pair, active, &in, 1, &out, 1);
    if (status == RNNP_OK) status = rnnp_stream_save_row(s->pair, 0, state, bytes);
    if (status == RNNP_OK) status = rnnp_stream_load_row(s->pair, 1, state, bytes);
    if (status == RNNP_OK) status = rnnp_stream_reset_row(s->pair, 0);
    return status;
}

/* Everything that promises the quiet path, once. */
static rnnp_status step_once(const subject *s)
{
    rnnp_tensor in = tensor3(s->x, 1, 1, INPUT), out = tensor3(s->y, 1, 1, CLASSES);
    rnnp_status status = rnnp_stream_step(s->stream, &in, 1, &out, 1);
    if (status == RNNP_OK) status = step_channels(s);
    in = tensor3(s->x, STEPS, 1, INPUT);
    out = tensor3(s->y, STEPS, 1, CLASSES);
    if (status == RNNP_OK) status = rnnp_run_execute(s->run, &in, 1, &out, 1);
    if (status == RNNP_OK) status = rnnp_layer_forward(s->layer, &s->args);
    if (status == RNNP_OK)
        status = rnnp_apply(s->context, RNNP_FUNCTION_TANH, RNNP_MATH_U35, STEPS * INPUT, s->x, s->y);
    if (status == RNNP_OK) status = rnnp_softmax(s->context, RNNP_MATH_U35, STEPS, INPUT, s->x, s->y);
    if (status == RNNP_OK)
        status = rnnp_gemm(s->context, STEPS, CLASSES, INPUT, s->x, INPUT, s->packed, NULL, s->y, CLASSES);
    return status;
}

/* 0 when the kernel refuses filters here. */
static int forbid_system_calls(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof rules / sizeof rules[0], rules};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

enum { QUIET, CALLS_SYSTEM, ALLOCATES };

/* Exit status of a child that steps under guard, and at the end does what is forbidden, to show that it is noticed. */
static int run_guarded(const subject *s, int ending)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (!forbid_system_calls()) _exit(SKIPPED);
        armed = 1;
        int code = 0;
        for (int i = 0; i < REPEATS && code == 0; i++) code = step_once(s) == RNNP_OK ? 0 : 1;
        if (ending == ALLOCATES) {
            void *volatile kept = malloc(1); /* a compiler may leave out a malloc whose result goes nowhere */
            code += kept == NULL;
        }
        if (ending == CALLS_SYSTEM) syscall(SYS_getppid);
        syscall(SYS_exit_group, code);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

TEST(nothing_is_called)
{
    static const struct {
        rnnp_cell cell;
        rnnp_gru_reset reset;
        const char *layer, *before;
    } cells[] = {
        {RNNP_CELL_RNN, RNNP_GRU_RESET_AFTER, "rnn", ""},
        {RNNP_CELL_LSTM, RNNP_GRU_RESET_AFTER, "lstm", ""},
        {RNNP_CELL_GRU, RNNP_GRU_RESET_AFTER, "gru", ""},
        {RNNP_CELL_GRU, RNNP_GRU_RESET_BEFORE, "gru", ", before"},
    };
    rnnp_context *const context = make_context(NULL, 1);
    float *const x = numbers(STEPS * INPUT, 3, 1), *const w = numbers(4 * HIDDEN * HIDDEN, 4, 0.1f);
    float y[STEPS * HIDDEN];
    for (size_t c = 0; c < sizeof cells / sizeof cells[0]; c++) {
        subject s = {.context = context, .x = x, .y = y};
        rnnp_recurrent_options o;
        size_t bytes;
        const rnnp_tensor in = tensor3(x, STEPS, 1, INPUT);
        const rnnp_recurrent_weights weights = {.w = w, .r = w};

        OWNED(model) model = two_layers(context, cells[c].layer, cells[c].before);
        OWNED(plan) plan = make_plan(model);
        OPTIONS(stream, two);
        two.batch = 2;
        OK(rnnp_stream_create(plan, NULL, &s.stream));
        OK(rnnp_stream_create(plan, &two, &s.pair));
        OK(rnnp_run_create(plan, &in, 1, &s.run));
        rnnp_recurrent_options_init(&o, cells[c].cell, INPUT, HIDDEN);
        o.reset = cells[c].reset;
        NEW(layer, made, context, &o, &weights, RNNP_MATH_U35);
        s.layer = made;
        OK(rnnp_layer_workspace_bytes(made, STEPS, 1, &bytes));
        rnnp_layer_args_init(&s.args);
        s.args.steps = STEPS;
        s.args.batch = 1;
        s.args.x = x;
        s.args.y = y;
        s.args.workspace = aligned_alloc(64, (bytes + 63) / 64 * 64);
        OK(rnnp_gemm_pack_bytes(context, CLASSES, INPUT, &bytes));
        s.packed = aligned_alloc(64, (bytes + 63) / 64 * 64);
        OK(rnnp_gemm_pack(context, CLASSES, INPUT, w, CLASSES, 1, s.packed));

        const int status = run_guarded(&s, QUIET);
        if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
            printf("skipped: this system refuses seccomp filters\n");
            exit(SKIPPED);
        }
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        /* the guards work */
        assert_true(WIFSIGNALED(run_guarded(&s, CALLS_SYSTEM)));
        assert_int_equal(WEXITSTATUS(run_guarded(&s, ALLOCATES)), 3);

        free(s.args.workspace);
        free(s.packed);
        rnnp_layer_destroy(made);
        rnnp_run_destroy(s.run);
        rnnp_stream_destroy(s.stream);
        rnnp_stream_destroy(s.pair);
    }
    free(x);
    free(w);
    rnnp_context_destroy(context);
}
