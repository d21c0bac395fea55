/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <math.h>
#include <string.h>

int session_open(session *s, const cli_call *call, cli_group *group)
{
    /* With a group what there is has come when it is looked for. */
    *s = (session){.call = *call, .folder = call->folder, .seconds = group ? 0 : call->timeout, .group = group};
    s->call.seed = SIZE_MAX; /* all have the configuration's */
    s->t.call = &s->call;
    s->t.path = call->operands[0];
    TRY(secrets_begin());
    TRY(task_configure(&s->t, NULL));
    TRY(parties_read(&s->t.config, &s->all));
    TRY(keys_read(&s->keys, call->key));
    TRY(cli_context(call->threads == SIZE_MAX ? s->t.config.threads : call->threads, call->isa, &s->t.e.context));
    return federation_begin(&s->f, &s->t.config, s->t.e.context, s->all.n);
}

void session_close(session *s)
{
    federation_free(&s->f);
    parties_free(&s->all);
    task_close(&s->t);
    memset(&s->keys, 0, sizeof s->keys);
}

int session_take_call(session *s, exchange_file *file, const char *path)
{
    int good = 1;
    digest(s->identity, "rnnpack call", file->payload.at, file->payload.n * sizeof(uint64_t), s->step, s->called);
    if (s->step == 0) {
        TRY(parties_check_call(&s->t.config, &file->payload, path));
        folder_identity(file, s->all.coordinator, s->identity);
        return CLI_OK;
    }
    TRY(federation_get(&s->f, &file->payload, &good));
    return good ? CLI_OK : cli_fail("%s is malformed", path);
}

int session_write(const session *s, const char *site, payload *p)
{
    exchange_file file = {.step = s->step, .answer = site != NULL, .payload = *p};
    FREED char *path = folder_path(s->folder, s->step, site);
    if (s->step || site) memcpy(file.federation, s->identity, KEY_BYTES);
    return folder_write(path, &file, &s->keys);
}
