#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# models.sh FOLDER [NAME...]: brings the published models of the examples to FOLDER, each from the repository of its own
# project, with curl (and unzip for g2p). A model that is already there stays. What is there in the end is checked.
# Without names: all models.
set -euo pipefail

# name, file or member of an archive, SHA-256 of the model, address
models() {
    cat <<'END'
dtln-1.onnx         -         22b91cae3855e5a0620e66a917ca6c82c58db0e842c770f58d86751c5e8d4ae3 https://github.com/breizhn/DTLN/raw/c9ae0833cad9bcdbf999173892a4fce964644399/pretrained_model/model_1.onnx
dtln-2.onnx         -         e20c92f9233fccf29cddf86970d0d0161a03aebccc26d6f4d5639c4d5ec2e639 https://github.com/breizhn/DTLN/raw/c9ae0833cad9bcdbf999173892a4fce964644399/pretrained_model/model_2.onnx
silero-vad.onnx     -         7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49 https://github.com/snakers4/silero-vad/raw/v6.2/src/silero_vad/data/silero_vad_16k_op15.onnx
g2p.onnx            g2p.onnx  10779eca9db25cab467f2a6271519c3f0c96f562845c393043fa5fa85ae06059 https://github.com/stakira/OpenUtau/raw/22e0c887ae5206b35d99b33f242a0fcef2e968c6/OpenUtau.Core/G2p/Data/g2p-arpabet.zip
ecg-watch.onnx      -         9a296b4d86842b02508e3dacc82c9c93b8a6e67be72f66c94522642a30d449a6 https://github.com/dieterich-lab/AppleDashboard/raw/b0cb3a283273163b7aa61d85b780f5a027cf5bbf/models/lstm_model.onnx
END
}

(($# >= 1)) || { sed -n 's/^# \(models.sh [^:]*\):.*/usage: \1/p' "$0" >&2 && exit 2; }
folder=$1
shift
mkdir -p "$folder"
work=$(mktemp -d "$folder/.models.XXXXXX")
trap 'rm -rf "$work"' EXIT

# check FILE SHA-256 [ORIGIN]
check() {
    sha256sum --status --check <<<"$2  $1" ||
        { echo "${3:-$1} is not the file that the examples are made for" >&2 && exit 1; }
}

# fetch ADDRESS MEMBER FILE SHA-256: FILE appears when it is complete.
fetch() {
    echo "$3: from $1"
    curl --fail --silent --show-error --location --output "$work/answer" "$1"
    [[ $2 == - ]] || { unzip -p "$work/answer" "$2" >"$work/member" && mv "$work/member" "$work/answer"; }
    check "$work/answer" "$4" "$1"
    mv "$work/answer" "$3"
}

found=0
while read -r name member sum address; do
    [[ $# == 0 || " $* " == *" ${name%.onnx} "* ]] || continue
    found=$((found + 1))
    [[ -s $folder/$name ]] || fetch "$address" "$member" "$folder/$name" "$sum" </dev/null
    check "$folder/$name" "$sum"
done < <(models)
((found > 0)) || { echo "no such model; there are: $(models | sed 's/\.onnx .*//' | xargs)" >&2 && exit 2; }
echo "$found of the models are in $folder"
