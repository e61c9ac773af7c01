"""Measure the tail of a run with one film among many clips, on a real Ray: its share after 90 % of the segments are
durable.

    python -m bench.tail [--clips 60] [--film 24] [--slots 8] [--caption-s 2] [--narrate-s 0.25]

Actors, commits and narration are those of every run. Only the engines are scripted: they take `--caption-s` for a
segment and `--narrate-s` for a section, without CPU time, so two cores can stand for a cluster of `--slots` slots.
Clips have one to five segments. Prints also the figure of `bench.scale`'s model. The share would be 10 % if
all work were divisible and nothing took time at the end.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import longcap
from bench.scale import Takes, simulate
from tests.support import video

_SEGMENT_S = 10.0
_DECODE_S = 0.3  # CPU seconds of a tiny segment with all that Ray does for it, on one of two cores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--film", type=int, default=24, help="segments of the film")
    parser.add_argument("--slots", type=int, default=8, help="segments that the engine captions simultaneously")
    parser.add_argument("--caption-s", type=float, default=2.0, help="seconds per segment")
    parser.add_argument("--narrate-s", type=float, default=0.25, help="seconds per section; a segment has one")
    given = parser.parse_args()
    clips = [1 + k % 5 for k in range(given.clips)]
    with tempfile.TemporaryDirectory(prefix="longcap-tail-") as place:
        folder = Path(place) / "videos"
        folder.mkdir()
        # the film is the last in the order of listing
        for name, segments in [*((f"clip{k:03}", n) for k, n in enumerate(clips)), ("film", given.film)]:
            video.render(folder / f"{name}.mp4", count=int(segments * _SEGMENT_S * 2), fps=2.0, size=(64, 64))
        took_s, after_s = measure(folder, given)
    takes = Takes(
        decode_s=_DECODE_S,
        caption_s=given.caption_s,
        narrate_s=given.narrate_s * 30,
        commit_s=0.1,
        decoders=1,
        slots=given.slots,
        narrators=given.slots,
    )
    model = simulate(takes, 1, [given.film, *clips])
    print("           run, s  from 90 % of the segments on")
    print(f"{'measured':9}{took_s:>8.1f}  {after_s / took_s:>27.1%}")
    print(f"{'model':9}{model.seconds:>8.1f}  {1 - model.most_s / model.seconds:>27.1%}")


def measure(folder: Path, given: argparse.Namespace) -> tuple[float, float]:
    """Return the seconds from the start of captioning to the last narration, and those after 90 % of the segments."""
    config = longcap.load_config("longcaption", _settings(given))
    out = folder.parent / "captions"
    began_s = time.time()
    result = longcap.run([str(folder)], str(out), config, quiet=True)
    if not result.ok:
        raise SystemExit(str([row["message"] for row in result.failures()]))
    segments = _times(out / "segments")
    ended_s = _times(out / "dataset")[-1]
    most_s = segments[int(0.9 * len(segments))]
    start_s = max(began_s, segments[0] - given.caption_s - _DECODE_S)
    return ended_s - start_s, ended_s - most_s


def _settings(given: argparse.Namespace) -> Sequence[str]:
    def engine(kind: str, takes_s: float) -> str:
        rules = [{"kind": kind, "do": "sleep", "sleep_s": takes_s}]
        return json.dumps({"kind": "tests.support.engines:Scripted", "script": json.dumps(rules), "threads": 64})

    return (
        f"caption.engine={engine('window', given.caption_s)}",
        f"narrate.engine={engine('section', given.narrate_s)}",
        "recipe.video=[narrate]",
        f"plan.segment_s={_SEGMENT_S:g}",
        f"plan.window_s={_SEGMENT_S:g}",
        f"plan.stride_s={_SEGMENT_S:g}",
        f"narrate.section_s={_SEGMENT_S:g}",
        "narrate.outline=false",
        "caption.frames=false",
        "caption.fields=false",
        "run.flush_s=0.2",
        "resources.decode.actors=1",
        "resources.caption.actors=1",
        "resources.narrate.actors=1",
        f"caption.concurrency={given.slots}",
        f"narrate.concurrency={given.slots}",
    )


def _times(table: Path) -> Sequence[float]:
    """Return when each row of a table became durable, in seconds since the epoch, in order: from the table's log."""
    found: list[float] = []
    for commit in sorted((table / "_delta_log").glob("*.json")):
        for action in map(json.loads, commit.read_text(encoding="utf-8").splitlines()):
            added = action.get("add")
            if added and added["dataChange"]:  # compaction moves rows and changes none
                found += [added["modificationTime"] / 1000] * json.loads(added["stats"])["numRecords"]
    return sorted(found)


if __name__ == "__main__":
    main()
