/* SPDX-License-Identifier: Apache-2.0
 *
 * What every benchmark shares: the host, memory, and one way to measure.
 *
 * A sample is judged beside its limit. Before and after the timed loop a burst of the bound that applies is measured
 * with the same ISA and team, in the same process: on a core that another tenant slows down both are slow, and their
 * ratio stays.
 */
#ifndef RNNP_BENCH_H
#define RNNP_BENCH_H

#include "floats.h"
#include "limit.h"
#include "own.h"

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

extern "C" {
#include "dispatch/dispatch.h"
#include "rnnpack/limits.h"
}

namespace bench {

/* Contexts by ISA cap and team size, made when first asked for and kept. */
class Host {
  public:
    Host();

    rnnp_context *context(const std::string &isa, size_t threads);
    const rnnp_host_info &info() const { return info_; }
    const rnnp_cpu &cpu() const { return cpu_; }
    int max_rank() const; /* of the ISA that the environment allows */

  private:
    rnnp_cpu cpu_{};
    rnnp_host_info info_{};
    std::map<std::pair<std::string, size_t>, Owned<rnnp_context>> contexts_;
};

/* One burst of each limit. */
struct Limits {
    double fma = 0, read = 0; /* per second */
};

/* With the seconds that a call took, a peak that it exceeded is measured again. */
Limits measure_limits(rnnp_context *context, const Work &work, double seconds = 0);
/* Fills in the counters (docs/howto/benchmark.md) from the seconds of a call and the limits before and after. */
void report(benchmark::State &state, const Host &host, const Work &work, double seconds, const Limits &before,
            const Limits &after);

template <class Call>
void measure(benchmark::State &state, const Host &host, rnnp_context *context, const Work &work, Call call)
{
    const Limits before = measure_limits(context, work);
    call(); /* warm: calibration has read other memory */
    const auto begin = std::chrono::steady_clock::now();
    for (auto _ : state) call();
    const std::chrono::duration<double> all = std::chrono::steady_clock::now() - begin;
    const double seconds = all.count() / static_cast<double>(state.iterations());
    report(state, host, work, seconds, before, measure_limits(context, work, seconds));
}

/* Measures `call`, with `other` alternating in the same loop. Returns how many times longer that one takes. */
template <class Call, class Other>
double measure_beside(benchmark::State &state, const Host &host, rnnp_context *context, const Work &work, Call call,
                      Other other)
{
    using clock = std::chrono::steady_clock;
    std::chrono::duration<double> ours{0}, theirs{0};
    const Limits before = measure_limits(context, work);
    call();
    other();
    for (auto _ : state) {
        const auto begin = clock::now();
        call();
        const auto middle = clock::now();
        other();
        const auto end = clock::now();
        state.SetIterationTime(std::chrono::duration<double>(middle - begin).count());
        ours += middle - begin;
        theirs += end - middle;
    }
    const double seconds = ours.count() / static_cast<double>(state.iterations());
    report(state, host, work, seconds, before, measure_limits(context, work, seconds));
    return theirs / ours;
}

/* A benchmark run(state), timed by the loop's clock; manual: by measure_beside(). */
template <class Run> void add(const std::string &name, Run run, bool manual = false)
{
    auto *added = benchmark::RegisterBenchmark(name.c_str(), run)->Unit(benchmark::kMicrosecond);
    manual ? added->UseManualTime() : added->UseRealTime();
}

void register_kernels(Host &host);
void register_layers(Host &host);
void register_models(Host &host);
void register_training(Host &host);

} // namespace bench

#endif
