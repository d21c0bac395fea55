/* SPDX-License-Identifier: Apache-2.0 */
#define RNNP_VARIANTS_DEF "../avx512/variants.def"
#include "simd.h"
#include "../tmpl/table.inc.h"
