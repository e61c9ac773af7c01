"""Lines of speech from a file of samples, a block of spans at a time; what cannot have been said is left out.

Recognisers of native code run in the child process, those that ask a server in the actor.
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

PAD_S = 0.15  # of sound before and behind a span that a recogniser hears: the breath of a consonant
_LEAST_SHARE = 0.3  # of a line that must lie within the span of voice it was recognised in
_MOST_CHARACTERS_A_S = 40.0  # of speech: a fast auctioneer comes to 30; more is a sentence that was never said there
_FEW_CHARACTERS = 12  # that a word may have, however short the span is

_loaded: dict[str, RunningRecogniser] = {}


def recognise_isolated(
    *, recogniser: Any, path: str, spans: Sequence[tuple[float, float]]
) -> tuple[list[SpeechLine], int]:
    """`recognise` as a job of the child process, which keeps the recogniser that it has loaded until it ends.

    Args:
        recogniser: the config of one.
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
    """The lines of spans of voice, and how many more were recognised and cannot have been said.

    Args:
        origin: of the recogniser, for the lines.
        path: of a file of samples.
        spans: in seconds from its first sample.
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
    """A line on the video's clock, cut to the span of voice that it is from; None: it cannot have been said there.

    Args:
        from_s: where the sound that the recogniser heard begins.
        voice: the span; `PAD_S` of silence on either side is the recogniser's to hear and nobody's to speak in.
    """
    start_s, end_s = said.start_s + from_s, said.end_s + from_s
    low, high = max(start_s, voice[0]), min(end_s, voice[1])
    if high <= low or high - low < _LEAST_SHARE * (end_s - start_s):
        return None
    if len(said.text) > max(_FEW_CHARACTERS, _MOST_CHARACTERS_A_S * (high - low)):
        return None  # such as a whole sentence in 0.09 s
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
