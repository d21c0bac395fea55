/* SPDX-License-Identifier: Apache-2.0 */
/* Before it allocates registers, gcc for aarch64 moves loads up to hide latencies that the core hides itself; a tile
 * that needs all 32 registers then keeps accumulators in memory (a fifth slower by llvm-mca). */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-schedule-insns")
#endif
#include "tile.h"
#include "../tmpl/product.inc.h"
