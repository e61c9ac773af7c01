"""Opens a URI for PyAV: local files by path, everything else as a file object of fsspec.

Every failure to read the bytes becomes an `ItemError` whose class names the cause: `unreadable` (no such file, no
permission), `undecodable` (the file is not a video), `storage` (the storage did not answer).
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from operators.core.base import ItemError
from operators.core.uris import is_utf8, local_path
from operators.video.faults import check_local, empty, missing_index, storage_error
from operators.video.progress import PROGRESS
from operators.video.ranged import RangedFile

_BUFFER_BYTES = 256 * 1024  # PyAV's default of 32 KiB makes a call into Python for every second packet of HD video
_COPY_BYTES = 8 * 2**20
_OPTIONS = {"protocol_whitelist": "file"}  # a playlist named like a video must not make FFmpeg fetch URLs
_PLAYLISTS = frozenset({"hls", "dash", "concat", "imf"})  # they name other files, which must not be opened


class Containers(Protocol):
    """The input of a reader: `Source` is a file, `ffmpeg_backend.FfmpegSource` the output of a decoding program."""

    uri: str

    @property
    def unplaced_damage(self) -> int:
        """Number of damaged packets whose time is not known."""

    @property
    def tick(self) -> Fraction | None:
        """The video's own time base in seconds if the opened container has a finer one, else None."""

    @property
    def lead_bytes(self) -> int:
        """Number of bytes at the beginning with packets of another clock, which are decoded but not presented."""

    def open(self) -> Any:
        """Open a new container at the beginning and close the previous one."""

    def check(self) -> None:
        """Raise what storage said, if the reading rather than the decoding failed."""

    def close(self) -> None:
        """Close the input."""


class Source:
    """One input. `open()` returns a new PyAV container at its beginning. As a context manager it closes the input.

    Args:
        uri: a local path, a `file://` URI, or anything that fsspec opens (`s3://`, `https://`, `memory://`, …).

    Attributes:
        bytes_fetched: number of bytes read over the network; complete after `close`.
        span, lead_bytes, format: arguments of the last call of `show`.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._path = local_path(uri)
        self._remote: WatchedFile | None = None
        self._container: Any = None
        self._copy: Any = None
        self._local: Any = None
        self.bytes_fetched = 0
        self.span: tuple[int, int] | None = None
        self.lead_bytes = 0
        self.format = ""
        self._error: ItemError | None = None

    def show(self, span: tuple[int, int] | None, *, lead_bytes: int = 0, format: str = "") -> None:
        """Restrict the input to a range of bytes, which later calls of `open` treat as a file.

        Args:
            span: first byte and the byte after the last; None for the whole input.
            lead_bytes: number of bytes at the beginning with packets of another clock.
            format: FFmpeg's name of the format; "" to detect it.
        """
        self.close()
        self.span, self.lead_bytes, self.format = span, lead_bytes, format

    def open(self) -> Any:
        """Open a new `av.container.InputContainer` and close the previous one.

        Raises:
            ItemError: unreadable, undecodable or storage.
        """
        import av

        self.close()
        target: Any
        if self._path is not None:
            check_local(self.uri, self._path)
            path = self._path
            target = f"file:{path}" if is_utf8(path) else f"file:{self.local_file()[0]}"
        else:
            target = self._remote = WatchedFile(self.uri)
        if self.span is not None:
            if self._path is not None:
                self._local = Path(self._path).open("rb", buffering=0)  # noqa: SIM115 closed with the container
            target = SpanFile(self._local or self._remote, *self.span)
        try:
            # metadata_errors: damaged tags are no reason to refuse the frames (a UnicodeDecodeError otherwise)
            self._container = av.open(
                target,
                format=self.format.split(",")[0] or None,
                metadata_errors="replace",
                buffer_size=_BUFFER_BYTES,
                container_options=_OPTIONS,
            )
        except MemoryError:
            raise
        except Exception as error:
            self.check()
            reason = self._why_not() or f"not a video that FFmpeg can read ({_plain(error)})"
            raise ItemError("undecodable", f"{self.uri} is {reason}") from error
        if self._remote is not None:
            duration = self._container.duration  # in microseconds; None, 0 or less where it is not known
            self._remote.opened(max(0, duration or 0) / 1e6)
        if self._container.format.name in _PLAYLISTS:
            name = self._container.format.name
            self.close()
            raise ItemError(
                "undecodable", f"{self.uri} is a playlist ({name}), not a video; list its media files instead"
            )
        return self._container

    def check(self) -> None:
        """Raise what storage said, if the reading rather than the decoding failed."""
        error = self._error or (self._remote.error if self._remote is not None else None)
        if error is not None:
            raise error

    @property
    def unplaced_damage(self) -> int:
        """Return 0: the reader knows the time of all damage."""
        return 0

    @property
    def tick(self) -> Fraction | None:
        """Return None: the container is the video's own."""
        return None

    def local_file(self) -> tuple[str, tuple[int, ...]]:
        """A path that other decoders can open, and the file descriptors that a program must inherit to open it.

        A remote input is copied to disk once, into an unnamed file, so that nothing remains however this process ends.
        """
        if self._path is not None and is_utf8(self._path):
            return self._path, ()
        if self._copy is None and self._path is not None:  # decoders take names as UTF-8 only
            self._copy = Path(self._path).open("rb")  # noqa: SIM115  # lives as long as this source
        elif self._copy is None:
            remote = WatchedFile(self.uri)
            copy = tempfile.TemporaryFile(prefix="longcap-")  # noqa: SIM115 lives as long as this source
            with contextlib.closing(remote):
                while piece := remote.read(_COPY_BYTES):
                    copy.write(piece)
            self.bytes_fetched += remote.bytes_fetched
            copy.flush()
            self._copy = copy
        return f"/dev/fd/{self._copy.fileno()}", (self._copy.fileno(),)

    @contextlib.contextmanager
    def peek(self) -> Iterator[Any]:
        """A separate file object of the input, to inspect its bytes without affecting an open container.

        Raises:
            ItemError: storage.
        """
        if self._path is not None:
            with Path(self._path).open("rb") as file:
                yield SpanFile(file, *self.span) if self.span is not None else file
            return
        with contextlib.ExitStack() as stack:
            remote = self._remote or stack.enter_context(contextlib.closing(WatchedFile(self.uri)))
            position = remote.tell()
            try:
                yield SpanFile(remote, *self.span) if self.span is not None else remote
            finally:
                remote.seek(position)
            if remote is not self._remote:
                self.bytes_fetched += remote.bytes_fetched

    @property
    def size_bytes(self) -> int:
        """Size of the input in bytes."""
        if self.span is not None:
            return self.span[1] - self.span[0]
        if self._path is not None:
            return Path(self._path).stat().st_size
        return self._remote.size_bytes if self._remote is not None else 0

    def close(self) -> None:
        """Close the container and the file object. Safe to call twice."""
        if self._container is not None:
            self._container.close()
            self._container = None
        if self._remote is not None:
            self.bytes_fetched += self._remote.bytes_fetched
            self._error = self._error or self._remote.error
            self._remote.close()
            self._remote = None
        if self._local is not None:
            self._local.close()
            self._local = None

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if self._copy is not None:
            self._copy.close()

    def _why_not(self) -> str | None:
        """The reason why an MP4 or MOV does not open, if its index is missing, as after an interrupted upload."""
        try:
            if self._path is not None:
                with Path(self._path).open("rb") as file:
                    return missing_index(file)
            return missing_index(self._remote)
        except (OSError, ItemError):
            return None


class WatchedFile(io.RawIOBase):
    """A remote file object that reports to the watchdog when it waits, and keeps the first error.

    Attributes:
        error: the `ItemError` of the first failed read; FFmpeg itself would only report "Invalid data".
    """

    def __init__(self, uri: str) -> None:
        super().__init__()
        self.uri = uri
        self.error: ItemError | None = None
        try:
            with PROGRESS.waiting():
                self._file = RangedFile(uri)
                self.size_bytes = self._file.size_bytes
        except Exception as error:
            raise storage_error(uri, error) from error
        if self.size_bytes == 0:
            raise empty(uri)

    @property
    def bytes_fetched(self) -> int:
        """Number of bytes read over the network so far."""
        return self._file.bytes_fetched

    def opened(self, duration_s: float) -> None:
        """Note the duration in seconds that the opened container reports, or 0 if it reports none."""
        self._file.opened(duration_s)

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes; the watchdog knows that this waits for storage."""
        try:
            with PROGRESS.waiting():
                return bytes(self._file.read(size))
        except Exception as error:
            self.error = self.error or storage_error(self.uri, error)
            raise

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class SpanFile(io.RawIOBase):
    """A range of bytes of an open file as a file object.

    Args:
        file: an object with `seek` and `read`; it stays open when this is closed.
        from_byte, to_byte: first byte and the byte after the last.
    """

    def __init__(self, file: Any, from_byte: int, to_byte: int) -> None:
        super().__init__()
        self._file = file
        self._from, self._size = from_byte, to_byte - from_byte
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._position)
        if not left:  # demuxers seek to where no file can have bytes
            return b""
        self._file.seek(self._from + self._position)
        found = bytes(self._file.read(left if size < 0 else min(size, left)) or b"")
        self._position += len(found)
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _plain(error: Exception) -> str:
    text = str(getattr(error, "strerror", None) or error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__
