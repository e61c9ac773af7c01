"""Conditions of the list on Arrow columns."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.terminal.errors import UsageError
from pipeline.viewer.query import Condition


def mask_of(column: Any, condition: Condition) -> Any:
    """Return which rows fulfil a condition; null if they have no value."""
    kind, value = column.type, condition.value
    if condition.operator == "~":
        return holds(column.cast(pa.string()), value)
    if value == "":  # `incomplete=`: has none; `incomplete!=`: has one
        return pc.is_null(column) if condition.operator == "=" else pc.is_valid(column)
    scalar: Any = value
    if pa.types.is_boolean(kind):
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if value.lower() not in words:
            raise UsageError(f"{condition} compares yes or no with {value!r}; write true or false")
        scalar = words[value.lower()]
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        try:
            scalar = float(value)
        except ValueError:
            raise UsageError(f"{condition} compares numbers with {value!r}; write a number, as in words>=100") from None
        column = column.cast(pa.float64())
    compare = {
        "=": pc.equal, "!=": pc.not_equal, "<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal,
    }[condition.operator]  # fmt: skip
    return compare(column, scalar)


def holds(column: Any, text: str) -> Any:
    return pc.match_substring(column, text, ignore_case=True)


def all_of(masks: list[Any]) -> Any:
    whole = masks[0]
    for mask in masks[1:]:
        whole = pc.and_(whole, mask)
    return whole
