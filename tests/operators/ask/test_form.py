"""Forms of a recipe: what they allow, what they read, and what they say is wrong."""

from __future__ import annotations

import json
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from pydantic import create_model

from operators.ask import form
from operators.ask.form import form_of

SHOT = {
    "title": "text: a few words",
    "shot": ["close-up", "medium shot", "wide shot"],
    "subjects": [{"name": "text", "main": "boolean"}],
    "faces": "integer",
    "score": "number",
}


def test_an_answer_is_read_into_its_types() -> None:
    form = form_of(SHOT)
    said = {"Title": "At sea", "shot": "Close-Up.", "subjects": {"name": "a gull", "main": "yes"}, "faces": "2 faces"}
    read = form.read(f"Here it is: {json.dumps({**said, 'score': '0.5', 'mood': 'calm'})}").model_dump()
    subjects = [{"name": "a gull", "main": True}]
    assert read == {"title": "At sea", "shot": "close-up", "subjects": subjects, "faces": 2, "score": 0.5}
    assert form.text == "title" and form.prose(form.read(json.dumps(read))) == "At sea"


def test_the_schema_bounds_what_an_engine_may_write() -> None:
    schema = json.loads(form_of(SHOT).schema)
    assert schema["properties"]["shot"]["enum"] == SHOT["shot"]
    assert schema["properties"]["title"]["maxLength"] > 0 and schema["properties"]["subjects"]["maxItems"] > 0
    assert sorted(schema["required"]) == sorted(SHOT) and schema["additionalProperties"] is False
    assert schema["properties"]["title"]["description"] == "a few words"


def test_a_prompt_can_say_the_fields_in_plain_english() -> None:
    about = form_of(SHOT).about
    assert "title: a few words" in about and "one of close-up, medium shot, wide shot" in about
    assert "a list of objects with name: text; main: boolean" in about


def test_a_number_has_the_range_that_its_description_begins_with() -> None:
    form = form_of({"score": "number: 0 to 1, how well it matches", "year": "integer: 1900 to 2100"})
    assert form.read('{"score": "0.25", "year": "2001"}').model_dump() == {"score": 0.25, "year": 2001}
    for score, year in ((101510105.00001, 2001), (1, 3), (float("nan"), 1990)):
        with pytest.raises(ValueError):
            form.read(json.dumps({"score": score, "year": year}))
    score = json.loads(form.schema)["properties"]["score"]
    assert (score["minimum"], score["maximum"]) == (0, 1)


@pytest.mark.parametrize("given", ["null", '""', '"N/A"', None])
def test_a_number_with_a_question_mark_may_be_null(given: str | None) -> None:
    form = form_of({"text": "text", "end_s": "number?: where it ends"})
    more = "" if given is None else f', "end_s": {given}'
    assert form.read(f'{{"text": "x"{more}}}').model_dump() == {"text": "x", "end_s": None}
    assert form.read('{"text": "x", "end_s": "0:12"}').model_dump()["end_s"] == 12
    assert json.loads(form.schema)["required"] == ["text", "end_s"]  # strict schemas need all


def test_a_list_has_the_limit_that_stands_with_it() -> None:
    schema = json.loads(form_of({"few": ["text"], "many": [{"a": "text"}, {"most": 500}]}).schema)
    assert [schema["properties"][name]["maxItems"] for name in ("few", "many")] == [32, 500]
    assert form_of({"many": [{"a": "text"}, {"most": 500}]}).about == "many: a list of objects with a: text"


@pytest.mark.parametrize("answer", ["no JSON", '{"title": ""}', '{"title": "x", "shot": "aerial"}'])
def test_what_is_not_of_the_form_is_refused(answer: str) -> None:
    with pytest.raises(ValueError):
        form_of({"title": "text", "shot": SHOT["shot"]}).read(answer)


@pytest.mark.parametrize(
    ("fields", "text", "line"),
    [
        ({"a": "string"}, None, "fields.a is 'string'; it must be text, integer, number, boolean"),
        ({"a": ["only"]}, None, "fields.a is 'only'"),
        ({"A b": "text"}, None, "'A b' is not a valid field name"),
        ({"a": {}}, None, "an object has no field"),
        ({"a": "integer"}, "a", "text is 'a'; it must be a field of type text: there is none"),
        ({"a": [[[[[[["text"]]]]]]]}, None, "deeper"),
        ({"a": ["text", {"most": 0}]}, None, "fields.a: most is 0; it must be a whole number from 1 to 1000"),
        ({"a": "number: 5 to 1"}, None, "fields.a: the range '5 to 1' is empty"),
        ({"a": "text?"}, None, "text without a question mark"),
    ],
)
def test_a_field_that_is_not_understood_is_one_line(fields: dict[str, Any], text: str | None, line: str) -> None:
    with pytest.raises(ValueError) as error:
        form_of(fields, text)
    assert line in str(error.value) and "\n" not in str(error.value)


def test_threads_that_build_forms_leave_the_filters_of_warnings_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """One enters and leaves after the other: in the order in, in, out, out the first one's filter would stay."""
    together = threading.Barrier(2)

    def slow(*given: Any, **more: Any) -> Any:
        with suppress(threading.BrokenBarrierError):
            together.wait(0.2)  # never met: the other thread has to wait
        return create_model(*given, **more)

    monkeypatch.setattr(form, "create_model", slow)
    before = list(warnings.filters)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda k: form_of({f"said_{k}": "text", "parts": [{"of": "text"}]}), range(2)))
    assert together.broken
    assert list(warnings.filters) == before
