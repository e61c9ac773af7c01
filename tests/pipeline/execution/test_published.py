"""The shipped recipes of published systems, with a scripted engine: which frames they show, and what they keep."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import pipeline as longcap
from pipeline.output.verification import verify
from tests.support.engines import asked
from tests.support.published import published

SUBJECT = {"name": "a brown wall", "looks": "red and brown blocks", "best_s": 3.0}
CASES: dict[str, tuple[list[str], set[tuple[str, int]]]] = {
    # settings beside the recipe's, and kinds of requests with the frames shown, of 27 s, cut at 13 s; tests/recipes
    # counts requests
    "sharegpt4video": (
        ["plan.segment_s=10"],  # two segments: the cut is in the second one, whose chain starts anew
        {("changes", 1), ("changes", 2), ("windows", 0), ("section", 0), ("video", 0)},
    ),
    "koala_36m": (["plan.segment_s=30"], {("captions", 8)}),
    "lvd_2m": (
        ["plan.segment_s=30"],  # of two takes one stands still; a clip is one image
        {("verdicts", 8), ("raw", 1), ("refined", 0), ("rewritten", 0)},
    ),
    "panda_70m": (["plan.segment_s=30"], {("caption_a", 8), ("caption_b", 1), ("choices", 4)}),
    "tags": (["plan.segment_s=30"], set()),
    "frame_policy": (["plan.segment_s=30"], {("policy", 0), ("find", 1)}),
    "mr_video": (
        ["plan.segment_s=20"],
        {
            ("windows", 11),
            ("windows", 7),
            ("associate", 2),
            ("rewritten", 0),
            ("notes", 0),
            ("answer", 0),
        },
    ),
}
VALUES: dict[str, Any] = {"mr_video": {"subjects": [SUBJECT]}, "frame_policy": {"yes": [], "maybe": []}}


@pytest.fixture(scope="module")
def folder(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("in")
    shutil.copy(clips / "two_shots.mp4", found / "two_shots.mp4")
    return found


def run(folder: Path, out: Path, config: longcap.Config, **options: Any) -> longcap.Result:
    result = longcap.run(str(folder), str(out), config, quiet=True, **options)
    assert result.ok, [f["message"] for f in result.failures()]
    assert verify(longcap.open(str(out))).findings == []
    return result


def made(name: str) -> set[tuple[str, int]]:
    return {(r.kind, len(r.images)) for r in asked(name)}


@pytest.mark.parametrize("name", CASES)
def test_a_recipe_shows_what_it_should_and_keeps_it(name: str, folder: Path, tmp_path: Path) -> None:
    more, expected = CASES[name]
    config = published(name, f"published {name}", *more, values=VALUES.get(name))
    result = run(folder, tmp_path / "out", config)
    assert made(f"published {name}") == expected
    CHECKS[name](result)


def rows(result: longcap.Result, table: str) -> list[dict[str, Any]]:
    return sorted(result.table(table).to_pylist(), key=lambda row: row.get("segment_index") or 0)


def sharegpt4video(result: longcap.Result) -> None:
    keys = [k for row in rows(result, "differences") for k in row["keyframes"]]
    assert [k["at_s"] for k in keys] == [0.0, 10.0, 14.0], "true times: the first frame on the grid after the cut"
    told = [r for r in asked("published sharegpt4video") if r.kind == "changes"]
    assert [[p.time_s for p in r.images] for r in told] in (
        [[0.0], [10.0], [10.0, 14.0]],
        [[10.0], [10.0, 14.0], [0.0]],
    )
    assert "What was said of the change before" in next(r.prompt for r in told if len(r.images) == 2)
    window = next(r for r in asked("published sharegpt4video") if r.kind == "windows" and r.start_s == 15.0)
    assert "0:14: The changes from 10 to 27 s is told from 10, 14." in window.prompt


def koala_36m(result: longcap.Result) -> None:
    (shots,) = rows(result, "shots")
    (change,) = shots["transitions"]
    assert change["kind"] == "cut" and change["end_s"] == pytest.approx(13.0, abs=1 / 24 + 1e-6)
    (clips,) = rows(result, "captioned_clips")
    assert set(json.loads(clips["captions"][0]["fields"])) >= {"subject", "camera_language", "world_knowledge"}
    (suitable,) = rows(result, "suitable")
    assert [s["kept"] is (s["score"] >= 2.5) for s in suitable["suitability"]] == [True, True]


def lvd_2m(result: longcap.Result) -> None:
    (takes,) = rows(result, "long")
    assert [t["why"] for t in takes["takes"]] == [None, "still"], "what is left out stays, with its reason"
    (versions,) = rows(result, "versions")
    (described,) = rows(result, "described")
    texts = [described["raw"][0]["text"], versions["refined"][0]["text"], versions["rewritten"][0]["text"]]
    assert len(set(texts)) == 3 and all(texts)


def panda_70m(result: longcap.Result) -> None:
    (events,) = rows(result, "events")
    assert [(e["start_s"], e["end_s"]) for e in events["events"]] == [(0.0, 12.75), (13.0, 27.0)]
    (picked,) = rows(result, "picked")
    assert [json.loads(c["fields"])["best"] for c in picked["choices"]] == ["a", "a"]
    assert rows(result, "teacher_b")[0]["caption_b"][1]["text"], "candidates that were not picked stay"


def tags(result: longcap.Result) -> None:
    (topics,) = rows(result, "topics")
    assert topics["topic"] == "unknown" and {t["unit"] for t in topics["tags"]} == {"window", "section"}


def frame_policy(result: longcap.Result) -> None:
    (chosen,) = rows(result, "chosen")
    assert chosen["chosen_policy"] == "semantic" and len(chosen["chosen_frames"]) <= 32
    times = [f["start_s"] for f in chosen["chosen_frames"]]
    assert times == sorted(times) and 13.0 in times
    (found,) = rows(result, "found")
    assert found["found_spans"] == [] and found["search_calls"] == 2, "27 frames in grids of 16"


def mr_video(result: longcap.Result) -> None:
    (people,) = rows(result, "people")
    (entity,) = people["entities"]
    assert entity["name"] == "a brown wall" and [m["item"] for m in entity["mentions"]] == [0, 1, 2]
    assert len(people["pairs"]) == 2 and all(p["same"] for p in people["pairs"])
    (answers,) = rows(result, "answers")
    assert answers["answer"] and len(answers["notes"]) == 3


CHECKS = {f.__name__: f for f in (sharegpt4video, koala_36m, lvd_2m, panda_70m, tags, frame_policy, mr_video)}

RECAPTION = """
inputs: {{done: {done}}}
tables:
  spans:
    level: video
    from: [done.differences]
    steps:
      - spans: {{of: [[5, 15], [20, 25]]}}
      - ask:
          engine: {{kind: "tests.support.published:Obliging", log: recaption}}
          column: recaptions
          each: spans
          prompt: summarise
"""


def test_a_span_is_told_anew_from_stored_differences_and_a_changed_summary_looks_at_nothing(
    folder: Path, tmp_path: Path
) -> None:
    config = published("sharegpt4video", "again", "plan.segment_s=10")
    run(folder, tmp_path / "out", config)
    seen = Counter(r.kind for r in asked("again"))
    path = tmp_path / "recaption.yaml"
    path.write_text(RECAPTION.format(done=tmp_path / "out"))
    result = longcap.run([], str(tmp_path / "spans"), longcap.load_config(path), quiet=True)
    assert result.ok and verify(longcap.open(str(tmp_path / "spans"))).findings == []
    (row,) = result.table("spans").to_pylist()
    assert [(c["start_s"], c["end_s"]) for c in row["recaptions"]] == [(5.0, 15.0), (20.0, 25.0)]
    requests = sorted(asked("recaption"), key=lambda r: r.start_s)
    assert len(requests) == 2 and not any(r.images for r in requests)
    stamps = [re.findall(r"^(\d:\d\d): The changes", r.prompt, re.MULTILINE) for r in requests]
    assert stamps == [["0:00", "0:10", "0:14"], ["0:10", "0:14"]], "from the last full description on"
    assert Counter(r.kind for r in asked("again")) == seen, "no frame is looked at"

    prompt = tmp_path / "short.j2"
    prompt.write_text(
        "{# version: 1 #}\nIn one sentence: {{ changes | length }} notes, {{ start_s }} to {{ end_s }}.\n"
    )
    steps = [
        "layout",
        {"ask": {"engine": json.loads(engine("again")), "column": "windows", "each": "windows", "prompt": str(prompt)}},
    ]
    changed = published("sharegpt4video", "again", "plan.segment_s=10", f"tables.segments.steps={json.dumps(steps)}")
    run(folder, tmp_path / "out", changed, replace=True)
    after = Counter(r.kind for r in asked("again"))
    assert after["changes"] == seen["changes"] and after["windows"] == 2 * seen["windows"]


def engine(log: str) -> str:
    return json.dumps({"kind": "tests.support.published:Obliging", "log": log, "values": "{}"})
