"""Reading of the packets of one stream, video or audio, in spite of demuxer errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from operators.video.progress import PROGRESS
from operators.video.source import Containers

_RETRIES = 32  # successive demuxer errors after which the rest of the file is considered lost


def packets_of(source: Containers, container: Any, stream: Any) -> Iterator[Any]:
    """Yield packets from the current position of `container` to its end, including PyAV's empty one at the end.

    Yields None after a demuxer error. Each packet counts as progress for the watchdog.

    Args:
        source: the source from which `container` was opened.

    Raises:
        ItemError: storage failed, not the demuxer.
    """
    import av

    failures = 0
    demux = demux_known(container, stream)
    while failures < _RETRIES:
        try:
            packet = next(demux)
        except StopIteration:
            return
        except av.FFmpegError:
            source.check()
            failures += 1
            demux = demux_known(container, stream)
            yield None
            continue
        PROGRESS.step()
        failures = 0
        yield packet


def demux_known(container: Any, *streams: Any) -> Iterator[Any]:
    """As `container.demux`, without packets of streams that were not there when it was opened.

    MPEG-TS may grow streams on the way, a damaged one at random; PyAV knows only those that it saw first.
    """
    while True:
        try:
            yield from container.demux(*streams)
        except IndexError:
            continue
        return
