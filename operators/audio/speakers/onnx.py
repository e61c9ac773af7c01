"""A speaker model as an ONNX file, such as WeSpeaker's and 3D-Speaker's, or any model that takes samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from operators.audio.decode import RATE_HZ
from operators.audio.recognisers.base import Samples
from operators.audio.speakers.base import RunningSpeakers, SpeakerSpec
from operators.core.base import ItemError
from operators.core.fingerprint import FINGERPRINT_HEX
from operators.embedding.sentences import file_digest

_FRAME, _HOP, _FFT = 400, 160, 512  # in samples: 25 ms, 10 ms, as in Kaldi
_LOW_HZ = 20.0


@dataclass(frozen=True, kw_only=True)
class Onnx(SpeakerSpec):
    """An ONNX file `model`. An input of shape (1, samples) gets sound from -1 to 1; an input of shape (1, frames, bins)
    gets Kaldi's log mel filter banks minus their mean over time, as in WeSpeaker. Its first output is the vector.
    """

    version: ClassVar[int] = 1

    kind: Literal["onnx"] = "onnx"
    model: Annotated[str, Field(min_length=1, description="the .onnx file")]

    def identity_extra(self) -> dict[str, Any]:
        """Return a hash of the file, or only its name if it is on another machine."""
        file = Path(self.model).expanduser()
        return super().identity_extra() | ({"file": file_digest(str(file))[:FINGERPRINT_HEX]} if file.is_file() else {})

    def check(self, *, elsewhere: bool = False) -> None:
        if elsewhere:
            return
        if find_spec("onnxruntime") is None:
            raise ValueError("listen.speakers needs the package onnxruntime; install longcap[grounding]")
        if not Path(self.model).expanduser().is_file():
            raise ValueError(f"listen.speakers.model: {self.model} is not a file; name an ONNX file of a speaker model")

    @contextmanager
    def open(self) -> Iterator[RunningSpeakers]:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            session = onnxruntime.InferenceSession(
                str(Path(self.model).expanduser()), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's error classes derive only from Exception
            raise ItemError("engine", f"speaker model {self.model} does not load: {str(error)[:300]}") from error
        yield _Running(self.model, session)


class _Running:
    def __init__(self, name: str, session: Any) -> None:
        self._name, self._session = name, session
        self._input = session.get_inputs()[0]
        if len(self._input.shape) not in (2, 3):
            raise ItemError(
                "engine",
                f"speaker model {name}: its input has shape {self._input.shape}; it must be (1, samples) or "
                "(1, frames, bins)",
            )

    def embed(self, samples: Samples) -> NDArray[np.float32]:
        shape = self._input.shape
        sound = samples.astype(np.float32)
        bins = shape[2] if len(shape) == 3 and isinstance(shape[2], int) else 80
        given = sound[None] / 32768.0 if len(shape) == 2 else filter_banks(sound, bins)[None]
        try:
            (vector, *_) = self._session.run(None, {self._input.name: given})
        except Exception as error:
            raise ItemError("engine", f"speaker model {self._name}: {str(error)[:300]}") from error
        return np.asarray(vector, np.float32).reshape(-1)


def filter_banks(sound: NDArray[np.float32], bins: int) -> NDArray[np.float32]:
    """Return Kaldi's log mel filter banks minus their mean over time; shape (frames, bins).

    Hamming windows of 25 ms every 10 ms, pre-emphasis 0.97, no dither, 20 Hz to half the rate, as in
    `torchaudio.compliance.kaldi.fbank` with the options of WeSpeaker. `sound` has the range of 16-bit samples and at
    least one window.
    """
    count = 1 + (len(sound) - _FRAME) // _HOP
    frames = np.lib.stride_tricks.sliding_window_view(sound, _FRAME)[: count * _HOP : _HOP].astype(np.float64)
    frames = frames - frames.mean(1, keepdims=True)
    frames = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    power = np.abs(np.fft.rfft(frames * np.hamming(_FRAME), _FFT)) ** 2
    banks = np.log(np.maximum(power[:, : _FFT // 2] @ _mel(bins).T, np.finfo(np.float32).eps))
    found: NDArray[np.float32] = (banks - banks.mean(0)).astype(np.float32)
    return found


@lru_cache(maxsize=4)
def _mel(bins: int) -> NDArray[np.float64]:
    """Return triangles of equal width on the mel scale; shape (bins, 256)."""

    def mel(hz: Any) -> Any:
        return 1127.0 * np.log(1.0 + hz / 700.0)

    low, high = mel(_LOW_HZ), mel(RATE_HZ / 2)
    step = (high - low) / (bins + 1)
    centres = low + step * np.arange(1, bins + 1)[:, None]
    at = mel(np.arange(_FFT // 2) * RATE_HZ / _FFT)[None]
    found: NDArray[np.float64] = np.maximum(0.0, 1.0 - np.abs(at - centres) / step)
    return found
