"""`agreement`: measure how far captions of several tables agree on a window, and how reliable each table is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from operators.core.base import Row
from operators.embedding.embedders.base import RunningEmbedder
from operators.embedding.texts import ComparesTexts

_AGREEMENT = pa.struct(
    [
        pa.field("index", pa.int32()),  # index of the window among the candidates
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("value", pa.float64()),  # mean cosine of all pairs; null if fewer than two tables have a caption of it
        pa.field("matrix", pa.list_(pa.list_(pa.float64()))),  # cosines of all pairs of options
        pa.field("scores", pa.list_(pa.float64())),  # for each option, its weighted mean cosine with the others
    ]
)
_WEIGHT = pa.struct([pa.field("table", pa.string()), pa.field("weight", pa.float64())])
_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class Agreement(ComparesTexts):
    """Writes `agreement` for each window of `candidates`, and `weights`, one per table, which sum to 1.

    A table's weight is its mean cosine with the others over the windows of the segment. `pick` takes the caption with
    the highest score, with which the reliable tables agree most.
    """

    name: ClassVar[str] = "agreement"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "embed"
    reads: ClassVar[frozenset[str]] = frozenset({"candidates"})
    writes: ClassVar[frozenset[str]] = frozenset({"agreement", "weights"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"agreement": pa.list_(_AGREEMENT), "weights": pa.list_(_WEIGHT)}

    def made(self, row: Row, running: RunningEmbedder) -> Row:
        return _made(row["candidates"], running)


def _made(candidates: Sequence[Row], running: RunningEmbedder) -> Row:
    tables = sorted({option["table"] for c in candidates for option in c["options"]})
    met: dict[str, list[float]] = {table: [] for table in tables}
    matrices = []
    for candidate in candidates:
        options = candidate["options"]
        vectors = running.texts([option["text"] for option in options])
        matrix = np.clip(np.asarray(vectors) @ np.asarray(vectors).T, -1.0, 1.0) if options else np.zeros((0, 0))
        matrices.append(matrix)
        for k, option in enumerate(options):
            met[option["table"]] += [float(matrix[k, j]) for j in range(len(options)) if j != k]
    reliable = {table: max(0.0, float(np.mean(values))) if values else 0.0 for table, values in met.items()}
    total = sum(reliable.values())
    weights = {table: value / total if total else 1 / len(tables) for table, value in reliable.items()}
    found = []
    for k, (candidate, matrix) in enumerate(zip(candidates, matrices, strict=True)):
        names = [option["table"] for option in candidate["options"]]
        count = len(names)
        pairs = [float(matrix[a, b]) for a in range(count) for b in range(a + 1, count)]
        found.append(
            {
                "index": k,
                "start_s": candidate["start_s"],
                "end_s": candidate["end_s"],
                "value": round(sum(pairs) / len(pairs), _DIGITS) if pairs else None,
                "matrix": [[round(float(value), _DIGITS) for value in line] for line in matrix],
                "scores": [_score(k, names, matrix, weights) for k in range(count)],
            }
        )
    return {"agreement": found, "weights": [{"table": t, "weight": round(weights[t], _DIGITS)} for t in tables]}


def _score(k: int, names: Sequence[str], matrix: Any, weights: Mapping[str, float]) -> float:
    others = [j for j in range(len(names)) if j != k]
    total = sum(weights[names[j]] for j in others)
    if not total:
        return 0.0
    return round(sum(float(matrix[k, j]) * weights[names[j]] for j in others) / total, _DIGITS)
