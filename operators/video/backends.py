"""Opens an input with a back end given by name; `operators.video.protocol` defines their interface."""

from __future__ import annotations

from collections.abc import Sequence

from operators.video.parts import Part
from operators.video.protocol import Backend, Decoder
from operators.video.source import Source


def open_decoder(
    backend: Backend, source: Source, *, first_pts_s: float, from_s: float = 0.0, parts: Sequence[Part] = ()
) -> Decoder:
    """Open `source` with one back end.

    Args:
        first_pts_s: the container's pts of the first presented frame (`probe`), in seconds.
        from_s: earliest time that will be requested, in seconds from the first presented frame.
        parts: the parts of a video with more than one clock (`probe`); empty for all others.

    Raises:
        ItemError: the input cannot be opened or has no video stream; internal when the back end is not installed.
    """
    if parts:
        from operators.video.joined import JoinedDecoder

        return JoinedDecoder(open_part, backend, source, first_pts_s=first_pts_s, from_s=from_s, parts=parts)
    if backend == "decord":
        from operators.video.decord_backend import DecordDecoder

        return DecordDecoder(source, first_pts_s=first_pts_s)
    if backend == "torchcodec":
        from operators.video.torchcodec_backend import TorchcodecDecoder

        return TorchcodecDecoder(source, first_pts_s=first_pts_s)
    from operators.video.sampler import Sampler

    if backend == "ffmpeg":
        from operators.video.ffmpeg_backend import FfmpegSource

        return Sampler(FfmpegSource(source, from_s=first_pts_s + from_s), first_pts_s=first_pts_s, seek=False)
    return Sampler(source, first_pts_s=first_pts_s, seek=backend == "pyav")


def open_part(backend: Backend, source: Source, part: Part, *, from_s: float) -> Decoder:
    """Open one part of `source`.

    Args:
        from_s: earliest time that will be requested, in seconds from the beginning of the part.

    Raises:
        ItemError: as in `open_decoder`.
    """
    source.show(part.span, lead_bytes=part.lead_bytes, format=part.format)
    if part.lead_bytes:  # its packets are on two clocks: no seek works in it, and no program tells them apart
        backend = "pyav-sequential"
    return open_decoder(backend, source, first_pts_s=part.first_pts_s, from_s=from_s)
