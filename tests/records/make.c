/* SPDX-License-Identifier: Apache-2.0
 *
 * make HERE OTHER STALE: writes three files of tuning records for cli.sh: two records of this host, one of another CPU,
 * and one each of this CPU with other kernels and of another version.
 */
#include "rnnpack/records.h"

#include <stdio.h>
#include <string.h>

static rnnp_status add(const rnnp_context *context, const char *path, const rnnp_record_host *host, uint64_t hidden)
{
    const rnnp_record record = {.key = {"lstm", "f32", hidden, hidden, 1, 50, 1},
                                .choice = "chunk=64 variant=block_avx2",
                                .ns = 200000,
                                .default_ns = 230000,
                                .spread = 0.012,
                                .samples = 12,
                                .at = 1763712000};
    rnnp_records *set;

    rnnp_status status = rnnp_records_create(context, &set);
    if (status == RNNP_OK) status = rnnp_records_add(set, host, &record);
    if (status == RNNP_OK) status = rnnp_records_update(set, path, RNNP_RECORDS_WAIT_MS);
    rnnp_records_destroy(set);
    return status;
}

int main(int argc, char **argv)
{
    rnnp_context *context;
    rnnp_record_host here, other, kernels, version;

    if (argc != 4 || rnnp_context_create(NULL, &context) != RNNP_OK || rnnp_records_host(context, &here) != RNNP_OK)
        return 1;
    other = kernels = version = here;
    other.family++;
    kernels.kernels ^= 1;
    snprintf(version.version, sizeof version.version, "0.0.1");
    const struct {
        const char *path;
        const rnnp_record_host *host;
        uint64_t hidden;
    } all[] = {{argv[1], &here, 64},
               {argv[1], &here, 128},
               {argv[2], &other, 64},
               {argv[3], &kernels, 64},
               {argv[3], &version, 64}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (add(context, all[i].path, all[i].host, all[i].hidden) != RNNP_OK) {
            fprintf(stderr, "%s\n", rnnp_last_error(context));
            return 1;
        }
    }
    rnnp_context_destroy(context);
    return 0;
}
