/* SPDX-License-Identifier: Apache-2.0
 *
 * Configurations of trainings, and the networks and trainers made of those that are taken.
 */
#include <string.h>

#include "fuzz.h"
#include "src/cli/cli.h"
#include "src/cli/train/network.h"

static void build(const train_config *config)
{
    network net = {.features = 3};
    const text_list *columns = target_columns(config);
    rnnp_model *model;
    rnnp_trainer *trainer;

    if (columns) net.targets = columns->n ? columns->n : 1;
    if (config->format == DATA_TOKENS) net = (network){.vocabulary = 5};
    if (network_build(fuzz_context(), config, &net, &model) != CLI_OK) return;
    if (rnnp_trainer_create(model, &config->options, &trainer) == RNNP_OK) rnnp_trainer_destroy(trainer);
    rnnp_model_destroy(model);
}

/* Layers of thousands of units are right, and take their time. */
static int is_large(const uint8_t *data, size_t size)
{
    size_t digits = 0;

    for (size_t i = 0; i < size; i++) {
        digits = data[i] >= '0' && data[i] <= '9' ? digits + 1 : 0;
        if (digits > 2) return 1;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static train_config config;
    const char *path = fuzz_file("config.ini", data, size);
    const size_t before = fuzz_live_bytes();

    fuzz_silence();
    if (config_read(path, NULL, &config) == CLI_OK && !is_large(data, size)) build(&config);
    config_free(&config);
    fuzz_check(fuzz_live_bytes() == before);
    return 0;
}
