from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.caption.structure import WindowFields, parse_window, window_schema

GOOD: dict[str, Any] = {
    "caption": "A man walks along a street.",
    "subjects": [{"name": "a man", "looks": "red jacket"}],
    "actions": ["walks"],
    "camera": "still",
    "scene": "a street",
    "on_screen_text": ["EXIT"],
}


def but(**changes: Any) -> str:
    return json.dumps({k: v for k, v in {**GOOD, **changes}.items() if v is not None})


@pytest.mark.parametrize("wrap", ["{}", " \n{}\n", "```json\n{}\n```", "```\n{}\n```\n", "  ```json {} ```"])
def test_an_answer_and_a_code_fence_around_it(wrap: str) -> None:
    assert parse_window(wrap.replace("{}", but())).model_dump() == GOOD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A man walks along a street.",
        "[]",
        "[1, 2]",
        but()[:-1],
        but(caption=None),
        but(caption=""),
        but(caption=7),
        but(caption="x" * 2001),
        but(subjects=[{"name": "", "looks": ""}]),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_window(text)


def test_what_nobody_asked_for_is_dropped_and_what_may_be_empty_is() -> None:
    assert parse_window(but(mood="sad")).model_dump() == GOOD
    assert parse_window(but(subjects=None, camera=None)).model_dump() == {**GOOD, "subjects": [], "camera": ""}
    assert parse_window(but(actions="walks")).actions == ["walks"]
    assert parse_window(but(actions=["walks"] * 13)).actions == ["walks"] * 12
    assert parse_window(but(subjects=["a man"])).model_dump()["subjects"] == [{"name": "a man", "looks": ""}]
    assert parse_window(f"Here it is: {but()} I hope it helps.").model_dump() == GOOD


def test_the_schema_names_all_fields_and_bounds_all_that_could_go_on_for_ever() -> None:
    schema = json.loads(window_schema())
    assert set(schema["required"]) == set(GOOD)
    assert schema["additionalProperties"] is False

    def bounded(part: dict[str, Any]) -> bool:
        if part.get("type") == "array":
            return "maxItems" in part and bounded(part["items"])
        return part.get("type") != "string" or "maxLength" in part

    parts = [*schema["properties"].values(), *schema["$defs"]["Subject"]["properties"].values()]
    assert all(bounded(part) for part in parts)


TEXT = st.text(min_size=1, max_size=40)


@settings(deadline=None)
@given(
    st.builds(
        WindowFields,
        caption=TEXT,
        subjects=st.lists(st.fixed_dictionaries({"name": TEXT, "looks": st.text(max_size=40)}), max_size=8),
        actions=st.lists(TEXT, max_size=12),
        camera=TEXT,
        scene=TEXT,
        on_screen_text=st.lists(TEXT, max_size=12),
    )
)
def test_what_is_kept_reads_back(fields: WindowFields) -> None:
    assert parse_window(fields.model_dump_json()) == fields
