"""`python -m tests.recipes.truth FOLDER [--lengths 120,600] [NAME …]`: recipes on stories whose script is known.

Each recipe captions the exam's stories (docs/truth.md) with the engine of `tests/recipes/seeing.py`; what it tells is
read back and marked, and its cost is counted. The figures go to `truth.json`, a recipe and a length at a time, from
which `python -m tests.support.reference` writes the table of docs/published.md; the plot is drawn here (matplotlib).
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

import pipeline as longcap
from operators.core.grid import Grid
from pipeline.evaluation.exam.exam import Exam
from pipeline.evaluation.exam.language import read_sentence
from pipeline.evaluation.exam.marks import Marks, mark
from pipeline.evaluation.exam.reading import Predicted, read
from pipeline.evaluation.exam.story import Story
from tests.recipes import seeing
from tests.recipes.cases import HERE, cases, config_of

RESULTS = HERE / "truth.json"
BASE = "longcaption"
STORIES = {120: 2, 600: 1}
"""Length in s -> number of stories."""
_ENGINE = {"kind": "tests.recipes.seeing:Seeing", "name": ""}
_COMMON = ("decode.short_side_px=96", "narrate.engine=measure", "narrate.section_s=30", "run.max_failed=0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="for the stories; what is there is not rendered again")
    parser.add_argument("names", nargs="*", help="recipes; all that make a caption")
    parser.add_argument("--lengths", default="120", help="of stories in s, of 120 and 600")
    given = parser.parse_intermixed_args()  # names may follow options
    seeing.eyes()
    for seconds in map(int, given.lengths.split(",")):
        exam = Exam(folder=given.folder, buckets={seconds: STORIES[seconds]})
        exam._render()
        for name in given.names or [BASE, *(n for n, case in sorted(cases().items()) if "tells" in case)]:
            try:
                found = _told(exam, name, seconds)
            except ValueError as error:
                print(error, flush=True)
                continue
            print(name, seconds, found, flush=True)
            known = {(r["recipe"], r["seconds"]): r for r in results()} | {(name, seconds): found}
            lines = ",\n".join(json.dumps(known[key]) for key in sorted(known))
            RESULTS.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    plot(HERE.parents[1] / "docs" / "published.svg")


def results() -> list[dict[str, Any]]:
    """What was measured so far."""
    return list(json.loads(RESULTS.read_text(encoding="utf-8"))) if RESULTS.exists() else []


def _told(exam: Exam, name: str, seconds: int) -> dict[str, Any]:
    case = cases()[name] if name != BASE else {"tells": ["dataset", "sections"]}
    if name == BASE:  # without names: the model's captions have no fields
        more = (f"caption.engine={json.dumps(_ENGINE)}", "caption.frames=false", "caption.fields=false")
        config = longcap.load_config(BASE, [*more, "recipe.video=[narrate]", "narrate.outline=false", *_COMMON])
    else:
        config = config_of(name, _ENGINE, "plan.segment_s=120", *_COMMON, *case.get("truth", ()))
    seeing.cost = seeing.Cost()
    marks = Marks()
    began, started = _cpu_s(), time.monotonic()
    files = {story: exam.folder / "videos" / f"{story}.mp4" for story in exam.stories}
    out = exam.folder / f"{name}-{seconds}"
    shutil.rmtree(out, ignore_errors=True)  # what it costs from nothing
    result = longcap.run([str(f) for f in files.values()], str(out), config, quiet=True)
    if not result.ok:
        raise ValueError(f"{name}: {[f['message'] for f in result.failures()]}")
    cpu_s = _cpu_s() - began + seeing.cost.kept_s
    table, column = case["tells"]
    ids = {row["video_id"]: Path(row["uri"]).stem for row in result.to_arrow().to_pylist()}
    rows = result.table(table).to_pylist()
    for video, stem in ids.items():
        own = sorted((r for r in rows if r["video_id"] == video), key=lambda r: r.get("segment_index") or 0)
        story = exam.stories[stem]
        told = list(read(own[0], _grid(story, config))) if table == "dataset" else list(_items(own, column, story))
        marks += mark(told, story.events)
    minutes = sum(s.seconds for s in exam.stories.values()) / 60
    asked = seeing.cost
    return {
        "recipe": name,
        "seconds": seconds,
        "stories": len(exam.stories),
        "events": marks.events,
        **{key: round(getattr(marks, key), 3) for key in ("recall", "precision", "order")},
        "repeated": marks.repeated,
        **{key: round(getattr(asked, key) / minutes, 1) for key in ("requests", "frames", "tokens_in", "tokens_out")},
        "cpu_s": round(cpu_s / minutes, 1),
        "took_s": round(time.monotonic() - started),
    }


def _grid(story: Story, config: longcap.Config) -> Grid:
    return Grid(story.seconds, config.plan.window_s, config.plan.stride_s)


def _items(rows: list[dict[str, Any]], column: str, story: Story) -> Iterator[Predicted]:
    """Events of the texts of a column; sentences of a text are spread evenly over its span."""
    number = 0
    for row in rows:
        value = row[column]
        for item in value if isinstance(value, list) else [{"text": value}]:
            if not item.get("valid", True):
                continue
            parts = re.findall(r"(?:A|The|Night|Day) [a-z ]*?[a-z]+\.", item["text"] or "")
            start_s, end_s = item.get("start_s") or 0.0, item.get("end_s") or story.seconds
            step = (end_s - start_s) / max(1, len(parts))
            for k, part in enumerate(parts):
                event = read_sentence(part, start_s + k * step, start_s + (k + 1) * step)
                if event is not None:
                    yield Predicted(event, number)
                number += 1


def _cpu_s() -> float:
    """CPU seconds of this process, its children and those that have ended."""
    here = psutil.Process()
    ended = here.cpu_times()
    times = [p.cpu_times() for p in here.children(recursive=True)]
    return (
        ended.user + ended.system + ended.children_user + ended.children_system + sum(t.user + t.system for t in times)
    )


def plot(path: Path) -> None:
    """Recall over CPU seconds a minute of video, a point a recipe and length."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams |= {"svg.hashsalt": "recipes", "svg.fonttype": "none"}
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 1, figsize=(8, 8.4), layout="constrained", sharex=True, squeeze=False)
    for axis, seconds in zip(axes[:, 0], sorted(STORIES), strict=True):
        rows = [row for row in results() if row["seconds"] == seconds]
        axis.scatter([row["cpu_s"] for row in rows], [row["recall"] for row in rows], s=22)
        axis.set_title(f"stories of {seconds // 60} minutes", fontsize=9)
        axis.set_ylabel("recall of events")
        axis.set_ylim(-0.03, 1.03)
        axis.set_xscale("log")
        axis.set_xlim(2, 40)
        axis.set_xticks([2, 5, 10, 20, 40], ["2", "5", "10", "20", "40"])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[-1, 0].set_xlabel("CPU seconds per minute of video")
    figure.draw_without_rendering()  # the positions of texts are known only then
    for axis, seconds in zip(axes[:, 0], sorted(STORIES), strict=True):
        _label(axis, [row for row in results() if row["seconds"] == seconds])
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _label(axis: Any, rows: list[dict[str, Any]]) -> None:
    """Write each name near its point, at the nearest place without another name or point, with a line to the point."""
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    points = [(row["cpu_s"], row["recall"]) for row in rows]
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in axis.transData.transform(points)]
    places = [(dx, dy) for dx in (6, -50, 30) for dy in range(-40, 41, 4)]
    places.sort(key=lambda place: abs(place[0] - 6) + abs(place[1]))
    line = {"arrowstyle": "-", "lw": 0.4, "color": "0.5", "shrinkA": 0, "shrinkB": 3}
    for row, point in sorted(zip(rows, points, strict=True), key=lambda pair: pair[1]):
        note = axis.annotate(
            row["recipe"], point, places[0], textcoords="offset points", size=7, va="center", arrowprops=line
        )
        for place in places:
            note.set_position(place)
            note.update_positions(axis.figure.canvas.get_renderer())
            if not any(Text.get_window_extent(note).overlaps(box) for box in taken):
                break
        taken.append(Text.get_window_extent(note))


if __name__ == "__main__":
    main()
