"""`reword`: answers about windows take the place of their captions, in all segments of a video."""

from __future__ import annotations

import pytest

from longcap.testing import check_operator
from operators.ask.reword import Reword
from operators.core.base import ItemError, Row


def test_each_window_gets_its_own_answer_and_keeps_its_text_without_one() -> None:
    def window(number: int) -> Row:
        return {"window_index": number, "text": f"Caption {number}.", "valid": True}

    def answer(index: int, *, valid: bool = True) -> Row:
        return {"index": index, "text": f"Answer {index}.", "valid": valid}

    captioned = [{"segment_index": 0, "windows": [window(0), window(1)]}, {"segment_index": 1, "windows": [window(2)]}]
    row = {"video_id": "v", "captioned": captioned, "told": [answer(0), answer(1, valid=False), answer(2)]}
    (made,) = check_operator(Reword(by="told"), [row], other={"by": "others"})
    texts = [[w["text"] for w in segment["windows"]] for segment in made["captioned"]]
    assert texts == [["Answer 0.", "Caption 1."], ["Answer 2."]]
    assert captioned[0]["windows"][0]["text"] == "Caption 0."


@pytest.mark.parametrize("told", ["a text", ["a", "b"], [{"text": "a"}]])
def test_what_is_no_list_of_answers_is_named(told: object) -> None:
    with pytest.raises(ItemError, match="told is not a list of answers"), Reword(by="told").open() as apply:
        apply({"video_id": "v", "captioned": [], "told": told})
