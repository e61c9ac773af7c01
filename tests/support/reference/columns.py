"""docs/reference/columns.md: the tables of an output, from the schemas and comments of `operators.core.rows`."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pyarrow as pa

from operators.core import rows, structs
from operators.core.annotation import ANNOTATION
from tests.support.reference.markdown import table

TABLES: dict[str, tuple[str, pa.Schema]] = {
    "dataset": ("One row for each video: the long captions.", rows.LONG_CAPTION),
    "filtered": ("One row for each video that the filter left out.", rows.FILTERED),
    "segments": ("One row for each segment: captions of its frames and windows.", rows.CAPTIONED_SEGMENT),
    "failures": ("One row for each failure that still stands.", rows.FAILED),
    "videos": ("One row for each source: what was found and probed.", rows.VIDEO),
    "annotations": ("One row for each act of a person on a long caption.", ANNOTATION),
}
_OUTSIDE = "(outside content)"
Notes = Mapping[str, Mapping[str, str]]


def columns_page() -> str:
    lines = [
        "# Columns",
        "",
        "The tables of an output, with the Arrow type of each column. [What a run writes](../output.md) explains them. "
        "Fields of a struct stand below it as `column.field`; `[]` marks a list. Every column may be null.",
        "",
        "`_s` is seconds from the first presented frame; `pts_s` is the container's own time in seconds. Columns "
        f"marked *{_OUTSIDE}* do not enter `content_hash`.",
    ]
    notes = all_notes()
    for name, (text, schema) in TABLES.items():
        found = _fields(schema, notes, "")
        lines += ["", f"## {name}", "", text, "", *table(("column", "type", "meaning"), found)]
    return "\n".join(lines) + "\n"


def _fields(schema: pa.Schema, notes: Notes, path: str) -> Iterator[tuple[str, str, str]]:
    known = notes.get(constant_of(schema), {})
    for column in schema:
        kind, mark = column.type, ""
        while pa.types.is_list(kind):
            kind, mark = kind.value_type, f"{mark}[]"
        is_struct = pa.types.is_struct(kind)
        where = f"{path}{column.name}{mark}"
        meaning = known.get(column.name, "").replace(_OUTSIDE, f"*{_OUTSIDE}*")
        yield f"`{where}`", "struct" if is_struct else str(kind), meaning
        if is_struct:
            yield from _fields(pa.schema(list(kind)), notes, f"{where}.")


def constant_of(schema: pa.Schema) -> str:
    """Return the name of the schema of `operators.core.rows` or struct of `operators.core.structs` with the fields."""
    schemas = {
        name: v for name, v in {**vars(structs), **vars(rows)}.items() if isinstance(v, (pa.Schema, pa.StructType))
    }
    return next((name for name, value in schemas.items() if list(value) == list(schema)), "")


def comments_of(constant: str) -> Mapping[str, str]:
    """Return field -> comment, for a schema of `operators.core.rows` or struct of `operators.core.structs`."""
    return all_notes().get(constant, {})


@cache
def all_notes() -> Notes:
    """Return constant of those modules -> field -> comment on its line, including lists that are unpacked into it."""
    found: dict[str, dict[str, str]] = {}
    for module in (structs, rows):
        _note(Path(str(module.__file__)).read_text(encoding="utf-8"), found)
    return found


def _note(source: str, found: dict[str, dict[str, str]]) -> None:
    comments = {
        token.start[0]: token.string.removeprefix("#").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    for statement in ast.parse(source).body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        if not isinstance(target, ast.Name):
            continue
        mine = found[target.id] = {}
        nodes = list(ast.walk(statement))
        for spread in (node for node in nodes if isinstance(node, ast.Starred)):
            for name in ast.walk(spread):
                mine |= found.get(name.id, {}) if isinstance(name, ast.Name) else {}
        for call in (node for node in nodes if isinstance(node, ast.Call) and node.args):
            if (comment := comments.get(call.lineno)) and isinstance(call.args[0], ast.Constant):
                mine[str(call.args[0].value)] = comment
