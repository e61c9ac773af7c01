"""Pair subtitle files with the videos beside them, by name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from pipeline.sources.files import stem_of, suffix_of

SUBTITLE_SUFFIXES = (".srt", ".vtt", ".ass")
_TAG = re.compile(r"([A-Za-z]{2,3})(-[A-Za-z0-9]{2,8})*\Z")  # of NAME.TAG.srt: en, pt-BR, zh-Hans
_FOR_THE_DEAF = frozenset({"cc", "sdh"})  # they name no language, although sdh is also the code of one
_COUNTRIES = frozenset({"cn", "cz", "dk", "gr", "hk", "jp", "ua", "vn"})  # often written in place of a language


def subtitles_by_stem(files: Collection[str], video_suffixes: Iterable[str]) -> dict[str, str]:
    """Map the uri of a video without its suffix to its subtitles.

    NAME.srt is preferred to NAME.LANG.srt, and that to NAME.sdh.srt and NAME.cc.srt; then srt to vtt, and vtt to ass.
    NAME.LANG.srt belongs to NAME.LANG.mp4 if there is one.

    Args:
        files: uris of all files that were seen, videos included.
        video_suffixes: suffixes of videos, in lower case.
    """
    suffixes = frozenset(video_suffixes)
    videos = {stem_of(uri) for uri in files if suffix_of(uri) in suffixes}
    ranked: dict[str, tuple[tuple[int, str, int], str]] = {}
    for uri in files:
        if suffix_of(uri) not in SUBTITLE_SUFFIXES:
            continue
        stem, rank = stem_of(uri), SUBTITLE_SUFFIXES.index(suffix_of(uri))
        candidates = [(stem, (0, "", rank))]
        head, dot, tag = stem.rpartition(".")
        if dot and stem not in videos and (preference := _preference(tag)) is not None:
            candidates.append((head, (preference, tag, rank)))
        for key, order in candidates:
            ranked[key] = min(ranked.get(key, (order, uri)), (order, uri))
    return {stem: uri for stem, (_, uri) in ranked.items()}


@lru_cache(maxsize=1024)
def _preference(tag: str) -> int | None:
    """Return 1 for the tag of a language, 2 for one that says for whom the subtitles are, None for any other text."""
    from iso639 import Lang
    from iso639.exceptions import DeprecatedLanguageValue, InvalidLanguageValue

    found = _TAG.match(tag)
    if found is None:
        return None
    code = found[1].lower()
    if code in _FOR_THE_DEAF:
        return 2
    if code in _COUNTRIES:
        return 1
    try:
        Lang(code)
    except DeprecatedLanguageValue:  # a withdrawn code, such as iw
        return 1
    except InvalidLanguageValue:
        return None
    return 1
