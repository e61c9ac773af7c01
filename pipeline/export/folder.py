"""Where an export lies: a local folder or a prefix on object storage, whose files are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from operators.core.atomic import replace_file
from operators.core.storage import file_system, files_below, is_local, open_binary

_COPY_BYTES = 8 * 2**20


class Folder:
    """Files below `uri`, named by their path relative to it. Opening it writes nothing."""

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/") or "/"
        files, self._root = file_system(self.uri)
        self.local = Path(self._root) if is_local(files) else None

    def at(self, path: str) -> str:
        """The path or URI of a file."""
        return str(self.local / path) if self.local is not None else f"{self.uri}/{path}"

    def files(self, below: str = "") -> list[str]:
        """All files below a folder in it, as paths relative to this one, sorted."""
        start = len(self._root.rstrip("/")) + 1
        return [path[start:] for path in files_below(self.at(below) if below else self.uri)]

    def read(self, path: str) -> bytes | None:
        """The content of a file; None where there is none."""
        try:
            with self.open(path) as file:
                return bytes(file.read())
        except FileNotFoundError:
            return None

    def open(self, path: str) -> IO[bytes]:
        """A file opened for reading."""
        found: IO[bytes] = open_binary(self.at(path))
        return found

    def lines(self, path: str) -> Iterator[bytes]:
        """The lines of a file, without their ends."""
        with self.open(path) as file:
            for line in file:
                yield line.rstrip(b"\r\n")

    def size(self, path: str) -> int | None:
        """Bytes of a file; None where there is none."""
        files, place = file_system(self.at(path))
        try:
            return int(files.info(place)["size"])
        except FileNotFoundError:
            return None

    def write(self, path: str, data: bytes | str) -> str:
        """Write a file in one step; returns `path`."""
        data = data.encode() if isinstance(data, str) else data
        if self.local is not None:
            replace_file(self.local / path, data)
        else:
            with open_binary(self.at(path), "wb") as file:
                file.write(data)
        return path

    @contextmanager
    def writing(self, path: str) -> Iterator[IO[bytes]]:
        """A file object for a file that is there once the block ends without an error."""
        if self.local is None:
            with self._uploading(path) as remote:
                yield remote
            return
        target = self.local / path
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name[:80]}.{secrets.token_hex(6)}.part")
        try:
            with draft.open("xb") as file:
                yield file
            os.replace(draft, target)  # noqa: PTH105
        except BaseException:
            with suppress(FileNotFoundError):
                draft.unlink()
            raise

    @contextmanager
    def _uploading(self, path: str) -> Iterator[IO[bytes]]:
        file: Any = open_binary(self.at(path), "wb")
        try:
            yield file
        except BaseException:
            if hasattr(file, "discard"):  # an upload that is not completed is no object
                with suppress(Exception):
                    file.discard()
            file.closed = True
            raise
        file.close()

    def take(self, path: str, source: Path) -> None:
        """Move a local file to `path`."""
        if self.local is None:
            with source.open("rb") as file, self.writing(path) as target:
                shutil.copyfileobj(file, target, _COPY_BYTES)
            source.unlink()
            return
        target_path = self.local / path
        target_path.parent.mkdir(parents=True, exist_ok=True)
        draft = target_path.with_name(f".{target_path.name[:80]}.{secrets.token_hex(6)}.part")
        shutil.move(source, draft)
        os.replace(draft, target_path)  # noqa: PTH105

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files, as far as they are there, and local folders that are empty afterwards."""
        for path in paths:
            files, place = file_system(self.at(path))
            with suppress(FileNotFoundError):
                files.rm_file(place)
            if self.local is not None:
                for parent in (self.local / path).relative_to(self.local).parents:
                    with suppress(OSError):
                        (self.local / parent).rmdir() if parent.name else None
