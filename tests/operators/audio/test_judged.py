"""Every span of voice within 0.3 s of the truth: two voices, four languages, music, and what files do to time."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.operators.audio.test_listen import assert_near, heard, spans
from tests.support.speech import Sound, ends, mixed, needs_espeak, spoken, write_clip

pytestmark = needs_espeak

LENGTH_S = 30.0


def said() -> list[tuple[float, Sound]]:
    """A woman in English and French, a man in German and Spanish; silence before, between and behind."""
    return [
        (2.0, spoken("The quick brown fox jumps over the lazy dog near the river.", voice="en-us+f3")),
        (9.0, spoken("Gestern Abend gingen wir am alten Hafen entlang und sahen die Schiffe.", voice="de", pitch=30)),
        (17.0, spoken("Hier soir nous avons marché le long du vieux port.", voice="fr-fr+f2")),
        (24.0, spoken("Ayer por la tarde caminamos junto al puerto viejo.", voice="es", pitch=40)),
    ]


@pytest.mark.parametrize(
    ("name", "noise", "options"),
    [
        ("silence.mp4", 0.0, {}),
        ("music.mp4", 0.1, {}),
        ("surround.mp4", 0.05, {"rate_hz": 48000, "channels": "5.1"}),
        ("late_track.mp4", 0.0, {"delays_s": [1.5]}),
        ("late_clock.mkv", 0.0, {"first_pts_s": 4.0, "delays_s": [1.5]}),
        ("stream.ts", 0.0, {"first_pts_s": 3.0, "rate_hz": 44100, "channels": "stereo"}),
    ],
)
def test_each_line_stands_where_it_is_said(name: str, noise: float, options: dict[str, Any], tmp_path: Path) -> None:
    lines = said()
    clip = write_clip(tmp_path / name, [mixed(LENGTH_S, lines, noise)], length_s=LENGTH_S, **options)
    found = heard(clip, recogniser={"kind": "tests.support.speech:Planted", "texts": ["one two", "drei", "quatre"]})
    assert_near(spans(found), ends(lines))
    assert_near(spans(found, "speech"), ends(lines))


def test_an_edit_list_at_44100_hz_moves_each_line_as_players_do(tmp_path: Path) -> None:
    """The first 1.3 s are cut off without encoding anew; a frame lasts 0.2 s, so the cut is up to that much off."""
    import imageio_ffmpeg

    lines, whole, cut = said(), tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    write_clip(whole, [mixed(LENGTH_S, lines)], length_s=LENGTH_S, rate_hz=44100, channels="stereo")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-ss", "1.3", "-i", str(whole), "-c", "copy", str(cut)]
    subprocess.run(command, check=True)
    assert_near(spans(heard(cut)), [(a - 1.3, b - 1.3) for a, b in ends(lines)])
