# SPDX-License-Identifier: Apache-2.0
"""Inner loops of the product tiles by llvm-mca: a model of a core with all operands in L1, not a measurement.

For each tile it prints FMAs and instructions of the inner loop for one k, cycles, and the share of the core's FMA peak. This
shows which register tiles can reach the peak, also on cores that are not available. With --steps it prints the
instructions of a recurrent step's products instead, as the compiler made them. The exit code is 1 if a tile falls below
the share of --least.
"""
import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import isas

ROOT = Path(__file__).resolve().parents[2]

# architecture: compiler, triple, FMA's name
ARCHITECTURES = {
    "X86_64": ("gcc", "x86_64", r"vfn?madd\w+ps"),
    "AARCH64": ("aarch64-linux-gnu-gcc", "aarch64", r"fmla"),
}
# instruction set: {core of llvm-mca: vector FMAs a cycle}. llvm-mca gives Ice Lake and Sapphire
# Rapids one 512-bit FMA a cycle, which is what their smallest models have.
CORES = {
    "avx2": {"haswell": 2, "skylake": 2, "znver2": 2, "znver3": 2},
    "avx512": {"skylake-avx512": 2, "icelake-server": 1, "sapphirerapids": 1, "znver4": 1},
    "neon": {"neoverse-n1": 2, "neoverse-n2": 2, "neoverse-v1": 4, "neoverse-v2": 4},
}
# instruction set: compiler and its flags, triple, FMA's name, cores
ISAS = {
    isa: (ARCHITECTURES[arch][0], flags, *ARCHITECTURES[arch][1:], CORES.get(isa, {}))
    for isa, (arch, flags) in isas.ISAS.items()
    if isa != isas.BASELINE
}
GATES = {name: int(gates) for name, gates in
         re.findall(r"^RNNP_PART\(\w+, *\w+, *(\w+), *(\d+)", (ROOT / "kernels/cells.def").read_text(), re.M)}
LAYER = 256  # hidden and input of the layer whose steps are counted

# What product.c says before it includes anything, pragmas among it, holds here too.
SOURCE = """{head}
#include "kernels/{isa}/simd.h"
#include "kernels/{isa}/tile.h"
void the_tile(size_t depth, const float *a, size_t lda, const char *w, size_t w_step, float *c, size_t ldc)
{{
    (void)w_step;
    const start begin = {{ .c = c, .ld = ldc }}, *from = &begin;
    {call};
}}
"""


def variants_of(isa):
    return (ROOT / "kernels" / isa / "variants.def").read_text()


def tile_lines(isa):
    """The f32 tiles of the folder's variants.def: {name: (rows, vectors of columns, panels at once for one row)}."""
    lanes = int(re.search(r"^#define VL (\d+)", (ROOT / "kernels" / isa / "simd.h").read_text(), re.M)[1])
    found = re.findall(r"^RNNP_TILES\(f32, (\d+), (\d+), (\d+), \d+\)", variants_of(isa), re.M)
    return {f"{rows}x{columns}": (int(rows), int(columns) // lanes, int(panels)) for rows, columns, panels in found}


def tiles_of(isa):
    """(rows, vectors of columns) of every tile."""
    return [(m, nv) for rows, nv, _ in sorted(tile_lines(isa).values()) for m in range(rows, 0, -1)]


def inner_loop(assembly, fma):
    """Instructions of the loop that has the most FMAs."""
    return max(loops(assembly), key=lambda body: sum(bool(re.search(fma, text)) for text in body), default=[])


def loops(assembly):
    """Instructions of every loop: from a label to a jump back to it."""
    lines = [re.sub(r"\s+(#|//)\s.*", "", line) for line in assembly.splitlines()] # without clang's comments
    labels = {line[:-1]: i for i, line in enumerate(lines) if re.fullmatch(r"\.L\w+:", line)}
    for i, line in enumerate(lines):
        jump = re.match(r"\s+(?:j\w+|b\.?\w+|cbn?z\s+\w+,|tbn?z.*,)\s+(\.L\w+)$", line)
        if jump and labels.get(jump[1], len(lines)) < i:
            yield [text for text in lines[labels[jump[1]]:i + 1] if re.match(r"\s+[a-z]", text)]


def cycles(body, triple, cpu, mca):
    rounds = 200
    run = subprocess.run([mca, f"-mtriple={triple}", f"-mcpu={cpu}", f"-iterations={rounds}"],
                         input="\n".join(body), capture_output=True, text=True, check=False)
    found = re.search(r"Total Cycles:\s+(\d+)", run.stdout)
    if not found:
        sys.exit(f"llvm-mca for {cpu}: {run.stderr.strip()}")
    return int(found[1]) / rounds


def loop_of(isa, call):
    """Instructions of the inner loop of a call, and how many of them are FMAs."""
    compiler, flags, _, fma, _ = ISAS[isa]
    with tempfile.TemporaryDirectory() as folder:
        source, assembly = Path(folder, "tile.c"), Path(folder, "tile.s")
        head = (ROOT / "kernels" / isa / "product.c").read_text().split('#include "tile.h"')[0]
        source.write_text(SOURCE.format(head=head, isa=isa, call=call))
        subprocess.run([compiler, "-std=gnu11", "-O3", "-ffp-contract=off", *flags, f"-I{ROOT}", f"-I{ROOT / 'include'}",
                        f"-I{ROOT / 'kernels' / isa}", "-S", str(source), "-o", str(assembly)], check=True)
        body = inner_loop(assembly.read_text(), fma)
    return body, sum(bool(re.search(fma, line)) for line in body)


def tile_call(m, nv):
    return f"tile(RNNP_PRODUCT_f32, {m}, {nv}, 0, 0, depth, a, lda, w, {nv} * w_bytes(RNNP_PRODUCT_f32), from, c, ldc, NULL)"


def measure(isa, m, nv, mca):
    _, _, triple, _, cpus = ISAS[isa]
    body, fmas = loop_of(isa, tile_call(m, nv))
    unrolled = fmas / (m * nv)
    row = {"isa": isa, "rows": m, "vectors": nv, "fmas": m * nv, "instructions": len(body) / unrolled,
           "stack": sum("sp" in line and "[" in line or "(%rsp" in line for line in body) / unrolled, "share": {}}
    for cpu, ports in cpus.items():
        row["share"][cpu] = fmas / ports / cycles(body, triple, cpu, mca)
    return row


def steps_of(isa):
    """For one row and for the rows of a tile of every step: instructions and FMAs of the inner loop for one k, and all
    instructions of a step of the layer for one row."""
    rows, tiles = [], tile_lines(isa)
    for op, name in re.findall(r"^RNNP_STEP\((\w+), f32, block, (\w+), 1, ", variants_of(isa), re.M):
        tall, nv, panels = tiles[name]
        one = f"few(RNNP_PRODUCT_f32, 1, {panels}, {nv}, 0, depth, a, lda, w, w_step, from, c, ldc)"
        for m, at_once, call in ((1, panels, one), (tall, 1, tile_call(tall, nv))):
            body, fmas = loop_of(isa, call)
            instructions = len(body) / (fmas / (m * at_once * nv))
            passes = LAYER * GATES[op] / (at_once * int(name.split("x")[1]))
            rows.append({"isa": isa, "step": op, "rows": m, "fmas": m * at_once * nv, "instructions": instructions,
                         "layer": passes * 2 * LAYER * instructions / m})
    return rows


def spills_of(isa):
    """Loops of products in product.c, and how many of them store a vector for every six FMAs or more. A product's loop has
    no loop inside, and multiplies by elements of its left side: broadcast from memory, or by lane."""
    compiler, flags, _, fma, _ = ISAS[isa]
    of_element = r"fmla.*\.s\[\d\]|ld1r" if isa == "neon" else r"broadcastss\s+[^,]*\((?!%rip)|\{1to16\}"
    stores = r"^\s+(?:st[rp]\s+[qv]|stp\s+q|st1|vmov[au]p[sd]\s+%[yz]mm\d+,\s*[-\w.(])"
    with tempfile.TemporaryDirectory() as folder:
        assembly = Path(folder, "product.s")
        subprocess.run([compiler, "-std=gnu11", "-O3", "-ffp-contract=off", *flags, f"-I{ROOT}", f"-I{ROOT / 'include'}",
                        f"-I{ROOT / 'kernels' / isa}", "-S", str(ROOT / "kernels" / isa / "product.c"), "-o", str(assembly)],
                       check=True)
        text = assembly.read_text()

    def number(pattern, body):
        return sum(bool(re.search(pattern, line)) for line in body)

    products = [body for body in loops(text) if number(fma, body) >= 8 and number(of_element, body)
                and not number(r"v?cvtdq2ps|scvtf", body) # the end of a sum of whole numbers
                and number(r"^\s+(?:j(?!mp)\w+|b\.\w+|cbn?z)\s", body) == 1]
    return len(products), sum(6 * number(stores, body) > number(fma, body) for body in products)


def print_steps(rows):
    base = {(row["step"], row["rows"] == 1): row["layer"] for row in rows if row["isa"] == "avx2"}
    print(f"instructions of the products of one step and row, hidden and input {LAYER}: a count, not a time\n")
    print("isa     step         rows  FMAs  instructions for one k  in a step  over avx2")
    for row in rows:
        ratio = row["layer"] / base[row["step"], row["rows"] == 1] if base else float("nan")
        print(f"{row['isa']:6}  {row['step']:11}  {row['rows']:4}  {row['fmas']:4}  {row['instructions']:22.1f}  "
              f"{row['layer']:9.0f}  {ratio:9.2f}")


def main():
    parser = argparse.ArgumentParser(prog="script/bench tiles", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--isa", action="append", choices=sorted(ISAS), help="default: those with a compiler here")
    parser.add_argument("--clang", help="this clang in place of gcc, for all instruction sets")
    parser.add_argument("--spills", action="store_true", help="whether the products' loops in product.c keep their sums in "
                        "registers; needs no llvm-mca")
    parser.add_argument("--full", action="store_true", help="all numbers of rows, not the tallest tiles only")
    parser.add_argument("--least", type=float, default=0, help="share that the tallest tiles must reach, for example 0.9")
    parser.add_argument("--steps", action="store_true", help="instructions of the recurrent steps; needs no llvm-mca")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    for isa, (_, flags, triple, *rest) in ISAS.items() if args.clang else ():
        ISAS[isa] = (args.clang, [*flags, f"--target={triple}-linux-gnu"], triple, *rest)
    wanted = args.isa or [isa for isa in ISAS if shutil.which(ISAS[isa][0])]
    if args.spills:
        found = [spills_of(isa) for isa in wanted]
        for isa, (total, spilled) in zip(wanted, found, strict=True):
            print(f"{isa:6}  {ISAS[isa][0]}: {total} loops of products, {spilled} with vectors on the stack")
        sys.exit(any(spilled or not total for total, spilled in found))
    if args.steps:
        steps = [row for isa in wanted for row in steps_of(isa)]
        if args.json:
            print(json.dumps(steps, indent=2))
        else:
            print_steps(steps)
        return
    mca = next((name for name in ("llvm-mca-19", "llvm-mca") if shutil.which(name)), None)
    if mca is None:
        print("skipped: llvm-mca is not installed (Debian package llvm-19)")
        sys.exit(77)
    rows = []
    for isa in wanted:
        tiles = tiles_of(isa)
        tallest = {nv: max(m for m, other in tiles if other == nv) for _, nv in tiles}
        rows += [measure(isa, m, nv, mca) for m, nv in tiles if args.full or m == tallest[nv]]
    if args.json:
        print(json.dumps(rows, indent=2))
    for isa in dict.fromkeys(row["isa"] for row in rows if not args.json):
        cpus = list(ISAS[isa][4])
        print(f"\n{isa:6} tile  FMAs  instructions  on the stack  " + "  ".join(f"{cpu:>14}" for cpu in cpus))
        for row in (row for row in rows if row["isa"] == isa):
            print(f"{row['rows']:8}x{row['vectors']}  {row['fmas']:4}  {row['instructions']:12.1f}  {row['stack']:12.1f}  "
                  + "  ".join(f"{row['share'][cpu]:13.1%} " for cpu in cpus))
    low = [f"{row['isa']} {row['rows']}x{row['vectors']} on {cpu}: {share:.1%}" for row in rows
           for cpu, share in row["share"].items() if share < args.least]
    if low:
        sys.exit("below the least share: " + "; ".join(low))


if __name__ == "__main__":
    main()
