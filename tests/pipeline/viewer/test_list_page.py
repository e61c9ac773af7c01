"""What the list shows of a caption that was searched for."""

from __future__ import annotations

from pipeline.viewer.list_page import snippet


def shown(text: str, *terms: str) -> str:
    return "".join(f"[{piece}]" if hit else piece for piece, hit in snippet(text, list(terms)) or [])


def test_the_place_where_most_terms_stand_together_is_shown() -> None:
    text = f"A car waits. {'Nothing happens. ' * 20}Then the Camera zooms to the car. {'Still nothing. ' * 20}"
    found = shown(text, "camera", "zooms", "car")
    assert "[Camera] [zooms] to the [car]" in found and found.startswith("…") and found.endswith("…")
    assert shown("A red car.", "red car") == "A [red car]."
    assert snippet("A red car.", ["dog"]) is None
    assert shown("a.*b", ".*") == "a[.*]b", "terms are no patterns"
