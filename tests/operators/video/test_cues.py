from __future__ import annotations

import pytest

from operators.video.cues import NoSubtitles, read_cues


def _read(text: str, **more: float) -> list[tuple[float, float, str]]:
    return [(cue.start_s, cue.end_s, cue.text) for cue in read_cues(text, **more)]


def test_webvtt_speaks_in_its_cues_alone() -> None:
    text = (
        "WEBVTT - a title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE not said\nnor this\n\nREGION\nid:r\n\n"
        "intro-1\n00:01.000 --> 00:02.000 align:left position:10%\nHey\nyou\n\n"
        "2\n00:03.000 --> 00:04.000\nA\n3\n00:05.000 --> 00:06.000\nB\n\n100:00:00.000 --> 100:00:01.000\nlate\n"
    )
    assert _read(text) == [(1, 2, "Hey you"), (3, 4, "A"), (5, 6, "B"), (360000, 360001, "late")]


def test_webvtt_of_hls_counts_on_the_clock_of_its_stream() -> None:
    head = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{},LOCAL:00:00:00.000\n\n00:01.000 --> 00:02.000\n{}\n\n"
    joined = head.format(900_000, "a") + head.format(900_000 + 6 * 90_000, "b")
    assert _read(joined, first_pts_s=9.0) == [(2, 3, "a"), (8, 9, "b")]  # an MPEG-TS file that begins at 9 s
    assert _read(joined) == [(1, 2, "a"), (7, 8, "b")]  # the same in an MP4, whose clock is gone
    turned = head.format(90_000, "c")
    assert _read(turned, first_pts_s=2**33 / 90_000 - 4)[0] == pytest.approx((6, 7, "c"), abs=1e-3)
    assert _read(head.format("x", "d"), first_pts_s=9.0) == [(1, 2, "d")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_subrip_is_read_as_players_do(end: str) -> None:
    lines = [
        "1", "00:00:01.000 --> 00:00:02.5", "a",  # full stops, no empty line behind it
        "2", "00:00:03,000 -> 00:00:04", "b", "", "1984", "",  # numbers of the text stay
        "3", "-00:00:01,000 --> 00:00:05,000", "begins before the video", "",
        "4", "00:00:09,000 --> 00:00:02,000", "ends before it starts", "",
        "5", "00:00:09,000 --> 00:00:10,000", "",
        "6", "100:00:00,000 --> 100:00:01,000 X1:1 Y1:2", "\ufefflate\x00r",
    ]  # fmt: skip
    assert _read(end.join(lines)) == [
        (1, 2.5, "a"),
        (3, 4, "b 1984"),
        (0, 5, "begins before the video"),
        (360000, 360001, "later"),
    ]


def test_ass_follows_its_format_line_and_leaves_out_comments() -> None:
    text = (
        "[Script Info]\n[V4+ Styles]\nStyle: bad,&Hzz\n[Events]\nFormat: Start, End, Style, Text\n"
        "Dialogue: 0:00:01.00,0:00:02.50,D,Hi, {\\i1}you\nComment: 0:00:01.00,0:00:02.00,D,no\nDialogue: x\n"
        "Dialogue: soon,later,D,never\n"
    )
    assert _read(text) == [(1, 2.5, "Hi, you")]


def test_other_formats_are_read_and_what_is_none_is_said() -> None:
    assert _read("{1}{1}25\n{25}{50}{y:i}Hello|there\n") == [(1, 2, "Hello there")]
    for text, why in (("{25}{50}x", "frames"), ("nothing of the kind", "no subtitle format"), ("{", "no subtitle")):
        with pytest.raises(NoSubtitles, match=why):
            read_cues(text)
