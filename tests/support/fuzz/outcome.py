"""What became of the hostile inputs of one kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What became of the inputs.

    Attributes:
        counts: how each ended, such as "whole", "in part" or a failure's class -> how many inputs.
        late: inputs that passed their deadline.
        odd: inputs that broke an invariant: an exception of another type, a result that contradicts itself.
        left: processes that were still there at the end.
        slowest_s: the longest that one input took, wall-clock seconds.
        grown_bytes: by how much the resident memory of this process grew; 0 where it is not measured.
    """

    counts: Counter[str] = field(default_factory=Counter)
    late: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    left: int = 0
    slowest_s: float = 0.0
    grown_bytes: int = 0

    @property
    def clean(self) -> bool:
        return not self.late and not self.odd and not self.left
