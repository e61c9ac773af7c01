"""Lists and objects in place of a text: several references, events, or an error; never their brackets as words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.evaluation.scores.captions import Caption
from pipeline.evaluation.scores.references import read_captions, read_references
from pipeline.evaluation.scores.scoring import score
from pipeline.terminal.errors import UsageError

TWO = ["A dog runs.", "A cat."]
SPANS = [[0, 5], [5, 9]]
EVENTS = ((0.0, 5.0, "A dog runs."), (5.0, 9.0, "A cat."))
OBJECTS = [{"start": 0, "end": 5, "caption": "A dog runs."}, {"segment": [5, 9], "text": "A cat."}]


def write(folder: Path, value: Any, name: str = "given.json") -> str:
    (folder / name).write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return str(folder / name)


@pytest.mark.parametrize(
    "value",
    [
        [{"video_id": "v0", "caption": TWO}],
        [{"video_id": "v0", "captions": TWO}],
        [{"video_id": "v0", "caption": TWO, "captions": []}],
        [{"video_id": "v0", "captions": TWO, "timestamps": []}],
        {"v0": {"caption": TWO}},
        {"v0": {"captions": TWO}},
        {"v0": [{"caption": TWO}]},
        {"v0": [[TWO[0]], TWO[1]]},
        {"video_id": "v0", "texts": TWO},
    ],
)
def test_a_list_of_texts_is_several_references(tmp_path: Path, value: Any) -> None:
    found = read_references([write(tmp_path, value)]).by_name
    assert {name: [(r.text, r.timed) for r in some] for name, some in found.items()} == {
        "v0": [(text, False) for text in TWO]
    }


@pytest.mark.parametrize("name", ["caption", "captions", "texts", "content"])
def test_several_texts_of_one_video_share_its_events_and_its_questions_are_asked_once(
    tmp_path: Path, name: str
) -> None:
    row = {"video_id": "v0", "duration": 9, name: TWO, "events": OBJECTS, "key_points": ["A dog."]}
    one, two = read_references([write(tmp_path, [row])]).by_name["v0"]
    assert (one.text, two.text) == tuple(TWO)
    assert one.events == two.events == EVENTS and one.duration_s == two.duration_s == 9.0
    assert one.truth and not two.truth


@pytest.mark.parametrize(
    "fields",
    [
        {"captions": OBJECTS},
        {"caption": OBJECTS},
        {"content": OBJECTS, "title": "An hour of animals"},
        {"timestamps": SPANS, "captions": TWO},  # SceneWalk, as `longcap export` writes it
        {"timestamps": SPANS, "captions": TWO, "title": "An hour of animals"},
        {"timestamps": SPANS, "texts": TWO},
        {"timestamps": SPANS, "caption": TWO},
        {"segments": SPANS, "sentences": TWO},
        {"spans": [["0:00", "0:05"], ["0:05", "0:09"]], "sentences": TWO},
    ],
)
@pytest.mark.parametrize("of_row", [list, dict])
def test_objects_with_times_and_texts_beside_spans_are_events(
    tmp_path: Path, fields: dict[str, Any], of_row: type
) -> None:
    value: Any = [{"video_id": "v0", **fields}] if of_row is list else {"v0": fields}
    path = write(tmp_path, value)
    (reference,) = read_references([path]).by_name["v0"]
    assert (reference.text, reference.events, reference.timed) == (" ".join(TWO), EVENTS, True)
    (caption,) = read_captions(path)
    assert caption.events == EVENTS
    row = score(caption, [reference], None)
    assert (row["soda_d"], row["event_recall"]) == (pytest.approx(1.0), 1.0)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([{"video_id": "v0", "captions": [{"idx": "1", "content": "A dog."}]}], "is not a text"),
        ([{"video_id": "v0", "captions": ["A dog.", {"text": "A cat."}]}], "is not a text"),
        ([{"video_id": "v0", "caption": {"en": "A dog."}}], "is not a text"),
        ([{"video_id": "v0", "timestamps": [[0, 5]], "sentences": [{"en": "A dog."}]}], "is not a text"),
        ([{"video_id": "v0", "start": 0, "end": 5, "caption": TWO}], "is not a text"),
        ([{"video_id": "v0", "timestamp": [0, 2], "captions": [{"idx": "1", "content": "A"}]}], "is not a text"),
        ([{"video_id": "v0", "events": [{"start": 0, "end": 5, "caption": TWO}]}], "is not a text"),
        ([{"video_id": "v0", "caption": True}], "True is not a text"),
        ([{"video_id": "v0", "timestamps": [[[0], 5]], "captions": ["A dog."]}], "is not a time"),
        ([{"query_id": 1, "answer": [3, 4]}], "3 is not a pair"),
        ([{"query_id": 1, "answer": [[3]]}], "is not a pair"),
        ([{"video_id": "v0", "timestamps": [[0, 5]], "captions": TWO}], "1 spans have 2 texts"),
        ([{"video_id": "v0", "timestamps": [[0, 5, 9]], "captions": ["A dog."]}], "is not a pair"),
        ([{"video_id": "v0", "captions": [{"start": 0, "end": 5, "caption": "A"}, "B"]}], "event 1 has no start"),
        ([{"video_id": ["v0"], "caption": "A dog."}], "is not an id"),
        ({"video_id": ["v0", "v1"], "caption": TWO}, "a list per column"),
        ({"video_id": {"0": "v0"}, "caption": {"0": "A dog."}}, "a list per column"),
        ([{"video_id": "v0", "question": "What?", "answer": ["a", "b"]}], "is not a text"),
        ([{"video_id": "v0", "question": "What?", "answer": "a", "choices": [{"text": "a"}]}], "is not a text"),
        ([{"video_id": "v0", "question": "What?", "answer": "a", "choices": "a b"}], "must be a list"),
        ([{"video_id": "v0", "key_points": [{"text": ["a", "b"]}]}], "is not a text"),
        ([{"video_id": "v0", "key_points": "A dog runs."}], "must be a list"),
        ([{"id": "v0", "content": [{"type": "text", "text": "A"}, {"type": "video", "start_s": 0, "end_s": 5},
                                   {"type": "text", "text": "B"}]}], "event 0 has no start"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("read", [lambda path: read_references([path]), read_captions])
def test_other_lists_and_objects_are_one_line(tmp_path: Path, value: Any, why: str, read: Any) -> None:
    with pytest.raises(UsageError, match=why) as found:
        read(write(tmp_path, value))
    assert "given.json" in str(found.value) and "\n" not in str(found.value)


@pytest.mark.parametrize("fields", [{"caption": "A dog."}, {"captions": ["A dog."]}, {"sentences": ["A dog."]}])
def test_one_text_beside_one_span_is_one_event(tmp_path: Path, fields: dict[str, Any]) -> None:
    path = write(tmp_path, [{"video_id": "v0", "timestamps": [[0, 5]], **fields}])
    assert read_references([path]).by_name["v0"][0].events == ((0.0, 5.0, "A dog."),)


def test_a_text_under_a_name_of_several_is_one_text(tmp_path: Path) -> None:
    assert [c.text for c in read_captions(write(tmp_path, "id,captions\nv0,A dog.\n", "rows.csv"))] == ["A dog."]


@pytest.mark.parametrize(
    ("value", "events"),
    [
        ({"video_id": "v0", "caption": "A dog runs. A cat."}, ()),
        ({"id": 0, "video_name": "v0", "timestamps": SPANS, "sentences": TWO}, EVENTS),
        ({"video_id": "v0", "annotations": [{"id": k, **part} for k, part in enumerate(OBJECTS)]}, EVENTS),
    ],
)
def test_one_object_is_one_row(tmp_path: Path, value: dict[str, Any], events: Any) -> None:
    path = write(tmp_path, value)
    ((name, (reference,)),) = read_references([path]).by_name.items()
    assert (name, reference.text, reference.events) == (str(value.get("id", "v0")), "A dog runs. A cat.", events)
    assert [(c.video_id, c.text) for c in read_captions(path)] == [(name, reference.text)]


def test_queries_of_vue_tr_are_scored_as_its_script_does(tmp_path: Path) -> None:
    """Its rows name the video too; ranges of answers are extended to whole seconds, and reversed ones dropped."""
    true = {0: [[0, 10]], 1: [[2, 4]], 2: [[12, 20]], 3: [[0, 35]], 4: []}
    told = {0: [[0.4, 9.5]], 1: [[2, 4]], 2: [[13.05, 16.965]], 3: [[35.0, 4.0], [0, 5.6], [5.6, 5.2]], 4: [[]]}
    both = {"video_id": "coPfnSFOXj0", "duration": 40.0}
    gt = write(tmp_path, [{"query_id": k, **both, "gt": v} for k, v in true.items()], "gt.json")
    answers = write(tmp_path, [{"query_id": k, **both, "answer": v} for k, v in told.items()], "answers.json")
    references = read_references([gt]).by_name
    found = {c.video_id: score(c, references[c.video_id], None) for c in read_captions(answers)}
    # overlap_ratio of VUE_TR/qa_eval.py, github.com/bytedance/vidi
    assert [found[str(k)]["ranges_iou"] for k in told] == pytest.approx([1.0, 1.0, 0.5, 6 / 35, 1.0])
    plain = Caption(video_id="0", events=((0.4, 9.5, ""),))
    assert score(plain, read_references([write(tmp_path, {"0": {"events": OBJECTS}})]).by_name["0"], None)[
        "ranges_iou"
    ] == pytest.approx(8.6 / 9.5)  # of no other form
    question = {"query_id": 1, **both, "question": "What runs?", "answer": "A dog."}
    assert [*read_references([write(tmp_path, [question])]).by_name] == ["coPfnSFOXj0"]
