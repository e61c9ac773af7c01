"""The command `longcap sweep`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from operators.core.addresses import redacted
from operators.core.storage import open_binary
from operators.core.text import nearest
from pipeline.evaluation.command import Judging, check_installed, judging_of, score_captions
from pipeline.evaluation.judging.protocols import METRICS as JUDGE_METRICS
from pipeline.evaluation.scores.metrics import METRICS
from pipeline.evaluation.scores.page import as_json, short
from pipeline.evaluation.scores.references import read_references
from pipeline.evaluation.sweep.cost import COSTS, cost_of, runs_of
from pipeline.evaluation.sweep.entries import Entry, entries_of
from pipeline.evaluation.sweep.front import axis, front, plot
from pipeline.evaluation.sweep.sharing import Made, seeding
from pipeline.execution.driver import Job
from pipeline.sources.location import output_uri
from pipeline.sources.selection import Selection
from pipeline.terminal.errors import RunFailed, UsageError
from pipeline.terminal.look import columns
from pipeline.terminal.printing import echo, echo_json

_ALL = {**METRICS, **JUDGE_METRICS}


def sweep_command(
    *,
    recipe: str,
    inputs: Sequence[str],
    out: str,
    over: Sequence[str],
    overrides: Sequence[str] = (),
    against: Sequence[str] = (),
    judges: Sequence[str] = (),
    protocols: Sequence[str] = (),
    score: str | None = None,
    cost: str | None = None,
    limit: int | None = None,
    sample: int | None = None,
    address: str | None = None,
    replace: bool = False,
    quiet: bool = False,
    as_json_: bool = False,
) -> int:
    """Run each entry, score it, and print cost against score; returns 1 if an entry failed."""
    check_installed()
    for name, known, option in ((score, _ALL, "--score"), (cost, COSTS, "--cost")):
        if name is not None and name not in known:
            raise UsageError(f"{option} {name} is not a value{nearest(name, known)} Known: {', '.join(known)}")
    entries = entries_of(recipe, over, overrides)
    if against:
        read_references(against)  # before the first run, which may take hours
    judging = judging_of(judges, protocols, recipe if judges else None, overrides if judges else ())
    place = output_uri(out)
    made: list[Made] = []
    rows: list[dict[str, Any]] = []
    for entry in entries:
        if not (quiet or as_json_):
            echo(f"{entry.name}: {len(rows) + 1} of {len(entries)}", err=True)
        uri = f"{place}/{entry.name}"
        shared: dict[str, str] = {}
        row: dict[str, Any] = {"entry": entry.name, "values": entry.values, "out": redacted(uri), "error": None}
        try:
            job = Job(inputs, uri, entry.config, Selection(limit=limit, sample=sample), quiet=quiet or as_json_)
            report = job.run(address, seeding(made, entry.config, shared), replacing=replace)
            if report.exit_code:
                row["error"] = f"{report.videos_failed} of {report.videos_planned} videos failed"
            made.append(Made(entry.name, uri, entry.config))
            rows.append(row | _scored(entry, uri, against, judging) | {"shared": shared})
        except RunFailed as error:
            rows.append(row | {"error": str(error), "cost": {}, "scores": {}, "intervals": {}, "shared": shared})
    data = _table(rows, cost, score)
    written = _write(place, data)
    if as_json_:
        echo_json(data)
    else:
        echo(_text(data, written))
    return int(any(row["error"] for row in rows))


def _scored(entry: Entry, uri: str, against: Sequence[str], judging: Judging) -> dict[str, Any]:
    data, _ = score_captions(uri, against=against, judging=judging)
    values = dict(data["metrics"])
    if data.get("judges"):
        values |= data["judges"][0]["metrics"]
    return {
        "cost": cost_of(uri, entry.config) | runs_of(uri),
        "scores": {name: value["value"] for name, value in values.items()},
        "intervals": {name: [value["low"], value["high"]] for name, value in values.items()},
    }


def _table(rows: list[dict[str, Any]], cost: str | None, score: str | None) -> dict[str, Any]:
    """Return the rows, with `front` set in those that no other row beats."""
    done = [row for row in rows if row["scores"]]
    x, y = axis(cost, done, "cost"), axis(score, done, "scores")
    drawn = [row for row in done if x in row["cost"] and row["scores"].get(y or "") is not None]
    if x and y:
        better = _ALL[y].better or 1
        for row, on in zip(drawn, front([(r["cost"][x], r["scores"][y]) for r in drawn], better), strict=True):
            row["front"] = on
    for row in rows:
        row.setdefault("front", False)
    return {"generator": "longcap", "cost": x, "score": y, "entries": rows}


def _write(place: str, data: Mapping[str, Any]) -> list[str]:
    written = [_file(f"{place}/sweep.json", as_json(data).encode()), _file(f"{place}/sweep.csv", _csv(data))]
    drawn = [row for row in data["entries"] if row["scores"].get(data["score"] or "") is not None]
    if drawn and data["cost"] and find_spec("matplotlib"):
        written.append(_file(f"{place}/sweep.png", plot(drawn, data["cost"], data["score"])))
    return written


def _file(uri: str, content: bytes) -> str:
    with open_binary(uri, "wb") as file:
        file.write(content)
    return uri


def _csv(data: Mapping[str, Any]) -> bytes:
    rows = data["entries"]
    keys = list(rows[0]["values"]) if rows else []
    costs = list(dict.fromkeys(name for row in rows for name in row["cost"]))
    scores = list(dict.fromkeys(name for row in rows for name in row["scores"]))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["entry", *keys, "front", *costs, *scores, "error"])
    for row in rows:
        values = [*(row["cost"].get(n) for n in costs), *(row["scores"].get(n) for n in scores)]
        writer.writerow([row["entry"], *row["values"].values(), row["front"], *values, row["error"]])
    return text.getvalue().encode()


def _text(data: Mapping[str, Any], written: Sequence[str]) -> str:
    x, y = data["cost"], data["score"]
    shown = list(dict.fromkeys([n for n in (x, "cpu_s", "tokens", "gpu_s", "engine_s") if n]))
    lines = []
    for row in data["entries"]:
        if row["error"] and not row["scores"]:
            lines.append((row["entry"], *("–" for _ in shown), "–", "–", "–", row["error"]))
            continue
        low, high = row["intervals"].get(y or "", [None, None])
        costs = [short(row["cost"].get(name)) for name in shown]
        reused = ", ".join(f"{table} of {source}" for table, source in row["shared"].items() if table != "videos")
        note = row["error"] or (f"uses {reused}" if reused else "")
        interval = f"{short(low)} to {short(high)}" if low is not None else "–"
        lines.append(
            (row["entry"], *costs, short(row["scores"].get(y or "")), interval, "yes" if row["front"] else "", note)
        )
    head = ("entry", *shown, y or "score", "interval", "on the front", "")
    return "\n\n".join([columns(head, lines), "\n".join(written)])
