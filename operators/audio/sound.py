"""Job of the decoding process: measure the shares of silence and music in the sound of a video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from operators.audio.decode import BYTES, RATE_HZ
from operators.video.progress import PROGRESS

_BLOCK_S = 0.5
_BLOCK = round(_BLOCK_S * RATE_HZ)
_STEP = 240  # blocks read at a time
_SILENT = 32768 * 10 ** (-55 / 20)  # root mean square: -55 dB of full scale, below the noise of a quiet room
_FFT = 2048
_BAND_HZ = (80.0, 4000.0)
_NEIGHBOURS = 15  # bins (117 Hz) whose median estimates the noise level
_PEAK = 8.0  # a peak exceeds the noise level by this factor, which noise does not reach
_TONAL = 0.3  # least share of the energy in such peaks


def find_shares(*, path: str, voice: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the shares of a file of samples that are silent and that are music, 0 to 1: a job of the child process.

    Each half second is speech if half of it is in `voice`; else silent if it is below -55 dB; else music if 30 % of its
    energy from 80 to 4000 Hz is in narrow peaks. A hum or an engine also has such peaks; drums alone have none.
    """
    blocks = silent = music = 0
    spoken_before = _running(voice)
    with Path(path).open("rb") as file:
        while raw := file.read(_STEP * _BLOCK * BYTES):
            sound = np.frombuffer(raw, np.int16).astype(np.float32)
            sound = np.pad(sound, (0, -len(sound) % _BLOCK)).reshape(-1, _BLOCK)
            times: NDArray[np.float64] = (blocks + np.arange(len(sound), dtype=np.float64)) * _BLOCK_S
            quiet = np.sqrt((sound**2).mean(1)) < _SILENT
            spoken = spoken_before(times + _BLOCK_S) - spoken_before(times) >= _BLOCK_S / 2
            silent += int((quiet & ~spoken).sum())
            music += int(_tonal(sound[~quiet & ~spoken]).sum())
            blocks += len(sound)
            PROGRESS.step()
    return (silent / blocks, music / blocks) if blocks else (1.0, 0.0)


def _running(voice: Sequence[tuple[float, float]]) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return a function from a time to the seconds of voice before it."""
    edges = np.array([0.0, *(t for span in voice for t in span)])
    spoken = np.cumsum([0.0, *(part for a, b in voice for part in (0.0, b - a))])
    return lambda times: np.interp(times, edges, spoken)


def _tonal(blocks: NDArray[np.float32]) -> NDArray[np.bool_]:
    if not len(blocks):
        return np.zeros(0, np.bool_)
    frames = np.lib.stride_tricks.sliding_window_view(blocks, _FFT, axis=1)[:, :: _FFT // 2]
    power = (np.abs(np.fft.rfft(frames * np.hanning(_FFT), axis=2)) ** 2).mean(1)
    low, high = (round(hz * _FFT / RATE_HZ) for hz in _BAND_HZ)
    band = power[:, low:high]
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(band, ((0, 0), (_NEIGHBOURS // 2, _NEIGHBOURS // 2)), mode="edge"), _NEIGHBOURS, axis=1
    )
    peaks = band > _PEAK * np.median(around, axis=2)
    found: NDArray[np.bool_] = (band * peaks).sum(1) > _TONAL * np.maximum(band.sum(1), 1e-9)
    return found
