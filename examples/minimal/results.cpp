/* SPDX-License-Identifier: Apache-2.0
 *
 * C++ without exceptions: every function that can fail returns a result, which is looked at before it is used. Here it
 * opens the model that is named, in either format, and says what it is; without a name it makes one and runs it.
 */
#include <cstdio>
#include <vector>

#include "rnnpack/rnnpack.hpp"

namespace {

int fail(const char *sentence)
{
    std::fprintf(stderr, "%s\n", sentence);
    return 1;
}

rnnpack::result<rnnpack::model> make_dense(const rnnpack::context &context)
{
    const std::vector<float> w = {1, 2, 3, 4, 5, 6};
    auto builder = rnnpack::model_builder::make(context);
    if (!builder) return builder.failure();
    const auto x = builder->input("x", RNNP_DTYPE_F32, {RNNP_DYNAMIC, 3}, {"batch"});
    if (!x) return x.failure();
    const auto y = builder->dense(*x, w, 2, false, {}, "Relu");
    if (!y) return y.failure();
    const auto named = builder->output("y", *y);
    if (!named) return named.failure();
    return builder->close();
}

} // namespace

int main(int argc, char **argv)
{
    const auto context = rnnpack::context::make();
    if (!context) return fail(context.what());
    const auto model = argc > 1 ? rnnpack::open_packed(*context, argv[1]) : make_dense(*context);
    if (!model) return fail(model.what());
    const auto plan = model->make_plan();
    if (!plan) return fail(plan.what());

    for (const rnnp_node_info &node : model->nodes()) std::printf("%s: %zu parameters\n", node.op, node.parameters);
    if (argc > 1) return 0;

    auto run = plan->make_run({{1, 3}});
    if (!run) return fail(run.what());
    const std::vector<float> x = {1, 0, 1};
    std::vector<float> y(2);
    const auto done = run->execute(x, y);
    if (!done) return fail(done.what());
    std::printf("y = %g %g\n", static_cast<double>(y[0]), static_cast<double>(y[1]));

    const auto short_of_one = run->execute(x, rnnpack::span<float>(y).subspan(0, 1));
    std::printf("%s: %s\n", rnnp_status_string(short_of_one.status()), short_of_one.what());
    return 0;
}
