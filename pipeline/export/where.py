"""A condition on columns, such as `coverage >= 0.9 and metadata.license == 'cc-by'`.

The syntax is that of Python expressions with column names: comparisons, `and`, `or`, `not`, `in`, `is None`,
arithmetic, `len(x)`, `lower(x)`; `=` means `==`. Nothing is executed as code. As in SQL, a comparison with null is not
true. `metadata.NAME` is a column of the user's manifest, `provenance.model` a field of a struct, and `TABLE.column` the
row of the video in another table of the output that has one row per video.
"""

from __future__ import annotations

import ast
import io
import json
import operator
import tokenize
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from operators.core.text import nearest
from pipeline.terminal.errors import UsageError

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_COMPUTE: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: a / b if b else None,
}
_CALLS: dict[str, Callable[[Any], Any]] = {"len": len, "lower": str.lower}
_MOST = 10_000  # characters of a condition


@dataclass(frozen=True)
class Where:
    """A parsed condition.

    Attributes:
        text: the condition as it was given.
        columns: columns of the dataset that the condition reads.
        tables: other table -> columns that the condition reads.
    """

    text: str
    columns: frozenset[str]
    tables: Mapping[str, frozenset[str]]
    _tree: ast.expr

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a row fulfils the condition.

        Args:
            row: has all `columns`; the row of another table is under that table's name, None if it has none.

        Raises:
            UsageError: values cannot be compared.
        """
        try:
            return _value(self._tree, row) is True
        except TypeError as error:
            raise UsageError(f"--where {self.text}: {error}") from None


def parse(text: str, schema: pa.Schema, tables: Mapping[str, Collection[str]]) -> Where:
    """Parse a condition.

    Args:
        schema: schema of the rows.
        tables: other table with one row per video -> its columns.

    Raises:
        UsageError: the text is not a condition, or names an unknown column; one line.
    """
    try:
        if len(text) > _MOST:
            raise SyntaxError(f"it is longer than {_MOST} characters")
        tree = ast.parse(_with_double_equals(text.strip()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError) as error:
        said = error.msg if isinstance(error, SyntaxError) else error
        raise UsageError(f"--where {text!r:.200} cannot be read ({said})") from None
    found = _Reading(text, schema, tables)
    found.look(tree)
    others = {name: frozenset(some) for name, some in found.others.items()}
    return Where(text, frozenset(found.columns), others, tree)


@dataclass
class _Reading:
    """Checks an expression: collects the columns that it reads, and rejects what is not allowed."""

    text: str
    schema: pa.Schema
    tables: Mapping[str, Collection[str]]
    columns: set[str] = field(default_factory=set)
    others: dict[str, set[str]] = field(default_factory=dict)

    def look(self, node: ast.expr) -> None:
        """Check a node. Raises `UsageError` on the first thing that is not allowed."""
        path = path_of(node)
        if path is not None:
            self._name(path)
            return
        below: list[ast.expr]
        match node:
            case ast.Constant(value=str() | int() | float() | None):
                below = []
            case ast.BoolOp():
                below = node.values
            case ast.UnaryOp(op=ast.Not() | ast.USub()):
                below = [node.operand]
            case ast.BinOp() if type(node.op) in _COMPUTE:
                below = [node.left, node.right]
            case ast.Compare() if all(type(op) in _COMPARE or isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
                below = [node.left, *node.comparators]
            case ast.List() | ast.Tuple() | ast.Set():
                below = node.elts
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _CALLS:
                below = [argument]
            case _:
                raise UsageError(
                    f"--where {self.text}: {ast.unparse(node)!r} is not allowed; allowed are columns, numbers, texts, "
                    "comparisons, and, or, not, in, is None, + - * /, len(x) and lower(x)"
                )
        for part in below:
            self.look(part)

    def _name(self, path: tuple[str, ...]) -> None:
        name = path[0]
        if name in self.schema.names:
            self.columns.add(name)
            _check_fields(path, self.schema.field(name), self.text)
        elif name in self.tables:
            if len(path) < 2 or path[1] not in self.tables[name]:
                known = ", ".join(sorted(self.tables[name]))
                raise UsageError(f"--where {self.text}: {'.'.join(path)} is no column of table {name}. Known: {known}")
            self.others.setdefault(name, set()).add(path[1])
        else:
            every = [*self.schema.names, *self.tables]
            known = ", ".join(every)
            raise UsageError(f"--where {self.text}: no column {name!r}{nearest(name, every)} Known: {known}")


def _check_fields(path: tuple[str, ...], column: pa.Field, text: str) -> None:
    if column.name == "metadata":
        return  # the user's own columns, which only the rows define
    found = column.type
    for name in path[1:]:
        if not pa.types.is_struct(found) or found.get_field_index(name) < 0:
            known = [f.name for f in found] if pa.types.is_struct(found) else []
            raise UsageError(
                f"--where {text}: {'.'.join(path)} is not a column{nearest(name, known)} "
                + (f"Known: {', '.join(known)}" if known else f"{column.name} has no fields that can be named")
            )
        found = found.field(name).type


def path_of(node: ast.expr) -> tuple[str, ...] | None:
    """Return `a.b.c` as its names; None for anything else."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        above = path_of(node.value)
        return None if above is None else (*above, node.attr)
    return None


def _value(node: ast.expr, row: Mapping[str, Any]) -> Any:  # noqa: PLR0911  # one return per kind of node
    path = path_of(node)
    if path is not None:
        return field_of(path, row)
    match node:
        case ast.Constant():
            return node.value
        case ast.BoolOp():
            some = (_value(part, row) is True for part in node.values)
            return all(some) if isinstance(node.op, ast.And) else any(some)
        case ast.UnaryOp(op=ast.Not()):
            found = _value(node.operand, row)
            return None if found is None else found is not True
        case ast.UnaryOp():
            found = _value(node.operand, row)
            return None if found is None else -found
        case ast.BinOp():
            left, right = _value(node.left, row), _value(node.right, row)
            return None if left is None or right is None else _COMPUTE[type(node.op)](left, right)
        case ast.List() | ast.Tuple() | ast.Set():
            return [_value(part, row) for part in node.elts]
        case ast.Call(func=ast.Name(id=name)):
            found = _value(node.args[0], row)
            return None if found is None else _CALLS[name](found)
        case ast.Compare():
            return _compared(node, row)
    raise TypeError(f"{ast.unparse(node)} cannot be evaluated")


def _compared(node: ast.Compare, row: Mapping[str, Any]) -> bool | None:
    left = _value(node.left, row)
    for op, part in zip(node.ops, node.comparators, strict=True):
        right = _value(part, row)
        if isinstance(op, ast.Is | ast.IsNot):
            found = (left == right) is isinstance(op, ast.Is)
        elif left is None or right is None:
            return None
        else:
            found = bool(_COMPARE[type(op)](left, right))
        if not found:
            return False
        left = right
    return True


def field_of(path: tuple[str, ...], row: Mapping[str, Any]) -> Any:
    found: Any = row[path[0]]
    if path[0] == "metadata" and isinstance(found, str):
        found = json.loads(found)
    for name in path[1:]:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _with_double_equals(text: str) -> str:
    """Replace `a = b`, as in SQL and the viewer's conditions, by `a == b`, except in quoted texts."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    places = [token.start for token in tokens if token.type == tokenize.OP and token.string == "="]
    lines = text.splitlines(keepends=True)
    for row, column in reversed(places):
        lines[row - 1] = f"{lines[row - 1][:column]}={lines[row - 1][column:]}"
    return "".join(lines)
