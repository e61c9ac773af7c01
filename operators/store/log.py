"""What single commits of a table did, read from its log: one small file each.

delta-rs answers which transaction stands where by reading the log since the last checkpoint, up to a hundred files for
each question. A writer that knows the answer at one version needs only the commits since.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from operators.core.storage import file_system, read_whole

_MOST = 16  # commits that are read one by one; delta-rs is quicker where there are more
_KEPT = 256


@dataclass(frozen=True)
class Commit:
    """One commit of a table.

    Attributes:
        transactions: name of each application transaction that it set -> version.
        added: data files that it added with rows that were not in the table before: path below the table -> bytes.
        removes: whether files left the table.
        described: whether it changed the table's description, columns or protocol.
    """

    transactions: dict[str, int]
    added: dict[str, int]
    removes: bool
    described: bool


class Log:
    """The log of the table at `uri`. Commits never change, so that each is read once."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._commits: dict[int, Commit] = {}

    def since(self, version: int, newest: int) -> list[Commit] | None:
        """The commits after `version`, up to `newest`.

        None: they are too many, one of them cannot be read, or `version` is later than `newest`.
        """
        if not 0 <= newest - version <= _MOST:
            return None
        try:
            return [self._commit(number) for number in range(version + 1, newest + 1)]
        except Exception:  # cleaned away, damaged, or not to be had: delta-rs is asked, and knows what to say of it
            return None

    @cached_property
    def place(self) -> tuple[Any, str]:
        """The file system and the path of the table: fsspec itself makes a client for each thread that asks."""
        return file_system(self._uri)

    def _commit(self, number: int) -> Commit:
        if number not in self._commits:
            files, folder = self.place
            self._commits[number] = _parsed(read_whole(files, f"{folder}/_delta_log/{number:020d}.json"))
            for old in sorted(self._commits)[:-_KEPT]:
                del self._commits[old]
        return self._commits[number]


def _parsed(data: bytes) -> Commit:
    actions: list[dict[str, Any]] = [json.loads(line) for line in data.splitlines() if line.strip()]
    adds = [a["add"] for a in actions if "add" in a]
    return Commit(
        {a["txn"]["appId"]: int(a["txn"]["version"]) for a in actions if "txn" in a},
        {unquote(a["path"]): int(a["size"]) for a in adds if a.get("dataChange", True)},
        any("remove" in a for a in actions),
        any("metaData" in a or "protocol" in a for a in actions),
    )
