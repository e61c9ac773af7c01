"""A line of `longcap doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cluster.nodes import Answer, NodeFacts

Found: TypeAlias = Sequence[Answer[NodeFacts]]
"""What the machines answered."""


@dataclass(frozen=True)
class Line:
    """One thing that was looked at: how it stands, and what to do where it does not stand well."""

    level: Literal["ok", "warn", "fail"]
    name: str
    said: str
    do: str = ""

    def __str__(self) -> str:
        return f"{self.level:4}  {self.name:12}  {self.said}" + (f": {self.do}" if self.do else "")

    @property
    def plain(self) -> str:
        """Without its level and columns."""
        return f"{self.name}: {self.said}" + (f": {self.do}" if self.do else "")


def as_size(count: int) -> str:
    """Bytes as people read them."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
