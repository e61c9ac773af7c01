"""`longcap status`: how far an output is, read from its tables, also while a run works on it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pipeline.output import Output
from pipeline.printing import echo, echo_json


def status_command(*, out: str, as_json: bool = False) -> int:
    """Print counts of an output."""
    told = status(Output(out))
    if as_json:
        echo_json(told)
        return 0
    echo(
        f"{told['videos']} videos known, {told['video_hours']:.2f} hours\n"
        f"{told['long_captions']} long captions\n"
        f"{told['filtered']} left out by the filter\n"
        f"{told['segments']} segments captioned, {told['segment_hours']:.2f} hours\n"
        f"failures: {', '.join(f'{n} {c}' for c, n in sorted(told['failures'].items())) or 'none'}\n"
        f"runs ended: {told['runs']}" + (f", the last one {told['last_run']}" if told["last_run"] else "")
    )
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
        "failures": dict(Counter(f["class"] for f in output.failures())),
        "runs": len(runs),
        "last_run": f"{runs[-1]['run_id']}: {runs[-1]['status']}" if runs else None,
    }
