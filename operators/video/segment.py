"""The job of the decoding process that returns images and signals of one segment, as bytes and numbers."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from operators.core.base import ItemError
from operators.video.backends import open_decoder
from operators.video.duplicates import Novelty
from operators.video.images import fit, to_jpeg, to_rgb
from operators.video.keyframes import keyframe_times, snap
from operators.video.parts import load_parts
from operators.video.protocol import Backend, Decoder, Watch
from operators.video.size import Size
from operators.video.source import Source
from operators.video.thumbnails import Thumbnails
from operators.video.transnet import ShotNet
from operators.video.version import unchanged

Policy = Literal["fps", "count", "keyframes", "shots", "changes"]
SignalsFrom = Literal["frames", "references"]


@dataclass(frozen=True, kw_only=True)
class SegmentRequest:
    """What to decode of one segment. Times are seconds from the first presented frame.

    Attributes:
        version: expected version of the source (`operators.video.version`); None accepts any.
        first_pts_s: the container's pts of the first presented frame, in seconds.
        parts: the column `parts`; None for a video with one clock.
        start_s, end_s: the span to decode.
        own_start_s, own_end_s: the segment itself, without warm-up.
        times_s, step_s: grid times of the images, and their distance.
        policy: how grid times become targets; see `Decode.sampling`.
        tolerance_s: largest distance to a keyframe, for `keyframes`.
        similarity: SSIM from which a frame is a near-duplicate, for `changes`.
        size, jpeg_quality: size and JPEG quality of the images.
        signals_fps, signals_from: thumbnails per second, 0 for none, and of which frames.
        max_bytes: limit of images and signals together.
        shots_weights, shots_threshold: options of `operators.video.transnet`; with None it is not used.
    """

    uri: str
    version: str | None = None
    backend: Backend
    first_pts_s: float
    start_s: float
    end_s: float
    own_start_s: float
    own_end_s: float
    times_s: Sequence[float]
    step_s: float
    size: Size
    jpeg_quality: int
    signals_fps: float
    max_bytes: int
    signals_from: SignalsFrom = "frames"
    parts: str | None = None
    policy: Policy = "fps"
    tolerance_s: float = 0.5
    similarity: float = 0.95
    shots_weights: str | None = None
    shots_threshold: float = 0.5


def decode_segment(*, request: SegmentRequest) -> dict[str, Any]:
    """Decode a segment.

    Returns:
        images: list of `operators.core.structs.FRAME_IMAGE`, in order of time; frames that did not decode are missing.
        signals: `operators.core.structs.SIGNALS`, or None if `signals_fps` is 0.
        had: the grid times whose frame was decoded, kept or not.
        damaged_packets: number of damaged packets in the segment's own span, so that segments can be summed.
        frames_decoded: number of frames that the decoder returned.
        ended_s: end of the last frame if the input ended early; else None.
        bytes_fetched: bytes read over the network; 0 for a local file.

    Raises:
        ItemError: the input cannot be read, its version is no longer `version`, or its images exceed `max_bytes`.
    """
    with unchanged(request.uri, request.version):
        return _decode(request)


def _decode(request: SegmentRequest) -> dict[str, Any]:
    with Source(request.uri) as source:
        try:
            found = _Pass(request, source).run()
        except (ItemError, MemoryError):
            raise
        except Exception:
            source.check()  # a failed read is a storage error, whatever the decoder reports
            raise
        source.check()
    found["bytes_fetched"] = source.bytes_fetched
    images, signals = found["images"], found["signals"]
    room = request.max_bytes - _signals_bytes(signals)
    jpegs = fit([image["jpeg"] for image in images], room, request.jpeg_quality)
    for image, jpeg in zip(images, jpegs, strict=True):
        image["jpeg"] = pickle.PickleBuffer(jpeg)
    if signals:
        signals["luma"] = pickle.PickleBuffer(signals["luma"])
    return found


class _Pass:
    """One segment being decoded."""

    def __init__(self, request: SegmentRequest, source: Source) -> None:
        self._request = request
        self._source = source
        self._novelty = Novelty(request.similarity) if request.policy == "changes" else None
        self._images: list[dict[str, Any]] = []
        self._had: list[float] = []

    def run(self) -> dict[str, Any]:
        request = self._request
        targets = self._targets()
        decoder = self._open()
        with closing(decoder):
            thumbnails = Thumbnails(request.signals_fps, decoder.aspect)
            net = ShotNet(request.shots_weights, request.shots_threshold) if request.shots_weights else None
            dense = request.signals_fps > 0

            def see(time_s: float, frame: Any) -> None:
                thumbnails.see(time_s, frame)
                if net is not None:
                    net.see(time_s, frame)

            sparse = thumbnails if request.signals_from == "references" and net is None else None
            span = (request.start_s, request.end_s)
            watch = Watch(start_s=span[0], end_s=span[1], see=see, sparse=sparse) if dense else None
            self._take(decoder, targets, request.step_s, watch)
            damaged = decoder.damaged_packets(request.own_start_s, request.own_end_s)
            decoded, ended_s = decoder.frames_decoded, decoder.ended_s
        signals = thumbnails.result() if dense else None
        if signals is not None and net is not None:
            signals["cuts_s"] = net.cuts_s()
        if request.policy == "shots":
            decoded += self._heed_shots(signals)
        self._images.sort(key=lambda p: p["time_s"])
        if request.policy == "shots":
            for image, after in pairwise(self._images):
                image["until_s"] = min(image["until_s"], after["time_s"])
        return {
            "images": self._images,
            "signals": signals,
            "had": self._had,
            "damaged_packets": damaged,
            "frames_decoded": decoded,
            "ended_s": ended_s,
        }

    def _open(self) -> Decoder:
        request = self._request
        return open_decoder(
            request.backend,
            self._source,
            first_pts_s=request.first_pts_s,
            from_s=min([request.start_s, *request.times_s]),
            parts=load_parts(request.parts),
        )

    def _targets(self) -> dict[float, list[float]]:
        """Time to decode -> the grid times that it represents."""
        request = self._request
        snapped = {time_s: time_s for time_s in request.times_s}
        if request.policy == "keyframes" and request.times_s:
            keyframes = keyframe_times(
                self._source,
                first_pts_s=request.first_pts_s,
                parts=load_parts(request.parts),
                start_s=max(0.0, min(request.times_s) - request.tolerance_s),
                end_s=max(request.times_s) + request.tolerance_s,
            )
            snapped = snap(request.times_s, keyframes, request.tolerance_s)
        targets: dict[float, list[float]] = {}
        for time_s, target in snapped.items():
            targets.setdefault(target, []).append(time_s)
        return targets

    def _take(
        self, decoder: Decoder, targets: dict[float, list[float]], step_s: float, watch: Watch | None = None
    ) -> None:
        """Decode the targets and keep their images."""
        for target, pts_s, _, frame in decoder.sample(list(targets), step_s=step_s, watch=watch):
            self._had += targets[target]
            for time_s in targets[target]:
                self._keep(time_s, pts_s, frame, decoder.aspect)

    def _keep(self, time_s: float, pts_s: float, frame: Any, aspect: Any) -> None:
        request = self._request
        if self._novelty is not None and not self._novelty.is_new(
            frame, aspect, anew=time_s >= request.own_start_s > self._novelty.last_s, time_s=time_s
        ):
            self._images[-1]["until_s"] = time_s + request.step_s
            return
        jpeg = to_jpeg(to_rgb(frame, aspect=aspect, size=request.size), request.jpeg_quality)
        until_s = time_s + request.step_s if request.policy in ("shots", "changes") else None
        self._images.append({"time_s": time_s, "pts_s": pts_s, "until_s": until_s, "jpeg": jpeg})

    def _heed_shots(self, signals: dict[str, Any] | None) -> int:
        """Ensure at least one frame per shot and none from behind a cut; return the number of frames decoded for it."""
        from operators.analysis.cuts import find_cuts
        from operators.analysis.signals import read_signals

        request = self._request
        thumbs = read_signals(signals)
        cuts = find_cuts(thumbs) if thumbs is not None else []
        if signals is not None:
            signals["cuts_s"] = cuts  # the measurement of the segment must use the same shots
        cuts = [c for c in cuts if request.start_s < c < request.end_s]
        behind = [
            p["time_s"]
            for p in self._images
            if any(p["time_s"] < c - 1e-6 and c <= p["pts_s"] - request.first_pts_s + 1e-6 for c in cuts)
        ]
        self._images = [p for p in self._images if p["time_s"] not in behind]
        # the segment's own boundaries also divide a shot: both sides are captioned separately
        own = {request.own_start_s, request.own_end_s}
        shots = pairwise(sorted({request.start_s, *cuts, *own, request.end_s}))
        times = [p["time_s"] for p in self._images] + behind
        alone = [(a + b) / 2 for a, b in shots if b - a > 1e-6 and not any(a - 1e-6 <= t < b - 1e-6 for t in times)]
        decoded = 0
        if behind or alone:
            with closing(self._open()) as decoder:
                # no step: the frame on screen is needed, and the next one may be behind the cut
                self._take(decoder, {time_s: [time_s] for time_s in sorted([*behind, *alone])}, 0.0)
                decoded = decoder.frames_decoded
        for image in self._images:  # an image does not represent time behind a cut
            image["until_s"] = min([image["until_s"], *(c for c in cuts if c > image["time_s"] + 1e-6)])
        return decoded


def _signals_bytes(signals: dict[str, Any] | None) -> int:
    if not signals:
        return 0
    jumps: int = len(signals["jumps"]) * (4 * signals["height_px"] * signals["width_px"] + 40)
    return jumps + len(signals["luma"]) + 8 * len(signals["times_s"])
