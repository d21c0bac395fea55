/* SPDX-License-Identifier: Apache-2.0 */
#include "total.h"

rnnp_status cli_total_best(const cli_total_probe *probe, cli_total *total)
{
    cli_total best = {0, 1};
    size_t most = 0;
    for (int turn = 0; turn <= probe->again && best.doubtful; turn++) {
        for (int i = 0; i < probe->bursts; i++) {
            double rate = 0;
            size_t together = 0;
            const rnnp_status status = probe->burst(probe->user, &rate, &together);
            if (status != RNNP_OK) return status;
            if (together > most || (together == most && rate > best.rate)) {
                best.rate = rate;
                most = together;
            }
        }
        best.doubtful = most < probe->threads || best.rate < probe->least;
    }
    *total = best;
    return RNNP_OK;
}
