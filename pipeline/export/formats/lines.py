"""Files of one row a line, or one JSON value of all rows: written as parts, one a shard, and joined at the end."""

from __future__ import annotations

import json
import shutil
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pipeline.export.base import Export, Problem, Row, Sample, Shard
from pipeline.export.folder import Folder
from pipeline.export.plan import MARKER, STATE

PARTS = f"{STATE}/parts"


@dataclass(frozen=True, kw_only=True)
class Lines(Export):
    """Rows that are JSON objects, one a line; joined to one file a split.

    Class attributes:
        form: "jsonl": one row a line; "list": a JSON list; "dict": a JSON object, for which a row is a pair of key and
            value; "text": rows are lines of text.
        suffix: of the joined files.
    """

    form: ClassVar[Literal["jsonl", "list", "dict", "text"]] = "jsonl"
    suffix: ClassVar[str] = ".jsonl"

    def file_of(self, split: str) -> str:
        """The joined file of a split."""
        return f"{split}{self.suffix}"

    def head(self) -> bytes:
        """What stands before the rows in the joined file."""
        return {"list": b"[\n", "dict": b"{\n"}.get(self.form, b"")

    def tail(self) -> bytes:
        """What stands after them."""
        return {"list": b"\n]\n", "dict": b"\n}\n"}.get(self.form, b"")

    def line(self, row: Row) -> str:
        """One row as one line."""
        if self.form == "text":
            return str(row)
        if self.form == "dict":
            return f"{json.dumps(row[0], ensure_ascii=False)}: {dumped(row[1])}"
        return dumped(row)

    def write(self, rows: Iterable[tuple[Sample, Row]], shard: Shard) -> list[str]:
        path = f"{PARTS}/{shard.name}{self.suffix}"
        with shard.folder.writing(path) as file:
            for _, row in rows:
                file.write(f"{self.line(row)}\n".encode())
        return [path]

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        return [self._join(folder, split, files) for split, files in shards.items()]

    def _join(self, folder: Folder, split: str, files: Sequence[str]) -> str:
        path = self.file_of(split)
        with folder.writing(path) as target:
            target.write(self.head())
            if self.form in ("jsonl", "text"):
                for name in files:
                    with folder.open(name) as part:
                        shutil.copyfileobj(part, target)
                return path
            first = True
            for name in files:
                for line in folder.lines(name):
                    target.write(b"" if first else b",\n")
                    target.write(line)
                    first = False
            target.write(self.tail())
        return path

    def data_files(self, folder: Folder) -> list[str]:
        """The files that the target reads: all with the suffix at the top of the folder, those of Longcap left out."""
        found = [f for f in folder.files() if "/" not in f and f.endswith(self.suffix) and f != MARKER]
        return [f for f in found if not f.startswith(".") and f not in self.other_files]

    @property
    def other_files(self) -> frozenset[str]:
        """Files with the suffix that hold no rows."""
        return frozenset()

    def check(self, folder: Folder) -> Iterator[Problem]:
        files = self.data_files(folder)
        if not files:
            yield Problem(folder.uri, f"there is no file *{self.suffix}")
        keys: set[str] = set()
        for path in files:
            count = 0
            kinds: dict[str, str] = {}
            for where, row in self.read(folder, path):
                count += 1
                if isinstance(row, Problem):
                    yield row
                else:
                    if self.form in ("jsonl", "list") and isinstance(row, dict):
                        yield from (Problem(where, why) for why in _kind_faults(row, kinds))
                    yield from (Problem(where, why) for why in self.faults(row, folder))
                    key = self.key_of(row)
                    if key is not None and key in keys:
                        yield Problem(where, f"{key!r} stands twice")
                    keys.add(key or "")
            if not count:
                yield Problem(path, "it holds no row")

    def read(self, folder: Folder, path: str) -> Iterator[tuple[str, Any]]:
        """Where each row stands, and the row, or the `Problem` that it cannot be read."""
        if self.form in ("list", "dict"):
            yield from _read_value(folder, path, self.form)
            return
        for number, line in enumerate(folder.lines(path), 1):
            where = f"{path}:{number}"
            if self.form == "text":
                yield where, line.decode("utf-8", "replace")
            elif not line.strip():
                yield where, Problem(where, "an empty line")
            else:
                try:
                    row = json.loads(line)
                except ValueError as error:
                    row = Problem(where, f"it is no JSON: {error}")
                if not isinstance(row, dict | Problem):
                    row = Problem(where, f"it is no JSON object but {type(row).__name__}")
                yield where, row

    def key_of(self, row: Row) -> str | None:
        """What must be unique in the target; None: nothing must."""
        return None

    @abstractmethod
    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        """What the target would reject, drop or misread in a row that was read."""


def _kind_faults(row: Mapping[str, Any], kinds: dict[str, str]) -> Iterator[str]:
    """Whether the values of a row have the types that those of earlier rows had; Arrow has one type a column."""
    for key, value in row.items():
        kind = "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
        if value is not None and kinds.setdefault(key, kind) != kind:
            yield f"its {key} is a {kind}, and a {kinds[key]} in the rows before; readers with Arrow stop"


def dumped(value: Any) -> str:
    """JSON in one line, as Unicode; U+2028 and U+2029 escaped, at which some readers split lines."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x85", "\\u0085")


def _read_value(folder: Folder, path: str, form: str) -> Iterator[tuple[str, Any]]:
    twice: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) < len(items):
            seen: set[str] = set()
            twice.extend(key for key, _ in items if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return found

    try:
        value = json.loads(folder.read(path) or b"", object_pairs_hook=pairs)
    except ValueError as error:
        yield path, Problem(path, f"it is no JSON: {error}")
        return
    for key in twice:
        yield path, Problem(path, f"{key!r} stands twice; a reader keeps the last one only")
    if not isinstance(value, list if form == "list" else dict):
        yield path, Problem(path, f"it is no JSON {'list' if form == 'list' else 'object'}")
        return
    items: Iterable[tuple[Any, Any]] = enumerate(value) if isinstance(value, list) else value.items()
    for name, row in items:
        where = f"{path}[{name!r}]"
        if form == "list" and not isinstance(row, dict):
            yield where, Problem(where, f"it is no JSON object but {type(row).__name__}")
        else:
            yield where, row if form == "list" else (name, row)
