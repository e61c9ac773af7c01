"""What `longcap index` and `longcap search` print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from operators.text import printable
from pipeline.monitoring.progress import clock
from pipeline.retrieval.api import index_output, search_output
from pipeline.retrieval.search import Hit, Mode
from pipeline.terminal.printing import echo, echo_json

_SHOWN_CHARACTERS = 400


def index_command(out: str, *, vectors: bool | None, as_json: bool) -> int:
    """Bring an index up to date and say what was done."""
    done = index_output(out, vectors=vectors, say=lambda line: echo(line, err=True))
    if as_json:
        echo_json(asdict(done))
        return 0
    how = "full text and vectors" if done.vectors else "full text"
    echo(
        f"{done.videos:,} videos, {done.passages:,} passages, {how}: {done.added:,} videos added, "
        f"{done.changed:,} changed, {done.removed:,} removed, {done.kept:,} kept as they were"
    )
    return 0


def search_command(
    out: str,
    query: str,
    *,
    k: int,
    mode: Mode | None,
    levels: Sequence[str],
    videos: Sequence[str],
    as_json: bool,
) -> int:
    """Search and print the moments; 1 where there are none, as grep does."""
    hits = search_output(out, query, k=k, mode=mode, levels=levels, videos=videos)
    if as_json:
        echo_json([asdict(hit) for hit in hits])
    else:
        echo("\n".join(text_of(hit) for hit in hits) if hits else "nothing found")
    return 0 if hits else 1


def text_of(hit: Hit) -> str:
    """A hit for people."""
    text = " ".join(printable(hit.text).split())
    short = f"{text[:_SHOWN_CHARACTERS]}…" if len(text) > _SHOWN_CHARACTERS else text
    return f"{printable(hit.name)}  {clock(hit.start_s)} to {clock(hit.end_s)}  {hit.level}\n    {short}"
