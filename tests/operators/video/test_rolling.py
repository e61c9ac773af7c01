"""Captions that repeat the line above a new one have each line once."""

from __future__ import annotations

from operators.video.rolling import Timed, unrolled

ROLLING: list[Timed] = [
    (0.0, 2.0, ["hello and welcome"]),
    (2.0, 2.01, ["hello and welcome"]),
    (2.01, 5.0, ["hello and welcome", "to the course"]),
    (5.0, 5.01, ["to the course"]),
    (5.01, 7.0, ["to the course", "on cooking"]),
]


def test_each_line_of_rolling_captions_stands_at_its_own_cue() -> None:
    assert unrolled(ROLLING) == [
        (0.0, 2.0, ["hello and welcome"]),
        (2.01, 5.0, ["to the course"]),
        (5.01, 7.0, ["on cooking"]),
    ]
    three: list[Timed] = [(k, k + 1.0, [f"line {n}" for n in range(max(0, k - 2), k + 1)]) for k in range(5)]
    assert [lines for _, _, lines in unrolled(three)] == [[f"line {k}"] for k in range(5)]


def test_a_repeated_line_of_other_subtitles_stays() -> None:
    song: list[Timed] = [(float(k), k + 1.0, ["La la la", f"verse {k}"] if k % 2 else [f"verse {k}"]) for k in range(9)]
    echo: list[Timed] = [(0.0, 1.0, ["Who?"]), (1.0, 2.0, ["Who?", "Me."]), (2.0, 3.0, ["Yes."])]
    assert unrolled(song) == song and unrolled(echo) == echo and unrolled([]) == []
