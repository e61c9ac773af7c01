"""Frames for pages: decoded on request, in batches, and cached.

A page requests each of its frames separately. Times that a page is about to request are announced with `soon`, so that
one pass over the file decodes all of them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from queue import Queue
from typing import Any

from operators.core.base import ItemError, Row
from pipeline.output.filmstrip import Filmstrip
from pipeline.viewer.cache import Cache

HEIGHTS = (96, 360)
"""Short sides in px: for strips and lists, and for a storyboard."""

_CLOSING = "the viewer is shutting down"
_WORKERS = 2
_STEP_S = 1e-3  # times are rounded to it


class Stills:
    """Decodes frames in its own child processes.

    Args:
        cache: the cache that stores them.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        count = max(1, min(_WORKERS, os.cpu_count() or 1))
        self._all = {h: [Filmstrip(short_side_px=h, quality=78) for _ in range(count)] for h in HEIGHTS}
        self._strips: dict[int, Queue[Filmstrip]] = {}
        for height, strips in self._all.items():
            self._strips[height] = Queue()
            for strip in strips:
                self._strips[height].put(strip)
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="stills")
        self._lock = threading.Lock()
        self._coming: dict[str, Future[bytes]] = {}
        self._closed = False

    def get(self, video: Row, time_s: float, height: int) -> bytes:
        """Return the frame on screen at `time_s` as a JPEG.

        Args:
            video: a row of `rows.VIDEO`.
            time_s: seconds from the first presented frame.
            height: one of `HEIGHTS`.

        Raises:
            ItemError: the video cannot be read, has changed, or has no frame there.
        """
        return self._ask(video, [time_s], height)[0].result()

    def soon(self, video: Row, times_s: Sequence[float], height: int) -> None:
        """Start decoding these frames; an error is raised only when a frame is requested."""
        self._ask(video, times_s, height)

    def close(self) -> None:
        """Stop the child processes; frames that are still to be decoded get an error. Safe to call twice."""
        with self._lock:
            self._closed = True
            coming, self._coming = list(self._coming.values()), {}
        self._pool.shutdown(wait=False, cancel_futures=True)
        for future in coming:  # threads of pages wait for them, without which the process does not end
            _answer(future, ItemError("internal", _CLOSING))
        for strips in self._all.values():
            for strip in strips:
                strip.close()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _ask(self, video: Row, times_s: Sequence[float], height: int) -> list[Future[bytes]]:
        wanted: list[tuple[float, Any, Future[bytes]]] = []
        answers: list[Future[bytes]] = []
        with self._lock:
            for time_s in times_s:
                rounded = round(time_s / _STEP_S) * _STEP_S
                path = self._cache.path(
                    video["uri"], video.get("source_version"), f"{rounded:.3f}", height, suffix=".jpg"
                )
                coming = self._coming.get(path.name)
                if coming is None:
                    coming = Future()
                    if (data := self._cache.read(path)) is not None:
                        coming.set_result(data)
                    elif self._closed:
                        coming.set_exception(ItemError("internal", _CLOSING))
                    else:
                        self._coming[path.name] = coming
                        wanted.append((rounded, path, coming))
                answers.append(coming)
        if wanted:
            try:
                self._pool.submit(self._decode, video, wanted, height)
            except RuntimeError:  # the pool was shut down meanwhile
                self._fail(wanted, ItemError("internal", _CLOSING))
        return answers

    def _decode(self, video: Row, wanted: list[tuple[float, Any, Future[bytes]]], height: int) -> None:
        strip = self._strips[height].get()
        try:
            found = strip.at(video, [time_s for time_s, _, _ in wanted])
        except ItemError as error:
            self._fail(wanted, error)
            return
        except BaseException as error:
            self._fail(wanted, ItemError("internal", f"{type(error).__name__}: {error}"))
            raise
        finally:
            self._strips[height].put(strip)
        for time_s, path, future in wanted:
            inside = min(max(0.0, time_s), max(0.0, video["duration_s"] - _STEP_S))  # as in `Filmstrip.at`
            still = next((s for s in found if abs(s.requested_s - inside) < _STEP_S / 2), None)
            with self._lock:
                self._coming.pop(path.name, None)
            if still is None:
                _answer(future, ItemError("undecodable", f"no frame can be decoded at {time_s:.3f} s"))
                continue
            self._cache.write(path, still.jpeg)
            _answer(future, still.jpeg)

    def _fail(self, wanted: list[tuple[float, Any, Future[bytes]]], error: ItemError) -> None:
        with self._lock:
            for _, path, _ in wanted:
                self._coming.pop(path.name, None)
        for _, _, future in wanted:
            _answer(future, error)


def _answer(future: Future[bytes], answer: bytes | ItemError) -> None:
    """Set the result or the exception, unless `Stills.close` was faster."""
    with suppress(InvalidStateError):
        if isinstance(answer, ItemError):
            future.set_exception(answer)
        else:
            future.set_result(answer)
