/* SPDX-License-Identifier: Apache-2.0 */
#include "tile.h"
#include "../tmpl/product.inc.h"
