/* SPDX-License-Identifier: Apache-2.0 */
#include "group_messages.h"

#include <string.h>

#include "cli.h"

/* What a message came to. */
static int sent(cli_group *g, rnnp_status status)
{
    if (status == RNNP_OK) return CLI_OK;
    const char *const reason = g->peers.reason(g->peers.user);
    g->silence = status == RNNP_ERR_IO;
    return cli_fail("%s", reason && *reason ? reason : rnnp_status_string(status));
}

int cli_group_gather(cli_group *g, size_t bytes, void *all)
{
    if (!g) return CLI_OK;
    const rnnp_status status = rnnp_peers_gather(g->context, &g->peers, bytes, all);
    return sent(g, status);
}

int cli_group_send(cli_group *g, size_t to, const void *data, size_t bytes, size_t *request)
{
    return sent(g, g->peers.send(g->peers.user, to, GROUP_TAG, data, bytes, request));
}

int cli_group_receive(cli_group *g, size_t from, void *data, size_t bytes, size_t *request)
{
    return sent(g, g->peers.receive(g->peers.user, from, GROUP_TAG, data, bytes, request));
}

int cli_group_wait(cli_group *g, size_t request) { return sent(g, g->peers.wait(g->peers.user, request)); }

int cli_group_in_turn(cli_group *g, size_t bytes, void *state, void (*mine)(void *user), void *user)
{
    size_t request;
    if (g && g->peers.rank > 0) {
        TRY(cli_group_receive(g, g->peers.rank - 1, state, bytes, &request));
        TRY(cli_group_wait(g, request));
    }
    mine(user);
    if (!g) return CLI_OK;
    if (g->peers.rank + 1 < g->peers.ranks) {
        TRY(cli_group_send(g, g->peers.rank + 1, state, bytes, &request));
        TRY(cli_group_wait(g, request));
    }
    FREED char *all = cli_alloc(g->peers.ranks, bytes);
    memcpy(all + g->peers.rank * bytes, state, bytes);
    TRY(cli_group_gather(g, bytes, all));
    memcpy(state, all + (g->peers.ranks - 1) * bytes, bytes);
    return CLI_OK;
}
