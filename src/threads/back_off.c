/* SPDX-License-Identifier: Apache-2.0
 *
 * Backing off. A thread that waits for a share much longer than shares take has lost time to somebody else's use of a
 * CPU. From then on the caller works alone for BACK_OFF times the time that was lost, in all losses since MEMORY
 * without one, but at most MOST. Workers sleep meanwhile; then they are invited again, in the midst of a call, too. So
 * a loss costs little beyond itself, and while another process keeps a CPU busy, a loss of some 0.2 ms comes every MOST
 * at the most often.
 */
#include "team.h"

enum { BACK_OFF = 4, MOST = 8 * 1000 * 1000, MEMORY = 50 * 1000 * 1000 }; /* nanoseconds */

static rnnp_count get(const atomic_ullong *count) { return atomic_load_explicit(count, memory_order_relaxed); }

int rnnp_team_is_leaving(const rnnp_team *team) { return get(&team->alone_until) != 0 || get(&team->reported) != 0; }

void rnnp_report(rnnp_team *team, rnnp_count lost)
{
    if (lost && team->backs_off) atomic_fetch_add_explicit(&team->reported, lost, memory_order_relaxed);
}

void rnnp_team_lost(rnnp_team *team, double seconds) { rnnp_report(team, (rnnp_count)(seconds * 1e9)); }

int rnnp_works_alone(rnnp_team *team, int *invite)
{
    if (!rnnp_team_is_leaving(team)) return 0;
    const rnnp_count lost = atomic_exchange_explicit(&team->reported, 0, memory_order_relaxed), now = rnnp_clock_ns();
    if (lost) {
        if (now - team->lost_at > MEMORY) team->lost = 0;
        team->lost += lost;
        team->lost_at = now;
        const rnnp_count time = BACK_OFF * team->lost;
        atomic_store_explicit(&team->alone_until, now + (time < MOST ? time : MOST), memory_order_relaxed);
        return 1;
    }
    if (now < get(&team->alone_until)) return 1;
    atomic_store_explicit(&team->alone_until, 0, memory_order_relaxed);
    *invite = 1;
    return 0;
}

int rnnp_team_is_crowded(const rnnp_team *team)
{
    if (!team || team->host.run) return 0;
    const rnnp_count until = get(&team->alone_until);

    return !team->backs_off || get(&team->reported) != 0 || (until != 0 && rnnp_clock_ns() < until);
}
