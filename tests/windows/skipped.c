/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands for a test that Windows cannot run.
 */
#include <stdio.h>

int main(void)
{
    puts("skipped: Windows lacks " RNNP_LACKING);
    return 77;
}
