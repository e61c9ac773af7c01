"""Retrieval from Python and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike

from markupsafe import Markup

from pipeline.monitoring.progress import clock
from pipeline.output.notebook import shown, table
from pipeline.output.output import Output
from pipeline.retrieval.index import Index, Updated
from pipeline.retrieval.search import Hit, Mode, opened, search

Place = str | PathLike[str]


class Hits(list[Hit]):
    """Moments, best first; a notebook shows them as a table."""

    def _repr_html_(self) -> str:
        rows = [[hit.name, f"{clock(hit.start_s)} to {clock(hit.end_s)}", hit.level, shown(hit.text)] for hit in self]
        return str(Markup("{}").format(table(("video", "time", "level", "text"), rows)))


def index_output(
    out: Place | Output, *, vectors: bool | None = None, say: Callable[[str], None] = lambda _: None
) -> Updated:
    """Make the index of an output, or bring it up to date; an interrupted call is resumed by the next.

    Args:
        out: an output, or its place.
        vectors: whether it has sentence embeddings beside the full text; None: as before, and for a new index where
            the extra `grounding` is installed.
        say: is told of progress.

    Raises:
        UsageError: there is no output, or an extra is not installed.
        RunFailed: another process is at work on this index.
    """
    output = out if isinstance(out, Output) else Output(out)
    return Index(output.uri).update(output, vectors=vectors, say=say)


def search_output(
    out: Place | Output,
    query: str,
    *,
    k: int = 5,
    mode: Mode | None = None,
    levels: Sequence[str] = (),
    videos: Sequence[Place] = (),
) -> Hits:
    """The moments of an indexed output that fit a query best, best first.

    Args:
        out: an output, or its place.
        k: how many at most.
        mode: "hybrid", "text" or "vector"; None: hybrid where the index has vectors.
        levels: only passages of these levels: window, sentence, section, video, or the name of a further table.
        videos: only in these, each named as for `Output.find`.

    Raises:
        UsageError: there is no output, no index, or what is asked for is not in it.
    """
    output = out if isinstance(out, Output) else Output(out)
    index = opened(output)
    ids = [output.find(video)["video_id"] for video in videos]
    return Hits(search(index, query, k=k, mode=mode, levels=levels, video_ids=ids))
