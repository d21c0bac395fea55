/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack-bench: Google Benchmark's program and options. Repetitions run in random order unless told otherwise: a slow
 * minute of the machine then hits all benchmarks alike. docs/howto/benchmark.md explains names and counters.
 */
#include "bench.h"

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#ifdef __clang__
#define RNNP_BENCH_COMPILER "clang " __clang_version__
#else
#define RNNP_BENCH_COMPILER "gcc " __VERSION__
#endif

static void describe(const bench::Host &host)
{
    const rnnp_host_info &h = host.info();
    benchmark::AddCustomContext("rnnpack_version", rnnp_version());
    benchmark::AddCustomContext("cpu", h.brand);
    benchmark::AddCustomContext("isa", h.isa);
    benchmark::AddCustomContext("compiler", RNNP_BENCH_COMPILER);
    benchmark::AddCustomContext("flags", RNNP_BENCH_FLAGS);
    benchmark::AddCustomContext("l1d_bytes", std::to_string(h.l1d_bytes));
    benchmark::AddCustomContext("l2_bytes", std::to_string(h.l2_bytes));
    benchmark::AddCustomContext("l3_bytes", std::to_string(h.l3_bytes));
    benchmark::AddCustomContext("cpu_budget", std::to_string(h.budget));
}

int main(int argc, char **argv)
try {
    std::string interleave = "--benchmark_enable_random_interleaving=true";
    std::vector<char *> args(argv, argv + argc);
    args.insert(args.begin() + 1, interleave.data()); /* first, so that an option given later counts */
    int count = static_cast<int>(args.size());
    args.push_back(nullptr);

    bench::Host host;
    describe(host);
    benchmark::Initialize(&count, args.data());
    if (benchmark::ReportUnrecognizedArguments(count, args.data())) return 2;
    bench::register_kernels(host);
    bench::register_layers(host);
    bench::register_models(host);
    bench::register_training(host);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
} catch (const std::exception &error) { /* a benchmark that cannot be set up would measure nothing */
    std::fprintf(stderr, "rnnpack-bench: %s\n", error.what());
    return 1;
}
