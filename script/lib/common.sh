# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the scripts share; source it.

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit

say() {
    printf '==> %s\n' "$*"
}

die() {
    printf '%s\n' "$*" >&2
    exit 2
}

as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    else
        sudo "$@"
    fi
}

# install_packages NAME...: the Debian packages that are not there yet.
install_packages() {
    local missing=() package
    for package in "$@"; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true) == installed ]] ||
            missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    as_root apt-get -o DPkg::Lock::Timeout=600 -q update
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=600 -q install -y --no-install-recommends "${missing[@]}"
}

# Prints the path of ONNX Runtime's library of this architecture in the npm package that ships it; nothing without that.
find_onnxruntime() {
    local platform
    platform=linux/$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
    find build/onnxruntime -path "*/$platform/libonnxruntime.so*" 2>/dev/null | head -n 1 || true
}

# The same, after it has installed the package if there is npm.
fetch_onnxruntime() {
    local folder=build/onnxruntime
    if [[ ! -d $folder ]] && command -v npm >/dev/null; then
        say "installing onnxruntime-node for its library" >&2
        mkdir -p "$folder"
        npm install --silent --no-audit --no-fund --prefix "$folder" onnxruntime-node \
            --onnxruntime-node-install=skip >"$folder.log" 2>&1 || { cat "$folder.log" >&2 && rm -rf "$folder"; }
    fi
    find_onnxruntime
}
