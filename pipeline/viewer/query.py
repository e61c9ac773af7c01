"""The view of the list of videos, as encoded in the URL, so links and reloads give the same list."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal
from urllib.parse import urlencode

from operators.core.text import nearest
from pipeline.terminal.errors import UsageError

Operator = Literal["<=", ">=", "!=", "<", ">", "=", "~"]
OPERATORS: tuple[Operator, ...] = ("<=", ">=", "!=", "<", ">", "=", "~")
STATES = ("captioned", "filtered", "failed", "waiting")
VERDICTS = ("accept", "reject", "none")
SIZES = (25, 50, 100, 200)
_CONDITION = re.compile(r"\s*([^<>=!~]+?)\s*(<=|>=|!=|<|>|=|~)\s*(.*)", re.DOTALL)
_LONGEST = 500  # characters of a search; URLs are limited to a few thousand
_MOST = 20  # conditions


@dataclass(frozen=True)
class Condition:
    """A condition such as `words>=100`: a column, one of `OPERATORS` (`~`: contains), and a value."""

    column: str
    operator: Operator
    value: str

    def __str__(self) -> str:
        return f"{self.column}{self.operator}{self.value}"


@dataclass(frozen=True, kw_only=True)
class Query:
    """One view of the list.

    Attributes:
        q: words that the name, the id or the long caption must contain; "several words" in quotes are one term.
        state, verdict: one of `STATES` and of `VERDICTS`; empty: all.
        where: conditions that must all hold.
        sort: a column; `-words` sorts in descending order.
        page: number of the page, from 1; size: rows per page.
        columns: columns shown beside the standard ones.
    """

    q: str = ""
    state: str = ""
    verdict: str = ""
    where: tuple[Condition, ...] = ()
    sort: str = "name"
    page: int = 1
    size: int = 50
    columns: tuple[str, ...] = ()

    @property
    def terms(self) -> list[str]:
        """The terms of the search."""
        try:
            found = shlex.split(self.q, posix=True)
        except ValueError:  # an unterminated quote
            found = self.q.split()
        return [term for term in found if term]

    def url(self, **changes: object) -> str:
        """Return the query part of the URL of this view with some changes; a changed view starts at its first page."""
        changed = replace(self, **({"page": 1} | changes))  # type: ignore[arg-type]
        pairs: list[tuple[str, str]] = []
        for field in fields(Query):
            value = getattr(changed, field.name)
            if value == field.default:
                continue
            many = value if isinstance(value, tuple) else (value,)
            pairs += [(field.name, str(one)) for one in many]
        return urlencode(pairs)


def parse(parameters: Iterable[tuple[str, str]], known: Sequence[str]) -> Query:
    """Parse the view that a URL requests.

    Args:
        parameters: names and values of the URL's query; unknown names are ignored.
        known: the existing columns.

    Raises:
        UsageError: a column, operator or number that is not allowed.
    """
    values: dict[str, list[str]] = {}
    for name, value in parameters:
        values.setdefault(name, []).append(value)

    def one(name: str, default: str = "") -> str:
        return values.get(name, [default])[-1].strip()

    state, verdict, sort = one("state"), one("verdict"), one("sort", "name") or "name"
    if state and state not in STATES:
        raise UsageError(f"state is {state!r}; it must be one of {', '.join(STATES)}")
    if verdict and verdict not in VERDICTS:
        raise UsageError(f"verdict is {verdict!r}; it must be one of {', '.join(VERDICTS)}")
    where = [condition(text, known) for text in values.get("where", []) if text.strip()]
    if one("column") and one("value"):  # the form without scripts sends one more condition, in three fields
        where.append(condition(f"{one('column')}{one('operator', '=')}{one('value')}", known))
    columns = tuple(dict.fromkeys(name for name in values.get("columns", []) if name))
    for name in (sort.removeprefix("-"), *columns):
        _check(name, known)
    if len(where) > _MOST:
        raise UsageError(f"there are {len(where)} conditions; at most {_MOST} are allowed")
    return Query(
        q=one("q")[:_LONGEST],
        state=state,
        verdict=verdict,
        where=tuple(dict.fromkeys(where)),
        sort=sort,
        page=_number(one("page", "1"), "page", 1, 10**7),
        size=_number(one("size", "50"), "size", 1, SIZES[-1]),
        columns=columns,
    )


def condition(text: str, known: Sequence[str]) -> Condition:
    """Parse a condition such as `words>=100`.

    Raises:
        UsageError: the text is not a condition, or its column does not exist.
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is not a condition such as words>=100; operators are {' '.join(OPERATORS)}")
    _check(found[1], known)
    return Condition(found[1], found[2], found[3].strip())  # type: ignore[arg-type]


def _check(column: str, known: Sequence[str]) -> None:
    if column not in known:
        raise UsageError(f"there is no column {column!r}{nearest(column, known)}".rstrip("."))


def _number(text: str, name: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,8}", text) or not least <= int(text) <= most:
        raise UsageError(f"{name} is {text!r}; it must be a whole number from {least} to {most}")
    return int(text)
