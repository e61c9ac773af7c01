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


def test_a_line_of_spaces_does_not_end_a_webvtt_cue() -> None:
    cue = "00:0{}.000 --> 00:0{}.000 align:start position:0%\n"
    text = f"WEBVTT\n\n{cue.format(1, 2)} \nhello<00:01.500><c> there</c>\n\n{cue.format(3, 4)}one\n \ntwo\n\n"
    assert _read(text) == [(1, 2, "hello there"), (3, 4, "one two")]
    between = f"WEBVTT\n\n{cue.format(1, 2)}one\n \nname-2\n{cue.format(3, 4)}two\n\n"
    assert _read(between) == [(1, 2, "one"), (3, 4, "two")]
    emptied = f"WEBVTT\n\n{cue.format(1, 2)}\nhello\n\nname\n\n{cue.format(3, 4)}two\n\nname\n\n"
    assert _read(emptied) == [(1, 2, "hello"), (3, 4, "two")]


def test_rolling_captions_are_read_once() -> None:
    lines = ["welcome", "to the course", "on cooking", "with fire"]
    cues = "".join(
        f"00:0{k}.000 --> 00:0{k + 1}.000\n{'' if not k else lines[k - 1]}\n{lines[k]}\n\n" for k in range(4)
    )
    assert _read(f"WEBVTT\n\n{cues}") == [(k, k + 1, line) for k, line in enumerate(lines)]


def test_line_ends_that_were_converted_twice_are_one() -> None:
    srt = ["1", "00:00:01,000 --> 00:00:02,000", "a", "b", "", "2", "00:00:03,000 --> 00:00:04,000", "c", ""]
    vtt = ["WEBVTT", "", "00:01.000 --> 00:02.000", "a", "b", "", "00:03.000 --> 00:04.000", "c", ""]
    doubled = [
        "1",
        "",
        "00:00:01,000 --> 00:00:02,000",
        "",
        "a",
        "b",
        "",
        "2",
        "",
        "00:00:03,000 --> 00:00:04,000",
        "c",
    ]
    for text in ("\r\r\n".join(srt), "\r\r\n".join(vtt), "\n".join(doubled)):
        assert _read(text) == [(1, 2, "a b"), (3, 4, "c")]


def test_times_count_from_the_start_of_playback() -> None:
    srt = "1\n00:00:01,000 --> 00:00:04,000\na\n\n2\n00:00:05,000 --> 00:00:06,000\nb\n"
    assert _read(srt, late_s=3.0) == [(0, 1, "a"), (2, 3, "b")]
    head = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n00:05.000 --> 00:06.000\na\n"
    assert _read(head, first_pts_s=9.0, late_s=3.0) == [(6, 7, "a")]  # its clock says where the video begins
    assert _read(head, late_s=3.0) == [(2, 3, "a")]


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
