/* SPDX-License-Identifier: Apache-2.0 */
#define RNNP_VARIANTS_DEF "../generic/variants.def"
#include "simd.h"
#include "../tmpl/table.inc.h"
