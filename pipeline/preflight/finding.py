"""One line of the output of `longcap doctor`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from cluster.nodes import Answer, NodeFacts

_NAMED = 5  # a line names at most this many hosts

Found: TypeAlias = Sequence[Answer[NodeFacts]]
"""The answers of the machines."""


@dataclass(frozen=True)
class Line:
    """The result of one check: its level, its subject, the host, and the remedy if it is not ok."""

    level: Literal["ok", "warn", "fail"]
    name: str
    said: str
    do: str = ""
    host: str = ""

    def __str__(self) -> str:
        return f"{self.level:4}  {self.name:12}  {self._text}"

    @property
    def plain(self) -> str:
        """Return the line without its level and columns."""
        return f"{self.name}: {self._text}"

    @property
    def _text(self) -> str:
        return (f"{self.host}: " if self.host else "") + self.said + (f": {self.do}" if self.do else "")


def merged(lines: Iterable[Line]) -> list[Line]:
    """Merge lines that differ only in their host, so that a thousand equal nodes give one line."""
    hosts: dict[Line, list[str]] = {}
    for line in lines:
        hosts.setdefault(replace(line, host=""), []).append(line.host)
    return [replace(line, host=_some(who)) for line, who in hosts.items()]


def _some(hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - _NAMED} more" if len(hosts) > _NAMED else ""
    return ", ".join(hosts[:_NAMED]) + more


def as_size(count: int) -> str:
    """Format a number of bytes as MiB or GiB."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
