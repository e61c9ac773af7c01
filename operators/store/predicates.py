"""SQL predicates for delta-rs that select the rows which a commit replaces or deletes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

_VALUES_AT_ONCE = 400  # in one predicate: thousands make the planner slow


def batched(values: Iterable[str], most: int = _VALUES_AT_ONCE) -> Iterator[list[str]]:
    """Distinct values, as many at a time as one predicate may hold."""
    todo = sorted(set(values))
    for i in range(0, len(todo), most):
        yield todo[i : i + most]


def among(column: str, values: Iterable[str]) -> str:
    """A predicate for the rows whose `column` is one of `values`."""
    return f"{column} IN ({', '.join(map(literal, values))})"


def match(keys: list[dict[str, Any]]) -> str:
    """A predicate for rows with one of `keys`, each a mapping of column names to values."""
    names = list(keys[0])
    if len(names) == 1:
        return f"{names[0]} IN ({', '.join(sorted({literal(k[names[0]]) for k in keys}))})"
    alternatives = {" AND ".join(_equals(n, k[n]) for n in names) for k in keys}
    return " OR ".join(f"({a})" for a in sorted(alternatives))


def _equals(name: str, value: Any) -> str:
    return f"{name} IS NULL" if value is None else f"{name} = {literal(value)}"


def literal(value: Any) -> str:
    """A value as an SQL literal."""
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
