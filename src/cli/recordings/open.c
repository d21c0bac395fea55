/* SPDX-License-Identifier: Apache-2.0 */
#include "recording.h"

#include <string.h>

static int ends(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

rec_kind rec_kind_of(const char *path)
{
    const char *why = NULL;
    unsigned char head[32] = {0};
    FILE *f = cli_fopen(path, &why);
    if (!f) return cli_fail("%s: %s", path, why), REC_FAILED;
    const size_t n = fread(head, 1, sizeof head, f);
    fclose(f);
    if (ends(path, ".hea")) return REC_WFDB;
    if (n >= 8 && memcmp(head, "0       ", 8) == 0) return REC_EDF;
    if (n >= 8 && memcmp(head,
                         "\xff"
                         "BIOSEMI",
                         8) == 0)
        return REC_BDF;
    if (n >= 4 && memcmp(head, "GDF ", 4) == 0) return REC_GDF;
    if (n >= 22 && memcmp(head + 16, "SCPECG", 6) == 0)
        return cli_fail("%s: SCP-ECG is not read; save2gdf -f=GDF of biosig-tools makes GDF of it", path), REC_FAILED;
    return REC_OTHER;
}

int rec_open(const char *path, recording *r)
{
    *r = (recording){.path = cli_copy(path)};
    switch (rec_kind_of(path)) {
    case REC_WFDB: return rec_open_wfdb(r);
    case REC_EDF: return rec_open_edf(r, 2);
    case REC_BDF: return rec_open_edf(r, 3);
    case REC_GDF: return rec_open_gdf(r);
    case REC_OTHER: return cli_fail("%s: neither a WFDB header (.hea) nor EDF, BDF or GDF", path);
    case REC_FAILED: break;
    }
    return CLI_FAILED;
}
