#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# site.py TREE OUT [PICTURES]: prepares the pages of the site in OUT for Sphinx: every Markdown page of TREE, a page for each
# public header, a page for each file of the source that a page links to, and plots of the tables of ratios. PICTURES
# is a folder with pictures of examples (ecg.png).
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

LINK = re.compile(r"(\]\()([^)\s]+)(\))")
LANGUAGES = {".c": "c", ".h": "c", ".cpp": "c++", ".hpp": "c++", ".def": "c", ".sh": "sh", ".py": "python"}


def header_page(path):
    """The page of a header: api/rnnpack.h.md of include/rnnpack/rnnpack.h."""
    return Path("api") / (path.relative_to("include/rnnpack").as_posix().replace("/", "-") + ".md")


class Site:
    def __init__(self, tree, out):
        self.tree, self.out = tree, out
        self.linked = set()  # files of the source that get a page

    def write(self, page, text):
        to = self.out / page
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text)

    # ---- Links ----

    def page_of(self, target):
        """The page for a file or folder of the tree."""
        if (self.tree / target).is_dir():
            if target == Path("include/rnnpack"):
                return Path("api/index.md")
            if (self.tree / target / "README.md").exists():
                return target / "README.md"
            raise SystemExit(f"no page for the folder {target}: link to a file of it")
        if target.suffix == ".md":
            return target
        if target.parts[:2] == ("include", "rnnpack"):
            return header_page(target)
        self.linked.add(target)
        return Path("source") / (target.as_posix() + ".md")

    def relink(self, page, text, at=None):
        """Links of a page of the tree, as those of the page of the site at `at`."""
        at = at or page

        def one(match):
            name, hash_, anchor = match[2].partition("#")
            if re.match(r"[a-z]+:", match[2]) or not name:
                return match[0]
            target = Path(os.path.normpath(page.parent / name))
            if not (self.tree / target).exists():
                raise SystemExit(f"{page}: no {name}")
            if (self.tree / target).is_dir() and target != Path("include/rnnpack") and \
                    not (self.tree / target / "README.md").exists():
                target = next(f.relative_to(self.tree) for f in sorted((self.tree / target).iterdir()) if f.suffix == ".c")
            to = os.path.relpath(self.page_of(target), at.parent)
            return match[1] + to + hash_ + anchor + match[3]

        parts = re.split(r"(^```.*?^```$)", text, flags=re.M | re.S)
        return "".join(p if p.startswith("```") else LINK.sub(one, p) for p in parts)

    # ---- Headers ----

    def header(self, path):
        """Sections and names become headings; a comment is text and lists, and what follows it is code."""
        text = (self.tree / path).read_text()
        lines = re.sub(r"^namespace detail {.*?^} // namespace detail\n", "", text, flags=re.M | re.S).split("\n")
        guard = re.compile(r"#(ifndef RNNPACK|define RNNPACK_\w+_H(PP)?$|include|endif|ifdef __cplusplus)|extern \"C\"|}$|RNNP_CPP_(BEGIN|END)$")
        self.lines, self.names = [f"# {path.relative_to('include').as_posix()}\n"], set()
        comment, code, i, first = [], [], 0, True
        while i < len(lines):
            section = re.match(r"/\* -{3,} (.*?) -+ \*/", lines[i])
            if section or lines[i].startswith("/*"):
                self.declaration(comment, code, LANGUAGES[path.suffix])
                comment, code = [], []
            if section:
                self.lines.append(f"## {section[1]}\n")
            elif lines[i].startswith("/*"):
                while "*/" not in lines[i]:
                    comment.append(lines[i])
                    i += 1
                comment.append(lines[i])
                if first:  # the file's
                    self.declaration(comment, [], "")
                    comment, first = [], False
            elif any(c.strip() for c in code) or not guard.match(lines[i]):
                code.append(lines[i])
            i += 1
        while code and (guard.match(code[-1]) or not code[-1].strip()):
            code.pop()
        self.declaration(comment, code, LANGUAGES[path.suffix])
        self.write(header_page(path), "\n".join(self.lines))

    def declaration(self, comment, code, language):
        while code and (not code[-1].strip() or code[-1] == "#ifdef __cplusplus"):
            code.pop()
        code = "\n".join(code).strip("\n")
        kinds = (r"\b(rnnp_\w+)(?=\()|^} (rnnp_\w+);|^typedef struct \w+ (rnnp_\w+);" if language == "c" else
                 r"^(?:inline .*?|template .*?> )?(?:class|struct) (\w+)(?= |$)(?!.*;$)|^using (\w+) =")
        for names in re.findall(kinds, code, re.M):
            name = "".join(names) if isinstance(names, tuple) else names
            if name not in self.names and not name.endswith("_fn"):
                self.names.add(name)
                self.lines.append(f"### {name}\n")
        body = [re.sub(r"^(/\*| \*/?) ?", "", line).replace("*/", "").rstrip() for line in comment]
        body = "\n".join(b for b in body if not b.startswith("SPDX-")).strip("\n")
        for paragraph in re.split(r"\n\n+", body) if body else []:
            self.lines.append(self.fields(paragraph) or self.text(paragraph) or f"```text\n{paragraph}\n```\n")
        if code:
            self.lines.append(f"```{language}\n{code}\n```\n")

    @staticmethod
    def inline(text):
        text = re.sub(r"([*_<>\[\]`\\$~#|])", r"\\\1", text)
        return re.sub(r"\b((?:rnnp|RNNP)\\_[\w\\]+(?:\(\))?)", lambda m: "`" + m[1].replace("\\", "") + "`", text)

    def text(self, paragraph):
        """A paragraph of prose; None if its lines are aligned."""
        rows = paragraph.split("\n")
        if any(re.search(r"\S {3,}\S|^ ", r) for r in rows):
            return None
        return self.inline(" ".join(rows)) + "\n"

    def fields(self, paragraph):
        """Rows of a name and a text, which goes on in the same column, as a list of definitions; None for others."""
        found, column = [], 0
        start = re.compile(r"( *(?:Numerics|[\w\[\], _.|]+? ) +)(\S.*)")
        for row in paragraph.split("\n"):
            match = start.fullmatch(row)
            indent = len(row) - len(row.lstrip())
            if found and indent == column:
                found[-1][1] += " " + row.strip()
            elif match and (not found or len(match[1]) == column):
                column = len(match[1])
                found.append([match[1].strip(), match[2]])
            else:
                return None
        return "".join(f"{self.inline(name)}\n: {self.inline(text)}\n\n" for name, text in found)

    # ---- Plots ----

    def plots(self, page, text):
        """A plot behind each table of ratios: of rows with a number in every cell."""
        import matplotlib
        matplotlib.use("svg")
        matplotlib.rcParams["svg.hashsalt"] = "rnnpack"
        from matplotlib import pyplot

        def draw(table):
            rows = [[c.strip() for c in line.strip()[1:-1].split("|")] for line in table.strip().split("\n")]
            head, rows = rows[0], rows[2:]
            numbers = [re.findall(r"^(?:[\d.]+ → )?(\d+\.\d+)(?: \([\d.]+\))?$", c) for row in rows for c in row[1:]]
            if len(rows) < 3 or len(head) < 4 or not all(numbers) or max(float(n[0]) for n in numbers) > 20:
                return ""
            self.count = getattr(self, "count", 0) + 1
            name = f"plot-{self.count}.svg"
            columns = len(head) - 1
            figure, axes = pyplot.subplots(figsize=(8, 0.9 + 0.16 * len(rows) * (columns + 1)))
            colours = pyplot.cm.viridis([0.15 + 0.7 * i / max(columns - 1, 1) for i in range(columns)])
            for i in range(columns):
                axes.barh([r * (columns + 1) + i for r in range(len(rows))],
                          [float(numbers[r * columns + i][0]) for r in range(len(rows))], color=colours[i], label=head[i + 1])
            axes.set_yticks([r * (columns + 1) + (columns - 1) / 2 for r in range(len(rows))], [row[0] for row in rows])
            axes.invert_yaxis()
            axes.axvline(1, color="black", linewidth=1)
            axes.set_xlabel("times as fast (1: equal)")
            axes.legend(fontsize="small")
            figure.tight_layout()
            (self.out / page.parent).mkdir(parents=True, exist_ok=True)
            figure.savefig(self.out / page.parent / name, metadata={"Date": None})
            pyplot.close(figure)
            return f"\n![The ratios of the table]({name})\n"

        return re.sub(r"(?:^\|.*\n)+", lambda m: m[0] + draw(m[0]), text, flags=re.M)

    # ---- All ----

    def toctree(self, caption, pages):
        return "```{toctree}\n:hidden:\n:maxdepth: 1\n" + f":caption: {caption}\n\n" + "\n".join(
            str(p.with_suffix("")) if p.suffix == ".md" else str(p) for p in pages) + "\n```\n"


def main():
    tree, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    pictures = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    shutil.rmtree(out, ignore_errors=True)
    site = Site(tree, out)
    names = subprocess.run(["git", "-C", tree, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                           check=True, capture_output=True, text=True).stdout.split("\0")
    pages = sorted(Path(n) for n in names if n.endswith(".md") and (tree / n).exists())
    for page in pages:
        text = site.relink(page, (tree / page).read_text())
        picture = pictures and page == Path("examples/ecg/README.md") and pictures / "ecg.png"
        if page == Path("docs/explanation/performance.md"):
            text = site.plots(page, text)
        if picture and picture.exists():
            (out / page.parent).mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, out / page.parent)
            text = re.sub(r"(`build/demo/ecg.png`\.\n(?:.+\n)*)", r"\1\n![The monitor's output](ecg.png)\n", text, count=1)
        site.write(page, text)

    headers = sorted(p.relative_to(tree) for p in (tree / "include").rglob("*.h*"))
    for header in headers:
        site.header(header)
    api = [header_page(h) for h in headers]
    site.write(Path("api/index.md"), "# Headers\n\n" + "".join(
        f"* [{h.relative_to('include').as_posix()}]({header_page(h).name})\n" for h in headers))
    for path in sorted(site.linked):
        code = (tree / path).read_text()
        fence = "`" * max(4, 1 + max((len(m) for m in re.findall(r"`+", code)), default=0))
        site.write(Path("source") / (path.as_posix() + ".md"),
                   f"# {path}\n\n{fence}{LANGUAGES.get(path.suffix, 'text')}\n{code}\n{fence}\n")

    # The front page is README.md; the contents are those of docs/README.md.
    index = site.relink(Path("README.md"), (tree / "README.md").read_text())
    listed = {Path("docs/README.md"), Path("README.md")}
    for part in re.split(r"^\*\*(?=[A-Z])", (tree / "docs/README.md").read_text(), flags=re.M)[1:]:
        caption = part.partition("**")[0]
        found = [Path(os.path.normpath(Path("docs") / m[2].partition("#")[0])) for m in LINK.finditer(part)]
        index += "\n" + site.toctree(caption, [p for p in found if p not in listed])
        listed.update(found)
    examples = [p for p in pages if p.parts[0] == "examples" and p not in listed]
    index += "\n" + site.toctree("Examples", sorted(examples, key=lambda p: (len(p.parts), p)))
    index += "\n" + site.toctree("Headers", api)
    rest = [p for p in pages if p not in listed and p not in examples]
    sources = [Path("source") / (p.as_posix() + ".md") for p in sorted(site.linked)]
    index += "\n" + site.toctree("Project", rest + [Path("docs/README.md"), Path("api/index.md"), Path("source/index.md")])
    site.write(Path("source/index.md"), "# Source\n\nFiles that pages mention.\n\n" + "```{toctree}\n" + "\n".join(
        os.path.relpath(s.with_suffix(""), "source") for s in sources) + "\n```\n")
    site.write(Path("index.md"), index)
    (out / "README.md").unlink()
    for page in out.rglob("*.md"):  # README.md is the front page now
        text = page.read_text()
        to = os.path.relpath(out / "index.md", page.parent)
        page.write_text(re.sub(r"\]\((?:\.\./)*README\.md(#[^)]*)?\)", lambda m: m[0] if os.path.normpath(
            page.parent / re.match(r"\]\(([^)#]*)", m[0])[1]) != str(out / "README.md") else f"]({to}{m[1] or ''})", text))


main()
