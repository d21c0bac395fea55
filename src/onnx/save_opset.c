/* SPDX-License-Identifier: Apache-2.0
 *
 * One opset for a file whose nodes may come from several: the highest of theirs. Most changes of an operator only add
 * types, defaults or freedoms, so an older node means the same in it; the table has the others.
 */
#include "saver.h"

#include <string.h>

/* Operators that an opset changed, for nodes with that attribute, which became an input (NULL: for all nodes). */
static const struct {
    const char *op;
    int opset;
    const char *attr;
} changes[] = {
    {"BatchNormalization", 9, "spatial"},
    {"Clip", 11, NULL}, /* bounds, and none were the largest finite numbers */
    {"Dropout", 12, "ratio"},
    {"GroupNormalization", 21, NULL}, /* scales of groups became scales of channels */
    {"LogSoftmax", 13, NULL},         /* rows of several axes became one axis */
    {"OneHot", 11, NULL},             /* negative indices count from the end */
    {"Pad", 11, "pads"},
    {"ReduceL1", 18, "axes"},
    {"ReduceL2", 18, "axes"},
    {"ReduceLogSum", 18, "axes"},
    {"ReduceLogSumExp", 18, "axes"},
    {"ReduceMax", 18, "axes"},
    {"ReduceMean", 18, "axes"},
    {"ReduceMin", 18, "axes"},
    {"ReduceProd", 18, "axes"},
    {"ReduceSum", 13, "axes"},
    {"ReduceSumSquare", 18, "axes"},
    {"Scatter", 11, NULL}, /* gone */
    {"Slice", 10, NULL},   /* starts, ends, axes */
    {"Softmax", 13, NULL},
    {"Split", 13, "split"},
    {"Split", 18, NULL}, /* equal parts must be counted */
    {"Squeeze", 13, "axes"},
    {"TopK", 10, "k"},
    {"Unsqueeze", 13, "axes"},
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static int has_attr(const rnnp_node *node, const char *name)
{
    size_t i = 0;

    while (i < node->n_attrs && strcmp(node->attrs[i].name, name) != 0) i++;
    return i < node->n_attrs;
}

/* The model API does not mind operators that are younger than their opset; a file must have them. */
static int needed_opset(const rnnp_node *node)
{
    const int own = node->op->since_opset > node->opset ? node->op->since_opset : node->opset;

    const int weights = saver_weights_opset(node), function = saver_decays(node) ? 13 : 0; /* Unsqueeze of its body */
    const int more = weights > function ? weights : function;

    return own > more ? own : more;
}

/* The first opset after its own, up to `last`, in which the node would be another; 0 for none. */
static int changed_in(const rnnp_node *node, int last)
{
    for (size_t i = 0; i < COUNT(changes); i++) {
        if (node->opset < changes[i].opset && changes[i].opset <= last && strcmp(changes[i].op, node->op->name) == 0 &&
            (!changes[i].attr || has_attr(node, changes[i].attr)))
            return changes[i].opset;
    }
    return 0;
}

/* The mask of Dropout became bool. */
static int mask_changed(const rnnp_node *node, int last)
{
    return node->opset < 10 && last >= 10 && strcmp(node->op->name, "Dropout") == 0 && node->n_outputs > 1 &&
           node->outputs[1] != RNNP_NONE;
}

/* Attributes of opset 6 that went. */
static int attrs_gone(const rnnp_node *node, int last)
{
    static const char *const limited[] = {"Add", "And", "Div", "Equal", "Greater", "Less",
                                          "Mul", "Or",  "Pow", "Sub",   "Xor"};

    if (node->opset >= 7 || last < 7) return 0;
    if (has_attr(node, "broadcast") || has_attr(node, "is_test")) return 1;
    for (size_t i = 0; i < COUNT(limited); i++) {
        if (strcmp(node->op->name, limited[i]) == 0) return has_attr(node, "axis");
    }
    return 0;
}

rnnp_status saver_join_opsets(saver *s)
{
    const rnnp_model *model = s->model;
    const rnnp_node *highest = NULL;

    s->opset = RNNP_OPSET_FIRST;
    for (size_t i = 0; i < model->n_nodes; i++) {
        if (needed_opset(&model->nodes[i]) > s->opset) {
            s->opset = needed_opset(&model->nodes[i]);
            highest = &model->nodes[i];
        }
    }
    for (size_t i = 0; i < model->n_nodes; i++) {
        const rnnp_node *node = &model->nodes[i];
        const int changed = attrs_gone(node, s->opset)     ? 7
                            : mask_changed(node, s->opset) ? 10
                                                           : changed_in(node, s->opset);

        if (changed)
            return rnnp_fail(model->context, RNNP_ERR_UNSUPPORTED,
                             "%s %.60s is of opset %d and %s %.60s of opset %d; an ONNX file has one opset, and "
                             "opset %d changed %s",
                             node->op->name, node->name, node->opset, highest->op->name, highest->name, s->opset,
                             changed, node->op->name);
    }
    return RNNP_OK;
}
