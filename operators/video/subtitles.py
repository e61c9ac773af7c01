"""Reading of the subtitle file beside a video, in the decoding process and within limits.

`read_subtitles` is a job of `operators.video.isolation.DecodeChild`, because an untrusted file may be a pipe, a device,
gigabytes, or text on which a parser hangs. A problem with the file is recorded as a status of the video, not as a
failure. Only a file that changed after it was listed, and unavailable storage, are failures, which may be retried.
"""

from __future__ import annotations

import os
import re
import stat
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import accumulate
from posixpath import basename
from typing import Any

from operators.core.base import ItemError, Row
from operators.core.uris import local_path
from operators.video.cues import Cue, NoSubtitles, read_cues
from operators.video.encodings import UnknownEncoding, decode_text
from operators.video.progress import PROGRESS
from operators.video.source import Source, WatchedFile
from operators.video.version import CHANGED, check_subtitles

READ = "read"
"""Status of subtitles that are used; every other status says why they are not."""

MAX_BYTES = 16 * 2**20
MAX_LINES = 100_000
MAX_LINE_CHARACTERS = 10_000
MAX_CHARACTERS_A_MINUTE = 60_000  # people read 1,000; ASS that draws its letters one by one comes to 20,000
_JOB = "operators.video.subtitles:read_subtitles"
_TOUCHING_S = 0.05  # equal lines nearer than this are one: animated ASS shows one line in hundreds of pieces
_LANGUAGE = re.compile(r"\.([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)\.[A-Za-z]+\Z")
_LATE_S = 0.1
_KEPT = 4  # videos whose lines an actor remembers


class _Unusable(Exception):
    """The subtitles cannot be used; the message says why, in a few words."""


@dataclass(frozen=True)
class Subtitles:
    """The subtitles beside a video.

    Attributes:
        status: `READ`, or `not read: ` and the reason.
        cues: cues in order of time; empty if they were not read.
    """

    status: str
    cues: tuple[Cue, ...] = ()

    def between(self, start_s: float, end_s: float) -> Subtitles:
        """Only the lines that overlap `[start_s, end_s)`, with their full spans."""
        return Subtitles(self.status, tuple(c for c in self.cues if c.start_s < end_s and c.end_s > start_s))

    def row(self) -> Row:
        """The value of the column `subtitles`, as `operators.core.structs.SUBTITLES`."""
        return {"status": self.status, "lines": [asdict(cue) for cue in self.cues]}


class SubtitleReader:
    """Reads subtitles in an isolated process, once per video.

    Args:
        run: `DecodeChild.run`.
    """

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run
        self._kept: OrderedDict[tuple[str, str | None], Subtitles] = OrderedDict()

    def of(self, row: Row) -> Subtitles | None:
        """Those of a row of `operators.core.rows.SEGMENT`; None where none lie beside its video.

        Raises:
            ItemError: class `changed` where they changed after they were listed; `storage` where storage did not answer
                and the segment will be tried again.
        """
        uri = row.get("subtitles_uri")
        if not uri:
            return None
        key = (uri, row.get("source_version"))
        if key not in self._kept:
            self._kept[key] = self._read(row, uri)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _read(self, row: Row, uri: str) -> Subtitles:
        version, first_pts_s = row.get("source_version"), float(row.get("first_pts_s") or 0.0)
        try:
            status, cues = self._run(_JOB, uri=uri, version=version, first_pts_s=first_pts_s, video=_may_be_late(row))
        except ItemError as error:
            if error.failure_class == CHANGED or (error.failure_class == "storage" and not row.get("passes")):
                raise
            return Subtitles(_not_read(_WHY.get(error.failure_class, error.message)))
        return Subtitles(status, tuple(Cue(*cue) for cue in cues))


def _may_be_late(row: Row) -> str | None:
    """The video, if its first frame may come after the start of playback; not if it has several clocks."""
    late = float(row.get("first_pts_s") or 0.0) >= _LATE_S and not row.get("parts")
    return row.get("access_uri") or row.get("uri") if late else None


_WHY = {
    "timeout": "reading them took too long",
    "crash": "reading them ended the process that did it",
    "out_of_memory": "reading them took too much memory",
    "storage": "storage did not answer",
    "internal": "reading them met an internal error",
}


def read_subtitles(
    *, uri: str, version: str | None, first_pts_s: float, video: str | None = None
) -> tuple[str, list[tuple[float, float, str]]]:
    """Read a whole subtitle file: a job of the decoding process.

    Its times count from the start of playback, as in players, which the earliest stream of the video determines; a
    video that starts seconds after its sound begins at that time of its subtitles.

    Args:
        uri: of the file.
        version: the `source_version` of its video; None checks nothing.
        first_pts_s: of the video.
        video: uri of the video, if its first frame may not be the start of playback.

    Returns:
        The status of `Subtitles`, and its cues as (start_s, end_s, text).

    Raises:
        ItemError: class `changed`, or `storage`.
    """
    check_subtitles(uri, version)
    try:
        raw = _bytes(uri)
        named = _LANGUAGE.search(basename(uri))
        text = decode_text(raw, language=named[1] if named else None)
        late_s = _late_s(video, first_pts_s) if video is not None else 0.0
        cues = _bounded(read_cues(text, first_pts_s=first_pts_s, late_s=late_s))
    except (_Unusable, UnknownEncoding, NoSubtitles) as problem:
        status, cues = _not_read(str(problem)), []
    else:
        status = READ
    check_subtitles(uri, version)
    return status, [(cue.start_s, cue.end_s, cue.text) for cue in cues]


def _late_s(video: str, first_pts_s: float) -> float:
    """Seconds from the start of playback to the first frame; 0 for less than a tenth, the delay of an encoder."""
    with Source(video) as source:
        try:
            start = source.open().start_time  # in microseconds, of the earliest stream
        except ItemError as error:
            if error.failure_class == "storage":
                raise
            return 0.0
        source.check()
    late_s = first_pts_s - (start or 0) / 1e6
    return late_s if start is not None and late_s >= _LATE_S else 0.0


def _not_read(reason: str) -> str:
    return f"not read: {reason}"


def _bytes(uri: str) -> bytes:
    path = local_path(uri)
    try:
        raw = _local_bytes(path) if path is not None else _remote_bytes(uri)
    except ItemError as error:
        if error.failure_class == "storage":
            raise
        raise _Unusable(_REFUSED[error.failure_class]) from None
    if len(raw) > MAX_BYTES:
        raise _too_large()
    if not raw.strip(b"\x00 \t\r\n"):
        raise _Unusable("the file is empty")
    return raw


_REFUSED = {"unreadable": "the file cannot be opened", "undecodable": "the file is empty"}


def _local_bytes(path: str) -> bytes:
    """Bytes of a regular file, links followed; one more than allowed where it is too large.

    It is opened without waiting, since a pipe without a writer would wait for one.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116  before it is opened: opening a device may act on it
            raise _Unusable("it is not a regular file")
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _Unusable("the file does not exist") from None
    except PermissionError:
        raise _Unusable("the file may not be read: permission denied") from None
    except OSError as error:
        raise ItemError("storage", f"subtitles {path}: {error.strerror or error}") from error
    with open(file, "rb") as stream:  # noqa: PTH123  a descriptor
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise _Unusable("it is not a regular file")
        if status.st_size > MAX_BYTES:
            raise _too_large()
        try:
            with PROGRESS.waiting():
                return stream.read(MAX_BYTES + 1)
        except OSError as error:
            raise ItemError("storage", f"subtitles {path}: {error.strerror or error}") from error


def _remote_bytes(uri: str) -> bytes:
    with closing(WatchedFile(uri)) as file:
        if file.size_bytes > MAX_BYTES:
            raise _too_large()
        try:
            return file.read(MAX_BYTES + 1)
        except Exception as error:
            raise file.error or error from error


def _too_large() -> _Unusable:
    return _Unusable(f"the file is larger than {MAX_BYTES // 2**20} MiB")


def _bounded(cues: Sequence[Cue]) -> list[Cue]:
    """The cues in order, equal neighbours joined.

    Raises:
        _Unusable: there are none, or more than subtitles can be.
    """
    if not cues:
        raise _Unusable("it holds no lines")
    if any(len(cue.text) > MAX_LINE_CHARACTERS for cue in cues):
        raise _Unusable(f"a line has more than {MAX_LINE_CHARACTERS:,} characters")
    joined = _joined(cues)
    if len(joined) > MAX_LINES:
        raise _Unusable(f"it has more than {MAX_LINES:,} lines")
    if _most_a_minute(joined) > MAX_CHARACTERS_A_MINUTE:
        raise _Unusable(f"a minute of it has more than {MAX_CHARACTERS_A_MINUTE:,} characters")
    return joined


def _joined(cues: Iterable[Cue]) -> list[Cue]:
    last: dict[str, int] = {}
    found: list[Cue] = []
    for cue in sorted(cues, key=lambda c: (c.start_s, c.end_s, c.text)):
        at = last.get(cue.text)
        if at is not None and cue.start_s <= found[at].end_s + _TOUCHING_S:
            found[at] = Cue(found[at].start_s, max(found[at].end_s, cue.end_s), cue.text)
        else:
            last[cue.text] = len(found)
            found.append(cue)
    return found


def _most_a_minute(cues: Iterable[Cue]) -> int:
    """Most characters that stand in one minute."""
    change: dict[int, int] = {}
    for cue in cues:
        first, behind = int(cue.start_s // 60), int(cue.end_s // 60) + 1
        change[first] = change.get(first, 0) + len(cue.text)
        change[behind] = change.get(behind, 0) - len(cue.text)
    return max(accumulate(change[minute] for minute in sorted(change)))
