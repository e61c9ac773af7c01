"""Steps of published recipes ask about nothing that has no content."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

import pipeline as longcap
from operators.prompts import expression, load_prompt
from pipeline.config.load import _recipe_folder


def step(recipe: str, column: str) -> dict[str, Any]:
    tables = yaml.safe_load((_recipe_folder() / f"{recipe}.yaml").read_text())["tables"]
    steps = [s["ask"] for table in tables.values() for s in table["steps"] if isinstance(s, dict) and "ask" in s]
    (found,) = [options for options in steps if options["column"] == column]
    return dict(found)


def item(start_s: float, end_s: float, *, valid: bool = True) -> dict[str, Any]:
    return {"start_s": start_s, "end_s": end_s, "valid": valid, "text": "A man walks." if valid else ""}


def windows(*valid: bool) -> list[dict[str, Any]]:
    return [{"windows": [item(10.0 * k, 10.0 * k + 10, valid=v) for k, v in enumerate(valid)]}]


GOOD, BAD = item(0.0, 10.0), item(0.0, 10.0, valid=False)


@pytest.mark.parametrize(
    ("recipe", "column", "asked", "skipped"),
    [
        ("av", "av_en", {"item": GOOD}, {"item": BAD}),
        ("av", "av_zh", {"item": GOOD}, {"item": BAD}),
        ("lvd_2m", "refined", {"item": GOOD, "raw": [BAD, GOOD]}, {"item": GOOD, "raw": [BAD, item(10.0, 20.0)]}),
        ("lvd_2m", "rewritten", {"item": GOOD}, {"item": BAD}),
        ("mr_video", "notes", {"item": GOOD}, {"item": BAD}),
        ("panda_70m", "choices", {"item": BAD, "caption_b": [GOOD]}, {"item": BAD, "caption_b": [BAD]}),
        (
            "sharegpt4video",
            "windows",
            {"item": GOOD, "changes": [{**GOOD, "index": 0}], "keyframes": [{"at_s": 5.0}]},
            {"item": GOOD, "changes": [{**GOOD, "index": 0}], "keyframes": [{"at_s": 70.0}]},
        ),
        (
            "skycaptioner",
            "windows",
            {"parents": {"shots": {"shots": [GOOD]}}},
            {"parents": {"shots": {"shots": [BAD]}}},
        ),
        ("storyteller", "guesses", {"item": {"lines": 1}}, {"item": {"lines": 0}}),
        (
            "storyteller",
            "stories",
            {"item": {**GOOD, "lines": 0}, "captioned": windows(True, False)},
            {"item": {**GOOD, "lines": 0}, "captioned": windows(False, True)},
        ),
    ],
)
def test_an_item_without_content_is_not_asked_about(
    recipe: str, column: str, asked: dict[str, Any], skipped: dict[str, Any]
) -> None:
    only = expression(step(recipe, column)["only"])
    assert only(index=0, **asked) and not only(index=0, **skipped)


def test_windows_without_a_value_of_agreement_come_first_in_a_second_look() -> None:
    rank = expression(step("second_look", "windows")["rank"])
    values = [rank(index=k, agreement=[{"value": v} for v in (0.2, None, 0.4)]) for k in range(3)]
    assert values.index(min(values)) == 1


def test_a_scene_that_could_not_be_renamed_is_searched_by_its_own_caption() -> None:
    rewritten = [{**BAD, "index": 0}, {**GOOD, "index": 2, "text": "Anna walks."}]
    values = {"language": "English", "question": "Who?", "start_s": 0.0, "end_s": 10.0, "rewritten": rewritten}
    prompts = [load_prompt("mr_map").render(**values, item=GOOD, index=k).text for k in range(3)]
    assert [p.rpartition(": ")[2] for p in prompts] == ["A man walks.", "A man walks.", "Anna walks."]


def test_a_video_of_an_hour_has_as_many_chapters_as_its_prompt_asks_for() -> None:
    from operators.ask.form import form_of

    assert '"maxItems": 500' in form_of(step("chapters", "proposed")["fields"]).schema
    assert longcap.load_config("chapters").tables["parts"]
