"""operators/core/typed.py: the rows of the built-in tables as types, from the schemas of `operators.core.rows`."""

from __future__ import annotations

import keyword

import pyarrow as pa

from operators.core import rows
from tests.support.reference.columns import comments_of, constant_of

_TABLES = (rows.CAPTIONED_SEGMENT, rows.LONG_CAPTION, rows.FAILED)
_HEAD = '''"""Rows of `segments`, `dataset` and `failures` as type checkers see them; at run time they are plain dicts.

Written by `python -m tests.support.reference` from the schemas of `operators.core.rows`; what may be null there by its
comment is optional here.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
'''


def typed_module() -> str:
    found: dict[str, str] = {}
    for schema in _TABLES:
        _add(schema, found)
    return _HEAD + "".join(found.values())


def _add(schema: pa.Schema, found: dict[str, str]) -> str:
    """Add the type of a schema after the types of its structs; return its name."""
    constant = constant_of(schema)
    name = "".join(part.title() for part in constant.split("_"))
    if name in found:
        return name
    notes = comments_of(constant)
    kinds = {f.name: _kind(f.type, found) + (" | None" if "null" in notes.get(f.name, "") else "") for f in schema}
    if any(keyword.iskeyword(field) for field in kinds):
        fields = "".join(f'        "{field}": {kind},\n' for field, kind in kinds.items())
        found[name] = f'\n\n{name} = TypedDict(\n    "{name}",\n    {{\n{fields}    }},\n)\n'
    else:
        fields = "".join(f"    {field}: {kind}\n" for field, kind in kinds.items())
        found[name] = f"\n\nclass {name}(TypedDict):\n{fields}"
    return name


def _kind(kind: pa.DataType, found: dict[str, str]) -> str:
    if pa.types.is_list(kind):
        return f"list[{_kind(kind.value_type, found)}]"
    if pa.types.is_struct(kind):
        return _add(pa.schema(list(kind)), found)
    plain = {"string": "str", "double": "float", "bool": "bool", "binary": "bytes"}
    return plain.get(str(kind)) or ("datetime" if pa.types.is_timestamp(kind) else "int")
