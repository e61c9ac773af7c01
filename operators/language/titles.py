"""A short title of a text."""

from __future__ import annotations


def title_of(text: str, topic: str | None = None, most: int = 60) -> str:
    """Return the topic if there is one, else the first sentence, truncated at a word to `most` characters."""
    title = " ".join((topic or text).split())
    if not topic:
        title = title.split(". ", 1)[0].rstrip(".")
    if len(title) <= most:
        return title
    return f"{title[: most - 1].rsplit(' ', 1)[0].rstrip(',;:')}…"
