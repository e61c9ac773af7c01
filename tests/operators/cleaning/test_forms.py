"""Structured answers: what is read, and what is refused so that it is requested again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from operators.ask.form import form_of
from operators.caption.structure import WindowFields
from operators.cleaning.clean import clean
from operators.cleaning.context import Context
from operators.cleaning.forms import read_form
from operators.expand.expand import Verdicts
from operators.selection.find import Cells

ENTRIES = form_of({"entries": [{"start_s": "number", "text": "text"}]}).model
NAMES = form_of({"names": [{"speaker": "text", "name": "text"}]}).model
EVENTS = form_of({"events": [{"actor": "text", "action": "text", "object": "text"}]}).model
PICK = form_of({"best": "integer", "why": "text"}).model


@pytest.mark.parametrize(
    ("model", "answer", "line"),
    [
        (Cells, {"visible": [5, 6], "unsure": []}, "the fields visible, unsure, and none of yes, maybe"),
        (Verdicts, {"1": True, "2": False}, "the fields 1, 2, and none of right"),
        (NAMES, {"names": {"S1": "Anna", "S2": "Bob"}}, "the fields s1, s2, and none of speaker, name"),
        (EVENTS, {"events": [{"actor": "a man", "action": "runs"}, {"what": "rain", "where": "here"}]}, "what, where"),
        (ENTRIES, {"language": "en", "title": "Bread"}, "the fields language, title, and none of entries"),
    ],
)
def test_an_object_without_any_requested_field_is_not_an_empty_answer(
    model: type[BaseModel], answer: Any, line: str
) -> None:
    with pytest.raises(ValueError, match=line):
        read_form(json.dumps(answer), model)
    assert clean(json.dumps(answer), Context(form=model)).text == json.dumps(answer)  # for the gate `malformed`


def test_an_empty_list_is_an_answer_and_a_list_under_another_name_is_the_one_that_was_asked_for() -> None:
    assert read_form('{"entries": []}', ENTRIES).model_dump() == {"entries": []}
    found = read_form('{"captions": [{"start_s": 12, "text": "A man bakes."}], "language": "en"}', ENTRIES)
    assert found.model_dump() == {"entries": [{"start_s": 12.0, "text": "A man bakes."}]}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"yes": "5, 6 and 7", "maybe": "none"}, ([5, 6, 7], [])),
        ({"yes": ["frame 3", 4.0], "maybe": ""}, ([3, 4], [])),
        ({"yes": 2, "maybe": None}, ([2], [])),
        ({"yes": ["1-4"], "maybe": []}, None),
        ({"yes": ["9/10"], "maybe": []}, None),
        ({"yes": [1.5], "maybe": []}, None),
        ({"yes": [True], "maybe": []}, None),
        ({"yes": [1, None], "maybe": []}, None),
        ({"yes": list(range(1, 80)), "maybe": []}, None),
    ],
)
def test_numbers_are_read_as_they_stand_or_refused(given: Any, read: Any) -> None:
    text = clean(json.dumps(given), Context(form=Cells)).text
    if read is None:
        with pytest.raises(ValueError):
            read_form(text, Cells)
    else:
        cells = read_form(text, Cells)
        assert (cells.yes, cells.maybe) == read


@pytest.mark.parametrize(
    ("best", "read"),
    [
        ("Description 2", 2),
        ("2, the longer one", 2),
        ("-1", -1),
        (" 3.0 ", 3),
        ("neither 1 nor 2", None),
        ("not 2", None),
        ("1 or 2", None),
        ("0.92", None),
        (1.5, None),
        (True, None),
    ],
)
def test_one_number_in_words_is_read_and_several_are_refused(best: Any, read: int | None) -> None:
    answer = json.dumps({"best": best, "why": "x"})
    if read is None:
        with pytest.raises(ValueError):
            read_form(answer, PICK)
    else:
        assert read_form(answer, PICK).model_dump()["best"] == read


@pytest.mark.parametrize("right", [[True, None, False], [True, "perhaps"]])
def test_a_verdict_that_is_missing_moves_no_other(right: list[Any]) -> None:
    with pytest.raises(ValueError):
        read_form(clean(json.dumps({"right": right}), Context(form=Verdicts)).text, Verdicts)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("1:05", 65),
        ("1:02:03.5", 3723.5),
        ("12 s", 12),
        ("12.5 sec.", 12.5),
        ("1 min 5 s", 65),
        ("7", 7),
        (8, 8),
        ("soon", None),
        ("5-10 s", None),
        ("1:75", None),
        (None, None),
    ],
)
def test_times_are_read_as_people_write_them(given: Any, seconds: float | None) -> None:
    answer = json.dumps({"entries": [{"start_s": given, "text": "Mix."}]})
    if seconds is None:
        with pytest.raises(ValueError):
            read_form(answer, ENTRIES)
    else:
        assert read_form(answer, ENTRIES).model_dump()["entries"][0]["start_s"] == seconds


def test_an_event_without_an_actor_stays_and_one_without_anything_goes() -> None:
    events = [
        {"actor": "", "action": "rain falls", "object": ""},
        {"actor": "N/A", "action": "explodes", "object": "a car"},
        {"actor": "", "action": "N/A", "object": ""},
    ]
    cleaned = json.loads(clean(json.dumps({"events": events}), Context(form=EVENTS)).text)
    assert [event["action"] for event in cleaned["events"]] == ["rain falls", "explodes"]


def test_a_subject_without_a_name_goes_since_its_form_needs_one() -> None:
    subjects = [{"name": "N/A", "looks": "red"}, {"name": "a man", "looks": ""}]
    answer = {"caption": "A man walks.", "subjects": subjects, "actions": []}
    cleaned = json.loads(clean(json.dumps(answer), Context(form=WindowFields)).text)
    assert cleaned["subjects"] == [{"name": "a man", "looks": ""}]


def test_items_beyond_the_limit_are_removed_and_that_is_recorded() -> None:
    long = {"entries": [{"start_s": k, "text": f"Step {k}."} for k in range(40)]}
    cleaned = clean(json.dumps(long), Context(form=ENTRIES))
    assert len(json.loads(cleaned.text)["entries"]) == 32 and "long_lists" in cleaned.rules
    more = form_of({"entries": [{"start_s": "number", "text": "text"}, {"most": 50}]}).model
    cleaned = clean(json.dumps(long), Context(form=more))
    assert len(json.loads(cleaned.text)["entries"]) == 40 and cleaned.rules == ()
