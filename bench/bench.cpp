/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <algorithm>
#include <iterator>

namespace bench {

Host::Host()
{
    rnnp_cpu_read(&cpu_);
    info_.struct_size = sizeof info_;
    require(rnnp_context_host(context("", 1), &info_), context("", 1), "host");
}

rnnp_context *Host::context(const std::string &isa, size_t threads)
{
    Owned<rnnp_context> &c = contexts_[{isa, threads}];
    if (!c) {
        rnnp_context_options options;
        rnnp_context_options_init(&options);
        options.threads = threads;
        options.max_isa = isa.empty() ? nullptr : isa.c_str();
        c = own<rnnp_context>(nullptr, "context", [&](auto made) { return rnnp_context_create(&options, made); });
    }
    return c.get();
}

int Host::max_rank() const { return rnnp_isa_rank(info_.isa); }

/* The median of a few bursts: one may be hit by an interrupt or another process. */
template <class Burst> static double median_of(Burst burst)
{
    double rates[3];
    for (double &rate : rates) rate = burst();
    std::sort(std::begin(rates), std::end(rates));
    return rates[1];
}

/* A peak that was exceeded by more than a few percent was none: the machine was busy beside its burst. */
static bool below_reached(double fma, const Work &work, double seconds)
{
    return seconds > 0 && 1.05 * fma * seconds < work.flop;
}

Limits measure_limits(rnnp_context *context, const Work &work, double seconds)
{
    constexpr double burst = 5e-5;
    const auto measured = [context](auto limit, auto... footprint) {
        double rate = 0;
        require(limit(context, burst, footprint..., &rate, nullptr), context, "limit");
        return rate;
    };
    Limits l;
    l.fma = median_of([&] { return measured(rnnp_limit_fma); });
    for (int again = 0; again < 20 && below_reached(l.fma, work, seconds); again++)
        l.fma = std::max(l.fma, measured(rnnp_limit_fma));
    if (work.footprint > 0) l.read = median_of([&] { return measured(rnnp_limit_read, work.footprint); });
    return l;
}

void report(benchmark::State &state, const Host &host, const Work &work, double seconds, const Limits &before,
            const Limits &after)
{
    const double fma = below_reached(before.fma, work, seconds) ? after.fma : (before.fma + after.fma) / 2;
    const double read = (before.read + after.read) / 2;
    const Bound limit = bound(work, fma, read);
    /* Caches of the core itself run at its clock, as FMAs do; what lies beyond is shared and has its own bad times. */
    const bool beyond_core = limit.by_read && work.footprint > host.info().l2_bytes;

    state.counters["calibration"] = 1e-9 * (beyond_core ? read : fma);
    state.counters["limit_us"] = 1e6 * limit.seconds;
    state.counters["percent_of_limit"] = 100 * limit.seconds / seconds;
    state.counters["limit_doubtful"] = below_reached(fma, work, seconds);
    state.counters["bound"] = limit.seconds > 0 ? 1 + limit.by_read : 0;
    state.counters["flop"] = work.flop;
    state.counters["bytes"] = work.bytes;
    state.counters["gflops"] = 1e-9 * work.flop / seconds;
    state.counters["gbps"] = 1e-9 * work.bytes / seconds;
    if (work.steps > 0) {
        state.counters["us_per_step"] = 1e6 * seconds / work.steps;
        state.counters["us_per_sequence"] = 1e6 * seconds;
    }
}

} // namespace bench
