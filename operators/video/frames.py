"""Jobs of the decoding process that return single frames by time, and facts of a whole file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from operators.video.backends import open_decoder
from operators.video.facts import probe
from operators.video.images import to_rgb
from operators.video.keyframes import keyframe_times
from operators.video.parts import load_parts
from operators.video.protocol import Backend
from operators.video.segment import SegmentRequest, decode_segment
from operators.video.size import Size
from operators.video.source import Source
from operators.video.version import unchanged

SAMPLE_JOB = "operators.video.frames:sample_frames"
LOOK_JOB = "operators.video.frames:look"
SIGNALS_JOB = "operators.video.frames:signals"


def sample_frames(
    *,
    uri: str,
    backend: Backend,
    first_pts_s: float,
    parts: str | None,
    times_s: Sequence[float],
    size: Size | None,
    version: str | None = None,
) -> list[dict[str, Any]]:
    """The frames that are on screen at `times_s`.

    Args:
        parts: the column `parts`.
        version: expected version of the source (`operators.video.version`); None accepts any.
        times_s: seconds from the first presented frame.
        size: size of the returned frames; None keeps the original size.

    Returns:
        A mapping for each time with a frame, in order of time: `requested_s`; `pts_s` and `time_s`, the frame's own
        time in seconds of the container and from the first frame; `duration_s`; `pixels` (uint8 RGB, shape (height,
        width, 3)).

    Raises:
        ItemError: the input cannot be read, or its version is no longer `version`.
    """
    found = []
    with unchanged(uri, version), Source(uri) as source:
        try:
            decoder = open_decoder(
                backend, source, first_pts_s=first_pts_s, from_s=min(times_s), parts=load_parts(parts)
            )
            with closing(decoder):
                for requested_s, pts_s, duration_s, frame in decoder.sample(times_s, step_s=0.0):
                    rule = size or Size(short_side_px=min(frame.width, frame.height))
                    found.append(
                        {
                            "requested_s": requested_s,
                            "pts_s": pts_s,
                            "time_s": pts_s - first_pts_s,
                            "duration_s": duration_s,
                            "pixels": to_rgb(frame, aspect=decoder.aspect, size=rule),
                        }
                    )
        except Exception:
            source.check()
            raise
        source.check()
    return sorted(found, key=lambda f: f["requested_s"])


def look(*, uri: str) -> dict[str, Any]:
    """Facts of a file, and the times of its keyframes in seconds from the first frame.

    Raises:
        ItemError: as in `operators.video.facts.probe`.
    """
    facts = probe(uri)
    with Source(uri) as source:
        keyframes = keyframe_times(
            source,
            first_pts_s=facts["first_pts_s"],
            start_s=0.0,
            end_s=facts["duration_s"],
            parts=load_parts(facts["parts"]),
        )
    return {"facts": facts, "keyframes_s": keyframes}


def signals(
    *, uri: str, backend: Backend, first_pts_s: float, parts: str | None, start_s: float, end_s: float
) -> dict[str, Any]:
    """The column `signals` of a span, to find its cuts."""
    request = SegmentRequest(
        uri=uri,
        backend=backend,
        first_pts_s=first_pts_s,
        parts=parts,
        start_s=start_s,
        end_s=end_s,
        own_start_s=start_s,
        own_end_s=end_s,
        times_s=(),
        step_s=1.0,
        size=Size(short_side_px=16),
        jpeg_quality=30,
        signals_fps=8.0,
        max_bytes=2**40,
    )
    found: dict[str, Any] = decode_segment(request=request)["signals"]
    return found
