"""Measure search over a large index: seconds per query, memory of the process, and size on disk.

    python bench/search.py [PASSAGES] [FOLDER]

Texts are drawn from 30,000 words by Zipf's law, vectors around 2,000 centres, so that filling needs no model. Queries
are measured in a separate process, so that its memory is that of a search. If the extra `grounding` is installed, each
query is also embedded by its model; a random vector replaces the result, but time and memory count.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.retrieval import index as index_module
from pipeline.retrieval import search as search_module
from pipeline.retrieval.index import DIMENSIONS, Index, schema_of

_BATCH = 50_000
_WORDS = 30_000
_WINDOWS = 700  # windows of one video of an hour
_QUERIES = 30
_LENGTH = 30  # words per passage


def main(count: int, folder: str) -> None:
    index = Index(folder)
    if index.table is None:
        _fill(index, count)
    found = subprocess.run([sys.executable, __file__, "--ask", folder], check=True, capture_output=True, text=True)
    size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())
    print(json.dumps({"passages": count, **json.loads(found.stdout.splitlines()[-1]), "disk_mb": size // 2**20}))


def _fill(index: Index, count: int) -> None:
    draw = np.random.default_rng(0)
    centres = draw.standard_normal((2000, DIMENSIONS)).astype(np.float32)
    words = np.array([f"w{i}" for i in range(_WORDS)], object)
    share = np.cumsum(1 / np.arange(1, _WORDS + 1))
    index._ready(True)
    began = time.monotonic()
    for start in range(0, count, _BATCH):
        n = min(_BATCH, count - start)
        picked = np.searchsorted(share, draw.random((n, _LENGTH)) * share[-1])
        numbers = range(start, start + n)
        columns: dict[str, Any] = {
            "passage_id": [f"p{i}" for i in numbers],
            "video_id": [f"v{i // _WINDOWS}" for i in numbers],
            "uri": [f"/videos/v{i // _WINDOWS}.mp4" for i in numbers],
            "level": ["window"] * n,
            "place": [str(i % _WINDOWS) for i in numbers],
            "text": [" ".join(row) for row in words[picked]],
            "stamp": [None] * n,
            "start_s": [5.0 * (i % _WINDOWS) for i in numbers],
            "end_s": [5.0 * (i % _WINDOWS) + 10 for i in numbers],
        }
        near = centres[draw.integers(0, len(centres), n)] + draw.standard_normal((n, DIMENSIONS)).astype(np.float32)
        near /= np.linalg.norm(near, axis=1, keepdims=True)
        flat = pa.array(near.astype(np.float16).reshape(-1))
        columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, DIMENSIONS)
        index.table.add(pa.table(columns, schema=schema_of(True)))
    print(f"written in {time.monotonic() - began:.0f} s", file=sys.stderr)
    began = time.monotonic()
    index._tidy(True)
    print(f"indexed in {time.monotonic() - began:.0f} s", file=sys.stderr)


def _ask(folder: str) -> None:
    draw = np.random.default_rng(1)
    index = Index(folder)

    embed = _model()

    def drawn(text: str) -> Any:
        embed(text)
        vector = draw.standard_normal(DIMENSIONS).astype(np.float32)
        return vector / np.linalg.norm(vector)

    setattr(search_module, "embed_query", drawn)  # noqa: B010
    times = []
    for _ in range(_QUERIES):
        query = " ".join(f"w{int(x)}" for x in draw.pareto(0.3, 6) % _WORDS)
        began = time.perf_counter()
        search_module.search(index, query)
        times.append(time.perf_counter() - began)
    # VmHWM restarts with the program; ru_maxrss would include the parent's peak
    peak_mb = int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) // 1024
    said = {"first_ms": times[0], "median_ms": statistics.median(times[1:]), "slowest_ms": max(times[1:])}
    print(json.dumps({**{k: round(1000 * v, 1) for k, v in said.items()}, "peak_mb": peak_mb}))


def _model() -> Callable[[str], Any]:
    """Return the embedder of queries, or None if the model is not installed."""
    try:
        index_module.embed_query("a first query loads the model")
    except (ImportError, ValueError):
        return lambda _: None
    return index_module.embed_query


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        _ask(sys.argv[2])
    else:
        with tempfile.TemporaryDirectory() as made:
            main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, sys.argv[2] if len(sys.argv) > 2 else made)
