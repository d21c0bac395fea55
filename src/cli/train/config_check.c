/* SPDX-License-Identifier: Apache-2.0
 *
 * What single values of a configuration cannot show: keys that contradict each other, or that have no effect.
 */
#include <string.h>

#include "../cli.h"
#include "config.h"

/* Keys that have no effect in a format would be ignored in silence. */
static int check_format(const train_config *c)
{
    enum {
        WIDE = 1 << DATA_WIDE,
        CSV = 1 << DATA_CSV,
        ARRAYS = 1 << DATA_NPY | 1 << DATA_IDX,
        TOKENS = 1 << DATA_TOKENS,
        RECORDINGS = 1 << DATA_RECORDINGS
    };
    static const struct {
        const char *name;
        int formats;
    } parts[] = {
        {"id", CSV | RECORDINGS},
        {"time", CSV},
        {"group", CSV | RECORDINGS},
        {"features", CSV},
        {"categories", CSV},
        {"time_unit", CSV},
        {"label_time", CSV},
        {"future", CSV},
        {"label", WIDE | CSV | RECORDINGS},
        {"separator", WIDE | CSV | RECORDINGS},
        {"decimal", WIDE | CSV},
        {"missing_values", WIDE | CSV},
        {"train_labels", ARRAYS},
        {"test_labels", ARRAYS},
        {"train_ids", ARRAYS},
        {"train_groups", ARRAYS},
        {"train_lengths", ARRAYS},
        {"test_ids", ARRAYS},
        {"test_groups", ARRAYS},
        {"test_lengths", ARRAYS},
        {"scale", WIDE | CSV | ARRAYS | RECORDINGS},
        {"standardise", WIDE | CSV | ARRAYS | RECORDINGS},
        {"least", TOKENS},
        {"channels", RECORDINGS},
        {"unit", RECORDINGS},
        {"rate", RECORDINGS},
        {"clipped", RECORDINGS},
        {"annotations", RECORDINGS},
        {"annotator", RECORDINGS},
        {"classes", RECORDINGS},
        {"before", RECORDINGS},
        {"after", RECORDINGS},
        {"block", RECORDINGS},
        {"background", RECORDINGS},
        {"labels", CSV | 1 << DATA_NPY | RECORDINGS},
        {"values", CSV | 1 << DATA_NPY | RECORDINGS},
    };
    static const char *const formats[] = {"wide", "csv", "npy", "idx", "tokens", "recordings"};
    for (size_t i = 0; i < COUNT(parts); i++)
        if (config_line(c, "data", parts[i].name) && !(parts[i].formats & 1 << c->format))
            return config_blame(c, "data", parts[i].name, "[data] %s has no meaning in format %s", parts[i].name,
                                formats[c->format]);
    if (c->format == DATA_WIDE && *c->label && strcmp(c->label, "first") != 0 && strcmp(c->label, "last") != 0 &&
        strcmp(c->label, "none") != 0)
        return config_blame(c, "data", "label", "label must be first, last or none in format wide, not '%.80s'",
                            c->label);
    if (c->decimal == c->separator)
        return config_blame(c, "data", "decimal", "decimal and separator are both '%c'", c->decimal);
    if (c->format == DATA_TOKENS && c->target != TARGET_LABEL)
        return config_blame(c, "data", "target", "[data] format = tokens requires target = label");
    return CLI_OK;
}

/* A column has one meaning. */
static int check_columns(const train_config *c)
{
    enum { ROLES = 5 };
    const char *const names[ROLES] = {"id", "time", "label", "group", "label_time"};
    const char *const columns[ROLES] = {c->id, c->time, c->label, c->group, c->label_time};
    if (c->format != DATA_CSV) return CLI_OK;
    if (!*c->id) return config_blame(c, "data", "id", "[data] id, the column that tells sequences apart, is missing");
    for (int a = 0; a < ROLES; a++)
        for (int b = 0; b < a; b++)
            if (*columns[a] && strcmp(columns[a], columns[b]) == 0)
                return config_blame(c, "data", names[a], "column '%.80s' is both %s and %s", columns[a], names[b],
                                    names[a]);
    if (*c->label_time && ((!*c->label && !target_has_columns(c->target)) || !*c->time))
        return config_blame(c, "data", "label_time", "[data] label_time requires label and time");
    if (*c->label_time && c->target == TARGET_STEP_LABEL)
        return config_blame(c, "data", "label_time",
                            "[data] label_time is of a sequence; target = step_label has a label for each step");
    if (config_line(c, "data", "future") && !*c->label_time)
        return config_blame(c, "data", "future", "[data] future requires label_time");
    for (size_t f = 0; f < c->features.n; f++) {
        for (int a = 0; a < ROLES; a++)
            if (strcmp(c->features.at[f], columns[a]) == 0)
                return config_blame(c, "data", "features", "column '%.80s' is both %s and one of features", columns[a],
                                    names[a]);
    }
    return CLI_OK;
}

/* Labels come from annotations, or from a list; what belongs to annotations needs them. */
static int check_recordings(const train_config *c)
{
    static const char *const of_annotations[] = {"annotator", "classes", "block", "before", "after"};
    const int points = c->annotations == ANNOTATIONS_POINTS;
    if (c->format != DATA_RECORDINGS) return CLI_OK;
    for (size_t i = 0; i < COUNT(of_annotations); i++)
        if (config_line(c, "data", of_annotations[i]) && (i < 3 ? !c->annotations : !points))
            return config_blame(c, "data", of_annotations[i], "[data] %s requires annotations = %s", of_annotations[i],
                                i < 3 ? "points or spans" : "points");
    if (c->target == TARGET_STEP_LABEL && !c->annotations)
        return config_blame(c, "data", "target", "recordings have labels of steps by [data] annotations");
    if (*c->background && c->target != TARGET_STEP_LABEL)
        return config_blame(c, "data", "background", "[data] background requires target = step_label");
    if (points && c->target != TARGET_STEP_LABEL && !(c->before + c->after > 0))
        return config_blame(c, "data", "annotations",
                            "annotations = points requires before and after, the seconds around each annotation");
    if (*c->label && c->annotations)
        return config_blame(c, "data", "label",
                            "the labels are those of annotations; label, a column of a list, is too "
                            "many");
    if ((*c->label || *c->group || target_has_columns(c->target)) && !*c->id)
        return config_blame(c, "data",
                            *c->label   ? "label"
                            : *c->group ? "group"
                                        : "target",
                            "%s are columns of a list; [data] id, its column of recordings, is missing",
                            *c->label || *c->group ? "label and group" : "targets");
    if (target_has_columns(c->target) && c->annotations)
        return config_blame(c, "data", "annotations",
                            "the targets are columns of a list, of whole recordings; annotations are too many");
    return CLI_OK;
}

/* [predict] is about classes, and what it fits needs data that training has not seen. */
static int check_predict(const train_config *c)
{
    static const char *const names[] = {"threshold", "calibrate", "positive"};
    const int fits = c->calibrate || c->threshold.kind > THRESHOLD_GIVEN;
    const char *const fitted = c->calibrate ? "calibrate" : "threshold";
    for (size_t i = 0; i < COUNT(names); i++)
        if (config_line(c, "predict", names[i]) && c->target != TARGET_LABEL)
            return config_blame(c, "predict", names[i], "[predict] %s requires target = label", names[i]);
    if (*c->positive && !c->threshold.kind)
        return config_blame(c, "predict", "positive", "[predict] positive is the class of threshold, which is missing");
    if (fits && !c->folds && !(c->validation > 0))
        return config_blame(
            c, "predict", fitted,
            "[predict] %s is fitted to data that training has not seen: set [train] folds or validation", fitted);
    return CLI_OK;
}

static const char *const targets[] = {"label", "next", "input", "step_label", "labels", "values"};

/* What else a column of targets is, or NULL. */
static const char *other_role(const train_config *c, const char *column)
{
    const char *const names[] = {"id", "time", "group"}, *const columns[] = {c->id, c->time, c->group};
    for (size_t a = 0; a < COUNT(names); a++)
        if (strcmp(column, columns[a]) == 0) return names[a];
    return text_listed(&c->features, column) ? "one of features" : NULL;
}

static int check_target_columns(const train_config *c, const text_list *columns, const char *key)
{
    if (!columns->n && c->format != DATA_WIDE)
        return config_blame(c, "data", "target", "[data] target = %s requires %s, the columns of the targets", key,
                            key);
    if (*c->label && c->format != DATA_WIDE)
        return config_blame(c, "data", "label", "[data] label has no meaning with target = %s; %s has the columns", key,
                            key);
    if (config_line(c, "data", "label_type"))
        return config_blame(c, "data", "label_type", "[data] label_type has no meaning with target = %s", key);
    for (size_t i = 0; i < columns->n; i++) {
        const char *other = other_role(c, columns->at[i]);
        if (other)
            return config_blame(c, "data", key, "column '%.80s' is both %s and one of %s", columns->at[i], other, key);
        for (size_t k = 0; k < i; k++)
            if (strcmp(columns->at[i], columns->at[k]) == 0)
                return config_blame(c, "data", key, "%s names '%.80s' twice", key, columns->at[i]);
    }
    return CLI_OK;
}

static int check_targets(const train_config *c)
{
    const text_list *columns = target_columns(c);
    const int rows = c->format == DATA_CSV || c->format == DATA_NPY || c->format == DATA_RECORDINGS;
    if (c->labels.n && c->target != TARGET_LABELS)
        return config_blame(c, "data", "labels", "[data] labels requires target = labels");
    if (c->values.n && c->target != TARGET_VALUES)
        return config_blame(c, "data", "values", "[data] values requires target = values");
    if ((columns || c->target == TARGET_STEP_LABEL) && !rows && !(c->target == TARGET_VALUES && c->format == DATA_WIDE))
        return config_blame(c, "data", "target", "[data] target = %s requires format = csv, npy%s or recordings",
                            targets[c->target], c->target == TARGET_VALUES ? ", wide" : "");
    if (c->target == TARGET_VALUES && c->format == DATA_WIDE && strcmp(c->label, "none") == 0)
        return config_blame(c, "data", "label",
                            "with target = values, label is the first or the last number of a line");
    if (c->target == TARGET_STEP_LABEL && c->format == DATA_CSV && !*c->label)
        return config_blame(c, "data", "target",
                            "[data] target = step_label requires label, the column of the classes");
    return columns ? check_target_columns(c, columns, targets[c->target]) : CLI_OK;
}

/* Whether the loss, and what belongs to it, are those of the target. */
static int check_loss(const train_config *c)
{
    const rnnp_loss loss = c->options.loss;
    const int numbers = target_is_number(c->target);
    const int of_numbers = loss == RNNP_LOSS_MSE || loss == RNNP_LOSS_MAE || loss == RNNP_LOSS_HUBER;
    if (numbers && !of_numbers)
        return config_blame(c, "train", "loss", "[train] loss must be mse, mae or huber when the targets are numbers");
    if (target_is_class(c->target) && of_numbers)
        return config_blame(c, "train", "loss",
                            "[train] loss must be binary, cross or sparse when the targets are labels");
    if (c->target == TARGET_LABELS && loss != RNNP_LOSS_BINARY)
        return config_blame(c, "train", "loss", "[train] loss must be binary with target = labels");
    if (config_line(c, "train", "huber_delta") && loss != RNNP_LOSS_HUBER)
        return config_blame(c, "train", "huber_delta", "[train] huber_delta requires loss = huber");
    if (!target_is_class(c->target) && c->class_weights.n)
        return config_blame(c, "train", "class_weights", "[train] class_weights requires target = label or step_label");
    if (numbers && (c->balanced || c->options.label_smoothing > 0))
        return config_blame(c, "train", c->balanced ? "balanced" : "label_smoothing",
                            "[train] %s requires labels as targets", c->balanced ? "balanced" : "label_smoothing");
    return CLI_OK;
}

static int check_federate(const train_config *c)
{
    if (c->noise > 0 && !(c->clip > 0))
        return config_blame(c, "federate", "noise", "[federate] noise is a multiple of clip, which is not given");
    if (c->noise > 0 && !c->secure)
        return config_blame(c, "federate", "noise",
                            "[federate] noise requires secure = yes: without masks the coordinator sees updates that "
                            "have one site's part of the noise alone");
    if (c->noise > 0 && !(c->privacy_delta > 0 && c->privacy_delta < 1))
        return config_blame(c, "federate", "delta", "[federate] delta must be above 0 and below 1");
    if (c->sites.n && !*c->coordinator)
        return config_blame(c, "federate", "coordinator", "[federate] sites require the key of a coordinator");
    return CLI_OK;
}

int config_check_data(const train_config *c)
{
    if (check_format(c) != CLI_OK || check_columns(c) != CLI_OK || check_recordings(c) != CLI_OK ||
        check_targets(c) != CLI_OK)
        return CLI_FAILED;
    if ((c->mask || c->delta) && c->missing == MISSING_REFUSE)
        return config_blame(c, "data", c->mask ? "mask" : "delta",
                            "[data] mask and delta require missing = carry, mean or zero");
    if (c->target == TARGET_NEXT && c->window && c->window <= c->horizon)
        return config_blame(c, "data", "window", "in a window of %zu steps there is no value %zu steps later",
                            c->window, c->horizon);
    if (c->target == TARGET_NEXT && c->longest && c->longest <= c->horizon)
        return config_blame(c, "data", "longest", "in %zu steps there is no value %zu steps later", c->longest,
                            c->horizon);
    return CLI_OK;
}

int config_check(const train_config *c)
{
    TRY(check_federate(c));
    if (!*c->train) return config_blame(c, "data", "train", "[data] train is missing");
    if (!c->n_layers) return config_blame(c, "model", "layers", "[model] layers is missing");
    TRY(config_check_data(c));
    if (c->format == DATA_RECORDINGS && c->target == TARGET_LABEL && !c->annotations && !*c->label)
        return config_blame(c, "data", "label",
                            "recordings have labels by [data] annotations, or by a list with a column label");
    if (c->embed.n && !c->categories.n)
        return config_blame(c, "model", "embed", "[model] embed requires [data] categories");
    if (c->format == DATA_IDX && !*c->train_labels && c->target == TARGET_LABEL)
        return config_blame(c, "data", "train_labels", "[data] train_labels is missing");
    TRY(check_predict(c));
    if (c->folds == 1) return config_blame(c, "train", "folds", "[train] folds must be 0 or at least 2");
    TRY(check_loss(c));
    for (size_t v = 0; v < c->n_variables; v++)
        if (!c->variables[v].used)
            return config_blame(c, "search", c->variables[v].name, "[search] %s is not used anywhere",
                                c->variables[v].name);
    return CLI_OK;
}
