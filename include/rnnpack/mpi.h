/* SPDX-License-Identifier: Apache-2.0
 *
 * Training on many machines: the library librnnpack-mpi (link rnnpack::mpi), which lets trainers (train.h) reach each
 * other by MPI-3. librnnpack itself knows nothing of MPI.
 *
 *     rnnp_mpi_create -> rnnp_mpi_peers -> rnnp_trainer_join, on every rank -> train -> rnnp_mpi_destroy
 */
#ifndef RNNPACK_MPI_H
#define RNNPACK_MPI_H

#include "rnnpack/train.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rnnp_mpi rnnp_mpi;

typedef struct rnnp_mpi_options {
    size_t struct_size;
    double timeout;           /* > 0, seconds: a message that takes longer is an error; 0: 120 */
    const void *communicator; /* an MPI_Comm, duplicated; NULL: MPI_COMM_WORLD */
} rnnp_mpi_options;
RNNP_STRUCT_INIT(rnnp_mpi_options)

/*
 * rnnp_mpi_create() begins with MPI: all ranks of the communicator call it. It initialises MPI (MPI_THREAD_FUNNELED)
 * unless the program has. options may be NULL.
 *
 * Returns  RNNP_OK; RNNP_ERR_IO with MPI's sentence; RNNP_ERR_ARG; RNNP_ERR_MEMORY; RNNP_ERR_STATE if MPI has ended in
 *          this process, or librnnpack and librnnpack-mpi are of different versions.
 * Errors   leave *mpi NULL.
 * Memory   from the context's allocator, and whatever MPI takes. The context must outlive it.
 * Threads  the calling thread, which is the one that initialised MPI, makes all calls with it.
 */
RNNP_API rnnp_status rnnp_mpi_create(const rnnp_context *context, const rnnp_mpi_options *options, rnnp_mpi **mpi);

/*
 * rnnp_mpi_destroy() ends with MPI: all ranks call it, and it finalises MPI if rnnp_mpi_create() initialised it. After
 * an error of a message it does not call MPI any more, which could wait for a rank that is gone: the program then ends,
 * with a status other than 0, and mpirun ends the other ranks.
 */
RNNP_API void rnnp_mpi_destroy(rnnp_mpi *mpi);

/*
 * rnnp_mpi_peers() writes what rnnp_trainer_join() and rnnp_peers_gather() need. peers->struct_size is set by the
 * caller; the result lives as long as mpi.
 *
 * A wait polls: it gives up its CPU at once, and after 0.1 ms without news it sleeps in between. It fails with
 * RNNP_ERR_IO when the timeout is over, with the other rank's number.
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG.
 */
RNNP_API rnnp_status rnnp_mpi_peers(rnnp_mpi *mpi, rnnp_peers *peers);

typedef struct rnnp_mpi_counts {
    size_t struct_size;
    uint64_t sent_bytes, received_bytes, sent_messages, received_messages; /* by this rank */
    double seconds;                                                        /* spent in these functions */
} rnnp_mpi_counts;
RNNP_STRUCT_INIT(rnnp_mpi_counts)

/* What went through since rnnp_mpi_create(). RNNP_ERR_ARG. */
RNNP_API rnnp_status rnnp_mpi_count(const rnnp_mpi *mpi, rnnp_mpi_counts *counts);

#ifdef __cplusplus
}
#endif
#endif
