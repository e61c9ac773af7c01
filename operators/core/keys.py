"""Keys that identify what an output was made from, from the source to the long caption."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from operators.core.base import Operator
from operators.core.fingerprint import chain, digest, hash_of, link

_CONFIG_HEX = 8  # an output is made with few configs
SUPERSEDED = "~"
"""Ends the key of a row that is being made again: nothing planned has this key, and the row stays until its successor
has replaced it."""


def source_key(video_id: str, source_version: str) -> str:
    """Key of the probe result of one version of one source."""
    return digest([video_id, source_version])


def caption_key(
    video_id: str, source_version: str, segment_s: float, operators: Sequence[Operator], parents: str = ""
) -> str:
    """Key of all captioned segments of one video under one config."""
    return next(caption_keys([(video_id, source_version)], segment_s, operators, parents))


def caption_keys(
    videos: Iterable[tuple[str, str]], segment_s: float, operators: Sequence[Operator], parents: str = ""
) -> Iterator[str]:
    """`caption_key` of many (video_id, source_version) pairs. The part that they share is serialised once.

    Args:
        parents: fingerprint of further tables that the segments are made from; "" for none.
    """
    links = [*([f'"parents","{parents}"]'] if parents else []), *(link(operator) for operator in operators)]
    for video_id, source_version in videos:
        key = digest([video_id, source_version, segment_s])
        for end in links:
            key = hash_of(f'["{key}",{end}')
        yield key


def narrator_key(operators: Sequence[Operator], parents: str = "") -> str:
    """The contribution of the operators on videos to a long caption's key.

    Args:
        parents: fingerprint of further tables that long captions are made from, segments excepted; "" for none.
    """
    key = digest(["parents", parents]) if parents else ""
    for operator in operators:
        key = chain(key, operator)
    return key


def video_key(captions: str, captioned: Iterable[int], narrator: str) -> str:
    """Key of a long caption: the captions' key, the indices of the captioned segments, and the narrator's key."""
    return digest([captions, sorted(captioned), narrator])


def video_keys(complete: Iterable[tuple[str, int, str]]) -> Iterator[str]:
    """`video_key` of many completely captioned videos, each as (key of the captions, number of segments, narrator)."""
    for captions, count, narrator in complete:
        yield hash_of(f'["{captions}",[{_counted(count)}],"{narrator}"]')


@cache
def _counted(count: int) -> str:
    return ",".join(map(str, range(count)))


def captioner_of(segment_s: float, operators: Sequence[Operator], parents: str = "") -> str:
    """Fingerprint of the settings that affect captions, equal for all videos: 8 hex digits."""
    return caption_key("", "", segment_s, operators, parents)[:_CONFIG_HEX]


def config_of(captioner: str, narrator: str) -> str:
    """Fingerprint of the settings that affect a long caption, captioner and narrator, such as `1f3a5c7e-9b0d2f46`.

    Args:
        captioner: from `captioner_of`.
        narrator: from `narrator_key`.
    """
    return f"{captioner}-{narrator[:_CONFIG_HEX]}"


def is_superseded(key: str | None) -> bool:
    """Whether a row with this key is being made again; see `SUPERSEDED`."""
    return key is not None and key.endswith(SUPERSEDED)


def plain_key(key: str) -> str:
    """The key of a row before it was superseded."""
    return key.removesuffix(SUPERSEDED)


def current_key(found: Iterable[tuple[str | None, str]], narrated: str | None, cited: str | None = None) -> str | None:
    """Key of the rows of one video that belong to its long caption; if unknown, that of the newest run.

    While a video is captioned again, these are the superseded rows, until the new long caption replaces the old one.

    Args:
        found: run and key of its rows.
        narrated: key of its long caption; None if there is none.
        cited: key of the captions that the long caption was made from; None if unknown.

    Returns:
        None if there are no rows.
    """
    of_age = {
        (is_superseded(key) == is_superseded(narrated), plain_key(key) == cited, str(run_id), key)
        for run_id, key in found
    }
    return max(of_age)[-1] if of_age else None
