"""Captions in fields, as a model writes them, and what comes of answers that are malformed."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pyarrow as pa
import pytest

from operators.caption.structure import parse_window, window_schema
from operators.core import rows
from tests.operators.caption.segments import model, previous_in
from tests.support.rows import decoded


def test_fields_are_asked_for_by_a_schema_and_kept_as_json() -> None:
    made, requests = model("fields", decoded("v", 1))
    windows = [r for r in requests if r.kind == "window"]
    assert {r.schema for r in windows} == {window_schema()}
    assert {r.schema for r in requests if r.kind == "frame"} == {None}
    assert all("Answer in JSON" in r.prompt for r in windows)
    for row, request in zip(made["windows"], windows[1:], strict=True):
        fields = parse_window(row["fields"])
        assert row["text"] == fields.caption
        assert row["text"].startswith("At 1:") and "{" not in row["text"]
        assert [s.name for s in fields.subjects] == (["a man", "a dog"] if request.end_s > 70 else ["a man"])
    for before, after in itertools.pairwise(made["windows"]):
        request = next(r for r in windows if r.start_s == after["start_s"])
        assert previous_in(request) == before["text"]  # the caption alone, no JSON


def test_without_fields_nothing_is_structured() -> None:
    made, requests = model("plain", decoded("v", 1), fields=False)
    assert {r.schema for r in requests} == {None}
    assert not any("JSON" in r.prompt for r in requests)
    assert [w["fields"] for w in made["windows"]] == [None] * 7


def test_a_code_fence_around_the_fields_is_no_failure() -> None:
    fields = {"caption": "A fenced man walks.", "subjects": [], "actions": [], "camera": "", "scene": ""}
    text = f"```json\n{json.dumps({**fields, 'on_screen_text': []})}\n```"
    made, _ = model("fence", decoded("v", 1), script=[{"kind": "window", "window": 13, "do": "say", "text": text}])
    row = made["windows"][1]
    assert (row["text"], row["attempts"]) == ("A fenced man walks.", 1)
    assert json.loads(row["fields"])["caption"] == "A fenced man walks."


def test_a_malformed_answer_is_counted_and_asked_again() -> None:
    script = [{"kind": "window", "window": 13, "do": "say", "text": '{"caption": "A man', "times": 2}]
    made, requests = model("malformed", decoded("v", 1), script=script)
    row = made["windows"][1]
    assert (row["valid"], row["attempts"], row["usage"]["rejected"]) == (True, 3, ["malformed", "malformed"])
    assert row["fields"] is not None
    assert made["usage"]["rejected"] == ["malformed", "malformed"]
    asked_for = [r for r in requests if r.kind == "window" and r.start_s == 65.0]
    assert [r.attempt for r in asked_for] == [1, 2, 3]
    assert len({r.seed for r in asked_for}) == 3


def test_what_stays_malformed_is_a_row_and_never_dropped() -> None:
    script = [{"kind": "window", "window": 13, "do": "say", "text": "A man walks."}]
    made, requests = model("stays malformed", decoded("v", 1), script=script, tries=2)
    row = made["windows"][1]
    assert [w["window_index"] for w in made["windows"]] == list(range(12, 19))
    assert (row["valid"], row["text"], row["fields"], row["attempts"]) == (False, "", None, 2)
    assert row["problem"].startswith("the answer does not parse: ") and "\n" not in row["problem"]
    assert row["usage"]["rejected"] == ["malformed", "malformed"]
    after = next(r for r in requests if r.kind == "window" and r.start_s == 70.0)
    assert previous_in(after) == made["windows"][0]["text"]


def in_json(caption: str, **changes: Any) -> str:
    fields: dict[str, Any] = {"caption": caption, "subjects": [], "actions": [], "camera": "still", "scene": ""}
    return json.dumps({**fields, "on_screen_text": [], **changes})


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        (in_json("   "), "empty"),
        (in_json("I'm sorry, but I cannot see the frames."), "refusal"),
        (in_json("The images are not visible to me."), "refusal"),
        (in_json("At 59:00 a man walks."), "outside_video"),
        (in_json("Ein Mann in einer roten Jacke geht eine enge Straße entlang und hält dort an."), "wrong_language"),
        (in_json("walks " * 12), "repetitive"),
    ],
)
def test_gates_look_at_the_caption_in_the_fields(text: str, gate: str) -> None:
    script = [{"kind": "window", "window": 13, "do": "say", "text": text, "times": 1}]
    made, _ = model(f"gate {gate} {text}", decoded("v", 1), script=script)
    assert made["windows"][1]["usage"]["rejected"] == [gate]
    assert made["windows"][1]["valid"]


@pytest.mark.parametrize(
    "text",
    [
        in_json("Ein Hund rennt über die nasse Straße zum Haus.", scene="street", actions=["runs to the house"]),
        in_json("Ein Hund rennt.", on_screen_text=["We are the champions of the whole wide world, my friends"]),
    ],
)
def test_signs_and_keys_in_another_language_are_no_reason_to_ask_again(text: str) -> None:
    script = [{"kind": "window", "do": "say", "text": text}]
    made, _ = model(f"german {text}", decoded("v", 1), script=script, language="German", frames=False)
    assert all(w["valid"] and w["attempts"] == 1 for w in made["windows"])


def test_a_clock_on_screen_is_no_time_of_the_video() -> None:
    script = [{"kind": "window", "do": "say", "text": in_json("A clock is seen.", on_screen_text=["18:30:00"])}]
    made, _ = model("clock", decoded("v", 1), script=script)
    assert all(w["valid"] for w in made["windows"])


def test_frames_may_be_left_out() -> None:
    made, requests = model("no frames", decoded("v", 1), frames=False)
    assert made["frames"] == []
    assert {r.kind for r in requests} == {"window"}
    kept = {n: made.get(n) for n in rows.CAPTIONED_SEGMENT.names}
    assert pa.Table.from_pylist([kept], schema=rows.CAPTIONED_SEGMENT).to_pylist() == [kept]
