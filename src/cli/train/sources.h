/* SPDX-License-Identifier: Apache-2.0
 *
 * Which recordings a name of a configuration stands for: a recording, all of a folder, or those of a list.
 */
#ifndef RNNP_CLI_SOURCES_H
#define RNNP_CLI_SOURCES_H

#include "dataset.h"

typedef struct rec_source {
    char *path, *name;   /* name: without folder and ending; of a list: as it is there, without ending */
    char *label, *group; /* of a list with such columns, or NULL */
    float *y;            /* targets of a list with their columns, or NULL */
} rec_source;

typedef struct rec_sources {
    rec_source *at;
    size_t n, room;
} rec_sources;

/* CLI_FAILED after a sentence; free it either way. */
int sources_read(const data_source *from, rec_sources *s);
void sources_free(rec_sources *s);

#endif
