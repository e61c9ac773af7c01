"""Recognise lines of speech from a file of samples, in blocks of spans; implausible lines are dropped.

Recognisers of native code run in the child process, clients of servers in the actor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from operators.audio.decode import BYTES, RATE_HZ
from operators.audio.lines import SpeechLine, Word
from operators.audio.recognisers.base import RunningRecogniser, Samples, Utterance
from operators.audio.recognisers.registry import REGISTRY
from operators.core.fingerprint import canonical

PAD_S = 0.15  # seconds of sound added before and after a span, which a consonant may need
_LEAST_SHARE = 0.3  # share of a line that must be within its span of voice
_MOST_CHARACTERS_A_S = 40.0  # a fast auctioneer reaches 30; more means that the recogniser invented the line
_FEW_CHARACTERS = 12  # always allowed, however short the span is

_loaded: dict[str, RunningRecogniser] = {}


def recognise_isolated(
    *, recogniser: Any, path: str, spans: Sequence[tuple[float, float]]
) -> tuple[list[SpeechLine], int]:
    """Run `recognise` as a job of the child process, which keeps the loaded recogniser until it ends.

    Args:
        recogniser: the config of a recogniser.
    """
    spec = REGISTRY.parse(recogniser)
    key = canonical(recogniser)
    if key not in _loaded:
        _loaded[key] = _KEPT.enter_context(spec.open())
    return recognise(_loaded[key], spec.origin, path, spans)


_KEPT = ExitStack()


def recognise(
    running: RunningRecogniser, origin: str, path: str, spans: Sequence[tuple[float, float]]
) -> tuple[list[SpeechLine], int]:
    """Return the lines of spans of voice, and the number of dropped implausible lines.

    Args:
        origin: name of the recogniser, for the lines.
        path: a file of samples.
        spans: seconds from the first sample.
    """
    found: list[SpeechLine] = []
    dropped = 0
    with Path(path).open("rb") as file:
        for start_s, end_s in spans:
            first = max(0, round((start_s - PAD_S) * RATE_HZ))
            file.seek(first * BYTES)
            samples: Samples = np.frombuffer(file.read((round((end_s + PAD_S) * RATE_HZ) - first) * BYTES), np.int16)
            for said in running.recognise(samples):
                line = placed(said, first / RATE_HZ, (start_s, end_s), origin)
                if line is None:
                    dropped += 1
                else:
                    found.append(line)
    return found, dropped


def placed(said: Utterance, from_s: float, voice: tuple[float, float], origin: str) -> SpeechLine | None:
    """Return a line on the video's clock, clipped to its span of voice; None if it is implausible.

    Args:
        from_s: start of the sound that the recogniser received.
        voice: the span, without the `PAD_S` of sound on either side.
    """
    start_s, end_s = said.start_s + from_s, said.end_s + from_s
    low, high = max(start_s, voice[0]), min(end_s, voice[1])
    if high <= low or high - low < _LEAST_SHARE * (end_s - start_s):
        return None
    if len(said.text) > max(_FEW_CHARACTERS, _MOST_CHARACTERS_A_S * (high - low)):
        return None  # for example a whole sentence in 0.09 s
    line = SpeechLine(start_s=low, end_s=high, text=said.text, origin=origin)
    return replace(
        line,
        words=None if said.words is None else tuple(_words(said, from_s, (low, high))),
        confidence=said.confidence,
        language=said.language,
    )


def _words(said: Utterance, from_s: float, line: tuple[float, float]) -> Iterator[Word]:
    for start_s, end_s, text, confidence in said.words or ():
        low, high = (min(max(t + from_s, line[0]), line[1]) for t in (start_s, end_s))
        yield Word(low, high, text, confidence)
