# SPDX-License-Identifier: Apache-2.0
"""What a result must say of where it comes from: machine, limits, revision."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def _json_of(command: list[str]) -> dict | list:
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def machine(rnnpack: os.PathLike | str) -> dict:
    """From the rnnpack program. The fingerprint holds what decides speed, and no name of the host."""
    info = _json_of([str(rnnpack), "info", "--json"])
    topology = info["topology"]
    facts = {
        "cpu": info["cpu"]["brand"],
        "isa": info["isa"],
        "cores": topology["budget"],
        "l1d_bytes": topology["l1d_bytes"],
        "l2_bytes": topology["l2_bytes"],
        "l3_bytes": topology["l3_bytes"],
    }
    identity = json.dumps([facts, *(info["cpu"][k] for k in ("vendor", "family", "model", "stepping"))])
    fingerprint = hashlib.sha256(identity.encode()).hexdigest()[:8]
    return facts | {"kernel": platform.release(), "fingerprint": fingerprint}


def limits(rnnpack: os.PathLike | str, seconds: float = 2.0) -> list:
    return _json_of([str(rnnpack), "bench", "--limits", "--json", "--seconds", str(seconds)])


def _git(*arguments: str) -> str:
    run = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return run.stdout.strip() if run.returncode == 0 else ""


def revision() -> dict:
    return {
        "revision": _git("rev-parse", "HEAD"),
        "subject": _git("log", "-1", "--format=%s"),
        "dirty": bool(_git("status", "--porcelain")),
    }
