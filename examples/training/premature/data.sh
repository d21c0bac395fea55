#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# data.sh [FOLDER [RECORD...]]: fetches records of the MIT-BIH Arrhythmia Database from PhysioNet into the folder
# (data); record 100 unless others are named. Needs curl.
set -euo pipefail

folder=${1:-data}
records=("${@:2}")
((${#records[@]})) || records=(100)
mkdir -p "$folder"
for record in "${records[@]}"; do
    for ending in hea dat atr; do
        curl --fail --silent --show-error --location --output "$folder/$record.$ending" \
            "https://physionet.org/files/mitdb/1.0.0/$record.$ending"
    done
done
