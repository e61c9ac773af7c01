"""Sound on the video's own clock, whatever the file does to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operators.audio.decode import RATE_HZ, AudioRequest, decode_audio
from operators.core.base import ItemError
from operators.video.facts import probe
from tests.support.speech import Sound, mixed, write_clip


def bursts(*at_s: float, length_s: float = 12.0) -> Sound:
    """Tones of 0.3 s at their times, silence between them."""
    tone = (12_000 * np.sin(2 * np.pi * 440 * np.arange(round(0.3 * RATE_HZ)) / RATE_HZ)).astype(np.int16)
    return mixed(length_s, [(t, tone) for t in at_s])


def decoded(clip: Path, tmp_path: Path, **options: Any) -> tuple[dict[str, Any], Sound]:
    facts = probe(str(clip))
    asked = {name: facts[name] for name in ("first_pts_s", "duration_s", "parts")} | options
    found = decode_audio(request=AudioRequest(uri=str(clip), version=None, **asked), path=str(tmp_path / "sound"))
    return found, np.fromfile(tmp_path / "sound", np.int16)


def heard_at(sound: Sound) -> list[float]:
    """When the tones begin."""
    loud = np.abs(sound.astype(np.int32)) > 3000
    level = np.convolve(loud, np.ones(160), "same") > 10
    edges = np.flatnonzero(level[1:] & ~level[:-1])
    times = edges / RATE_HZ
    return [float(t) for k, t in enumerate(times) if not k or t - times[k - 1] > 0.25]


TIMES = (1.0, 4.0, 9.0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.mp4", {}),
        ("late_picture.mkv", {"first_pts_s": 7.0}),
        ("stream.ts", {"first_pts_s": 3.0}),
        ("late_sound.mp4", {"delays_s": [0.6]}),
        ("44100.mp4", {"rate_hz": 44100, "channels": "stereo"}),
        ("surround.mp4", {"rate_hz": 48000, "channels": "5.1"}),
        ("opus.webm.mkv", {"codec": "libopus", "rate_hz": 48000}),
        ("late_sound.mkv", {"delays_s": [0.6], "first_pts_s": 5.0}),
    ],
)
def test_tones_are_where_they_were_put(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    clip = write_clip(tmp_path / name, [bursts(*TIMES)], length_s=12.0, **options)
    found, sound = decoded(clip, tmp_path)
    assert found["status"] == "decoded" and len(sound) == pytest.approx(12.0 * RATE_HZ, abs=RATE_HZ / 4)
    assert heard_at(sound) == pytest.approx(TIMES, abs=0.06)
    assert found["spans"][0]["start_s"] == pytest.approx(options.get("delays_s", [0.0])[0], abs=0.08)


def test_an_edit_list_moves_the_sound_as_players_do(tmp_path: Path) -> None:
    """Cut at 2.9 s without encoding anew: the sound keeps packets from before, which the edit list hides."""
    import imageio_ffmpeg

    write_clip(tmp_path / "whole.mp4", [bursts(*TIMES)], length_s=12.0, rate_hz=44100)
    cut = tmp_path / "cut.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-ss", "2.9", "-i", str(tmp_path / "whole.mp4")]
    subprocess.run([*command, "-c", "copy", str(cut)], check=True)
    _, sound = decoded(cut, tmp_path)
    assert heard_at(sound) == pytest.approx([1.1, 6.1], abs=0.11)  # a frame lasts 0.2 s: the cut falls within one


def test_a_gap_is_silence_and_moves_nothing_behind_it(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "gap.mkv", [bursts(*TIMES)], length_s=12.0, gap_s=(3.0, 6.0))
    found, sound = decoded(clip, tmp_path)
    assert heard_at(sound) == pytest.approx([1.0, 9.0], abs=0.06)
    spans = [(round(s["start_s"], 1), round(s["end_s"], 1)) for s in found["spans"]]
    assert len(spans) == 2 and spans[0][1] == pytest.approx(3.0, abs=0.15) and spans[1][0] == pytest.approx(6, abs=0.15)


def test_the_track_is_chosen_by_language_or_number_and_said(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "two.mkv", [bursts(1.0), bursts(5.0)], length_s=8.0, languages=["eng", "deu"])
    first, sound = decoded(clip, tmp_path)
    assert (first["track"], heard_at(sound)) == (0, pytest.approx([1.0], abs=0.06))
    assert [t["language"] for t in first["tracks"]] == ["en", "de"]
    german, sound = decoded(clip, tmp_path, languages=("fr", "German"))
    assert (german["track"], german["chosen"]) == (1, "language de")
    assert heard_at(sound) == pytest.approx([5.0], abs=0.06)
    second, _ = decoded(clip, tmp_path, track=1)
    assert (second["track"], second["chosen"]) == (1, "by number")
    none, sound = decoded(clip, tmp_path, track=4)
    assert (none["status"], len(sound)) == ("not decoded: there is no track 4", 0)


def test_no_audio_is_a_fact(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "mute.mp4", [], length_s=2.0)
    found, sound = decoded(clip, tmp_path)
    assert (found["status"], found["track"], found["tracks"], len(sound)) == ("no audio", None, [], 0)


def test_what_is_not_there_is_a_failure(tmp_path: Path) -> None:
    request = AudioRequest(uri=str(tmp_path / "none.mp4"), version=None, first_pts_s=0.0, duration_s=1.0)
    with pytest.raises(ItemError) as failure:
        decode_audio(request=request, path=str(tmp_path / "sound"))
    assert failure.value.failure_class == "unreadable"


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    """Twenty minutes of sound are 38 MB: they go to the disk."""
    sound = np.tile(bursts(*TIMES, length_s=60.0), 20)
    clip = write_clip(tmp_path / "long.mkv", [sound], length_s=1200.0, fps=1, codec="pcm_s16le")
    code = (
        "import resource, sys\n"
        "from operators.audio.decode import AudioRequest, decode_audio\n"
        "import av, numpy\n"
        "r = AudioRequest(uri=sys.argv[1], version=None, first_pts_s=0.0, duration_s=1200.0)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "decode_audio(request=r, path=sys.argv[2])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(clip), str(tmp_path / "sound")], check=True, capture_output=True, text=True
    )
    assert (tmp_path / "sound").stat().st_size == 1200 * RATE_HZ * 2
    assert int(out.stdout) < 24 * 1024, "KiB"


def _made(clip: Path, *arguments: str) -> Path:
    """A clip of 12 s whose sound is made of one of tones."""
    from imageio_ffmpeg import get_ffmpeg_exe

    plain = write_clip(clip.with_name("plain.mkv"), [bursts(*TIMES)], length_s=12.0, rate_hz=16000, codec="pcm_s16le")
    command = [get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(plain), "-c:v", "copy", "-c:a", "pcm_s16le"]
    subprocess.run([*command, *arguments, str(clip)], check=True)
    return clip


@pytest.mark.parametrize("count", [9, 20])
def test_channels_whose_places_are_unknown_are_averaged(count: int, tmp_path: Path) -> None:
    copies = "".join(f"[a{k}]" for k in range(count))
    merged = f"[0:a]asplit={count}{copies};{copies}amerge=inputs={count}[a]"
    clip = _made(tmp_path / "many.mov", "-filter_complex", merged, "-map", "0:v", "-map", "[a]")
    found, sound = decoded(clip, tmp_path)
    assert found["status"] == "decoded"
    assert heard_at(sound) == pytest.approx(TIMES, abs=0.06)


def test_stereo_whose_channels_cancel_each_other_out_is_heard(tmp_path: Path) -> None:
    found, sound = decoded(_made(tmp_path / "phase.mkv", "-af", "pan=stereo|c0=c0|c1=-1*c0"), tmp_path)
    assert found["status"] == "decoded"
    assert heard_at(sound) == pytest.approx(TIMES, abs=0.06)


def test_one_silent_channel_changes_nothing(tmp_path: Path) -> None:
    _, sound = decoded(_made(tmp_path / "left.mkv", "-af", "pan=stereo|c0=c0|c1=0*c0"), tmp_path)
    assert heard_at(sound) == pytest.approx(TIMES, abs=0.06)
