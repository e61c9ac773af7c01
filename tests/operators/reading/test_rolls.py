"""When half of a rolling line can be seen, from boxes as a reader gives them."""

from __future__ import annotations

from typing import Any

import pytest

from operators.analysis.text import ReadLine
from operators.reading.lines import follow, joined

TALL, LENGTH_S = 0.06, 12.0
NAMES = [f"{word} by {name}" for word in ("Directed", "Written", "Music", "Edited") for name in ("Ann Lee", "Robert")]
Frames = list[tuple[float, float, list[ReadLine]]]


def line(text: str, middle: float, tall: float = TALL, left: float = 0.2) -> ReadLine:
    """As it is read: an edge cuts its box."""
    top, bottom = max(0.0, middle - tall / 2), min(1.0, middle + tall / 2)
    right = left + 0.01 * len(text)
    return ReadLine(text, 0.9, ((left, top), (right, top), (right, bottom), (left, bottom)), left, top, right, bottom)


def roll(speed: float, step_s: float = 1.0, *, begin: float = 1.1, tall: float = TALL, seen: float = 0.9) -> Frames:
    """Frames of a roll.

    Args:
        speed: shares of the height a second, downwards.
        begin: where the middle of the first line is at 0 s, from the edge that it leaves by.
        seen: share of a line that must be in the frame for it to be read.
    """
    found: Frames = []
    for k in range(round(LENGTH_S / step_s)):
        time_s = k * step_s
        middles = [begin + 2 * tall * n - abs(speed) * time_s for n in range(len(NAMES))]
        places = [m if speed < 0 else 1 - m for m in middles]
        least = (seen - 0.5) * tall
        lines = [line(t, m, tall) for t, m in zip(NAMES, places, strict=True) if least <= m <= 1 - least]
        found.append((time_s, time_s + step_s, lines))
    return found


def known(speed: float, begin: float = 1.1, tall: float = TALL) -> dict[str, tuple[float, float]]:
    """Text -> when its middle is in the frame, in the clip."""
    spans = {}
    for n, text in enumerate(NAMES):
        came_s, went_s = (begin + 2 * tall * n - 1) / abs(speed), (begin + 2 * tall * n) / abs(speed)
        spans[text] = (max(0.0, came_s), min(LENGTH_S, went_s))
    return spans


def spans_of(items: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    assert len({i["text"] for i in items}) == len(items), "each line is one item"
    return {i["text"]: (i["start_s"], i["end_s"]) for i in items}


@pytest.mark.parametrize("step_s", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("begin", [1.1, 0.6], ids=["rolls in", "begins in the frame"])
@pytest.mark.parametrize("speed", [-0.05, -0.14, -0.33, -0.5, 0.05, 0.14, 0.33, 0.5])
def test_spans_are_those_in_which_half_of_a_line_can_be_seen(speed: float, begin: float, step_s: float) -> None:
    items = follow(roll(speed, step_s, begin=begin))
    found, wanted = spans_of(items), known(speed, begin)
    for text, (start_s, end_s) in found.items():
        assert start_s == pytest.approx(wanted[text][0], abs=1e-6), text
        assert end_s == pytest.approx(wanted[text][1], abs=1e-6), text
    missed = wanted.keys() - found.keys()
    assert all(wanted[text][1] - wanted[text][0] < 0.5 * TALL / abs(speed) + step_s for text in missed), missed
    rolled = [i for i in items if i["frames"] > 2 or abs(speed) > 0.3]
    assert {i["role"] for i in rolled} == {"scrolling"}


@pytest.mark.parametrize("speed", [-0.14, 0.14])
def test_what_is_misread_of_a_cut_line_is_no_line(speed: float) -> None:
    frames = roll(speed)
    wanted = spans_of(follow(frames))
    cut = roll(speed, seen=0.5)
    misread: Frames = []
    for (start_s, end_s, whole), (_, _, more) in zip(frames, cut, strict=True):
        pieces = [m for m in more if m.text not in {w.text for w in whole}]
        halves = [ReadLine(t[::-1], 0.9, (), x, m.top, x + 0.07, m.bottom) for m in pieces for t, x in parts(m)]
        misread.append((start_s, end_s, [*whole, *halves]))
    assert sum(len(lines) for _, _, lines in misread) > sum(len(lines) for _, _, lines in frames), "some are cut"
    assert spans_of(follow(misread)) == wanted


def parts(cut: ReadLine) -> list[tuple[str, float]]:
    middle = len(cut.text) // 2
    return [(cut.text[:middle], cut.left), (cut.text[middle:], (cut.left + cut.right) / 2)]


def test_a_rolling_line_that_is_missed_in_one_frame_is_one() -> None:
    frames = roll(-0.14)
    wanted = spans_of(follow(frames))
    for k in (3, 6):
        frames[k] = (*frames[k][:2], frames[k][2][1:])
    assert spans_of(follow(frames)) == wanted


def test_lines_that_stand_and_tickers_keep_their_spans_beside_a_roll() -> None:
    ticker = "the market fell by nine points today and the harbour opens at seven in the evening"
    frames = roll(-0.14)
    for k, (_, _, lines) in enumerate(frames):
        if 2 <= k < 5:
            lines.append(line("Channel 5", 0.04, left=0.8))
        if k == 6:
            lines.append(line("Only once", 0.5, left=0.8))
        lines.append(ReadLine(ticker[6 * k :][:40], 0.9, (), 0.0, 0.93 - 0.001 * (k % 2), 1.0, 0.97))
    found = {i["text"]: i for i in follow(frames)}
    known_ = known(-0.14)
    for text, start_s, end_s, role in (
        ("Channel 5", 2.0, 5.0, "painted"),
        ("Only once", 6.0, 7.0, "painted"),
        (ticker, 0.0, LENGTH_S, "scrolling"),
    ):
        item = found[text]
        assert (item["start_s"], item["end_s"], item["role"]) == (start_s, end_s, role)
    assert {t: found[t]["start_s"] for t in NAMES[:4]} == pytest.approx({t: known_[t][0] for t in NAMES[:4]})


def test_a_roll_that_stops_leaves_its_last_lines_until_they_fade() -> None:
    frames = roll(-0.14)[:7]
    rest = frames[-1][2]
    frames += [(float(k), k + 1.0, rest if k < 9 else []) for k in range(7, 12)]
    still = {i["text"]: i for i in follow(frames) if i["text"] in {r.text for r in rest}}
    assert len(still) == len(rest) > 3
    assert {i["end_s"] for i in still.values()} == {9.0}


def test_lines_that_fade_in_in_the_middle_of_the_frame_begin_there() -> None:
    frames = roll(-0.1, begin=0.6)
    faded = [(0.0, 1.0, []), (1.0, 2.0, []), *((a + 2, b + 2, lines) for a, b, lines in frames[:-2])]
    (first,) = [i for i in follow(faded) if i["text"] == NAMES[0]]
    assert (first["start_s"], first["end_s"]) == (2.0, pytest.approx(8.0))


@pytest.mark.parametrize("speed", [-0.05, -0.14, -0.33, 0.14, 0.33])
@pytest.mark.parametrize(("first_end", "second"), [(7, 5), (6, 6)], ids=["overlap", "touch"])
def test_a_roll_over_a_seam_of_two_segments_is_that_of_one(speed: float, first_end: int, second: int) -> None:
    frames = roll(speed)
    whole = spans_of(follow(frames))
    both = spans_of(joined([*follow(frames[:first_end]), *follow(frames[second:])]))
    assert both.keys() == whole.keys(), "lines of much the same words are not one"
    off = {text: max(abs(a - b) for a, b in zip(both[text], whole[text], strict=True)) for text in both}
    assert max(off.values()) <= 1.0 + 1e-6, off  # where a segment ends before all of a line can be seen
    assert sorted(off.values())[len(off) // 2] < 1e-6
