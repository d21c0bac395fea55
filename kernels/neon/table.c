/* SPDX-License-Identifier: Apache-2.0 */
#define RNNP_VARIANTS_DEF "../neon/variants.def"
#include "simd.h"
#include "../tmpl/table.inc.h"
