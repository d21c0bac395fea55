/* SPDX-License-Identifier: Apache-2.0
 *
 * librnnpack-mpi itself. mpi [WORD]: without a word, what one process can tell; the words are for several, under
 * mpirun:
 *
 *   gather    small and large messages arrive, and are counted
 *   hang      rank 1 stops answering: the others say so in time
 */
#include "rnnpack/mpi.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int failures;

#define EXPECT(condition)                                                   \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "FAILED: line %d: %s\n", __LINE__, #condition); \
            failures++;                                                     \
        }                                                                   \
    } while (0)

static int says(const rnnp_context *context, const char *words)
{
    if (strstr(rnnp_last_error(context), words)) return 1;
    fprintf(stderr, "the sentence is: %s\n", rnnp_last_error(context));
    return 0;
}

/* Of another version, shorter or longer. */
static void check_structs(const rnnp_context *context)
{
    struct {
        rnnp_mpi_options options;
        size_t more;
    } longer = {.more = 1};
    struct {
        rnnp_mpi_counts counts;
        size_t more;
    } more = {.more = 7};
    rnnp_mpi *mpi;
    rnnp_peers peers = {.struct_size = sizeof peers};

    longer.options.struct_size = sizeof longer;
    EXPECT(rnnp_mpi_create(context, &longer.options, &mpi) == RNNP_ERR_ARG && !mpi);
    longer.more = 0;
    longer.options.struct_size = 1;
    EXPECT(rnnp_mpi_create(context, &longer.options, &mpi) == RNNP_ERR_ARG && !mpi);
    longer.options.struct_size = offsetof(rnnp_mpi_options, communicator);
    EXPECT(rnnp_mpi_create(context, &longer.options, &mpi) == RNNP_OK && mpi);
    more.counts.struct_size = sizeof more;
    EXPECT(rnnp_mpi_count(mpi, &more.counts) == RNNP_OK && more.more == 0 && more.counts.sent_bytes == 0);
    more.more = 7;
    more.counts.struct_size = offsetof(rnnp_mpi_counts, seconds);
    more.counts.seconds = -1;
    EXPECT(rnnp_mpi_count(mpi, &more.counts) == RNNP_OK && more.more == 7 && more.counts.seconds < 0);
    more.counts.struct_size = 3;
    EXPECT(rnnp_mpi_count(mpi, &more.counts) == RNNP_ERR_ARG);
    EXPECT(rnnp_mpi_peers(mpi, &peers) == RNNP_OK && peers.ranks == 1 && peers.rank == 0);
    peers.struct_size = 0;
    EXPECT(rnnp_mpi_peers(mpi, &peers) == RNNP_ERR_ARG);
    EXPECT(rnnp_mpi_peers(mpi, NULL) == RNNP_ERR_ARG && says(context, "peers is NULL"));
    EXPECT(rnnp_mpi_peers(NULL, &peers) == RNNP_ERR_ARG && rnnp_mpi_count(NULL, &more.counts) == RNNP_ERR_ARG);
    rnnp_mpi_destroy(mpi);
}

static void check_arguments(const rnnp_context *context)
{
    static const double timeouts[] = {-1, INFINITY, NAN};
    rnnp_mpi *mpi = (rnnp_mpi *)context;

    EXPECT(rnnp_mpi_create(NULL, NULL, &mpi) == RNNP_ERR_ARG && !mpi);
    EXPECT(rnnp_mpi_create(context, NULL, NULL) == RNNP_ERR_ARG && says(context, "mpi is NULL"));
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        const rnnp_mpi_options options = {.struct_size = sizeof options, .timeout = timeouts[i]};

        EXPECT(rnnp_mpi_create(context, &options, &mpi) == RNNP_ERR_ARG && !mpi && says(context, "a timeout of"));
    }
    rnnp_mpi_destroy(NULL);
}

static void check_gather(const rnnp_context *context, rnnp_mpi *mpi)
{
    static const size_t sizes[] = {1, 13, 4096, 3 << 20};
    rnnp_peers peers = {.struct_size = sizeof peers};
    rnnp_mpi_counts counts = {.struct_size = sizeof counts};
    uint64_t bytes = 0;

    EXPECT(rnnp_mpi_peers(mpi, &peers) == RNNP_OK);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const size_t n = sizes[s];
        unsigned char *all = calloc(peers.ranks, n);
        size_t wrong = 0;

        for (size_t i = 0; i < n; i++) all[peers.rank * n + i] = (unsigned char)(peers.rank * 31 + i * 7);
        EXPECT(rnnp_peers_gather(context, &peers, n, all) == RNNP_OK);
        for (size_t k = 0; k < peers.ranks; k++)
            for (size_t i = 0; i < n; i++) wrong += all[k * n + i] != (unsigned char)(k * 31 + i * 7);
        EXPECT(wrong == 0);
        bytes += (peers.ranks - 1) * n;
        free(all);
    }
    EXPECT(rnnp_mpi_count(mpi, &counts) == RNNP_OK);
    EXPECT(counts.sent_bytes == bytes && counts.received_bytes == bytes);
    EXPECT(counts.sent_messages >= 4 && counts.received_messages >= 4 && counts.seconds > 0);
}

/* Ends with MPI not ended: what a program does after an error. */
static void check_hang(const rnnp_context *context, rnnp_mpi *mpi)
{
    rnnp_peers peers = {.struct_size = sizeof peers};
    char all[64] = {0};

    EXPECT(rnnp_mpi_peers(mpi, &peers) == RNNP_OK);
    if (peers.rank == 1) raise(SIGSTOP), exit(1); /* mpirun continues it to end it */
    EXPECT(rnnp_peers_gather(context, &peers, 1, all) == RNNP_ERR_IO);
    EXPECT(says(context, "rank 1 has not answered for 0.5 s: it, or a rank that it waits for, has ended, hangs"));
    if (failures == 0) puts("said in time");
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    const rnnp_mpi_options options = {.struct_size = sizeof options, .timeout = strcmp(word, "hang") == 0 ? 0.5 : 20};
    rnnp_context *context;
    rnnp_mpi *mpi = NULL;

    if (rnnp_context_create(NULL, &context) != RNNP_OK) return 1;
    if (!*word) {
        check_arguments(context);
        check_structs(context);
        EXPECT(rnnp_mpi_create(context, NULL, &mpi) == RNNP_ERR_STATE && !mpi);
        EXPECT(says(context, "MPI has ended in this process"));
    } else {
        EXPECT(rnnp_mpi_create(context, &options, &mpi) == RNNP_OK);
        (strcmp(word, "hang") == 0 ? check_hang : check_gather)(context, mpi);
    }
    rnnp_mpi_destroy(mpi);
    rnnp_context_destroy(context);
    return failures > 0 || strcmp(word, "hang") == 0;
}
