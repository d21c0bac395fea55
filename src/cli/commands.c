/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands and their options. Help, parsing, errors of usage and manual pages follow from this table.
 */
#include "cli.h"

#ifdef RNNP_CLI_MANUAL /* the manual's generator needs the words alone */
#define RUN(function) NULL
#else
#define RUN(function) function
#endif

/* ---- Options that several commands share ---- */

#define AT(field) offsetof(cli_call, field)
/* clang-format off */
#define HELP \
    {"--help", NULL, "print this", CLI_DONE, 0, NULL}, \
    {"--version", NULL, "print the version", CLI_DONE, 0, NULL}, \
    {NULL, NULL, NULL, CLI_DONE, 0, NULL}
#define JSON {"--json", NULL, "print JSON", CLI_FLAG, AT(json), NULL}
#define ISA {"--isa", "NAME", "highest instruction set to use; rnnpack info lists them", CLI_TEXT, AT(isa), NULL}
#define THREADS(usual) \
    {"--threads", "N", "number of threads; 0 uses all CPUs of this process's budget", CLI_SIZE, AT(threads), usual}
#define HOST \
    THREADS("1"), ISA, \
    {"--math", "CLASS", "accuracy of tanh, sigmoid, exp and log: u35, u10 or fast", CLI_TEXT, AT(math), "u35"}, \
    {"--records", "FILE", "tuning records (default: first of $RNNPACK_RECORDS, the user's cache, /var/cache, /etc)", \
     CLI_TEXT, AT(records), NULL}
#define LOAD \
    {"--set", "NAME=NUMBER", "make this input a constant; any number of times", CLI_PAIRS, AT(bound), NULL}, \
    {"--outputs", "LIST", "the only outputs, separated by commas; what they do not need is not looked at", CLI_TEXT, \
     AT(wanted), NULL}, \
    {"--f64-as-f32", NULL, "compute in f32 what the file computes in f64", CLI_FLAG, AT(f64_as_f32), NULL}
#define MPI(what) \
    {"--mpi", NULL, "under mpirun: " what, CLI_FLAG, AT(mpi), NULL}, \
    {"--mpi-timeout", "S", "how long a rank may be silent before the others give up", CLI_NUMBER, \
     AT(mpi_timeout), "120"}
#define SHAPE(steps_usual) \
    {"--batch", "B", "batch size, and size of dynamic dimensions named batch, N or B", CLI_COUNT, AT(batch), "1"}, \
    {"--steps", "T", "time steps, and size of all other dynamic dimensions", CLI_COUNT, AT(steps), steps_usual}
#define INTERVALS \
    {"--bootstrap", "N", "draws of groups (sequences, where there are none) for intervals; 0: no intervals", CLI_SIZE, \
     AT(bootstrap), "1000"}, \
    {"--confidence", "C", "confidence of intervals", CLI_NUMBER, AT(confidence), "0.95"}, \
    {"--interval", "NAME", "percentile, or bca, which corrects for bias and skewness", CLI_TEXT, AT(interval), \
     "percentile"}
#define TASK \
    INTERVALS, \
    {"--data", "FILE", "training data, in place of [data] train", CLI_TEXT, AT(data), NULL}, \
    {"--labels", "FILE", "labels of the training data, if in a file of their own", CLI_TEXT, AT(labels), NULL}, \
    {"--test", "FILE", "test data, in place of [data] test", CLI_TEXT, AT(test), NULL}, \
    {"--test-labels", "FILE", "labels of the test data", CLI_TEXT, AT(test_labels), NULL}, \
    {"--roc", "FILE.svg", "write a plot of the ROC curve", CLI_TEXT, AT(roc), NULL}, \
    {"--predictions", "FILE", "write probabilities (with number targets: errors) to FILE, .csv or .npy", CLI_TEXT, \
     AT(predictions), NULL}, \
    {"--subgroups", "COLUMN", "metrics for each value of a column of the table (format csv), too", CLI_TEXT, \
     AT(subgroups), NULL}, \
    {"--report", "FILE.html", "write one page with metrics, curves, calibration, thresholds, data and configuration", \
     CLI_TEXT, AT(report), NULL}, \
    {"--seed", "N", "seed, in place of [train] seed", CLI_SIZE, AT(seed), NULL}, \
    {"--threads", "N", "number of threads, in place of [train] threads; 0 uses all CPUs of the budget", CLI_SIZE, \
     AT(threads), NULL}, \
    ISA, \
    {"--quiet", NULL, "print results only", CLI_FLAG, AT(quiet), NULL}
#define THRESHOLD \
    {"--threshold", "P", "probability of the positive class from which on a case is of it, in place of the model's", \
     CLI_NUMBER, AT(threshold), NULL}
#define FEDERATED \
    {"--folder", "DIR", "folder of the files that are exchanged", CLI_NEEDED, AT(folder), NULL}, \
    {"--mpi", NULL, "under mpirun: each party is a rank with a folder of its own", CLI_FLAG, AT(mpi), NULL}, \
    {"--key", "FILE", "secret key of this party, of rnnpack federate keys", CLI_NEEDED, AT(key), NULL}, \
    {"-o", "FILE.onnx", "file to write the model to (and, for tokens, FILE.onnx.words)", CLI_TEXT, AT(output), NULL}, \
    {"--timeout", "S", "seconds to wait for the others in each step", CLI_NUMBER, AT(timeout), "3600"}, \
    {"--threads", "N", "number of threads, in place of [train] threads; 0 uses all CPUs of the budget", CLI_SIZE, \
     AT(threads), NULL}, \
    ISA, \
    {"--quiet", NULL, "print results only", CLI_FLAG, AT(quiet), NULL}
#define ARRAYS \
    {"--data", "FILE", "the data, read as predict does; or an input, .npy: one for each, in the model's order", \
     CLI_TEXTS, AT(arrays), NULL}
#ifdef RNNP_CLI_TRAIN
#define EXPLAINED \
    ARRAYS, \
    {"--config", "FILE.ini", "a configuration: reads data as eval does, for models that do not say how", CLI_TEXT, \
     AT(config), NULL}
#else
#define EXPLAINED ARRAYS
#endif
#define OPTIONS(...) (const cli_option[]){__VA_ARGS__, HELP}
/* clang-format on */

const char cli_ending[] = "RNNPACK_MAX_ISA in the environment caps the instruction set, as --isa does.\n"
                          "Exit status: 0 success, 1 failure, 2 wrong usage.\n";

const cli_command cli_commands[] = {
    {"info", NULL, "show the CPU, its caches and the kernels chosen for it",
     "Shows the features and caches of this CPU and the kernels chosen for it.",
     OPTIONS({"--kernels", NULL, "list all kernels and mark the chosen ones (--json always does)", CLI_FLAG,
              AT(kernels), NULL},
             THREADS("1"), ISA, JSON),
     RUN(cli_info)},
    {"inspect", "MODEL", "show a model's inputs, nodes, weights, memory and kernels",
     "Shows the inputs, outputs, nodes, weights and memory of an ONNX or packed model, and\n"
     "the kernels chosen for it on this CPU, and of how many time steps a stream takes a\n"
     "multiple, or why the model has no stream. Of a model of rnnpack train also how data\n"
     "are read for it, its classes, calibration and threshold.",
     OPTIONS(LOAD, SHAPE("100"), HOST, JSON), RUN(cli_inspect)},
    {"run", "MODEL", "run a model on .npy files",
     "Runs a model once. Inputs are little-endian .npy files in C order, of the dtype of the\n"
     "model's input. Prints the name, dtype and shape of each output, and a 64-bit FNV-1a\n"
     "hash of its data: the same bits give the same hash on every CPU.",
     OPTIONS({"--input", "NAME=FILE.npy", "file of an input; give one for each input", CLI_PAIRS, AT(inputs), NULL},
             {"--output", "NAME=FILE.npy", "file to write an output to", CLI_PAIRS, AT(outputs), NULL}, LOAD, HOST),
     RUN(cli_run)},
    {"bench", "[MODEL]", "measure the run and step times of a model",
     "Measures how long a model takes for a run and for a step of a stream, on random inputs.\n"
     "With --limits it measures the machine instead: FMA peak, read bandwidth, barrier, timer\n"
     "and clock.",
     OPTIONS(SHAPE("100"),
             {"--seconds", "S", "time to measure the run, then the stream step; or all limits", CLI_NUMBER, AT(seconds),
              "2"},
             {"--carry", "INPUT=OUTPUT",
              "an output that a stream carries to an input of its next step (rnnpack inspect proposes some)", CLI_PAIRS,
              AT(carry), NULL},
             {"--limits", NULL, "measure what this machine can do at most, in place of a model", CLI_FLAG, AT(limits),
              NULL},
             LOAD, HOST, JSON),
     RUN(cli_bench)},
    {"pack", "MODEL", "write a model with packed weights, to a file that is mapped when loaded",
     "Writes a model together with its weights as the kernels read them. The file is mapped\n"
     "when it is loaded: nothing is packed or copied, and processes share it. It works on\n"
     "every CPU; one whose kernels need another packing packs the weights for itself.",
     OPTIONS({"-o", "FILE.rnnp", "file to write; an existing file is replaced once the new one is complete", CLI_NEEDED,
              AT(output), NULL},
             {"--isa", "LIST",
              "instruction sets to pack for, of any architecture, separated by commas (default: this CPU's)", CLI_TEXT,
              AT(isa), NULL},
             LOAD),
     RUN(cli_pack)},
    {"convert", "MODEL", "write a model as an ONNX file",
     "Writes an ONNX or packed model as one ONNX file: weights are stored in the file itself,\n"
     "constants are folded, and nodes that nothing uses are removed. Both models compute the\n"
     "same bits.",
     OPTIONS({"-o", "FILE.onnx", "file to write; an existing file is replaced once the new one is complete", CLI_NEEDED,
              AT(output), NULL},
             LOAD),
     RUN(cli_convert)},
    {"quantize", "MODEL", "write a model with weights in 8 or 16 bits, and say what that costs",
     "Makes weights of RNN, LSTM, GRU, Gemm and MatMul smaller: s8 has 8 bits and a scale for\n"
     "each output channel, f16 and bf16 have 16 bits. Shows sizes, speed on this host, and how\n"
     "far outputs move, on your data or on random inputs. Without -o nothing is written.",
     OPTIONS(
         {"--weights", "FORMAT", "s8, f16 or bf16", CLI_NEEDED, AT(weights), NULL},
         {"-o", "FILE.onnx", "file to write; an existing file is replaced once the new one is complete", CLI_TEXT,
          AT(output), NULL},
         {"--keep", "PATTERN", "leave layers as they are whose name, or that of their weights, fits (*, ?, [])",
          CLI_TEXTS, AT(keep), NULL},
         {"--saturate", NULL, "f16: weights beyond 65504 become 65504, in place of an error", CLI_FLAG, AT(saturate),
          NULL},
         {"--data", "FILE.npy", "an input; give one for each, in the model's order (default: random numbers)",
          CLI_TEXTS, AT(arrays), NULL},
         {"--labels", "FILE.npy", "class of each row of the data: shows accuracy and AUC", CLI_TEXT, AT(labels), NULL},
         {"--limit", "rms=X", "keep layers wider until every output's rms error is at most X", CLI_TEXT, AT(limit),
          NULL},
         {"--seconds", "S", "time to measure speed", CLI_NUMBER, AT(seconds), "2"}, LOAD, SHAPE("100"), HOST, JSON),
     RUN(cli_quantize)},
    {"tune", "[MODEL...]", "find the fastest kernels and schedules for models on this host",
     "Measures which kernels and schedules are the fastest for models on this host, and keeps\n"
     "the results as tuning records. Outputs of models do not change by a bit. Ctrl-C stops\n"
     "and keeps what was measured so far.",
     OPTIONS(
         {"--budget", "TIME", "time for everything, such as 30s or 2m (default 10s; with --grid 10m)", CLI_TEXT,
          AT(budget), NULL},
         {"--batch", "LIST", "batch sizes that will be run, such as 1,4,16 (default 1)", CLI_TEXT, AT(batches), NULL},
         {"--steps", "LIST", "time steps of a call; 1 is a stream", CLI_TEXT, AT(lengths), "1,50"},
         {"--threads", "LIST", "numbers of threads; 0 uses all CPUs of this process's budget", CLI_TEXT, AT(teams),
          "1"},
         {"--weights", "LIST", "with --grid: formats of weights, of f32, f16, bf16 and s8; a model has its own",
          CLI_TEXT, AT(weights), NULL},
         {"--records", "FILE", "file of the records (default: $RNNPACK_RECORDS, else the user's cache)", CLI_TEXT,
          AT(records), NULL},
         {"--grid", "standard", "tune hidden 32 to 1024, batch 1 to 64, steps 1 and 50, all cells, in place of models",
          CLI_TEXT, AT(grid), NULL},
         {"--again", NULL, "measure shapes again that already have a record of this host", CLI_FLAG, AT(again), NULL},
         {"--dry-run", NULL, "measure and print, but write nothing", CLI_FLAG, AT(dry_run), NULL}, LOAD, ISA, JSON,
         MPI("ranks on hosts of one kind share the shapes; rank 0 writes the records of all kinds"),
         {"--share-host", NULL, "with --mpi: measure although ranks share a host", CLI_FLAG, AT(share_host), NULL}),
     RUN(cli_tune)},
    {"explain", "MODEL", "show which kernels a model gets on this host, and why",
     "Shows for each recurrent and dense layer of a model which tuning record applies, or why\n"
     "none does, and what would be chosen without it.",
     OPTIONS(LOAD, SHAPE("1"), HOST, JSON), RUN(cli_explain)},
    {"attribute", "MODEL", "show which inputs a model's answer came from",
     "Attributes the score that a model gives a row to the row's inputs, over time and\n"
     "channels: integrated gradients, gradient x input, and occlusion as a check. Writes a\n"
     "page with pictures, or a table. It fails where integrated gradients do not sum up to\n"
     "the difference between the row's score and the baseline's.",
     OPTIONS(
         EXPLAINED, {"-o", "FILE", "file to write: a page (.html) or a table (.csv)", CLI_NEEDED, AT(output), NULL},
         {"--rows", "LIST", "rows to explain: numbers from 0 (0,4-7), ids, or all (default: the first ten)", CLI_TEXT,
          AT(pick), NULL},
         {"--target", "CLASS",
          "element of the output, or a class of the configuration's data (default: each row's largest)", CLI_TEXT,
          AT(target), NULL},
         {"--score", "NAME", "output (as the model gives it), logit or probability", CLI_TEXT, AT(score), "output"},
         {"--baseline", "FILE", "what stands for nothing to see: zero, mean (of each channel), or a row FILE.npy[:ROW]",
          CLI_TEXT, AT(baseline), "mean"},
         {"--methods", "LIST", "methods; the first one colours the picture", CLI_TEXT, AT(methods),
          "integrated,gradient,occlusion"},
         {"--points", "N",
          "integrated: points of the path, a multiple of 4 (default: 16, doubled up to 1024 as needed)", CLI_COUNT,
          AT(points), NULL},
         {"--tolerance", "P", "integrated: how far the sum may be from the difference of the scores, in percent",
          CLI_NUMBER, AT(tolerance), "1"},
         {"--window", "N", "occlusion: steps of a window (default: a twentieth of the steps)", CLI_COUNT, AT(window),
          NULL},
         {"--time-axis", "N", "axis of the inputs that is time, from 0 (default: the one whose size is left open)",
          CLI_SIZE, AT(time_axis), NULL},
         {"--channels", "NAMES", "names of the channels, separated by commas", CLI_TEXT, AT(channels), NULL}, LOAD,
         THREADS("1"), ISA,
         {"--math", "CLASS", "accuracy of tanh, sigmoid, exp and log: u35, u10 or fast", CLI_TEXT, AT(math), "u35"}),
     RUN(cli_attribute)},
#ifdef RNNP_CLI_TRAIN
    {"train", "CONFIG.ini", "train a model from a configuration and data",
     "Trains a model as the configuration describes it, and evaluates it on data that it has\n"
     "not seen. The same data, configuration and seed give the same model, bit by bit, on\n"
     "every CPU and for any number of threads.",
     OPTIONS({"-o", "FILE.onnx", "file to write the model to (and, for tokens, FILE.onnx.words)", CLI_TEXT, AT(output),
              NULL},
             {"--checkpoint", "FILE", "save the complete state of the training to FILE after each epoch", CLI_TEXT,
              AT(checkpoint), NULL},
             {"--resume", NULL, "continue from the checkpoint; the result is the same, bit by bit", CLI_FLAG,
              AT(resume), NULL},
             {"--curve", "FILE.svg", "write a plot of the losses over the epochs", CLI_TEXT, AT(curve), NULL},
             {"--curves", "FILE", "write loss, score and rate of each epoch to FILE, .csv or .json", CLI_TEXT,
              AT(curves), NULL},
             TASK, MPI("all ranks train one model, the same as one process would, bit by bit"),
             {"--mpi-whole", "MIB",
              "every rank gets all of data of up to so many MiB, and no more than its part of larger ones", CLI_NUMBER,
              AT(mpi_whole), "64"}),
     RUN(cli_train)},
    {"predict", "MODEL", "say what a trained model predicts for new data",
     "Predicts new data, which need no labels. The model says how they are read: rnnpack train\n"
     "keeps that in it. Writes a table with the id of each sequence, its group if there are\n"
     "groups, the class and the probability of each class; or labels, values, classes of steps,\n"
     "or what is forecast for each step, as the model was trained.",
     OPTIONS({"--data", "FILE", "the new data, of the format of the training data", CLI_NEEDED, AT(data), NULL},
             {"-o", "FILE.csv", "file to write the table to", CLI_NEEDED, AT(output), NULL}, THRESHOLD, THREADS("1"),
             ISA),
     RUN(cli_predict)},
    {"eval", "MODEL", "evaluate a trained model on data",
     "Evaluates a trained model on [data] test, or on --test FILE. What training fitted to\n"
     "its data besides the model (how missing values are filled) is fitted again.",
     OPTIONS({"--config", "FILE.ini", "the configuration of the training; it says how data are read", CLI_NEEDED,
              AT(config), NULL},
             THRESHOLD, TASK),
     RUN(cli_eval)},
    {"compare", "A.csv B.csv", "compare two models by their predictions of the same data",
     "Compares two tables that rnnpack train or eval wrote with --predictions: each metric of\n"
     "both, and A minus B with an interval and a p value, from draws of groups (patients) that\n"
     "are the same for both; of two classes also the areas by DeLong. Rows are matched by id.",
     OPTIONS(INTERVALS, {"--seed", "N", "seed of the draws", CLI_SIZE, AT(seed), "0"},
             {"--quiet", NULL, "print results only", CLI_FLAG, AT(quiet), NULL}, JSON),
     RUN(cli_compare)},
#endif
#ifdef RNNP_CLI_WATCH
    {"watch", "MODEL", "run a signal through a model as it comes, and raise alarms",
     "Steps a model through a signal, sample by sample, and raises alarms on its score. Prints\n"
     "a line of JSON for each alarm, its end, and each gap of the signal. Ctrl-C ends it in\n"
     "order.",
     OPTIONS(
         {"--source", "FILE", "a recording, lines of numbers, - (stdin), udp://ADDRESS:PORT or serial:DEVICE[:BAUD]",
          CLI_NEEDED, AT(source), NULL},
         {"--format", "FORMAT", "of a file or stdin: csv (a sample in each line) or f32 (raw)", CLI_TEXT, AT(format),
          "csv"},
         {"--channels", "NAMES", "channels of a recording, or names of a line's numbers, separated by commas", CLI_TEXT,
          AT(channels), NULL},
         {"--rate", "HZ", "samples a second of the source, where it does not say", CLI_NUMBER, AT(rate), NULL},
         {"--resample", "HZ", "samples a second that the model takes, where it does not say", CLI_NUMBER, AT(resample),
          NULL},
         {"--speed", "SPEED", "of a file: real, full, or a factor such as 4x (default full)", CLI_TEXT, AT(speed),
          NULL},
         {"--score", "NAME", "output, probability or error (default: by what the model was trained for)", CLI_TEXT,
          AT(score), NULL},
         {"--output", "NAME", "output that is the score, NAME or NAME:INDEX (default: element 0 of the first one)",
          CLI_TEXT, AT(watched), NULL},
         {"--target", "CLASS", "class whose probability is the score (default: the second of two)", CLI_TEXT,
          AT(target), NULL},
         {"--smooth", "S", "time constant of a low-pass filter on the score, in seconds", CLI_NUMBER, AT(smooth), "0"},
         {"--on", "SCORE", "raise an alarm at this score", CLI_REAL, AT(on), NULL},
         {"--off", "SCORE", "end it below this one (default: the same)", CLI_REAL, AT(off), NULL},
         {"--least", "S", "seconds that the score must last for an alarm", CLI_NUMBER, AT(least), "0"},
         {"--refractory", "S", "seconds after an alarm in which no other one begins", CLI_NUMBER, AT(refractory), "0"},
         {"--gap", "POLICY", "what a gap does to the model's state: reset or hold", CLI_TEXT, AT(gap), "reset"},
         {"--gap-after", "S", "seconds without samples that are a gap; fewer are filled", CLI_NUMBER, AT(gap_after),
          "1"},
         {"--queue", "N", "samples that may wait; beyond them a device loses some, a file waits", CLI_COUNT, AT(queue),
          "4096"},
         {"--state", "FILE", "go on with the state in FILE, if it is there, and save it there at the end", CLI_TEXT,
          AT(state), NULL},
         {"--scores", "FILE.csv", "write the score of each step", CLI_TEXT, AT(scores), NULL},
         {"--offline", NULL, "take the steps of a file many at once: the same results sooner", CLI_FLAG, AT(offline),
          NULL},
         {"--stats", NULL, "print how long samples took, from their arrival to their score", CLI_FLAG, AT(stats), NULL},
         {"--every", "N", "run the model on a window of the last steps, every N steps, in place of a stream", CLI_COUNT,
          AT(every), NULL},
         {"--window", "N", "steps of that window, where the model does not say", CLI_COUNT, AT(window), NULL},
         {"--http", "PORT", "show it on a page of this machine, http://127.0.0.1:PORT/ (0: any free port)", CLI_SIZE,
          AT(http), NULL},
         {"--carry", "INPUT=OUTPUT",
          "an output that is carried to an input of the next step (rnnpack inspect proposes some)", CLI_PAIRS,
          AT(carry), NULL},
         LOAD, HOST),
     RUN(cli_watch)},
#endif
#ifdef RNNP_CLI_FEDERATE
    {"federate", NULL, "train across sites whose data stay where they are",
     "Trains one model across sites (hospitals) that exchange updates as files, and no data.", NULL, NULL},
    {"federate keys", NULL, "make the keys of a party",
     "Makes a secret key, which stays with a party, and prints its public key, which belongs\n"
     "into [federate] of the configuration that all parties have.",
     OPTIONS({"-o", "FILE", "file to write the secret key to; a file that is there is not replaced", CLI_NEEDED,
              AT(output), NULL}),
     RUN(cli_federate_keys)},
    {"federate coordinate", "CONFIG.ini", "call the sites, and add up what they answer",
     "Leads a federated training: calls all sites in each step and adds up their answers. With\n"
     "[federate] secure = yes it sees the sums alone. When it was ended, the same command goes\n"
     "on from the files that are there.",
     OPTIONS(FEDERATED), RUN(cli_federate_coordinate)},
    {"federate site", "CONFIG.ini", "take part with the data of this site",
     "Answers the coordinator's calls from the data of this site, which stay here. When it was\n"
     "ended, the same command goes on. Evaluates the common model on what the site holds out.",
     OPTIONS({"--data", "FILE", "training data, in place of [data] train", CLI_TEXT, AT(data), NULL},
             {"--labels", "FILE", "labels of the training data, if in a file of their own", CLI_TEXT, AT(labels), NULL},
             {"--test", "FILE", "test data, in place of [data] test", CLI_TEXT, AT(test), NULL},
             {"--test-labels", "FILE", "labels of the test data", CLI_TEXT, AT(test_labels), NULL},
             {"--predictions", "FILE", "write probabilities (with number targets: errors) to FILE, .csv or .npy",
              CLI_TEXT, AT(predictions), NULL},
             FEDERATED),
     RUN(cli_federate_site)},
    {"federate simulate", "CONFIG.ini", "train across the sites that a column of the data names, in one process",
     "Simulates a federated training: the sequences of a site are those that have its name in\n"
     "a column. The model is the one of sites that exchange files, bit by bit. A test set\n"
     "without this column is of no site, and every model is judged by all of it.",
     OPTIONS({"--site-column", "NAME", "column of the data that tells the site of a sequence", CLI_NEEDED,
              AT(site_column), NULL},
             {"--alone", NULL, "for comparison: each site trains by itself", CLI_FLAG, AT(alone), NULL},
             {"--pooled", NULL, "for comparison: all data as those of one site", CLI_FLAG, AT(pooled), NULL},
             {"-o", "FILE.onnx", "file to write the model to", CLI_TEXT, AT(output), NULL}, TASK),
     RUN(cli_federate_simulate)},
    {"federate account", NULL, "say what noise guarantees",
     "Computes the (epsilon, delta) of differential privacy that the Gaussian mechanism has\n"
     "after so many rounds, by its Renyi divergences.",
     OPTIONS({"--noise", "Z", "standard deviation of the noise, as a multiple of the norm that updates are cut to",
              CLI_NUMBER, AT(noise), NULL},
             {"--rounds", "N", "rounds, or steps", CLI_COUNT, AT(rounds), "1"},
             {"--sampling", "Q", "probability that a unit takes part in a round", CLI_NUMBER, AT(sampling), "1"},
             {"--delta", "D", "delta", CLI_NUMBER, AT(delta), "1e-5"}),
     RUN(cli_federate_account)},
#endif
    {"records", NULL, "show, check, merge, export and prune tuning records", "Works on files of tuning records.", NULL,
     NULL},
    {"records show", "[FILE]", "show the records of a file, host by host",
     "Shows tuning records: how long each shape takes with the choice that was measured to be\n"
     "the fastest, and how many times longer with the default. Without FILE it shows those\n"
     "that the library would use: of $RNNPACK_RECORDS, the user's cache folder,\n"
     "/var/cache/rnnpack/records or /etc/rnnpack/records.",
     OPTIONS(JSON), RUN(cli_records_show)},
    {"records check", "FILE...", "check that files are intact",
     "Reads files, and prints for each what it holds or why it is refused.", (const cli_option[]){HELP},
     RUN(cli_records_check)},
    {"records merge", "FILE...", "join files",
     "Joins files. Of two records of the same host and shape the later one stays; the order of\n"
     "the files does not matter. Without -o the result is printed.",
     OPTIONS(
         {"-o", "FILE", "file to write the result to, joined with what the file holds", CLI_TEXT, AT(output), NULL}),
     RUN(cli_records_merge)},
    {"records export", "[FILE]", "print a file, or this host's part of it",
     "Prints tuning records in the format of a file. Without FILE it prints those that the\n"
     "library would use.",
     OPTIONS({"--host", NULL, "print only the records of this host", CLI_FLAG, AT(this_host), NULL}),
     RUN(cli_records_export)},
    {"records prune", "[FILE]", "drop records that this version can no longer use",
     "Drops the records of this CPU that were made by another version of rnnpack or with\n"
     "other kernels; records of other CPUs stay. Without FILE it prunes the user's own file.",
     (const cli_option[]){HELP}, RUN(cli_records_prune)},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
