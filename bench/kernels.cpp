/* SPDX-License-Identifier: Apache-2.0
 *
 * One benchmark per row of the variant table and shape. The shapes belong to the argument struct, so a new variant or
 * op is benchmarked without an entry here.
 */
#include "bench.h"

#include <functional>
#include <string>

namespace bench {
namespace {

/* A kernel call on memory of its own. */
struct Problem {
    Work work;
    std::function<void()> call;
};

struct Shape {
    const char *name;
    size_t a, b, c;
};

Work product(double flop, size_t weights)
{
    Work work = array_work(weights);
    work.flop = flop;
    return work;
}

/* Memory that a call keeps: shared, so that std::function can be copied. */
template <class... Buffers> std::shared_ptr<std::tuple<Buffers...>> keep(Buffers &&...buffers)
{
    return std::make_shared<std::tuple<Buffers...>>(std::move(buffers)...);
}

const Shape unary_shapes[] = {{"n16384", 16384, 0, 0}};

Problem make_unary(const rnnp_variant &v, const Shape &s)
{
    Floats x(s.a, 4.0F), y(s.a);
    rnnp_unary_args args{};
    args.x = x;
    args.y = y;
    args.n = s.a;
    args.alpha = 0.5F;
    args.beta = 1.0F;
    auto memory = keep(std::move(x), std::move(y));
    return {array_work(2 * s.a), [=, fn = v.fn.exp_f32_u35] { (void)memory, fn(&args); }};
}

const Shape binary_shapes[] = {{"n16384", 16384, 0, 0}};

Problem make_binary(const rnnp_variant &v, const Shape &s)
{
    Floats a(s.a, 2.0F, 1), b(s.a, 2.0F, 2), y(s.a);
    rnnp_binary_args args{};
    args.a = a;
    args.b = static_cast<const float *>(b);
    args.y = y;
    args.n = s.a;
    args.a_step = args.b_step = 1;
    auto memory = keep(std::move(a), std::move(b), std::move(y));
    return {array_work(3 * s.a), [=, fn = v.fn.add_f32] { (void)memory, fn(&args); }};
}

const Shape row_shapes[] = {{"rows64_cols5", 64, 5, 0}, {"rows64_cols256", 64, 256, 0}};

Problem make_row(const rnnp_variant &v, const Shape &s)
{
    Floats x(s.a * s.b, 4.0F), y(s.a * s.b);
    rnnp_row_args args{};
    args.x = x;
    args.y = y;
    args.rows = s.a;
    args.cols = args.ldx = args.ldy = s.b;
    auto memory = keep(std::move(x), std::move(y));
    const bool reduces =
        v.op == RNNP_OP_reduce_sum_f32 || v.op == RNNP_OP_reduce_mean_f32 || v.op == RNNP_OP_reduce_max_f32;
    return {array_work((reduces ? 1 : 2) * s.a * s.b), [=, fn = v.fn.softmax_f32_u35] { (void)memory, fn(&args); }};
}

const Shape move_shapes[] = {{"rows50_cols256", 50, 256, 0}};

Problem make_move(const rnnp_variant &v, const Shape &s)
{
    Floats x(s.a * s.b), y(s.a * s.b);
    rnnp_move_args args{};
    args.x = x;
    args.y = y;
    args.rows = s.a;
    args.cols = args.ldx = s.b;
    args.ldy = s.a;
    auto memory = keep(std::move(x), std::move(y));
    return {array_work(2 * s.a * s.b), [=, fn = v.fn.transpose_f32] { (void)memory, fn(&args); }};
}

const Shape gather_shapes[] = {{"n200_of5000_cols64", 200, 5000, 64}};

Problem make_gather(const rnnp_variant &v, const Shape &s)
{
    Floats x(s.b * s.c), y(s.a * s.c);
    std::vector<int64_t> index(s.a);
    for (size_t i = 0; i < s.a; i++) index[i] = static_cast<int64_t>(i * 2654435761U % s.b);
    rnnp_gather_args args{};
    args.x = x;
    args.index = index.data();
    args.y = y;
    args.n = s.a;
    args.cols = args.ldx = args.ldy = s.c;
    auto memory = keep(std::move(x), std::move(y), std::move(index));
    return {array_work(2 * s.a * s.c), [=, fn = v.fn.gather_f32] { (void)memory, fn(&args); }};
}

rnnp_gate_spec plain_gates()
{
    rnnp_gate_spec spec{};
    spec.math = RNNP_MATH_U35;
    spec.plain = 1;
    return spec;
}

/* The least panel of the ISA: what its gates ops are given multiples of. */
size_t least_lanes(rnnp_isa isa)
{
    size_t least = 0;
    const rnnp_variant_list &list = *rnnp_tables[isa];
    for (size_t i = 0; i < list.count; i++)
        if (const size_t lanes = list.rows[i].traits.panels.lanes;
            lanes > 0 && list.rows[i].op != RNNP_OP_gemm && (least == 0 || lanes < least))
            least = lanes;
    return least;
}

const Shape gates_shapes[] = {{"rows1_hidden256", 1, 256, 0}, {"rows16_hidden256", 16, 256, 0}};

Problem make_gates(const rnnp_variant &v, const Shape &s)
{
    const size_t lanes = least_lanes(v.isa), panels = s.b / lanes, width = rnnp_op_gates(v.op) * s.b;
    Floats z(s.a * width, 2.0F, 1), zx(s.a * s.b, 1.0F, 2), h(s.a * s.b, 1.0F, 3);
    Floats state(s.a * s.b, 0.5F, 4), y(s.a * s.b);
    rnnp_gates_args args{};
    args.rows = s.a;
    args.hidden = args.ldzx = args.ldh = args.ldy = s.b;
    args.lanes = args.zx_step = lanes;
    args.panel_end = panels;
    args.z = z;
    args.ldz = width;
    args.zx = zx;
    args.h = h;
    args.state[0] = {state, s.b};
    args.y = y;
    const auto spec = std::make_shared<rnnp_gate_spec>(plain_gates());
    args.spec = spec.get();
    auto memory = keep(std::move(z), std::move(zx), std::move(h), std::move(state), std::move(y));
    return {array_work(s.a * (width + s.b)), [=, fn = v.fn.lstm_gates_f32] { (void)memory, (void)spec, fn(&args); }};
}

const Shape gemm_shapes[] = {
    {"m1_n512_k128", 1, 512, 128},     {"m4_n512_k128", 4, 512, 128},       {"m16_n512_k128", 16, 512, 128},
    {"m16_n1024_k256", 16, 1024, 256}, {"m200_n1024_k256", 200, 1024, 256}, {"m256_n256_k256", 256, 256, 256},
};

Problem make_gemm(const rnnp_variant &v, const Shape &s)
{
    const size_t packed = rnnp_panels_bytes(&v.traits.panels, s.b, s.c) / sizeof(float);
    Floats a(s.a * s.c), b(packed), c(s.a * s.b);
    rnnp_gemm_args args{};
    args.m = s.a;
    args.n = args.ldc = s.b;
    args.k = args.lda = s.c;
    args.a = a;
    args.b = static_cast<const float *>(b);
    args.c = c;
    auto memory = keep(std::move(a), std::move(b), std::move(c));
    return {product(2.0 * static_cast<double>(s.a * s.b * s.c), packed),
            [=, fn = v.fn.gemm] { (void)memory, fn(&args); }};
}

const Shape step_shapes[] = {
    {"rows1_hidden64", 1, 64, 0},     {"rows1_hidden128", 1, 128, 0},   {"rows1_hidden256", 1, 256, 0},
    {"rows16_hidden128", 16, 128, 0}, {"rows16_hidden256", 16, 256, 0},
};

/* The recurrent part: the input's share is in z. */
Problem make_step(const rnnp_variant &v, const Shape &s)
{
    const rnnp_panels &packing = v.traits.panels;
    const size_t gates = packing.gates, panels = rnnp_panels_count(&packing, s.b), units = panels * packing.lanes;
    const size_t packed = rnnp_panels_bytes(&packing, s.b, s.b) / sizeof(float);
    Floats z(s.a * gates * units, 1.0F, 1), wh(packed, 0.05F, 2), zh(units, 0.1F, 3), h(s.a * s.b, 1.0F, 4);
    Floats state(s.a * s.b, 0.5F, 5), y(s.a * s.b);
    Floats scratch(rnnp_step_scratch(&v.traits, s.a, s.b, s.b));
    rnnp_step_args args{};
    args.rows = s.a;
    args.hidden = args.ldchain = args.ldh = args.ldy = s.b;
    args.panel_end = panels;
    args.z = z;
    args.ldz = gates * units;
    args.chain = args.h = h;
    args.wh = static_cast<const float *>(wh);
    args.zh = zh;
    args.state[0] = {state, s.b};
    args.y = y;
    args.scratch = scratch;
    const auto spec = std::make_shared<rnnp_gate_spec>(plain_gates());
    args.spec = spec.get();
    auto memory = keep(std::move(z), std::move(wh), std::move(zh), std::move(h), std::move(state), std::move(y),
                       std::move(scratch));
    return {product(2.0 * static_cast<double>(s.a * gates * s.b * s.b), packed),
            [=, fn = v.fn.lstm_step] { (void)memory, (void)spec, fn(&args); }};
}

const Shape gates_back_shapes[] = {{"rows16_hidden256", 16, 256, 0}};

/* The gradients that a call leaves in z are the next one's pre-activations: dh is so small that they stay numbers. */
Problem make_gates_back(const rnnp_variant &v, const Shape &s)
{
    const size_t width = rnnp_op_gates(v.op) * s.b, n = s.a * s.b;
    Floats z(s.a * width, 2.0F, 1), zx(n, 1.0F, 2), h(n, 1.0F, 3), c(n, 1.0F, 4), c_prev(n, 1.0F, 5);
    Floats dh(n, 1e-3F, 6), dh_prev(n, 1e-3F, 7), d_state(n, 1e-3F, 8);
    rnnp_gates_back_args args{};
    args.rows = s.a;
    args.hidden = args.ldzx = args.ldh = args.lddh = args.lddh_prev = s.b;
    args.z = z;
    args.ldz = width;
    args.zx = zx;
    args.h = h;
    args.state[0] = {c, s.b};
    args.state_prev[0] = {c_prev, s.b};
    args.dh = dh;
    args.dh_prev = dh_prev;
    args.d_state[0] = {d_state, s.b};
    const auto spec = std::make_shared<rnnp_gate_spec>(plain_gates());
    args.spec = spec.get();
    auto memory = keep(std::move(z), std::move(zx), std::move(h), std::move(c), std::move(c_prev), std::move(dh),
                       std::move(dh_prev), std::move(d_state));
    return {array_work(2 * s.a * width + 4 * n),
            [=, fn = v.fn.lstm_gates_back_f32] { (void)memory, (void)spec, fn(&args); }};
}

const Shape act_back_shapes[] = {{"n16384", 16384, 0, 0}};

Problem make_act_back(const rnnp_variant &v, const Shape &s)
{
    Floats x(s.a, 4.0F, 1), dy(s.a, 1.0F, 2), dx(s.a);
    rnnp_act_back_args args{};
    args.x = x;
    args.dy = dy;
    args.dx = dx;
    args.n = s.a;
    args.act.kind = RNNP_ACT_TANH;
    args.math = RNNP_MATH_U35;
    auto memory = keep(std::move(x), std::move(dy), std::move(dx));
    return {array_work(3 * s.a), [=, fn = v.fn.act_back_f32] { (void)memory, fn(&args); }};
}

const Shape row_back_shapes[] = {{"rows64_cols5", 64, 5, 0}, {"rows64_cols256", 64, 256, 0}};

Problem make_row_back(const rnnp_variant &v, const Shape &s)
{
    Floats y(s.a * s.b, 1.0F, 1), dy(s.a * s.b, 1.0F, 2), dx(s.a * s.b);
    rnnp_row_back_args args{};
    args.y = y;
    args.dy = dy;
    args.dx = dx;
    args.rows = s.a;
    args.cols = args.ldy = args.lddy = args.lddx = s.b;
    auto memory = keep(std::move(y), std::move(dy), std::move(dx));
    return {array_work(3 * s.a * s.b), [=, fn = v.fn.softmax_back_f32] { (void)memory, fn(&args); }};
}

const Shape update_shapes[] = {{"n262144", 262144, 0, 0}};

/* Rates and means that leave the numbers where they are, however often it is called. */
Problem make_update(const rnnp_variant &v, const Shape &s)
{
    Floats p(s.a, 1.0F, 1), g(s.a, 1.0F, 2), m(s.a, 1.0F, 3), square(s.a, 0.0F);
    rnnp_update_args args{};
    args.p = p;
    args.g = g;
    args.m = m;
    args.v = square;
    args.n = s.a;
    args.rate = args.rate1 = args.l1 = args.l2 = 1e-12F;
    args.scale = args.root2 = 1.0F;
    args.momentum = args.beta1 = 0.9F;
    args.rho = args.beta2 = 0.999F;
    args.epsilon = 1e-7F;
    const size_t arrays = v.op == RNNP_OP_penalty_f32 ? 2 : v.op == RNNP_OP_adam_f32 ? 4 : 3;
    auto memory = keep(std::move(p), std::move(g), std::move(m), std::move(square));
    return {array_work(arrays * s.a), [=, fn = v.fn.sgd_f32] { (void)memory, fn(&args); }};
}

struct Class {
    Problem (*make)(const rnnp_variant &, const Shape &);
    const Shape *shapes;
    size_t n_shapes;
};

#define CLASS(args)                                                                \
    {                                                                              \
        make_##args, args##_shapes, sizeof args##_shapes / sizeof args##_shapes[0] \
    }
const Class classes[RNNP_OP_COUNT] = {
#define RNNP_OP(op, args, source) CLASS(args),
#include "kernels/ops.def"
#undef RNNP_OP
};

} // namespace

void register_kernels(Host &host)
{
    for (const rnnp_variant_list *list : rnnp_tables)
        for (size_t i = 0; i < list->count; i++) {
            const rnnp_variant &v = list->rows[i];
            const Class &c = classes[v.op];
            for (size_t k = 0; k < c.n_shapes; k++) {
                const Shape &shape = c.shapes[k];
                const std::string name = std::string("kernel/") + v.name + "/" + shape.name;
                add(name, [&host, &v, &c, &shape](benchmark::State &state) {
                    if (!rnnp_variant_usable(&v, host.cpu().features, host.max_rank())) {
                        state.SkipWithError("skipped: not on this CPU");
                        return;
                    }
                    const Problem p = c.make(v, shape);
                    measure(state, host, host.context(rnnp_isa_names[v.isa], 1), p.work, p.call);
                });
            }
        }
}

} // namespace bench
