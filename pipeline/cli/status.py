"""`longcap status`: how far an output is and whether a run works on it, read from its tables and leases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from operators.store.store import Store
from pipeline.output.activity import Sighting, began, sightings
from pipeline.output.output import Output
from pipeline.sources.files import normalise
from pipeline.terminal.look import facts
from pipeline.terminal.printing import echo, echo_json

_GO_ON = "run the same command again, it goes on from what is committed"


def status_command(*, out: str, as_json: bool = False) -> int:
    """Print counts of an output, and the runs that work on it."""
    seen = sightings(normalise(out), lambda text: echo(text, err=True))
    begun = bool(seen) and not Store(normalise(out)).exists()  # a run is at work, and has made no table yet
    summary = {} if begun else status(Output(out))
    unfinished = None if begun else _unfinished(Output(out), seen)
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
    if unfinished:
        lines.append(unfinished)
    echo("\n".join(lines))
    return 0


def status(output: Output) -> dict[str, Any]:
    """Counts of what lies in the tables; texts are not read."""
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


def _unfinished(output: Output, seen: Sequence[Sighting]) -> str | None:
    """What to do about a last run that did not finish; None where it did, or where a run is at work or died."""
    if seen:
        return None
    reports = {report["run_id"]: report for report in output.runs()}
    last = max((run["run_id"] for run in output.store.run_records("asked.json")), default=None)
    if last is None:
        return None
    if last not in reports:
        return f"run {last}, which began {began(last)}, ended without a report: {_GO_ON}"
    if reports[last].get("status") != "done" or reports[last].get("unaccounted"):
        left = len(reports[last].get("unaccounted") or ())
        return f"run {last} left {left} {'video' if left == 1 else 'videos'} to do: {_GO_ON}"
    return None
