#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# site.sh TREE: the site builds without a warning, all its links lead somewhere (script/site sees to both), its search
# knows the library's names, and no page is wider than a phone (390 pixels) or a desk (1280), if chromium is there.
set -euo pipefail
cd "$1"
if ! /usr/bin/python3 -c 'import sphinx, myst_parser, furo, matplotlib' 2>/dev/null; then
    echo "skipped: sphinx, myst_parser, furo or matplotlib is not installed (script/bootstrap --site)"
    exit 77
fi
script/site
html=$PWD/build/site/html
for name in rnnp_stream_step rnnp_onnx_open_file model_builder; do
    grep -q "\"\?$name\"\?:" "$html/searchindex.js" || { echo "the search does not know $name" && exit 1; }
done
grep -q '<svg\|plot-1.svg' "$html/docs/explanation/performance.html" || { echo "performance has no plot" && exit 1; }

browser=$(command -v chromium || command -v chromium-browser || true)
if [[ -z $browser ]]; then
    echo "chromium is not installed: widths were not looked at"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work" 2>/dev/null || true' EXIT # chromium may still be leaving
# Every page in a frame of the width; what is wider is told.
{
    echo '<!doctype html><body><pre id="wide"></pre><script>'
    echo "const pages = ["
    find "$html" -name '*.html' -not -path '*/_static/*' | sort | sed 's/.*/"file:\/\/&",/'
    cat <<'END'
];
(async () => {
    let seen = 0;
    for (const width of [390, 1280]) for (const page of pages) {
        const frame = document.createElement("iframe");
        frame.width = width, frame.height = 800, frame.src = page;
        await new Promise(done => { frame.onload = done; document.body.append(frame); });
        const root = frame.contentDocument.documentElement;
        const cut = [...frame.contentDocument.querySelectorAll("article :is(h1, h2, h3, h4, p, li, dt, dd)")]
            .find(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth);
        if (cut) wide.append(`${page}: "${cut.textContent.slice(0, 40)}" is too wide, not ${width}\n`);
        if (root.scrollWidth > width) wide.append(`${page} is ${root.scrollWidth} wide, not ${width}\n`);
        seen++;
        frame.remove();
    }
    wide.append(`seen ${seen}\n`);
})();
</script></body>
END
} >"$work/frames.html"
timeout 400 "$browser" --headless --no-sandbox --disable-gpu --allow-file-access-from-files --user-data-dir="$work/profile" \
    --virtual-time-budget=100000 --dump-dom "file://$work/frames.html" 2>/dev/null | sed -n '/<pre/,/<\/pre>/p' >"$work/wide" ||
    true # what it did not show is told below
if grep ' wide, not ' "$work/wide"; then
    exit 1
fi
grep -qE 'seen [1-9][0-9]+' "$work/wide" || { echo "chromium did not show the pages" && exit 1; }
echo "$(grep -oE 'seen [0-9]+' "$work/wide") pages at 390 and 1280 pixels: none is wider"
