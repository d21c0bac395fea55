/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of federated training. The first byte says what the rest is: a file as it is; a file that lacks the signature
 * and gets a right one, as a party's with bad intent has; what a site says about its data; or two calls in turn, the
 * first of so many words, of one of the studies below. What is taken must be written again as it was.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/cli/federate/federation.h"

enum { AS_IS, SIGNED, NAMES, CALLS }; /* and calls of the other studies */

#define STUDY                                                                                                       \
    "[data]\ntrain = x\nformat = csv\nid = id\ncategories = s\nfeatures = a, s\nmissing = carry\nmask = yes\n"      \
    "standardise = yes\n[model]\nlayers =\n  gru 2\n  dense 2\n[train]\nvalidation = 0.3\n[federate]\nrounds = 2\n" \
    "[data]\n"
#define STUDY_PREDICT STUDY "label = y\n[predict]\nthreshold = youden\n"
static const char *const texts[] = {STUDY "label = y\n", STUDY "target = values\nvalues = y, z\n",
                                    STUDY_PREDICT "calibrate = isotonic\n", STUDY_PREDICT "calibrate = temperature\n"};

static payload words_of(const uint8_t *data, size_t size)
{
    payload p = {.n = size / 8};
    p.at = cli_alloc(p.n + 1, sizeof *p.at);
    if (p.n) memcpy(p.at, data, p.n * 8);
    return p;
}

static void same(const payload *read, const payload *written)
{
    fuzz_check(read->n == written->n && memcmp(read->at, written->at, read->n * 8) == 0);
}

static void read_file(const uint8_t *data, size_t size, int with_signature)
{
    party_keys keys;
    exchange_file file;
    char why[256] = "";
    char *bytes = cli_alloc(size + SIGNATURE_BYTES, 1);
    uint64_t step = 0;

    keys_of_seed(&keys, 1, 2);
    memcpy(bytes, data, size);
    if (size >= 32) memcpy(&step, data + 24, sizeof step);
    if (with_signature) secrets_sign(&keys, bytes, size, (uint8_t *)bytes + size);
    const char *path = fuzz_file("answer", bytes, with_signature ? size + SIGNATURE_BYTES : size);
    const int code = folder_read(path, keys.open, NULL, step, 1, 1 << 16, &file, why);
    fuzz_check(code == CLI_OK ? !*why : code == CLI_FAILED && *why);
    if (code == CLI_OK) fuzz_check(with_signature && file.payload.n * 8 + 72 == size);
    payload_free(&file.payload);
    free(bytes);
}

static void read_names(payload *p)
{
    site_names names = {.site = "x"};
    payload again = {0};
    if (names_get(&names, p)) {
        names_put(&names, &again);
        same(p, &again);
    }
    names_free(&names);
    payload_free(&again);
}

static void read_calls(const train_config *config, payload *p)
{
    const uint64_t first = payload_get(p);
    payload part[2] = {{.at = p->at + p->next}, {0}}, again = {0};
    train_config copy = *config;
    federation f;
    int good = 1;

    if (p->bad || first > p->n - p->next) return;
    part[0].n = (size_t)first;
    part[1] = (payload){.at = p->at + p->next + first, .n = p->n - p->next - (size_t)first};
    fuzz_check(federation_begin(&f, &copy, fuzz_context(), 3) == CLI_OK);
    if (federation_get(&f, &part[0], &good) == CLI_OK && good && f.agreed.like.features < 200 &&
        f.agreed.like.classes < 200 && federation_get(&f, &part[1], &good) == CLI_OK && good) {
        federation_put(&f, &again);
        same(&part[1], &again);
    }
    payload_free(&again);
    federation_free(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static train_config configs[COUNT(texts)];
    static int begun;
    if (!begun) {
        fuzz_silence();
        fuzz_check(secrets_begin() == CLI_OK);
        for (size_t i = 0; i < COUNT(texts); i++)
            fuzz_check(config_read(fuzz_file("config.ini", texts[i], strlen(texts[i])), NULL, &configs[i]) == CLI_OK);
        begun = 1;
    }
    if (size < 1) return 0;
    const size_t before = fuzz_live_bytes();
    payload p = words_of(data + 1, size - 1);
    const size_t kind = data[0] % (CALLS + COUNT(texts));
    switch (kind) {
    case AS_IS: read_file(data + 1, size - 1, 0); break;
    case SIGNED: read_file(data + 1, size - 1, 1); break;
    case NAMES: read_names(&p); break;
    default: read_calls(&configs[kind - CALLS], &p); break;
    }
    payload_free(&p);
    fuzz_check(fuzz_live_bytes() == before);
    return 0;
}

/* Words are what there is. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    fuzz_random r = fuzz_seed(seed);
    if (size < 9 || fuzz_pick(&r, 4) == 0) return LLVMFuzzerMutate(data, size, room);
    const size_t words = (size - 1) / 8;
    for (size_t i = 1 + fuzz_pick(&r, 3); i > 0; i--)
        fuzz_change_word(&r, data + 1 + 8 * fuzz_pick(&r, words), data + 1, words);
    return size;
}
