"""Chained fingerprints: 16 hex digits that identify what an output was made from.

source version → decode → measure → caption → narrate. Each link hashes the previous link, the operator's name and
version, and every field that affects the output. Fields marked `SIZING` (parallelism, speed, hardware) are left out,
so that running on other hardware does not invalidate captions.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from typing import Any

from operators.core.base import Added, Operator, Sizing, Was, marks_of
from operators.core.entry_points import OPERATORS, distribution_of

FINGERPRINT_HEX = 16  # 64 bits: a collision among ten million videos of one run is a 3-in-a-million event


def digest(value: Any, *, hex_digits: int = FINGERPRINT_HEX) -> str:
    """SHA-256 over the canonical JSON of `value` (sorted keys, no spaces), cut to `hex_digits`."""
    return hash_of(canonical(value), hex_digits)


def canonical(value: Any) -> str:
    """The canonical JSON text of `value`: sorted keys, no spaces, UTF-8, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hash_of(text: str, hex_digits: int = FINGERPRINT_HEX) -> str:
    """SHA-256 of a text that is already canonical, cut to `hex_digits`."""
    return hashlib.sha256(text.encode()).hexdigest()[:hex_digits]


def identity(spec: Any) -> Any:
    """The part of a spec that affects the output: its dataclass fields, nested specs included.

    Fields marked `SIZING` are left out, and so are fields marked `ADDED` that have their default. A field marked `Was`
    appears under its earlier name.

    A spec may define `identity_extra() -> dict` for content that its fields only refer to, such as the text of a prompt
    file.
    """
    if is_dataclass(spec) and not isinstance(spec, type):
        marked = marks_of(type(spec))
        found: dict[str, Any] = {
            _called(f.name, marks): identity(getattr(spec, f.name))
            for f in fields(spec)
            if _counts(marks := marked[f.name], getattr(spec, f.name), f.default)
        }
        extra = getattr(spec, "identity_extra", None)
        if extra is not None:
            found.update(extra())
        return found
    if isinstance(spec, dict):
        return {str(k): identity(v) for k, v in spec.items()}
    if isinstance(spec, list | tuple):
        return [identity(v) for v in spec]
    return spec


def _called(name: str, marks: tuple[Any, ...]) -> str:
    """The name of a field in fingerprints: its earliest one."""
    return next((mark.name for mark in marks if isinstance(mark, Was)), name)


def _counts(marks: tuple[Any, ...], value: Any, default: Any) -> bool:
    """Whether a field with these marks and this value is part of the identity."""
    if any(isinstance(mark, Sizing) for mark in marks):
        return False
    return value != default or not any(isinstance(mark, Added) for mark in marks)


def chain(parent: str, operator: Operator) -> str:
    """The fingerprint of the output of `operator`, given the fingerprint of its input."""
    return digest([parent, *_said(operator)])


def link(operator: Operator) -> str:
    """The canonical text that `chain` hashes, without its beginning `["parent",`."""
    return canonical(_said(operator))[1:]


def _said(operator: Operator) -> list[Any]:
    """Name, version and identity of an operator; for one of another distribution also that distribution's version."""
    cls = type(operator)  # an instance may have another name in a recipe
    distribution = distribution_of(cls, OPERATORS)
    return [cls.name, operator.version, identity(operator), *([distribution] if distribution else [])]
