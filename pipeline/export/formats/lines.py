"""Files with one row per line, or one JSON value of all rows: written as one part per shard, joined at the end."""

from __future__ import annotations

import json
import shutil
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pipeline.export.base import Export, Problem, Row, Sample, Shard
from pipeline.export.folder import Folder
from pipeline.export.plan import MARKER, STATE

PARTS = f"{STATE}/parts"


@dataclass(frozen=True, kw_only=True)
class Lines(Export):
    """Rows that are JSON objects, one per line, joined to one file per split.

    Class attributes:
        form: "jsonl": one row per line; "list": a JSON list; "dict": a JSON object, whose rows are pairs of key and
            value; "text": lines of text.
        suffix: suffix of the joined files.
        lists: whether the loader of a "jsonl" form also reads files `*.json` with a JSON list of the rows.
    """

    form: ClassVar[Literal["jsonl", "list", "dict", "text"]] = "jsonl"
    suffix: ClassVar[str] = ".jsonl"
    lists: ClassVar[bool] = False

    def file_of(self, split: str) -> str:
        """Return the name of the joined file of a split."""
        return f"{split}{self.suffix}"

    def head(self) -> bytes:
        """Return what comes before the rows in the joined file."""
        return {"list": b"[\n", "dict": b"{\n"}.get(self.form, b"")

    def tail(self) -> bytes:
        """Return what comes after the rows."""
        return {"list": b"\n]\n", "dict": b"\n}\n"}.get(self.form, b"")

    def line(self, row: Row) -> str:
        """Format one row as one line."""
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
        """Return the files that the target reads: those with the suffix at the top of the folder, without Longcap's."""
        found = [f for f in folder.files() if "/" not in f and f != MARKER and f not in self.other_files]
        found = [f for f in found if not f.startswith(".")]
        return [
            f for f in found if f.endswith(self.suffix) or (self.lists and f.endswith(".json") and _is_list(folder, f))
        ]

    @property
    def other_files(self) -> frozenset[str]:
        """Return names of files with the suffix that hold no rows."""
        return frozenset()

    def check(self, folder: Folder) -> Iterator[Problem]:
        files = self.data_files(folder)
        if not files:
            also = " and no file *.json with a list of rows" if self.lists else ""
            yield Problem(folder.uri, f"there is no file *{self.suffix}{also}")
        keys: set[str] = set()
        for path in files:
            yield from self.file_faults(folder, path, self.faults, keys)

    def file_faults(
        self, folder: Folder, path: str, faults: Callable[[Row, Folder], Iterator[str]], keys: set[str]
    ) -> Iterator[Problem]:
        """Yield what is wrong with the rows of a file.

        Args:
            faults: what is wrong with one row.
            keys: the keys of the rows of other files, to which those of this one are added.
        """
        count = 0
        kinds: dict[str, str] = {}
        for where, row in self.read(folder, path):
            count += 1
            if isinstance(row, Problem):
                yield row
            else:
                if self.form in ("jsonl", "list") and isinstance(row, dict):
                    yield from (Problem(where, why) for why in _kind_faults(row, kinds))
                yield from (Problem(where, why) for why in faults(row, folder))
                key = self.key_of(row)
                if key is not None and key in keys:
                    yield Problem(where, f"{key!r} appears twice")
                keys.add(key or "")
        if not count:
            yield Problem(path, "it contains no row")

    def read(self, folder: Folder, path: str) -> Iterator[tuple[str, Any]]:
        """Yield the position of each row with the row, or with the `Problem` of reading it."""
        if self.form in ("list", "dict"):
            yield from _read_value(folder, path, self.form)
            return
        if self.lists and path.endswith(".json") and _is_list(folder, path):
            yield from _read_value(folder, path, "list")
            return
        for number, line in enumerate(folder.lines(path), 1):
            where = f"{path}:{number}"
            if self.form == "text":
                yield where, line.decode("utf-8", "replace")
            elif not line.strip():
                yield where, Problem(where, "the line is empty")
            else:
                try:
                    row = json.loads(line)
                except ValueError as error:
                    row = Problem(where, f"it is not valid JSON: {error}")
                if not isinstance(row, dict | Problem):
                    row = Problem(where, f"it must be a JSON object, not {type(row).__name__}")
                yield where, row

    def key_of(self, row: Row) -> str | None:
        """Return the key that must be unique in the target; None: none."""
        return None

    @abstractmethod
    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        """Yield what the target would reject, drop or misread in a row."""


def _is_list(folder: Folder, path: str) -> bool:
    """Whether a file begins as a JSON list."""
    with folder.open(path) as file:
        return bytes(file.read(1024)).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["


def _kind_faults(row: Mapping[str, Any], kinds: dict[str, str]) -> Iterator[str]:
    """Yield values whose type differs from that in earlier rows; Arrow needs one type per column."""
    for key, value in row.items():
        kind = "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
        if value is not None and kinds.setdefault(key, kind) != kind:
            yield f"its {key} is a {kind} but a {kinds[key]} in earlier rows; readers based on Arrow fail"


def dumped(value: Any) -> str:
    """Format JSON in one line, as Unicode; U+2028 and U+2029 are escaped, since some readers split lines there."""
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
        yield path, Problem(path, f"it is not valid JSON: {error}")
        return
    for key in twice:
        yield path, Problem(path, f"{key!r} appears twice; readers keep only the last one")
    if not isinstance(value, list if form == "list" else dict):
        yield path, Problem(path, f"it is not a JSON {'list' if form == 'list' else 'object'}")
        return
    items: Iterable[tuple[Any, Any]] = enumerate(value) if isinstance(value, list) else value.items()
    for name, row in items:
        where = f"{path}[{name!r}]"
        if form == "list" and not isinstance(row, dict):
            yield where, Problem(where, f"it must be a JSON object, not {type(row).__name__}")
        else:
            yield where, row if form == "list" else (name, row)
