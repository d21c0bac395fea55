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
    if (*c->label_time && (!*c->label || !*c->time))
        return config_blame(c, "data", "label_time", "[data] label_time requires label and time");
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
    if (points && !(c->before + c->after > 0))
        return config_blame(c, "data", "annotations",
                            "annotations = points requires before and after, the seconds around each annotation");
    if (*c->label && c->annotations)
        return config_blame(c, "data", "label",
                            "the labels are those of annotations; label, a column of a list, is too "
                            "many");
    if ((*c->label || *c->group) && !*c->id)
        return config_blame(c, "data", *c->label ? "label" : "group",
                            "label and group are columns of a list; [data] id, its column of recordings, is missing");
    if (c->target == TARGET_LABEL && !c->annotations && !*c->label)
        return config_blame(c, "data", "label",
                            "recordings have labels by [data] annotations, or by a list with a column label");
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

int config_check(const train_config *c)
{
    if (!*c->train) return config_blame(c, "data", "train", "[data] train is missing");
    if (!c->n_layers) return config_blame(c, "model", "layers", "[model] layers is missing");
    if (check_format(c) != CLI_OK || check_columns(c) != CLI_OK || check_recordings(c) != CLI_OK) return CLI_FAILED;
    if (c->embed.n && !c->categories.n)
        return config_blame(c, "model", "embed", "[model] embed requires [data] categories");
    if (c->format == DATA_IDX && !*c->train_labels && c->target == TARGET_LABEL)
        return config_blame(c, "data", "train_labels", "[data] train_labels is missing");
    if ((c->mask || c->delta) && c->missing == MISSING_REFUSE)
        return config_blame(c, "data", c->mask ? "mask" : "delta",
                            "[data] mask and delta require missing = carry, mean or zero");
    if (c->target == TARGET_NEXT && c->window && c->window <= c->horizon)
        return config_blame(c, "data", "window", "in a window of %zu steps there is no value %zu steps later",
                            c->window, c->horizon);
    if (c->target == TARGET_NEXT && c->longest && c->longest <= c->horizon)
        return config_blame(c, "data", "longest", "in %zu steps there is no value %zu steps later", c->longest,
                            c->horizon);
    TRY(check_predict(c));
    if (c->folds == 1) return config_blame(c, "train", "folds", "[train] folds must be 0 or at least 2");
    if (c->target != TARGET_LABEL && c->options.loss != RNNP_LOSS_MSE)
        return config_blame(c, "train", "loss", "[train] loss must be mse when the targets are numbers");
    if (c->target != TARGET_LABEL && c->class_weights.n)
        return config_blame(c, "train", "class_weights", "[train] class_weights requires target = label");
    if (c->target == TARGET_LABEL && c->options.loss == RNNP_LOSS_MSE)
        return config_blame(c, "train", "loss",
                            "[train] loss must be binary, cross or sparse when the targets are labels");
    for (size_t v = 0; v < c->n_variables; v++)
        if (!c->variables[v].used)
            return config_blame(c, "search", c->variables[v].name, "[search] %s is not used anywhere",
                                c->variables[v].name);
    return CLI_OK;
}
