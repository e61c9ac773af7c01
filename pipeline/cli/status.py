"""`longcap status`: progress of an output and its active runs, read from its tables and leases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from operators.store.store import Store
from pipeline.output.activity import Sighting, began, sightings
from pipeline.output.lease import ALL
from pipeline.output.output import Output
from pipeline.output.unfinished import Unfinished, unfinished_runs
from pipeline.sources.files import normalise
from pipeline.terminal.look import counted, facts
from pipeline.terminal.printing import echo, echo_json

_GO_ON = "run the same command again, it resumes from the committed rows"


def status_command(*, out: str, as_json: bool = False) -> int:
    """Print counts of an output, and its active runs."""
    seen = sightings(normalise(out), lambda text: echo(text, err=True))
    begun = bool(seen) and not Store(normalise(out)).exists()  # a run is active and has not created a table yet
    summary = {} if begun else status(Output(out))
    unfinished = [] if begun else _unfinished(Output(out), seen)
    if as_json:
        echo_json({**summary, "at_work": [asdict(s) for s in seen], "unfinished": unfinished})
        return 0
    lines = [_line(sighting) for sighting in seen]
    if summary:
        failed = ", ".join(f"{n} {c}" for c, n in sorted(summary["failures"].items())) or "none"
        lines.append(
            facts(
                [
                    ("videos", f"{summary['videos']} ({summary['video_hours']:.2f} h)"),
                    ("long captions", summary["long_captions"]),
                    ("left out", f"{summary['filtered']} by the filter"),
                    ("segments", f"{summary['segments']} captioned ({summary['segment_hours']:.2f} h)"),
                    *((f"table {name}", f"{count} rows") for name, count in summary["tables"].items()),
                    ("failures", failed),
                    (
                        "runs ended",
                        f"{summary['runs']}" + (f", the last {summary['last_run']}" if summary["last_run"] else ""),
                    ),
                ]
            )
        )
    echo("\n".join([*lines, *unfinished]))
    return 0


def status(output: Output) -> dict[str, Any]:
    """Counts from the tables, without reading texts."""
    videos = output.store.videos.read(["video_id", "duration_s"]).to_pylist()
    segments = output.store.segments.read(["start_s", "end_s"]).to_pylist()
    runs = output.runs()
    return {
        "videos": len(videos),
        "video_hours": round(sum(v["duration_s"] or 0.0 for v in videos) / 3600, 4),
        "long_captions": len(output.store.done_videos()),
        "filtered": len(output.store.filtered_videos()),
        "segments": len(segments),
        "segment_hours": round(sum(s["end_s"] - s["start_s"] for s in segments) / 3600, 4),
        "tables": {name: len(table.read(["key"])) for name, table in output.store.derived.items()},
        "failures": dict(Counter(f["class"] for f in output.failures())),
        "runs": len(runs),
        "last_run": f"{runs[-1]['run_id']}: {runs[-1]['status']}" if runs else None,
    }


def _line(sighting: Sighting) -> str:
    return str(sighting) if sighting.state == "at work" else f"{sighting}: {_GO_ON}"


def _unfinished(output: Output, seen: Sequence[Sighting]) -> list[str]:
    """Return advice about each run that did not finish, without those in `seen`."""
    known = {sighting.run_id for sighting in seen}
    at_work = any(sighting.state == "at work" for sighting in seen)
    return [_advice(run) for run in unfinished_runs(output.store, at_work=at_work) if run.run_id not in known]


def _advice(run: Unfinished) -> str:
    who = f"run {run.run_id}" + ("" if run.share == ALL else f", share {run.share.replace('-of-', '/')}")
    if run.left is None:
        return f"{who}, which began {began(run.run_id)}, ended without a report: {_GO_ON}"
    return f"{who} left {counted(run.left, 'video')} to do: {_GO_ON}"
