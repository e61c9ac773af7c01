"""Which rows a commit replaces or deletes, as the SQL that delta-rs understands."""

from __future__ import annotations

from typing import Any

VALUES_AT_ONCE = 400  # in one predicate: thousands make the planner slow


def match(keys: list[dict[str, Any]]) -> str:
    """That a row has one of `keys`, each a column's name -> its value."""
    names = list(keys[0])
    if len(names) == 1:
        return f"{names[0]} IN ({', '.join(sorted({literal(k[names[0]]) for k in keys}))})"
    alternatives = {" AND ".join(_equals(n, k[n]) for n in names) for k in keys}
    return " OR ".join(f"({a})" for a in sorted(alternatives))


def _equals(name: str, value: Any) -> str:
    return f"{name} IS NULL" if value is None else f"{name} = {literal(value)}"


def literal(value: Any) -> str:
    """A value as SQL writes it."""
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
