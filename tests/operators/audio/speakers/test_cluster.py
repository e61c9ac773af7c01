"""Speakers of a whole video from vectors of its lines."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.audio.speakers import cluster
from operators.audio.speakers.cluster import speakers_of

VOICES = np.eye(8, dtype=np.float32)


def near(who: int, how: int) -> np.ndarray:
    """A voice as it sounds in one line: cosine about 0.95 with itself, about 0 with others."""
    row = VOICES[who] + 0.25 * np.random.default_rng(how).standard_normal(8).astype(np.float32) / 2
    return row / np.linalg.norm(row)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40))
def test_each_voice_is_one_speaker_numbered_as_they_come(who: list[int]) -> None:
    order = list(dict.fromkeys(who))
    found = speakers_of(np.stack([near(w, k) for k, w in enumerate(who)]), [1.0] * len(who), 0.5)
    assert found == [order.index(w) for w in who]


def test_a_line_too_short_to_tell_has_no_speaker_and_none_is_alike_without_likeness() -> None:
    rows = np.stack([near(0, 1), np.zeros(8, np.float32), near(0, 2), near(1, 3)])
    assert speakers_of(rows, [1.0] * 4, 0.5) == [0, None, 0, 1]
    assert speakers_of(rows, [1.0] * 4, 0.9999) == [0, None, 1, 2]
    assert speakers_of(rows[1:2], [0.1], 0.5) == [None]


def test_more_lines_than_are_compared_go_to_the_nearest_speaker(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(cluster, "_MOST", 3)
    who = [0, 1, 0, 1, 0, 1, 1]
    found = speakers_of(np.stack([near(w, k) for k, w in enumerate(who)]), [3, 3, 3, 1, 1, 1, 1], 0.5)
    assert found == who
