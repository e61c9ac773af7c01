"""The decoding process's job: the pictures and signals of one segment, as plain bytes and numbers."""

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
from operators.video.keyframes import keyframe_times, snap
from operators.video.parts import load_parts
from operators.video.pictures import fit, to_jpeg, to_rgb
from operators.video.protocol import Backend, Decoder, Watch
from operators.video.size import Size
from operators.video.source import Source
from operators.video.thumbnails import Thumbnails
from operators.video.transnet import ShotNet
from operators.video.version import unchanged

Policy = Literal["fps", "count", "keyframes", "shots", "changes"]


@dataclass(frozen=True, kw_only=True)
class SegmentRequest:
    """What is wanted of one segment. Times are seconds from the first presented picture.

    Attributes:
        version: of the source, as `operators.video.version` has it; None: whatever is there.
        first_pts_s: the container's pts of the first presented picture, in seconds.
        parts: the column `parts`; None for a video with one clock.
        start_s, end_s: the span to decode.
        own_start_s, own_end_s: the segment itself, without warm-up.
        times_s, step_s: the grid of pictures.
        policy: what is done to the grid, see `Decode.sampling`.
        tolerance_s: of `keyframes`.
        similarity: of `changes`.
        size, jpeg_quality: of each picture.
        signals_fps: thumbnails a second; 0 for none.
        max_bytes: what pictures and signals may take together.
        shots_weights, shots_threshold: of `operators.video.transnet`, which then looks for cuts; None: it does not.
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
    parts: str | None = None
    policy: Policy = "fps"
    tolerance_s: float = 0.5
    similarity: float = 0.95
    shots_weights: str | None = None
    shots_threshold: float = 0.5


def decode_segment(*, request: SegmentRequest) -> dict[str, Any]:
    """Decode a segment.

    Returns:
        pictures: list of `operators.core.structs.PICTURE`, in order of time; a time that could not be had is not in it.
        signals: `operators.core.structs.SIGNALS`, or None when `signals_fps` is 0.
        had: the grid times whose picture was had, kept or not.
        damaged_packets: of the own span alone, so that segments can be summed.
        pictures_decoded: how many the decoder produced.
        ended_s: where the last picture ended, if the input ended too early; else None.
        bytes_fetched: what crossed the network for it; 0 for a local file.

    Raises:
        ItemError: the input cannot be read, is not `version` any more, or its pictures do not fit `max_bytes`.
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
            source.check()  # a read that failed is storage's error, whatever the decoder made of it
            raise
        source.check()
    found["bytes_fetched"] = source.bytes_fetched
    pictures, signals = found["pictures"], found["signals"]
    room = request.max_bytes - _signals_bytes(signals)
    jpegs = fit([picture["jpeg"] for picture in pictures], room, request.jpeg_quality)
    for picture, jpeg in zip(pictures, jpegs, strict=True):
        picture["jpeg"] = pickle.PickleBuffer(jpeg)
    if signals:
        signals["luma"] = pickle.PickleBuffer(signals["luma"])
    return found


class _Pass:
    """One segment being decoded."""

    def __init__(self, request: SegmentRequest, source: Source) -> None:
        self._request = request
        self._source = source
        self._novelty = Novelty(request.similarity) if request.policy == "changes" else None
        self._pictures: list[dict[str, Any]] = []
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

            watch = Watch(start_s=request.start_s, end_s=request.end_s, see=see) if dense else None
            self._take(decoder, targets, request.step_s, watch)
            damaged = decoder.damaged_packets(request.own_start_s, request.own_end_s)
            decoded, ended_s = decoder.pictures_decoded, decoder.ended_s
        signals = thumbnails.result() if dense else None
        if signals is not None and net is not None:
            signals["cuts_s"] = net.cuts_s()
        if request.policy == "shots":
            decoded += self._heed_shots(signals)
        self._pictures.sort(key=lambda p: p["time_s"])
        if request.policy == "shots":
            for picture, after in pairwise(self._pictures):
                picture["until_s"] = min(picture["until_s"], after["time_s"])
        return {
            "pictures": self._pictures,
            "signals": signals,
            "had": self._had,
            "damaged_packets": damaged,
            "pictures_decoded": decoded,
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
        """Which grid times each time to decode stands for."""
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
        """Decode the targets and keep their pictures."""
        for target, pts_s, _, frame in decoder.sample(list(targets), step_s=step_s, watch=watch):
            self._had += targets[target]
            for time_s in targets[target]:
                self._keep(time_s, pts_s, frame, decoder.aspect)

    def _keep(self, time_s: float, pts_s: float, frame: Any, aspect: Any) -> None:
        request = self._request
        if self._novelty is not None and not self._novelty.is_new(
            frame, aspect, anew=time_s >= request.own_start_s > self._novelty.last_s, time_s=time_s
        ):
            self._pictures[-1]["until_s"] = time_s + request.step_s
            return
        jpeg = to_jpeg(to_rgb(frame, aspect=aspect, size=request.size), request.jpeg_quality)
        until_s = time_s + request.step_s if request.policy in ("shots", "changes") else None
        self._pictures.append({"time_s": time_s, "pts_s": pts_s, "until_s": until_s, "jpeg": jpeg})

    def _heed_shots(self, signals: dict[str, Any] | None) -> int:
        """At least one picture a shot, and none from behind a cut; returns how many pictures this decoded."""
        from operators.analysis.cuts import find_cuts
        from operators.analysis.signals import read_signals

        request = self._request
        thumbs = read_signals(signals)
        cuts = find_cuts(thumbs) if thumbs is not None else []
        if signals is not None:
            signals["cuts_s"] = cuts  # what measures the segment must see the same shots
        cuts = [c for c in cuts if request.start_s < c < request.end_s]
        behind = [
            p["time_s"]
            for p in self._pictures
            if any(p["time_s"] < c - 1e-6 and c <= p["pts_s"] - request.first_pts_s + 1e-6 for c in cuts)
        ]
        self._pictures = [p for p in self._pictures if p["time_s"] not in behind]
        # the segment's own edges part a shot, too: what lies on either side is told by itself
        own = {request.own_start_s, request.own_end_s}
        shots = pairwise(sorted({request.start_s, *cuts, *own, request.end_s}))
        times = [p["time_s"] for p in self._pictures] + behind
        alone = [(a + b) / 2 for a, b in shots if b - a > 1e-6 and not any(a - 1e-6 <= t < b - 1e-6 for t in times)]
        decoded = 0
        if behind or alone:
            with closing(self._open()) as decoder:
                # no step: the picture that is on screen, not the next one, which may lie behind the cut
                self._take(decoder, {time_s: [time_s] for time_s in sorted([*behind, *alone])}, 0.0)
                decoded = decoder.pictures_decoded
        for picture in self._pictures:  # none stands for what is behind a cut
            picture["until_s"] = min([picture["until_s"], *(c for c in cuts if c > picture["time_s"] + 1e-6)])
        return decoded


def _signals_bytes(signals: dict[str, Any] | None) -> int:
    if not signals:
        return 0
    jumps: int = len(signals["jumps"]) * (4 * signals["height_px"] * signals["width_px"] + 40)
    return jumps + len(signals["luma"]) + 8 * len(signals["times_s"])
