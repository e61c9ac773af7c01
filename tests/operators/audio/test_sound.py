"""Silence, music and the rest, on sounds that are known to be one of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from operators.audio.sound import find_shares
from tests.support.speech import RATE_HZ, Sound, mixed

SECONDS = 8


def noise(colour: str) -> Sound:
    """White, pink or brown noise."""
    white = np.fft.rfft(np.random.default_rng(3).standard_normal(SECONDS * RATE_HZ))
    power = {"white": 0.0, "pink": 0.5, "brown": 1.0}[colour]
    shaped = np.fft.irfft(white / (np.arange(len(white)) + 100) ** power)
    return (shaped / shaped.std() * 2000).astype(np.int16)


def shares(sound: Sound, folder: Path, voice: list[tuple[float, float]] | None = None) -> tuple[float, float]:
    sound.tofile(folder / "sound")
    return find_shares(path=str(folder / "sound"), voice=voice or [])


@pytest.mark.parametrize("colour", ["white", "pink", "brown"])
def test_noise_is_neither(colour: str, tmp_path: Path) -> None:
    assert shares(noise(colour), tmp_path) == (0.0, 0.0)


def test_each_half_second_is_one_of_them(tmp_path: Path) -> None:
    chords, still = mixed(SECONDS, [], 0.3), np.zeros(SECONDS * RATE_HZ, np.int16)
    assert shares(chords, tmp_path) == (0.0, 1.0)
    assert shares(still, tmp_path) == (1.0, 0.0)
    both = np.concatenate([chords, still])
    assert shares(both, tmp_path) == (0.5, 0.5)
    assert shares(both, tmp_path, [(0.0, 2.0), (6.0, 10.0)]) == (6 / 16, 4 / 16), "what is spoken counts as neither"
