# SPDX-License-Identifier: Apache-2.0
"""sbom.py SBOM VERSION READELF FILE...: the bill of materials has SPDX 2.3's structure and lists what the files need,
no more and no less."""
import json
import re
import subprocess
import sys

path, version, readelf, *files = sys.argv[1:]
with open(path, encoding="utf-8") as f:
    sbom = json.load(f)

# ---- Structure (clauses 6, 7 and 11 of the specification) ----
ID = r"SPDXRef-[A-Za-z0-9.-]+"
URI = r"https?://[^\s#]+"
assert sbom["spdxVersion"] == "SPDX-2.3" and sbom["dataLicense"] == "CC0-1.0"
assert sbom["SPDXID"] == "SPDXRef-DOCUMENT" and sbom["name"]
assert re.fullmatch(URI, sbom["documentNamespace"]), sbom["documentNamespace"]
assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", sbom["creationInfo"]["created"])
assert all(re.match(r"(Tool|Person|Organization): \S", c) for c in sbom["creationInfo"]["creators"])
packages = {}
for p in sbom["packages"]:
    assert re.fullmatch(ID, p["SPDXID"]) and p["SPDXID"] not in packages, p
    packages[p["SPDXID"]] = p
    assert p["name"] and p["versionInfo"] and p["filesAnalyzed"] is False, p
    assert p["downloadLocation"] == "NOASSERTION" or re.fullmatch(URI, p["downloadLocation"]), p
    assert p["homepage"] == "NOASSERTION" or re.fullmatch(URI, p["homepage"]), p
    for key in ("licenseConcluded", "licenseDeclared"):
        assert p[key] == "NOASSERTION" or re.fullmatch(r"[A-Za-z0-9.-]+", p[key]), p
    for r in p.get("externalRefs", []):
        assert r["referenceCategory"] == "PACKAGE-MANAGER" and r["referenceType"] == "purl", r
        assert re.fullmatch(r"pkg:generic/[\w.-]+@[\w.+-]+", r["referenceLocator"]), r
TYPES = {"DESCRIBES", "DYNAMIC_LINK", "CONTAINS"}
for r in sbom["relationships"]:
    assert r["relationshipType"] in TYPES, r
    for key in ("spdxElementId", "relatedSpdxElement"):
        assert r[key] == "SPDXRef-DOCUMENT" or r[key] in packages, r


def related(element, kind):
    return {packages[r["relatedSpdxElement"]]["name"] for r in sbom["relationships"]
            if r["spdxElementId"] == element and r["relationshipType"] == kind}


# ---- Content ----
described = related("SPDXRef-DOCUMENT", "DESCRIBES")
ours = {re.sub(r"\.so.*", "", f.split("/")[-1]): f for f in files}
assert described == set(ours), (described, set(ours))
PACKAGE = {"libc": "glibc", "libm": "glibc", "ld-linux-x86-64": "glibc", "ld-linux-aarch64": "glibc", "libz": "zlib",
           "libprotobuf-c": "protobuf-c", "libhwloc": "hwloc", "libmpi": "openmpi"}
for name, file in ours.items():
    text = subprocess.run([readelf, "-dW", file], capture_output=True, text=True, check=True).stdout
    needed = {re.sub(r"\.so.*", "", n) for n in re.findall(r"\(NEEDED\).*\[(.+)\]", text)}
    needed = {PACKAGE.get(n, n) for n in needed}
    linked = related("SPDXRef-" + name, "DYNAMIC_LINK")
    assert linked == needed, (name, linked, needed)
    print(f"{name}: {', '.join(sorted(linked))}")
assert "xxHash" in related("SPDXRef-librnnpack", "CONTAINS")
for p in packages.values():
    if p["name"] in described:
        assert p["versionInfo"] == version and p["licenseDeclared"] == "Apache-2.0", p
    else:
        assert re.fullmatch(r"\d+(\.\d+)*", p["versionInfo"]), f"{p['name']} has no version"
        assert p["licenseDeclared"] != "NOASSERTION", f"{p['name']} has no licence: add it to cmake/sbom_write.cmake"
print(f"{len(packages)} packages, {len(sbom['relationships'])} relationships")
