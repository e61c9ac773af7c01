"""What is said, at the times at which it is said: rendered speech of known times through the whole operator."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from longcap.testing import check_operator
from operators.audio.heard import Heard
from operators.audio.listen import Listen
from operators.audio.recognisers.base import RecogniserSpec
from operators.core.registry import make
from operators.video.facts import probe
from tests.support.speech import Sound, ends, mixed, needs_espeak, spoken, write_clip

pytestmark = needs_espeak

FIRST = "The quick brown fox jumps over the lazy dog near the river."
PLANTED = "tests.support.speech:Planted"
SECOND = "Yesterday evening we walked along the old harbour and watched the ships."


def row_of(clip: Path, **columns: Any) -> dict[str, Any]:
    return {"uri": str(clip), "source_version": None, "subtitles_uri": None, **probe(str(clip)), **columns}


def heard(clip: Path, columns: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    with make("listen", options).open() as apply:
        return apply(row_of(clip, **(columns or {})))


def spans(row: dict[str, Any], name: str = "voice") -> list[tuple[float, float]]:
    return [(x["start_s"], x["end_s"]) for x in row[name]]


def assert_near(found: Sequence[tuple[float, float]], truth: Sequence[tuple[float, float]]) -> None:
    assert len(found) == len(truth), (found, truth)
    for one, other in zip(found, truth, strict=True):
        assert one == pytest.approx(other, abs=0.3)


def two_voices() -> list[tuple[float, Sound]]:
    """A woman and a man; the second sentence goes over 10 s."""
    return [(2.0, spoken(FIRST, voice="en-us+f3")), (8.5, spoken(SECOND, voice="en-gb", pitch=30))]


def test_voice_is_found_beside_music(tmp_path: Path) -> None:
    said = two_voices()
    clip = write_clip(tmp_path / "talk.mp4", [mixed(16.0, said, 0.02)], length_s=16.0, rate_hz=48000, channels="5.1")
    assert_near(spans(heard(clip)), ends(said))


def test_lines_stand_where_they_are_said(tmp_path: Path) -> None:
    said = two_voices()
    clip = write_clip(tmp_path / "talk.mp4", [mixed(16.0, said)], length_s=16.0, rate_hz=44100)
    found = heard(clip, recogniser="pocketsphinx")
    assert_near(spans(found), ends(said))
    lines = found["speech"]
    assert len(lines) == 2 and found["unsaid"] == 0
    for line, (start_s, end_s) in zip(lines, ends(said), strict=True):
        assert start_s - 0.3 <= line["start_s"] < line["end_s"] <= end_s + 0.3
        assert line["words"] and line["text"] == " ".join(w["text"] for w in line["words"])
        assert all(line["start_s"] <= w["start_s"] < w["end_s"] <= line["end_s"] + 1e-9 for w in line["words"])
        assert (line["source"], line["origin"], line["language"]) == ("recognised", "pocketsphinx en-us", "en")
    seconds = sum(b - a for a, b in ends(said))
    assert found["speech_share"] == pytest.approx(seconds / 16.0, abs=0.05)


def test_speech_on_a_late_track_of_a_clock_that_starts_late(tmp_path: Path) -> None:
    said = [(3.0, spoken(FIRST))]
    clip = write_clip(tmp_path / "late.mkv", [mixed(10.0, said)], length_s=10.0, first_pts_s=4.0, delays_s=[1.5])
    assert_near(spans(heard(clip)), ends(said))


def test_silence_and_music_are_no_speech(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "music.mp4", [mixed(12.0, [], noise=0.3)], length_s=12.0)
    found = heard(clip, recogniser={"kind": PLANTED})
    assert (found["voice"], found["speech"], found["speech_share"]) == ([], [], 0.0)
    mute = heard(write_clip(tmp_path / "mute.mp4", [], length_s=2.0), recogniser={"kind": PLANTED})
    assert (mute["audio"]["status"], mute["voice"], mute["speech"]) == ("no audio", None, [])


def test_subtitles_are_lines_with_their_provenance_and_stand_for_what_was_recognised(tmp_path: Path) -> None:
    said = [(2.0, spoken(FIRST))]
    clip = write_clip(tmp_path / "talk.mp4", [mixed(12.0, said)], length_s=12.0)
    end_s = ends(said)[0][1]
    beside = tmp_path / "talk.en.vtt"
    beside.write_text(f"WEBVTT\n\n00:02.000 --> 00:0{end_s:.3f}\n{FIRST}\n\n00:09.000 --> 00:10.000\n(a door)\n")
    found = heard(clip, {"subtitles_uri": str(beside)}, recogniser={"kind": PLANTED})
    assert [(x["source"], x["origin"]) for x in found["speech"]].count(("beside", "talk.en.vtt")) == 2
    assert any(x["source"] == "recognised" for x in found["speech"])
    told = Heard.of(found["speech"])
    assert told is not None and [x.text for x in told.lines] == [FIRST, "(a door)"]
    assert heard(clip, {"subtitles_uri": str(beside)}, subtitles=False)["speech"] == []


def test_a_subtitle_that_stays_ends_with_the_video(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "short.mp4", [], length_s=4.0)
    (tmp_path / "short.srt").write_text("1\n00:00:02,000 --> 00:00:30,000\nThe end.\n")
    (line,) = heard(clip, {"subtitles_uri": str(tmp_path / "short.srt")})["speech"]
    assert (line["start_s"], line["end_s"]) == (2.0, 4.0)


def with_streams(clip: Path, *streams: tuple[str, str, str]) -> Path:
    """A clip of 8 s with subtitle streams of one line each: (language, disposition, text)."""
    import imageio_ffmpeg

    plain = write_clip(clip.with_name("plain.mkv"), [], length_s=8.0, first_pts_s=0.0)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(plain)]
    described: list[str] = []
    for k, (language, disposition, text) in enumerate(streams):
        file = clip.with_name(f"{k}.srt")
        file.write_text(f"1\n00:00:01,000 --> 00:00:02,500\n{text}\n")
        command += ["-i", str(file)]
        described += [
            "-map",
            f"{k + 1}",
            f"-metadata:s:s:{k}",
            f"language={language}",
            f"-disposition:s:{k}",
            disposition,
        ]
    subprocess.run([*command, "-map", "0", *described, "-c", "copy", "-c:s", "srt", str(clip)], check=True)
    return clip


def test_a_text_stream_in_the_file_is_speech_too(tmp_path: Path) -> None:
    clip = with_streams(tmp_path / "with.mkv", ("eng", "0", "<i>Good</i> morning,\nall."))
    (line,) = heard(clip)["speech"]
    assert line["text"] == "Good morning, all." and (line["source"], line["language"]) == ("embedded", "en")
    assert (line["start_s"], line["end_s"]) == pytest.approx((1.0, 2.5), abs=0.01)


@pytest.mark.parametrize(
    ("languages", "text"), [((), "Bonjour."), (("German", "en"), "Guten Tag."), (("Spanish", "en"), "Good morning.")]
)
def test_of_text_streams_in_several_languages_one_is_read(
    languages: tuple[str, ...], text: str, tmp_path: Path
) -> None:
    clip = with_streams(
        tmp_path / "with.mkv",
        ("fre", "forced", "Bar"),
        ("ger", "0", "Guten Tag."),
        ("fre", "default", "Bonjour."),
        ("eng", "comment", "We shot this in May."),
        ("eng", "0", "Good morning."),
    )
    assert [line["text"] for line in heard(clip, languages=languages)["speech"]] == [text]


def test_a_line_that_also_stands_next_to_the_video_counts_once(tmp_path: Path) -> None:
    clip = with_streams(tmp_path / "with.mkv", ("eng", "0", "Good  morning."), ("ger", "0", "Guten Tag."))
    beside = tmp_path / "with.srt"
    cue = "{0}\n00:00:0{0},000 --> 00:00:0{0},900\nGood morning.\n\n"
    beside.write_text(cue.format(1) + cue.format(5))
    lines = heard(clip, {"subtitles_uri": str(beside)})["speech"]
    assert [(x["source"], x["start_s"]) for x in lines] == [("beside", 1.0), ("beside", 5.0)]


def test_it_keeps_the_contract_of_operators(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "talk.mp4", [mixed(6.0, [(1.0, spoken(FIRST))])], length_s=6.0)
    check_operator(Listen(), [row_of(clip, video_id="v")])


def test_a_config_names_a_recogniser_by_kind_or_place() -> None:
    named = make("listen", {"recogniser": {"kind": "whisper", "model": "/models/small"}})
    assert isinstance(named, Listen) and isinstance(named.recogniser, RecogniserSpec)
    assert named.recogniser.origin == "whisper small"
    for wrong, said in (
        ("sphinx", "did you mean pocketsphinx"),
        ({"kind": "whisper", "modle": 1}, "did you mean model"),
        ({"kind": "a.b:C"}, "cannot be imported"),
    ):
        with pytest.raises(ValueError, match=said):
            make("listen", {"recogniser": wrong})
