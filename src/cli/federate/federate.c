/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack federate keys, and account.
 */
#include "exchange.h"

#include <math.h>
#include <string.h>

int cli_federate_keys(const cli_call *call)
{
    party_keys keys;
    char digits[KEY_DIGITS + 1];
    TRY(secrets_begin());
    keys_make(&keys);
    TRY(keys_write(&keys, call->output));
    key_print(keys.open, digits);
    printf("%s\n", digits);
    return CLI_OK;
}

int cli_federate_account(const cli_call *call)
{
    double order;
    if (!(call->noise > 0)) return cli_misuse("--noise must be above 0");
    if (!(call->sampling > 0 && call->sampling <= 1)) return cli_misuse("--sampling must be above 0, at most 1");
    if (!(call->delta > 0 && call->delta < 1)) return cli_misuse("--delta must be above 0 and below 1");
    const double epsilon = account_epsilon(call->sampling, call->noise, (double)call->rounds, call->delta, &order);
    printf("epsilon %.4f at delta %g: noise %g, sampling %g, %zu rounds, Renyi order %g\n", epsilon, call->delta,
           call->noise, call->sampling, call->rounds, order);
    return CLI_OK;
}
