"""Two long captions side by side: which paragraphs stand together, which words differ."""

from __future__ import annotations

from typing import Any

from pipeline.viewer.compare import Run, compare, words


def paragraph(start_s: float | None, end_s: float | None, *texts: str) -> dict[str, Any]:
    return {"start_s": start_s, "end_s": end_s, "sentences": [{"text": t} for t in texts]}


def marked(runs: list[Run]) -> list[str]:
    return [run.text.strip() for run in runs if run.changed]


def test_words_that_only_one_side_has_are_marked() -> None:
    left, right, same = words("a red car drives", "a blue car drives fast")
    assert marked(left) == ["red"] and marked(right) == ["blue", "fast"]
    assert same is not None and 0.6 < same < 1
    assert "".join(r.text for r in left) == "a red car drives"
    assert words("a  b", "a\nb")[2] == 1.0, "blanks are all alike"


def test_paragraphs_of_the_same_time_stand_together() -> None:
    left = [paragraph(None, None, "An opening."), paragraph(0, 60, "One."), paragraph(60, 120, "Two.")]
    right = [
        paragraph(0, 30, "One"),
        paragraph(30, 60, "and a half."),
        paragraph(60, 119, "Two."),
        paragraph(120, 130, "Three."),
    ]
    pairs = compare(left, right)
    texts = [("".join(r.text for r in p.left), "".join(r.text for r in p.right)) for p in pairs]
    assert texts == [("An opening.", ""), ("One.", "One and a half."), ("Two.", "Two."), ("", "Three.")]
    assert [(p.start_s, p.end_s) for p in pairs] == [(None, None), (0, 60), (60, 120), (120, 130)]
    assert pairs[2].same == 1.0


def test_what_is_too_long_is_shown_without_a_comparison() -> None:
    text = "word " * 7000
    left, right, same = words(text, "short")
    assert same is None and not marked(left) and not marked(right)
