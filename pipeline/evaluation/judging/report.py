"""The report of each judge: values, failures, zeros, agreement, slices of the judged items."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from operators.core.base import Row
from pipeline.evaluation.judging.agreement import between, with_itself
from pipeline.evaluation.judging.case import FAILED, MISSING
from pipeline.evaluation.judging.judge import Named
from pipeline.evaluation.judging.protocols import METRICS, PROTOCOLS
from pipeline.evaluation.judging.run import Judged
from pipeline.evaluation.scores.slices import POSITIONS, position_label, slices
from pipeline.evaluation.scores.summary import Scores, summarise

_COLUMNS = ["video_id", "missing", "duration_s", *METRICS]


def judge_report(judged: Judged, judges: Sequence[Named], columns: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return `judges`, a report of each, and `between`, Krippendorff's alpha by metric if there are several."""
    rows = judged.table.read().to_pylist()
    answers = judged.answers.read().to_pylist()
    named = {judge.name for judge in judges}
    return {
        "judges": [_of(judge, rows, answers, judged, columns) for judge in judges],
        "between": between(row for row in rows if row["judge"] in named),
    }


def _of(
    judge: Named, every: Sequence[Row], answers: Sequence[Row], judged: Judged, columns: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    rows = [row for row in every if row["judge"] == judge.name]
    lost = _without_value(rows)
    rows = [
        {**row, **dict.fromkeys(lost), "units": [u for u in row["units"] or () if u["metric"] not in lost]}
        for row in rows
    ]
    own = [row for row in answers if row["fingerprint"] == judge.fingerprint]  # the engine's, under whatever name
    scores = Scores(_table(rows), METRICS, ())
    metrics = {}
    for name, value in summarise(scores).items():
        values = scores.metrics[name]
        metrics[name] = {
            "group": "judge", "better": METRICS[name].better, **value.row(), "zeros": int((values == 0).sum()),
            "labels": dict(Counter(u["label"] for r in rows for u in r["units"] or () if u["metric"] == name)),
        }  # fmt: skip
    return {
        "judge": judge.name,
        "model": judge.spec.model_id,
        "revision": judge.spec.revision,
        "pinned": judge.pinned,
        "captions": len(rows),
        "requests": {
            "sent now": judged.asked.get(judge.name, 0),
            **{state: sum(row["state"] == state for row in own) for state in ("ok", "split", "failed")},
        },
        "things without an answer": sum(row["failed"] for row in rows),
        "without a value": lost,
        "problems": _problems(own),
        "prompt_tokens": sum(row["prompt_tokens"] or 0 for row in own),
        "output_tokens": sum(row["output_tokens"] or 0 for row in own),
        "cost_usd": round(sum(row["cost_usd"] or 0.0 for row in own), 6),
        "asked_twice": with_itself(own),
        "metrics": metrics,
        "slices": [*slices(scores, columns), *_of_units(rows)],
    }


def _without_value(rows: Iterable[Row]) -> list[str]:
    """Return the metrics for which no item has a valid answer, although some were asked: their mean would be 0.

    A metric without items of its own, such as an F1, is computed from the others of its protocol.
    """
    labels: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for unit in row["units"] or ():
            labels[unit["metric"]].add(unit["label"])
    lost = {metric for metric, found in labels.items() if FAILED in found and found <= {FAILED, MISSING}}
    return [
        name
        for protocol in PROTOCOLS.values()
        for name in protocol.metrics
        if name in lost or (name not in labels and not lost.isdisjoint(protocol.metrics))
    ]


def _problems(rows: Iterable[Row], most: int = 5) -> dict[str, int]:
    """Return why answers were invalid, the most frequent reason first."""
    return dict(Counter(row["problem"] for row in rows if row["state"] == "failed").most_common(most))


def _table(rows: Sequence[Row]) -> pa.Table:
    schema = pa.schema(
        [("video_id", pa.string()), ("missing", pa.bool_()), *((n, pa.float64()) for n in ("duration_s", *METRICS))]
    )
    return pa.Table.from_pylist([{name: row[name] for name in _COLUMNS} for row in rows], schema=schema)


def _of_units(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Slice by position in the video, by scope and by group: the mean of each video, then over videos."""
    found: dict[str, dict[str, dict[str, dict[str, list[float]]]]] = {
        by: defaultdict(lambda: defaultdict(lambda: defaultdict(list))) for by in ("position", "scope", "group")
    }
    for row in rows:
        for unit in row["units"] or ():
            if unit["value"] is None or not unit["metric"]:
                continue
            labels = {
                "position": position_label(unit["position"]),
                "scope": unit["scope"],
                "group": unit["group"] or None,
            }
            for by, label in labels.items():
                if label is not None:
                    found[by][label][row["video_id"]][unit["metric"]].append(unit["value"])
    made = []
    for by, some in found.items():
        for label in sorted(some, key=lambda text, by=by: POSITIONS.index(text) if by == "position" else text):  # type: ignore[misc]
            videos = some[label]
            values = [
                {
                    "video_id": video, "missing": False, "duration_s": None,
                    **{m: sum(v) / len(v) if (v := of.get(m)) else None for m in METRICS},
                }
                for video, of in videos.items()
            ]  # fmt: skip
            metrics = {n: v.row() for n, v in summarise(Scores(_table(values), METRICS, ()), resamples=2000).items()}
            made.append({"by": by, "value": label, "n": len(videos), "missing": 0, "metrics": metrics})
    return made
