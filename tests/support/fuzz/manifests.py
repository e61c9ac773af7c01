"""Hostile manifests: rows with invalid values next to good rows.

Every manifest must end with a listing in which each good row is unchanged, or with a `UsageError`, in time and in
bounded memory; each refused row gives the reason.
"""

from __future__ import annotations

import csv
import io
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from operators.core.arrow import to_table
from operators.core.rows import VIDEO
from pipeline.config.types import SourceOptions
from pipeline.sources.listing import list_sources
from pipeline.terminal.errors import UsageError
from tests.support.fuzz.outcome import Outcome

_LIMIT_S = 20.0
_GROWN_BYTES = 400 * 2**20
_ODD: list[Any] = [
    "\ud83d", "a\udc00b", "\x00", "\x1b[2J", "", " ", "\u2028", "x" * 300_000, "\u202e", "a\rb", "a\nb", '"', "\ufeff",
    10**25, 10**400, -(2**63) - 1, 1.5, float("nan"), float("inf"), True, None, [], {}, {"\ud800": ["\udfff"]},
    "http://[", "s3://", "file://host/x.mp4", "no-such://x", "::", "~", "..", "/", "%00", "a" * 9000,
]  # fmt: skip


def _line(draw: random.Random, number: int) -> bytes:
    """Return one hostile line of JSON Lines."""
    row: dict[str, Any] = {"uri": f"{number}.mp4", "title": "t"}
    for _ in range(draw.randint(1, 3)):
        row[draw.choice(["uri", "title", "x", "\ud83d", "metadata", "content_hash"])] = draw.choice(_ODD)
    data = json.dumps(row).encode()
    how = draw.randrange(8)
    if how == 0:
        data = data[: draw.randrange(len(data))]
    elif how == 1:
        data = b'{"uri": "n.mp4", "x": ' + b"[" * draw.choice([70, 900, 50_000])
    elif how == 2:
        at = draw.randrange(len(data))
        data = data[:at] + draw.randbytes(draw.randint(1, 8)) + data[at:]
    elif how == 3:
        data = b'{"uri": "n.mp4", "uri": "m.mp4", "x": 1e999, "y": ' + b"9" * draw.choice([30, 6000]) + b"}"
    return data.replace(b"\n", b" ")


def _manifest(draw: random.Random, good: str) -> tuple[str, bytes]:
    if draw.random() < 0.6:
        lines = [_line(draw, k) for k in range(draw.randint(0, 5))] + [json.dumps({"uri": good}).encode()]
        draw.shuffle(lines)
        return "m.jsonl", draw.choice([b"", b"\xef\xbb\xbf"]) + draw.choice([b"\n", b"\r\n"]).join(lines)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=draw.choice(["\n", "\r\n", "\r"]))
    rows = [[f"{k}.mp4", draw.choice(_ODD)][: draw.choice([1, 2, 2, 2])] for k in range(draw.randint(0, 5))]
    writer.writerow(["uri", "title"])
    writer.writerows([*rows, [good, "fine"]])
    data = text.getvalue().encode("utf-8", "surrogatepass")
    if draw.random() < 0.2:
        at = draw.randrange(data.rindex(good.encode()))  # not in the good row
        data = data[:at] + draw.choice([b'"', b"\xff", b"\x00", b","]) + data[at:]
    return "m.csv", data


def fuzz(count: int, *, seed: int = 0) -> Outcome:
    """Read `count` hostile manifests and list their videos."""
    draw, outcome = random.Random(seed), Outcome()
    process = psutil.Process()
    before = process.memory_info().rss
    with tempfile.TemporaryDirectory(prefix="longcap-fuzz-") as folder:
        good = Path(folder) / "good.mp4"
        good.write_bytes(b"video")
        for number in range(count):
            name, data = _manifest(draw, str(good))
            path = Path(folder) / name
            path.write_bytes(data)
            began_s = time.monotonic()
            _one(f"{number} {name}", path, str(good), outcome)
            took_s = time.monotonic() - began_s
            outcome.slowest_s = max(outcome.slowest_s, took_s)
            if took_s > _LIMIT_S:
                outcome.late.append(f"{number} {name}: {took_s:.1f} s")
    outcome.grown_bytes = max(0, process.memory_info().rss - before)
    if outcome.grown_bytes > _GROWN_BYTES:
        outcome.odd.append(f"memory grew by {outcome.grown_bytes} bytes")
    return outcome


def _one(label: str, path: Path, good: str, outcome: Outcome) -> None:
    try:
        rows = list_sources([str(path)], SourceOptions()).rows
    except UsageError as error:
        outcome.counts["usage error"] += 1
        if str(path) not in str(error) or "\n" in str(error):
            outcome.odd.append(f"{label}: says {error}")
        return
    except Exception as error:
        outcome.odd.append(f"{label}: {type(error).__name__}: {error}")
        return
    refused = [row for row in rows if row.get("failure")]
    outcome.counts["with refused rows" if refused else "whole"] += 1
    table = to_table(rows, VIDEO).to_pylist()
    if [row["failure"] for row in table] != [row.get("failure") for row in rows]:
        outcome.odd.append(f"{label}: a row does not convert: {[row['failure'] for row in table]}")
    if not any(row["uri"] == good and not row.get("failure") for row in rows):
        data = path.read_bytes()
        if path.suffix == ".jsonl" or data.count(b'"') % 2 == 0:  # else an open quote of another row consumed it
            outcome.odd.append(f"{label}: the good row is not there")
