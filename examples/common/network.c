/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "network.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int network_ok(const network *net, rnnp_status status)
{
    if (status == RNNP_OK) return 1;
    const char *const sentence = net->context ? rnnp_last_error(net->context) : "";
    fprintf(stderr, "%s\n", *sentence ? sentence : rnnp_status_string(status));
    return 0;
}

int network_open(network *net, const char *path, const rnnp_load_options *options)
{
    *net = (network){0};
    rnnp_status status = rnnp_context_create(NULL, &net->context);
    if (status == RNNP_OK) status = rnnp_onnx_open_file(net->context, path, options, &net->model);
    if (status == RNNP_OK) status = rnnp_plan_create(net->model, NULL, &net->plan);
    return network_ok(net, status);
}

int network_stream(network *net, const rnnp_carried *pairs, size_t n)
{
    rnnp_carried found[NETWORK_MOST];
    rnnp_stream_options options;
    rnnp_stream_options_init(&options);
    options.carried = pairs ? pairs : found;
    options.n_carried = n;
    if (!pairs && !network_ok(net, rnnp_model_find_carried(net->model, found, NETWORK_MOST, &options.n_carried)))
        return 0;
    net->n_in = rnnp_model_input_count(net->model) - options.n_carried;
    net->n_out = rnnp_model_output_count(net->model) - options.n_carried;
    if (options.n_carried > NETWORK_MOST || net->n_in > NETWORK_MOST || net->n_out > NETWORK_MOST) {
        fprintf(stderr, "the model has more than %d inputs, outputs or carried states\n", NETWORK_MOST);
        return 0;
    }
    if (!network_ok(net, rnnp_stream_create(net->plan, &options, &net->stream))) return 0;
    rnnp_status status = RNNP_OK;
    for (size_t i = 0; i < net->n_in && status == RNNP_OK; i++) status = rnnp_stream_input(net->stream, i, &net->in[i]);
    for (size_t i = 0; i < net->n_out && status == RNNP_OK; i++)
        status = rnnp_stream_output(net->stream, i, &net->out[i]);
    return network_ok(net, status);
}

int network_step(network *net)
{
    return network_ok(net, rnnp_stream_step(net->stream, net->in, net->n_in, net->out, net->n_out));
}

int network_expect(const rnnp_tensor *tensor, const char *what, size_t elements)
{
    if (rnnp_tensor_elements(tensor) == elements) return 1;
    fprintf(stderr, "the model's %s has %zu values, not %zu\n", what, rnnp_tensor_elements(tensor), elements);
    return 0;
}

void network_close(network *net)
{
    rnnp_stream_destroy(net->stream);
    rnnp_plan_destroy(net->plan);
    rnnp_model_destroy(net->model);
    rnnp_context_destroy(net->context);
}

double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

uint64_t hash_floats(uint64_t hash, const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        for (int shift = 0; shift < 32; shift += 8) hash = (hash ^ (bits >> shift & 0xff)) * 0x100000001b3u;
    }
    return hash;
}
