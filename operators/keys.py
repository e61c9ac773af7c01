"""The keys that say what an output was made from, from the source to the long caption."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from operators.base import Operator
from operators.fingerprint import chain, digest


def source_key(video_id: str, source_version: str) -> str:
    """Key of what probing one version of one source found."""
    return digest([video_id, source_version])


def caption_key(video_id: str, source_version: str, segment_s: float, operators: Sequence[Operator]) -> str:
    """Key of all captioned segments of one video under one config."""
    key = digest([video_id, source_version, segment_s])
    for operator in operators:
        key = chain(key, operator)
    return key


def narrator_key(operators: Sequence[Operator]) -> str:
    """What the video level contributes to a long caption's key."""
    key = ""
    for operator in operators:
        key = chain(key, operator)
    return key


def video_key(captions: str, captioned: Iterable[int], narrator: str) -> str:
    """Key of a long caption: which segments of which captions it tells, and who tells it."""
    return digest([captions, sorted(captioned), narrator])
