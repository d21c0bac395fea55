/* SPDX-License-Identifier: Apache-2.0
 *
 * Training steps: forward, backward and Adam, the loss being the mean square of all outputs. Gradients by the input are
 * wanted, too, as a layer above another has to give them. One layer, and, as recomputing gives back memory between
 * layers, a stack that keeps against one that recomputes.
 */
#include "bench.h"
#include "cell.h"

#include <algorithm>
#include <string>

namespace bench {
namespace {

struct Shape {
    size_t hidden, batch, steps, threads, layers;
};

/* Elements of x, and of y. */
size_t count(const Shape &s) { return s.steps * s.batch * s.hidden; }

/* A trainer and its batch. */
class Training {
  public:
    Training(rnnp_context *context, const Cell &c, const Shape &s, bool recompute)
        : context_(context), model_(make_stack(context, c, s.hidden, s.layers)), x_(count(s), 1.0F, 4),
          target_(count(s), 0.0F), dx_(count(s))
    {
        rnnp_train_options options;
        rnnp_train_options_init(&options);
        options.loss = RNNP_LOSS_MSE;
        options.recompute = recompute;
        trainer_ = own<rnnp_trainer>(context, "trainer",
                                     [&](auto made) { return rnnp_trainer_create(model_.get(), &options, made); });
        in_ = make_tensor(s.steps, s.batch, s.hidden, x_);
        wanted_ = make_tensor(s.steps, s.batch, s.hidden, target_);
        d_in_ = make_tensor(s.steps, s.batch, s.hidden, dx_);
        rnnp_train_batch_init(&batch_);
        batch_.inputs = &in_;
        batch_.n_inputs = 1;
        batch_.target = &wanted_;
        batch_.d_inputs = &d_in_;
        require(rnnp_trainer_bytes(trainer_.get(), &in_, 1, &bytes_), context, "bytes");
    }
    Training(const Training &) = delete;
    Training &operator=(const Training &) = delete;

    double bytes() const { return static_cast<double>(bytes_); }

    void step(benchmark::State &state)
    {
        if (rnnp_trainer_step(trainer_.get(), &batch_, nullptr) != RNNP_OK)
            state.SkipWithError(rnnp_last_error(context_));
    }

  private:
    rnnp_context *context_;
    Owned<rnnp_model> model_;
    Owned<rnnp_trainer> trainer_;
    Floats x_, target_, dx_;
    rnnp_tensor in_{}, wanted_{}, d_in_{};
    rnnp_train_batch batch_{};
    size_t bytes_ = 0;
};

Work work_of(const Cell &c, const Shape &s)
{
    Work work = training_work(c.gates, s.hidden, s.batch, s.steps);
    work.flop *= static_cast<double>(s.layers);
    return work;
}

void run_step(benchmark::State &state, Host &host, const Cell &c, const Shape &s)
{
    rnnp_context *context = host.context("", s.threads);
    Training training(context, c, s, false);
    state.counters["trainer_bytes"] = training.bytes();
    measure(state, host, context, work_of(c, s), [&] { training.step(state); });
}

void run_recompute(benchmark::State &state, Host &host, const Cell &c, const Shape &s)
{
    rnnp_context *context = host.context("", s.threads);
    Training keeps(context, c, s, false), recomputes(context, c, s, true);
    state.counters["trainer_bytes"] = keeps.bytes();
    state.counters["trainer_bytes_recompute"] = recomputes.bytes();
    state.counters["recompute_over_keep"] = measure_beside(
        state, host, context, work_of(c, s), [&] { keeps.step(state); }, [&] { recomputes.step(state); });
}

std::string name_of(const char *group, const Cell &c, const Shape &s)
{
    return std::string(group) + c.name + "/h" + std::to_string(s.hidden) + "/b" + std::to_string(s.batch) + "/t" +
           std::to_string(s.steps);
}

} // namespace

void register_training(Host &host)
{
    const size_t widths[] = {128, 256}, batches[] = {32, 128}, lengths[] = {50, 100};
    for (const Cell &c : cells) {
        if (c.cell != RNNP_CELL_LSTM && (c.cell != RNNP_CELL_GRU || c.reset != RNNP_GRU_RESET_AFTER)) continue;
        for (const size_t hidden : widths)
            for (const size_t batch : batches)
                for (const size_t steps : lengths) {
                    for (size_t threads = 1; threads <= std::min<size_t>(2, host.info().budget); threads++) {
                        const Shape s = {hidden, batch, steps, threads, 1};
                        const std::string name = name_of("training/", c, s) + "/threads" + std::to_string(threads);
                        add(name, [&host, &c, s](benchmark::State &state) { run_step(state, host, c, s); });
                    }
                    if (batch > 32) continue;
                    const Shape s = {hidden, batch, steps, 1, 3};
                    const std::string name = name_of("training/recompute/", c, s) + "/layers3";
                    add(
                        name, [&host, &c, s](benchmark::State &state) { run_recompute(state, host, c, s); }, true);
                }
    }
}

} // namespace bench
