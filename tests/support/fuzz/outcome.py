"""The results of the hostile inputs of one kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """The results.

    Attributes:
        counts: how inputs ended, such as "whole", "in part" or a class of failures -> number of inputs.
        late: inputs that passed their deadline.
        odd: inputs that broke an invariant: an exception of another type, a result that contradicts itself.
        left: processes that still run at the end.
        slowest_s: the longest time of one input, wall-clock seconds.
        grown_bytes: growth of the resident memory of this process; 0 if it is not measured.
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
