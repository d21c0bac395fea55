/* SPDX-License-Identifier: Apache-2.0 */
#include "simd.h"
#include "../tmpl/pointwise.inc.h"
