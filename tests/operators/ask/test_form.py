"""Forms of a recipe: what they allow, what they read, and what they say is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

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
    ],
)
def test_a_field_that_is_not_understood_is_one_line(fields: dict[str, Any], text: str | None, line: str) -> None:
    with pytest.raises(ValueError) as error:
        form_of(fields, text)
    assert line in str(error.value) and "\n" not in str(error.value)
