"""Text in frames."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest

from operators.analysis.measure import Measure
from operators.analysis.text import open_reader
from tests.operators.analysis.reel import filmed, measure
from tests.support.scenes import Scene, Words, plain


def test_painted_words_are_read() -> None:
    pytest.importorskip("rapidocr_onnxruntime", reason="the extra `ocr` is not installed")
    words = (Words(text="OPEN DOOR", at=(0.1, 0.15)), Words(text="EXIT 42", at=(0.3, 0.4)))
    row, _ = filmed(Scene(seconds=2, canvas=plain("blue"), words=words), size=(640, 360))
    found = measure(row, ocr=True).pieces[0]
    assert found.text is not None and found.text_share is not None
    assert found.text == ("OPEN DOOR", "EXIT 42")
    (one,) = (Words(text="EXIT 42", at=(0.3, 0.4)),)
    less, _ = filmed(Scene(seconds=2, canvas=plain("blue"), words=(one,)), size=(640, 360))
    assert 0.005 < (measure(less, ocr=True).pieces[0].text_share or 0.0) < found.text_share < 0.2


def test_a_frame_without_words_has_none_and_without_ocr_it_is_not_known() -> None:
    pytest.importorskip("rapidocr_onnxruntime", reason="the extra `ocr` is not installed")
    row, _ = filmed(Scene(seconds=2, canvas=plain("blue")))
    (seen,) = measure(row, ocr=True).pieces
    assert (seen.text, seen.text_share) == ((), 0.0)
    (unseen,) = measure(row).pieces
    assert (unseen.text, unseen.text_share) == (None, None)


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith(("rapidocr", "torch")):
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "rapidocr_onnxruntime", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match=r"longcap\[ocr\]"):
        open_reader()
    with pytest.raises(ModuleNotFoundError, match=r"longcap\[labels\]"), Measure(labels=True).open():
        pass
