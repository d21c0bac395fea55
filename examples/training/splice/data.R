# SPDX-License-Identifier: Apache-2.0
# Rscript data.R FOLDER: the splice junctions of mlbench's DNA (Debian: r-cran-mlbench) as one line a sequence: class, tab,
# 60 words. A word is a nucleotide and its place from the middle, where the junction is if there is one: A-30 ... A29.
# Three columns of DNA are one nucleotide: 100 A, 010 C, 001 G, 000 T.
folder <- commandArgs(trailingOnly = TRUE)[1]
dir.create(folder, showWarnings = FALSE, recursive = TRUE)
data("DNA", package = "mlbench")
bits <- matrix(as.integer(as.matrix(DNA[, 1:180])), nrow(DNA))
code <- bits[, seq(1, 180, 3)] + 2L * bits[, seq(2, 180, 3)] + 3L * bits[, seq(3, 180, 3)]
words <- matrix(paste0(c("T", "A", "C", "G")[code + 1], rep(-30:29, each = nrow(DNA))), nrow(DNA))
writeLines(paste(DNA$Class, apply(words, 1, paste, collapse = " "), sep = "\t"), file.path(folder, "splice.txt"))
