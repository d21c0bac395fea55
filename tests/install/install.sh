#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# install.sh CMAKE BUILD CC ONNX [CFLAGS [CXX]]: installs the build into a temporary folder and builds the consumer against
# it in every way that is offered: find_package and pkg-config, shared and static; with CXX a consumer in C++, too.
set -euo pipefail

cmake=$1 build=$2 cc=$3 onnx=$4 cflags=${5:-} cxx=${6:-}
consumer=$(cd "$(dirname "$0")/consumer" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
log=$work/log

quietly() {
    "$@" >"$log" 2>&1 || { cat "$log" && exit 1; }
}

quietly "$cmake" --install "$build" --prefix "$prefix"
# The .pc files find the libraries wherever they were installed.
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name rnnpack.pc)")
libdir=$(dirname "$PKG_CONFIG_PATH")

# Manual pages: one for the program and one for each command, with every option that --help lists.
program=$(find "$prefix" -path '*/bin/rnnpack')
if [[ -n $program && $(find "$prefix" -name rnnpack.1) != */share/man/man1/rnnpack.1 ]]; then
    echo "there is no share/man/man1/rnnpack.1"
    exit 1
elif [[ -n $program ]]; then
    man=$(dirname "$(find "$prefix" -name rnnpack.1)")
    # Commands, line by line; a group stands for those that its own help lists.
    listed() { sed -n "/^commands/,/^\$/s/^  \([a-z]*\) .*/$1\1/p"; }
    while read -r name; do
        "$program" "$name" --help >"$work/help"
        if head -n 1 "$work/help" | grep -q ' COMMAND '; then listed "$name " <"$work/help"; else echo "$name"; fi
    done < <("$program" --help | listed "") >"$work/commands"
    while read -r -a command; do
        page=$man/rnnpack-$(IFS=- && echo "${command[*]}").1
        "$program" "${command[@]}" --help | grep -oE '^  --?[a-z-]+' | tr -d ' ' >"$work/options"
        while read -r option; do
            grep -qF -e "${option//-/\\-}" "$page" || { echo "$page does not describe $option" && exit 1; }
        done <"$work/options"
        [[ -s $work/options ]] || { echo "${command[*]} has no options" && exit 1; }
    done <"$work/commands"
    if command -v groff >/dev/null && groff -man -ww -z "$man"/*.1 2>&1 | grep .; then
        echo "these pages have faults"
        exit 1
    fi
    for file in bash-completion/completions/rnnpack zsh/site-functions/_rnnpack; do
        [[ -s ${man%/man/man1}/$file ]] || { echo "there is no share/$file" && exit 1; }
    done
    echo "manual: $(wc -l <"$work/commands") commands: ok"
fi

# No path of the build may be left in what a distribution would ship.
if grep -rlF "$build" "$prefix" --include='*.cmake' --include='*.pc' --include='*.h'; then
    echo "these installed files name the build folder"
    exit 1
fi

echo 'int main(void) { return 0; }' >"$work/empty.c"
if grep -q '^Requires.private:.*hwloc' "$PKG_CONFIG_PATH/rnnpack.pc" &&
    [[ $(pkg-config --libs --static rnnpack) != *$(pkg-config --libs --static hwloc | tr -d '\n' | sed 's/ *$//')* ]]; then
    echo "pkg-config --static rnnpack lacks what hwloc needs"
    exit 1
fi

cores=(core)
[[ $onnx != ON ]] || cores+=(onnx)
[[ ! -e $libdir/librnnpack-mpi.so ]] || cores+=(mpi)
for component in "${cores[@]}"; do
    quietly "$cmake" -S "$consumer" -B "$work/$component" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" \
        -DCMAKE_C_FLAGS="$cflags" -DCOMPONENT="$component" ${cxx:+-DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_CXX_FLAGS="$cflags"}
    quietly "$cmake" --build "$work/$component"
    for kind in shared static ${cxx:+cpp}; do
        "$work/$component/consumer-$kind"
        echo "find_package, $component, $kind: ok"
    done

    package=rnnpack
    define=()
    if [[ $component != core ]]; then
        package=rnnpack-$component
        define=("-DWITH_${component^^}")
    fi
    read -ra compile < <(pkg-config --cflags "$package")
    read -ra shared < <(pkg-config --libs "$package")
    # pkg-config knows the libraries, also those that hwloc needs; the linker must be told to take the archives of ours.
    read -ra static < <(pkg-config --libs --static "$package" | sed -E 's/-l(rnnpack[a-z-]*)/-l:lib\1.a/g')
    read -ra flags <<<"$cflags"
    quietly "$cc" "${flags[@]}" "${define[@]}" "${compile[@]}" "$consumer/consumer.c" "${shared[@]}" -o "$work/shared"
    LD_LIBRARY_PATH=$libdir "$work/shared"
    echo "pkg-config, $component, shared: ok"
    if [[ -n $cxx ]]; then
        quietly "$cxx" -std=c++17 "${flags[@]}" "${define[@]}" "${compile[@]}" "$consumer/consumer.cpp" "${shared[@]}" \
            -o "$work/cpp"
        LD_LIBRARY_PATH=$libdir "$work/cpp"
        echo "pkg-config, $component, C++: ok"
    fi
    # What a package of hwloc does not bring (libudev-dev, archives) is not ours to find.
    for how in "" -static; do
        read -ra how_flags <<<"$how"
        read -ra others < <(pkg-config --libs --static "$package" | sed -E 's/-lrnnpack[a-z-]*//g')
        if ! "$cc" "${flags[@]}" "${how_flags[@]}" "$work/empty.c" "${others[@]}" -o "$work/empty" 2>"$log"; then
            echo "pkg-config, $component, static libraries${how:+ and a static program}: skipped, $(grep -om 1 'cannot find.*' "$log")"
            continue
        fi
        quietly "$cc" "${flags[@]}" "${how_flags[@]}" "${define[@]}" "${compile[@]}" "$consumer/consumer.c" \
            "${static[@]}" -o "$work/static"
        "$work/static"
        echo "pkg-config, $component, static libraries${how:+ and a static program}: ok"
    done
done

if "$cmake" -S "$consumer" -B "$work/nonsense" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" \
    -DCOMPONENT=nonsense >"$log" 2>&1; then
    echo "find_package accepted a component that does not exist"
    exit 1
fi
