/* SPDX-License-Identifier: Apache-2.0
 *
 * One benchmark per row of the variant table and shape. The check engine makes the arguments (tests/check); shapes and
 * work belong to the argument struct, so a new variant or op is benchmarked without an entry here.
 */
#include "bench.h"

#include <functional>
#include <string>

extern "C" {
#include "tests/check/check.h"
}

namespace bench {
namespace {

struct Shape {
    const char *name;
    size_t sizes[3]; /* as the class's generator takes them */
};

Work product(double flop, size_t weights)
{
    Work work = array_work(weights);
    work.flop = flop;
    return work;
}

/* What a class's calls are measured with. */
struct Class {
    std::vector<Shape> shapes;
    Work (*work)(const rnnp_variant &v, const size_t *n);
};

const std::vector<Shape> rows_shapes = {{"rows64_cols5", {64, 5}}, {"rows64_cols256", {64, 256}}};

const Class unary{{{"n16384", {16384}}}, [](const rnnp_variant &, const size_t *n) { return array_work(2 * n[0]); }};
const Class binary{{{"n16384", {16384}}}, [](const rnnp_variant &, const size_t *n) { return array_work(3 * n[0]); }};
const Class act_back = binary;

const Class row{rows_shapes, [](const rnnp_variant &v, const size_t *n) {
                    const bool reduces = v.op == RNNP_OP_reduce_sum_f32 || v.op == RNNP_OP_reduce_mean_f32 ||
                                         v.op == RNNP_OP_reduce_max_f32;
                    return array_work((reduces ? 1 : 2) * n[0] * n[1]);
                }};
const Class row_back{rows_shapes, [](const rnnp_variant &, const size_t *n) { return array_work(3 * n[0] * n[1]); }};

const Class move{{{"rows50_cols256", {50, 256}}},
                 [](const rnnp_variant &, const size_t *n) { return array_work(2 * n[0] * n[1]); }};
const Class gather{{{"n200_of5000_cols64", {5000, 64, 200}}},
                   [](const rnnp_variant &, const size_t *n) { return array_work(2 * n[1] * n[2]); }};

/* A depthwise kernel of 3, and a few channels of 9. */
const Class conv{{{"rows1_n96_taps3", {1, 96, 3}}, {"rows4_n512_taps36", {4, 512, 36}}},
                 [](const rnnp_variant &, const size_t *n) {
                     return product(2.0 * static_cast<double>(n[0] * n[1] * n[2]), n[0] * n[2] + 2 * n[1]);
                 }};

const Class gates{
    {{"rows1_hidden256", {1, 256}}, {"rows16_hidden256", {16, 256}}},
    [](const rnnp_variant &v, const size_t *n) { return array_work(n[0] * (rnnp_op_gates(v.op) + 1) * n[1]); }};
const Class gates_back{{{"rows16_hidden256", {16, 256}}}, [](const rnnp_variant &v, const size_t *n) {
                           return array_work((2 * rnnp_op_gates(v.op) + 4) * n[0] * n[1]);
                       }};

const Class gemm{{{"m1_n512_k128", {1, 512, 128}},
                  {"m4_n512_k128", {4, 512, 128}},
                  {"m16_n512_k128", {16, 512, 128}},
                  {"m16_n1024_k256", {16, 1024, 256}},
                  {"m200_n1024_k256", {200, 1024, 256}},
                  {"m256_n256_k256", {256, 256, 256}}},
                 [](const rnnp_variant &v, const size_t *n) {
                     return product(2.0 * static_cast<double>(n[0] * n[1] * n[2]),
                                    rnnp_panels_bytes(&v.traits.panels, n[1], n[2]) / sizeof(float));
                 }};

/* The recurrent part: the input's share is in z. */
const Class step{{{"rows1_hidden64", {1, 64}},
                  {"rows1_hidden128", {1, 128}},
                  {"rows1_hidden256", {1, 256}},
                  {"rows16_hidden128", {16, 128}},
                  {"rows16_hidden256", {16, 256}}},
                 [](const rnnp_variant &v, const size_t *n) {
                     return product(2.0 * static_cast<double>(n[0] * v.traits.panels.gates * n[1] * n[1]),
                                    rnnp_panels_bytes(&v.traits.panels, n[1], n[1]) / sizeof(float));
                 }};

const Class update{{{"n262144", {262144}}}, [](const rnnp_variant &v, const size_t *n) {
                       return array_work((v.op == RNNP_OP_penalty_f32 ? 2 : v.op == RNNP_OP_adam_f32 ? 4 : 3) * n[0]);
                   }};

const Class *const classes[RNNP_OP_COUNT] = {
#define RNNP_OP(op, args, source) &args,
#include "kernels/ops.def"
#undef RNNP_OP
};

/* One problem at a time: a call and what it reads and writes. */
struct Problem {
    arena plain{};
    memory buffers{};
    std::function<void()> call;

    void make(const rnnp_variant &v, const Shape &shape)
    {
        if (!plain.base && !(arena_open(&plain) && memory_open(&buffers))) std::abort();
        arena_reset(&plain);
        memory_reset(&buffers, APART, 0);
        rng random{1, shape.sizes};
        const void *problem = check_classes[v.op]->prepare({v.op, v.traits.panels.format}, &plain, &random);
        const void *args = check_classes[v.op]->place(problem, &v, 1, &plain, &buffers);
        switch (v.op) {
#define RNNP_OP(op, args_, source)                                                            \
    case RNNP_OP_##op:                                                                        \
        call = [fn = v.fn.op, a = static_cast<const rnnp_##args_##_args *>(args)] { fn(a); }; \
        break;
#include "kernels/ops.def"
#undef RNNP_OP
        case RNNP_OP_COUNT: break;
        }
    }
};

} // namespace

void register_kernels(Host &host)
{
    static Problem problem;

    for (const rnnp_variant_list *list : rnnp_tables)
        for (size_t i = 0; i < list->count; i++) {
            const rnnp_variant &v = list->rows[i];
            for (const Shape &shape : classes[v.op]->shapes) {
                const std::string name = std::string("kernel/") + v.name + "/" + shape.name;
                add(name, [&host, &v, &shape](benchmark::State &state) {
                    if (!rnnp_variant_usable(&v, host.cpu().features, host.max_rank())) {
                        state.SkipWithError("skipped: not on this CPU");
                        return;
                    }
                    problem.make(v, shape);
                    measure(state, host, host.context(rnnp_isa_names[v.isa], 1), classes[v.op]->work(v, shape.sizes),
                            problem.call);
                });
            }
        }
}

} // namespace bench
