"""PocketSphinx: small, offline, English only, with the model in its package.

It shows that words are spoken and when, on any machine. It recognises few of them and does not replace a model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

from operators.audio.decode import RATE_HZ
from operators.audio.recognisers.base import RecogniserSpec, RunningRecogniser, Samples, Utterance
from operators.video.progress import PROGRESS

_FEED = RATE_HZ // 4  # samples at a time, so that the watchdog sees progress each quarter of a second
_FRAME_S = 0.01
_FILLER = re.compile(r"<.*>|\[.*\]|\+\+.*\+\+")  # silence, noise, breath
_VARIANT = re.compile(r"\(\d+\)\Z")  # another pronunciation of a word


@dataclass(frozen=True, kw_only=True)
class Pocketsphinx(RecogniserSpec):
    """Offline English recogniser of low accuracy."""

    version: ClassVar[int] = 1

    kind: Literal["pocketsphinx"] = "pocketsphinx"

    @property
    def origin(self) -> str:
        return "pocketsphinx en-us"

    def check(self, *, elsewhere: bool = False) -> None:
        if find_spec("pocketsphinx") is None and not elsewhere:
            raise ValueError("recogniser pocketsphinx needs the package pocketsphinx; install longcap[pocketsphinx]")

    @contextmanager
    def open(self) -> Iterator[RunningRecogniser]:
        import pocketsphinx

        yield _Running(pocketsphinx.Decoder(samprate=RATE_HZ, loglevel="FATAL"))


class _Running:
    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self._fresh = decoder.get_cmn(False)  # adaptation to one line must not change the next

    def recognise(self, samples: Samples) -> Sequence[Utterance]:
        decoder = self._decoder
        decoder.set_cmn(self._fresh)
        decoder.start_utt()
        for at in range(0, len(samples), _FEED):
            decoder.process_raw(samples[at : at + _FEED].tobytes(), False, False)
            PROGRESS.step()
        decoder.end_utt()
        PROGRESS.step()
        if decoder.hyp() is None:
            return []
        exp = decoder.logmath.exp
        words = tuple(
            (
                s.start_frame * _FRAME_S,
                (s.end_frame + 1) * _FRAME_S,
                _VARIANT.sub("", s.word),
                min(1.0, max(0.0, round(float(exp(s.prob)), 3))),
            )
            for s in decoder.seg()
            if not _FILLER.fullmatch(s.word)
        )
        if not words:
            return []
        text = " ".join(word for _, _, word, _ in words)
        mean = sum(c for *_, c in words) / len(words)
        return [Utterance(words[0][0], words[-1][1], text, words, round(mean, 3), "en")]
