"""Convert Arrow schemas to the features in the front matter of a dataset card.

The format is that of the library `datasets`, version 4 and later: `list` instead of the older `sequence`.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def features(schema: pa.Schema) -> list[dict[str, Any]]:
    """Return one mapping per column: its `name`, and its `dtype`, `struct` or `list`."""
    return [{"name": field.name, **_feature(field.type)} for field in schema]


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_struct(kind):
        return {"struct": [{"name": field.name, **_feature(field.type)} for field in kind.fields]}
    if pa.types.is_list(kind):
        inner = _feature(kind.value_type)
        return {"list": inner.get("struct") or (inner["dtype"] if list(inner) == ["dtype"] else inner)}
    return {"dtype": _NAMES.get(str(kind), str(kind))}


_NAMES = {"double": "float64", "float": "float32"}
