"""List the audio tracks of a file and choose one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from operators.language.identify import language_code

_OTHER_ROLES = {
    "comment": "commentary",
    "visual_impaired": "described",
    "descriptions": "described",
    "karaoke": "karaoke",
    "clean_effects": "effects",
}
"""Dispositions of tracks other than the main sound -> their name in the row."""


def tracks_of(container: Any) -> list[dict[str, Any]]:
    """Return the audio streams of a container in order, as values of `operators.audio.lines.TRACK`."""
    found: list[dict[str, Any]] = []
    for number, stream in enumerate(container.streams.audio):
        context = stream.codec_context
        found.append(
            {
                "track": number,
                "language": _language(stream),
                "title": stream.metadata.get("title") or stream.metadata.get("handler_name"),
                "codec": context.codec.canonical_name if context is not None else None,
                "rate_hz": int(context.rate or 0) if context is not None else None,
                "channels": int(context.channels or 0) if context is not None else None,
                "role": _role(stream),
            }
        )
    return found


def choose(tracks: Sequence[dict[str, Any]], *, track: int | None, languages: Sequence[str]) -> tuple[int | None, str]:
    """Return the track to use and the reason; None if no track can be decoded.

    Args:
        track: number of the track; None chooses the best one.
        languages: preferred languages, best first.
    """
    usable = [t for t in tracks if t["codec"] is not None]
    if track is not None:
        known = any(t["track"] == track for t in usable)
        return (track, "by number") if known else (None, f"there is no track {track}")
    if not usable:
        return None, "no track has a decoder" if tracks else "no audio"
    # the main sound before commentary and descriptions; then the default track of the file
    ordered = sorted(usable, key=lambda t: (t["role"] not in (None, "default"), t["role"] != "default", t["track"]))
    for wanted in languages:
        code = language_code(wanted) or wanted
        for one in ordered:
            if one["language"] == code:
                return one["track"], f"language {code}"
    if len(usable) == 1:
        return ordered[0]["track"], "the only one"
    return ordered[0]["track"], "the default" if ordered[0]["role"] == "default" else "the first"


def _language(stream: Any) -> str | None:
    said = (stream.metadata.get("language") or "").strip()
    if not said or said.lower() in ("und", "mis", "mul", "zxx"):
        return None
    return language_code(said) or said


def _role(stream: Any) -> str | None:
    from av.stream import Disposition

    for name, word in _OTHER_ROLES.items():
        if stream.disposition & getattr(Disposition, name):
            return word
    return "default" if stream.disposition & Disposition.default else None
