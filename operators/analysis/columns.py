"""Measurements of whole videos as columns, for filters with any thresholds."""

from __future__ import annotations

from typing import TypedDict

from operators.analysis.facts import Facts
from operators.analysis.perceptual_hash import repeated_share


class Columns(TypedDict):
    """Columns of `rows.LONG_CAPTION`; None means "not measured".

    Attributes:
        motion: share of the frame's area that moves against the background, 0 to 1, mean over the time it was
            measured.
        moving_camera: share of the time with a classified camera in which it moves or shakes, 0 to 1.
        still: share of the measured time in which nothing changes, 0 to 1.
        duplicate: share of the seconds with content whose frame hardly differs from an earlier one, without
                still runs, 0 to 1; see `operators.analysis.perceptual_hash`.
        text_share: share of the frame's area that readable text covers, 0 to 1, mean over the time with OCR;
            Data-Juicer's `video_ocr_area_ratio`.
        shots: number of shots, separated by cuts, dissolves and black; longest_shot_s: the longest one. LVD-2M's long
            takes are videos of one shot that moves.
    """

    motion: float | None
    moving_camera: float | None
    still: float | None
    duplicate: float | None
    text_share: float | None
    shots: int | None
    longest_shot_s: float | None


def columns_of(facts: Facts | None, *, whole: bool) -> Columns:
    """Return the columns of a video from the merged facts of its segments.

    Args:
        whole: whether no segment is missing; otherwise shots cannot be determined.
    """
    pieces = facts.pieces if facts is not None else ()
    shots = facts.shots() if facts is not None and whole and facts.transitions is not None else None
    return Columns(
        motion=_mean([(p.seconds, p.motion.share) for p in pieces if p.motion is not None]),
        moving_camera=_mean(
            [
                (p.seconds, float(p.camera.state != "still"))
                for p in pieces
                if p.camera is not None and p.camera.state != "unsure"
            ]
        ),
        still=_mean([(p.seconds, float(p.frozen)) for p in pieces if p.frozen is not None]),
        duplicate=repeated_share(facts.prints or ()) if facts is not None else None,
        text_share=_mean([(p.seconds, p.text_share) for p in pieces if p.text_share is not None]),
        shots=None if shots is None else len(shots),
        longest_shot_s=None if shots is None else round(max((b - a for a, b in shots), default=0.0), 6),
    )


def _mean(weighted: list[tuple[float, float]]) -> float | None:
    seconds = sum(s for s, _ in weighted)
    return round(sum(s * value for s, value in weighted) / seconds, 4) if seconds > 0 else None
