"""The folder of an export: local or a prefix on object storage; each file becomes visible only when it is complete."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from operators.core.atomic import replace_file
from operators.core.causes import name_place
from operators.core.folders import make_folder
from operators.core.storage import file_system, files_below, is_local, open_binary
from operators.core.uploads import abort, on_begin

_UPLOADS = ".longcap/uploads"  # one file per multipart upload that is being sent to S3
_COPY_BYTES = 8 * 2**20


class Folder:
    """Files below `uri`, addressed by paths relative to it. Creating the object writes nothing."""

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/") or "/"
        files, self._root = file_system(self.uri)
        self.local = Path(self._root) if is_local(files) else None

    def at(self, path: str) -> str:
        """Return the path or URI of a file."""
        return str(self.local / path) if self.local is not None else f"{self.uri}/{path}"

    def files(self, below: str = "") -> list[str]:
        """Return all files below a subfolder, as sorted paths relative to this folder."""
        start = len(self._root.rstrip("/")) + 1
        return [path[start:] for path in files_below(self.at(below) if below else self.uri)]

    def read(self, path: str) -> bytes | None:
        """Return the content of a file; None if it does not exist."""
        try:
            with self.open(path) as file:
                return bytes(file.read())
        except FileNotFoundError:
            return None

    def open(self, path: str) -> IO[bytes]:
        """Open a file for reading."""
        found: IO[bytes] = open_binary(self.at(path))
        return found

    def lines(self, path: str) -> Iterator[bytes]:
        """Yield the lines of a file, without line ends."""
        with self.open(path) as file:
            for line in file:
                yield line.rstrip(b"\r\n")

    def size(self, path: str) -> int | None:
        """Return the size of a file in bytes; None if it does not exist."""
        files, place = file_system(self.at(path))
        try:
            return int(files.info(place)["size"])
        except FileNotFoundError:
            return None

    def write(self, path: str, data: bytes | str) -> str:
        """Write a file atomically; returns `path`."""
        data = data.encode() if isinstance(data, str) else data
        if self.local is not None:
            replace_file(self.local / path, data)
        else:
            with self.writing(path) as file:
                file.write(data)
        return path

    @contextmanager
    def writing(self, path: str) -> Iterator[IO[bytes]]:
        """Yield a file object; the file becomes visible when the block ends without an error."""
        if self.local is None:
            with self._uploading(path) as remote:
                yield remote
            return
        target = self.local / path
        make_folder(target.parent)
        draft = target.with_name(f".{target.name[:80]}.{secrets.token_hex(6)}.part")
        try:
            with draft.open("xb") as file:
                yield file
            os.replace(draft, target)  # noqa: PTH105
        except BaseException as error:
            with suppress(FileNotFoundError):
                draft.unlink()
            name_place(error, str(target))
            raise

    @contextmanager
    def _uploading(self, path: str) -> Iterator[IO[bytes]]:
        file: Any = open_binary(self.at(path), "wb")
        noted: list[str] = []

        def note(key: str, upload_id: str) -> None:
            noted.append(f"{_UPLOADS}/{secrets.token_hex(8)}.json")
            self.write(noted[-1], json.dumps({"key": key, "upload_id": upload_id}))

        on_begin(file, note)
        try:
            yield file
            file.close()
        except BaseException:
            if hasattr(file, "discard"):  # an upload that is not completed leaves no object
                with suppress(Exception):
                    file.discard()
                    self.remove(noted)
            file.closed = True
            raise
        self.remove(noted)

    def holds(self, key: str) -> bool:
        """Whether a key of the bucket lies in this folder."""
        return key.startswith(f"{self.uri.removeprefix('s3://').partition('/')[2].strip('/')}/".lstrip("/"))

    def abort_uploads(self, say: Callable[[str], None]) -> None:
        """Abort multipart uploads that killed writers of this folder left; nobody else may be writing to it.

        The id of each upload was stored before any data was sent, so uploads of others are never touched. An upload
        whose id was not stored yet has no data.
        """
        if self.local is not None:
            return
        for path in self.files(_UPLOADS):
            try:
                left = json.loads(self.read(path) or b"null")
                if not self.holds(left["key"]):
                    continue  # the folder is a copy; the upload belongs to the original
                abort(self.uri, left["key"], left["upload_id"])
            except (ValueError, TypeError, KeyError):
                continue  # not written by an export
            except OSError as error:
                say(f"the upload noted in {self.at(path)} cannot be aborted: {error}")
                continue
            self.remove([path])

    def take(self, path: str, source: Path) -> None:
        """Move a local file to `path`."""
        if self.local is None:
            with source.open("rb") as file, self.writing(path) as target:
                shutil.copyfileobj(file, target, _COPY_BYTES)
            source.unlink()
            return
        target_path = self.local / path
        make_folder(target_path.parent)
        draft = target_path.with_name(f".{target_path.name[:80]}.{secrets.token_hex(6)}.part")
        try:
            shutil.move(source, draft)
            os.replace(draft, target_path)  # noqa: PTH105
        except BaseException as error:
            with suppress(FileNotFoundError):
                draft.unlink()
            name_place(error, str(target_path))
            raise

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files that exist, and local folders that become empty."""
        for path in paths:
            files, place = file_system(self.at(path))
            with suppress(FileNotFoundError):
                files.rm_file(place)
            if self.local is not None:
                for parent in (self.local / path).relative_to(self.local).parents:
                    with suppress(OSError):
                        (self.local / parent).rmdir() if parent.name else None
