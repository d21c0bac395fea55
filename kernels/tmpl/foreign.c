/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiled once for each ISA of another architecture (CMakeLists.txt), as RNNP_SUFFIX.
 */
#define RNNP_FOREIGN
#include "table.inc.h"
