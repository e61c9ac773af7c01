"""One output as the viewer reads it: rows of single videos by look-up, never a whole table."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from operators.audio.heard import Heard
from operators.core.base import Row
from operators.store.store import Store
from pipeline.output.activity import sightings
from pipeline.output.annotations import Annotations
from pipeline.output.current import current_keys
from pipeline.output.output import Output
from pipeline.viewer.catalog import Catalog, give_back
from pipeline.viewer.further import current, further_lanes, of_key, runs_and_keys

_log = logging.getLogger(__name__)

_ASK_S = 10.0  # how often the viewer checks for active runs


@dataclass(frozen=True)
class Found:
    """What an output contains about one video.

    Attributes:
        video: a row of `rows.VIDEO`.
        caption: a row of `rows.LONG_CAPTION`, or of `rows.FILTERED` if the filter left the video out; None if the video
            has none yet.
        filtered: whether the filter left the video out.
        segments: rows of `rows.CAPTIONED_SEGMENT` of the current captions, in order.
        failures: rows of `rows.FAILED`, newest first.
    """

    video: Row
    caption: Row | None
    filtered: bool
    segments: pa.Table
    failures: list[Row]

    @property
    def video_id(self) -> str:
        return str(self.video["video_id"])

    @property
    def name(self) -> str:
        return str(self.video["uri"]).rstrip("/").rsplit("/", 1)[-1]


class Reader:
    """One output. Every method may be called from any thread.

    Args:
        uri: URI of the output.
        label: short name that distinguishes it from other outputs.
    """

    def __init__(self, uri: str, label: str) -> None:
        self.output = Output(uri)
        self.uri, self.label = self.output.uri, label
        self.annotations = Annotations(self.output.store)
        self.catalog = Catalog(self.uri, self.annotations)
        self._lock = threading.Lock()
        self._asked = threading.Lock()
        self._at_work: list[str] = []
        self._last_asked = 0.0

    @property
    def store(self) -> Store:
        return self.output.store

    def find(self, video_id: str) -> Found | None:
        """Return what the output contains about a video; None if it does not know the video."""
        with self._lock:
            videos = self.store.videos.lookup("video_id", video_id).to_pylist()
            captions = self.store.dataset.lookup("video_id", video_id).to_pylist()
            left_out = [] if captions else self.store.filtered.lookup("video_id", video_id).to_pylist()
            segments = self.store.segments.lookup("video_id", video_id)
            keys = current_keys(self.store, {video_id: runs_and_keys(segments)})
            segments = of_key(segments, keys.get(video_id))
            failures = self.store.failures.lookup("video_id", video_id).to_pylist()
            give_back()
        known = [*videos, *captions, *left_out, *failures]
        if not known:
            return None
        return Found(
            video=known[0],
            caption=next(iter([*captions, *left_out]), None),
            filtered=bool(left_out),
            segments=segments,
            failures=sorted(failures, key=lambda row: row["time"], reverse=True),
        )

    def video(self, video_id: str) -> Row | None:
        """Return the row of `rows.VIDEO`, by which media and frames are read; None if there is none."""
        with self._lock:
            found = self.store.videos.lookup("video_id", video_id).to_pylist()
        return found[0] if found else None

    def further(self, video_id: str) -> list[dict[str, Any]]:
        """Return the lanes of the tables that the recipe added."""
        with self._lock:
            return further_lanes(self.store, video_id)

    def heard(self, video_id: str) -> Heard | None:
        """Return the speech of a video; None if the output has no table of speech."""
        table = self.store.derived.get("speech")
        if table is None or "speech" not in table.schema.names:
            return None
        with self._lock:
            found = current(table.lookup("video_id", video_id, columns=["speech", "key", "run_id"]))
        return Heard.of(found["speech"][0].as_py()) if found.num_rows else None

    def run_file(self, run_id: str, name: str) -> bytes | None:
        """Return the content of a file of a run, such as `config.yaml`; None if it does not exist."""
        if not run_id or "/" in run_id or run_id in (".", ".."):
            return None
        return self.store.read_file(f"runs/{run_id}/{name}")

    def at_work(self) -> list[str]:
        """Return the active runs of the output, one line each, as of some seconds ago; never waits for a heartbeat."""
        if time.monotonic() - self._last_asked > _ASK_S and self._asked.acquire(blocking=False):
            threading.Thread(target=self._ask, daemon=True).start()
        return self._at_work

    def _ask(self) -> None:
        try:
            self._at_work = [str(s) for s in sightings(self.uri) if s.state == "at work"]
        except Exception as error:  # storage that does not answer; the pages say so themselves, where they need it
            _log.debug("the runs of %s are not known: %r", self.uri, error)
        finally:
            self._last_asked = time.monotonic()
            self._asked.release()


def first_of(table: pa.Table, name: str) -> Any:
    """Return the first value of a column; None if there is no row."""
    return table[name][0].as_py() if table.num_rows else None
