"""The keys that say what an output was made from, from the source to the long caption."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from operators.core.base import Operator
from operators.core.fingerprint import chain, digest, hash_of, link

_CONFIG_HEX = 8  # one output is made by a handful of configs


def source_key(video_id: str, source_version: str) -> str:
    """Key of what probing one version of one source found."""
    return digest([video_id, source_version])


def caption_key(
    video_id: str, source_version: str, segment_s: float, operators: Sequence[Operator], parents: str = ""
) -> str:
    """Key of all captioned segments of one video under one config."""
    return next(caption_keys([(video_id, source_version)], segment_s, operators, parents))


def caption_keys(
    videos: Iterable[tuple[str, str]], segment_s: float, operators: Sequence[Operator], parents: str = ""
) -> Iterator[str]:
    """`caption_key` of many (video_id, source_version): what does not depend on them is spelled out once.

    Args:
        parents: fingerprint of the tables that the segments are made from, beside the videos; "": there are none.
    """
    links = [*([f'"parents","{parents}"]'] if parents else []), *(link(operator) for operator in operators)]
    for video_id, source_version in videos:
        key = digest([video_id, source_version, segment_s])
        for end in links:
            key = hash_of(f'["{key}",{end}')
        yield key


def narrator_key(operators: Sequence[Operator], parents: str = "") -> str:
    """What the video level contributes to a long caption's key; `parents` as in `caption_keys`, without segments."""
    key = digest(["parents", parents]) if parents else ""
    for operator in operators:
        key = chain(key, operator)
    return key


def video_key(captions: str, captioned: Iterable[int], narrator: str) -> str:
    """Key of a long caption: which segments of which captions it tells, and who tells it."""
    return digest([captions, sorted(captioned), narrator])


def video_keys(complete: Iterable[tuple[str, int, str]]) -> Iterator[str]:
    """`video_key` of many videos of which every segment is captioned: (key of the captions, how many, narrator)."""
    for captions, count, narrator in complete:
        yield hash_of(f'["{captions}",[{_counted(count)}],"{narrator}"]')


@cache
def _counted(count: int) -> str:
    return ",".join(map(str, range(count)))


def captioner_of(segment_s: float, operators: Sequence[Operator], parents: str = "") -> str:
    """Fingerprint of the settings that decide captions: the same for every video, 8 hex digits."""
    return caption_key("", "", segment_s, operators, parents)[:_CONFIG_HEX]


def config_of(captioner: str, narrator: str) -> str:
    """Fingerprint of the settings that decide a long caption, such as `1f3a5c7e-9b0d2f46`: captioner and narrator.

    Args:
        captioner: from `captioner_of`.
        narrator: from `narrator_key`.
    """
    return f"{captioner}-{narrator[:_CONFIG_HEX]}"
