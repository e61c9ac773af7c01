"""What the list of videos shows, as it stands in the URL: every link and every reload gives the same list."""

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
_CONDITION = re.compile(r"\s*([\w.\- ]+?)\s*(<=|>=|!=|<|>|=|~)\s*(.*)", re.DOTALL)
_LONGEST = 500  # characters of a search; a URL holds no more than some thousands
_MOST = 20  # conditions


@dataclass(frozen=True)
class Condition:
    """A column, one of `OPERATORS` (`~`: contains), and a value, as in `words>=100`."""

    column: str
    operator: Operator
    value: str

    def __str__(self) -> str:
        return f"{self.column}{self.operator}{self.value}"


@dataclass(frozen=True, kw_only=True)
class Query:
    """One view of the list.

    Attributes:
        q: words that the name, the id or the long caption holds, all of them; "several words" as one.
        state, verdict: one of `STATES`, of `VERDICTS`; empty: all.
        where: conditions that all hold.
        sort: a column; `-words` is descending.
        page: counts from 1; size: rows of a page.
        columns: shown beside the usual ones.
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
        """What is searched for."""
        try:
            found = shlex.split(self.q, posix=True)
        except ValueError:  # a quote that does not end
            found = self.q.split()
        return [term for term in found if term]

    def url(self, **changes: object) -> str:
        """The query part of the URL of this view with some things changed; another view begins at its first page."""
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
    """The view that a URL asks for.

    Args:
        parameters: names and values of the URL's query; those of other things are left alone.
        known: the columns there are.

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
        raise UsageError(f"state is {state!r}; it is one of {', '.join(STATES)}")
    if verdict and verdict not in VERDICTS:
        raise UsageError(f"verdict is {verdict!r}; it is one of {', '.join(VERDICTS)}")
    where = [condition(text, known) for text in values.get("where", []) if text.strip()]
    if one("column") and one("value"):  # the form without a script: one condition more, in three fields
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
    """`words>=100` as a condition.

    Raises:
        UsageError: it is none, or of no column there is.
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no condition such as words>=100; operators are {' '.join(OPERATORS)}")
    _check(found[1], known)
    return Condition(found[1], found[2], found[3].strip())  # type: ignore[arg-type]


def _check(column: str, known: Sequence[str]) -> None:
    if column not in known:
        raise UsageError(f"there is no column {column!r}{nearest(column, known)}".rstrip("."))


def _number(text: str, name: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,8}", text) or not least <= int(text) <= most:
        raise UsageError(f"{name} is {text!r}; it is a whole number from {least} to {most}")
    return int(text)
