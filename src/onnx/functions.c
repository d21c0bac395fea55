/* SPDX-License-Identifier: Apache-2.0 */
#include "functions.h"

#include "load_weights.h"
#include "names.h"

#include <string.h>

/* Defaults of attributes came to the format after the schema that this is built with. */
enum { DEFAULTS_FIELD = 11 };

struct functions {
    names names; /* "<domain>\n<name>": a producer is the function's number */
    file_function *at;
    char *key;
    size_t room;
};

/* The key of a function, until the next call. */
static const char *make_key(loader *l, const char *domain, const char *name)
{
    struct functions *all = l->functions;
    const char *const d = domain && strcmp(domain, "ai.onnx") != 0 ? domain : "", *const n = name ? name : "";
    const size_t need = strlen(d) + strlen(n) + 2;
    if (need > all->room) {
        loader_free(l, all->key);
        all->room = 2 * need;
        if (!(all->key = loader_alloc(l, all->room))) return NULL;
    }
    memcpy(all->key, d, strlen(d));
    all->key[strlen(d)] = '\n';
    memcpy(all->key + strlen(d) + 1, n, strlen(n) + 1);
    return all->key;
}

static rnnp_status read_defaults(loader *l, file_function *f)
{
    const ProtobufCMessage *message = &f->proto->base;
    f->defaults = loader_alloc(l, message->n_unknown_fields * sizeof *f->defaults);
    if (!f->defaults) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < message->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &message->unknown_fields[i];
        if (field->tag != DEFAULTS_FIELD || field->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) continue;
        const rnnp_status status = loader_parse_attribute(l, field->data, field->len, &f->defaults[f->n_defaults++]);
        if (status != RNNP_OK) return status;
    }
    return RNNP_OK;
}

rnnp_status functions_open(loader *l)
{
    const size_t n = l->file->n_functions;
    struct functions *all = l->functions = loader_alloc(l, sizeof *all);
    if (!all) return RNNP_ERR_MEMORY;
    *all = (struct functions){.at = loader_alloc(l, n * sizeof *all->at)};
    if (!all->at) return RNNP_ERR_MEMORY;
    rnnp_status status = names_create(l, n, &all->names);
    for (size_t i = 0; i < n && status == RNNP_OK; i++) {
        const Onnx__FunctionProto *p = l->file->functions[i];
        const char *key = make_key(l, p->domain, p->name);
        if (!key) return RNNP_ERR_MEMORY;
        if (names_find(&all->names, key))
            return rnnp_fail(l->context, RNNP_ERR_FORMAT, "function %s is defined twice", p->name ? p->name : "");
        char *copy = loader_alloc(l, strlen(key) + 1);
        if (!copy) return RNNP_ERR_MEMORY;
        names_add(&all->names, strcpy(copy, key))->producer = i;
        all->at[i] = (file_function){.proto = p};
        status = read_defaults(l, &all->at[i]);
    }
    return status;
}

rnnp_status functions_find(loader *l, const Onnx__NodeProto *p, const file_function **f)
{
    *f = NULL;
    if (!l->file->n_functions || loader_decayed_cell(p)) return RNNP_OK;
    const char *key = make_key(l, p->domain, p->op_type);
    if (!key) return RNNP_ERR_MEMORY;
    const name_entry *e = names_find(&l->functions->names, key);
    if (e) *f = &l->functions->at[e->producer];
    return RNNP_OK;
}
