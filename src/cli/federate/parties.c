/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "federation.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- By the configuration ---- */

/* Names become names of files. */
static int is_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    return *name && strlen(name) <= 40 && strspn(name, letters) == strlen(name);
}

static int add_site(const train_config *c, const char *item, parties *p)
{
    FREED char *name = cli_copy(item);
    char *colon = strchr(name, ':');
    if (colon) *colon = '\0';
    if (!colon || !is_name(text_trim(name)) || !key_scan(text_trim(colon + 1), p->open[p->n]))
        return config_blame(c, "federate", "sites",
                            "sites: '%.100s' is not NAME: KEY, a name of up to 40 letters, digits, - and _, and a key "
                            "of rnnpack federate keys",
                            item);
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->names[i], text_trim(name)) == 0 || memcmp(p->open[i], p->open[p->n], KEY_BYTES) == 0)
            return config_blame(c, "federate", "sites", "sites: %s and %s have the same name or key", p->names[i],
                                text_trim(name));
    p->names[p->n++] = cli_copy(text_trim(name));
    return CLI_OK;
}

int parties_read(const train_config *c, parties *p)
{
    *p = (parties){.names = cli_alloc(c->sites.n + 1, sizeof *p->names),
                   .open = cli_alloc(c->sites.n + 1, sizeof *p->open)};
    if (!c->sites.n) return config_blame(c, "federate", "sites", "[federate] sites is missing");
    if (!key_scan(c->coordinator, p->coordinator))
        return config_blame(c, "federate", "coordinator", "coordinator: '%.100s' is not a key of rnnpack federate keys",
                            c->coordinator);
    for (size_t i = 0; i < c->sites.n; i++) TRY(add_site(c, c->sites.at[i], p));
    return c->secure && p->n == 1 ? config_blame(c, "federate", "secure",
                                                 "[federate] secure: the sum of a single site is its update; say "
                                                 "secure = no")
                                  : CLI_OK;
}

void parties_free(parties *p)
{
    cli_free_texts(p->names, p->n);
    free(p->open);
}

/* ---- Calls and answers ---- */

void parties_put_call(const train_config *config, payload *p)
{
    uint8_t fresh[KEY_BYTES];
    identity id;
    secrets_random(fresh, sizeof fresh);
    identity_of_run(config, &id);
    payload_put_bytes(p, fresh, sizeof fresh);
    for (size_t i = 0; i < COUNT(id.parts); i++) payload_put(p, id.parts[i]);
}

int parties_check_call(const train_config *config, payload *p, const char *path)
{
    uint8_t fresh[KEY_BYTES];
    identity was = {0}, is;
    identity_of_run(config, &is);
    payload_get_bytes(p, fresh, sizeof fresh);
    for (size_t i = 0; i < COUNT(was.parts); i++) was.parts[i] = payload_get(p);
    if (!payload_whole(p)) return cli_fail("%s is malformed", path);
    for (size_t i = 0; config_key(i); i++)
        if (was.parts[i] != is.parts[i])
            return cli_fail("%s belongs to a federation with another [%s] %s", path, config_key(i)->section,
                            config_key(i)->name);
    return CLI_OK;
}

int parties_seal(const federation *f, const parties *p, size_t me, const party_keys *keys,
                 const uint8_t which[KEY_BYTES], uint64_t step, const double *x, size_t n, uint64_t *words)
{
    for (size_t i = 0; i < n; i++)
        if (!sum_put(x[i], words + SUM_WORDS * i))
            return cli_fail("%s: number %zu of the answer is %g, and such numbers cannot be added up exactly",
                            p->names[me], i + 1, x[i]);
    if (!f->config->secure) return CLI_OK;
    return masks_add(keys, (const uint8_t(*)[KEY_BYTES])p->open, p->n, me, which, step, words, SUM_WORDS * n)
               ? CLI_OK
               : cli_fail("a key of [federate] sites is not a point of the curve");
}

int parties_await(const char *path, const uint8_t key[KEY_BYTES], const uint8_t *which, uint64_t step, int answer,
                  size_t most, double seconds, exchange_file *file)
{
    const double begin = cli_clock();
    char why[256], said[256] = "";
    for (;;) {
        const int code = folder_read(path, key, which, step, answer, most, file, why);
        if (code == CLI_OK) return CLI_OK;
        /* A folder that is copied may show a part of a file, so a bad one is waited for, too. */
        if (code == CLI_FAILED && strcmp(why, said) != 0) cli_fail("%s is not taken: %s", path, strcpy(said, why));
        const double waited = cli_clock() - begin, most_pause = waited < 10 ? waited / 10 : 1;
        if (waited >= seconds) return FILE_ABSENT;
        const struct timespec pause = {most_pause >= 1, most_pause < 1 ? 10000000 + (long)(9e8 * most_pause) : 0};
        nanosleep(&pause, NULL);
    }
}
