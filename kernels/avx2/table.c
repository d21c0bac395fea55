/* SPDX-License-Identifier: Apache-2.0 */
#define RNNP_VARIANTS_DEF "../avx2/variants.def"
#include "simd.h"
#include "../tmpl/table.inc.h"
