"""Chained fingerprints: what an output was made from, in 16 hex digits.

source version → decode → measure → caption → narrate; each link hashes the one before, the operator's name and
version and every field that decides what comes out. Fields marked `SIZING` (how many, how fast, on what) are left out,
so that a faster machine does not make captions stale.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from operators.core.base import Added, Operator, Sizing, Was
from operators.core.entry_points import OPERATORS, distribution_of

FINGERPRINT_HEX = 16  # 64 bits: a collision among ten million videos of one run is a 3-in-a-million event


def digest(value: Any, *, hex_digits: int = FINGERPRINT_HEX) -> str:
    """SHA-256 over the canonical JSON of `value` (sorted keys, no spaces), cut to `hex_digits`."""
    return hash_of(canonical(value), hex_digits)


def canonical(value: Any) -> str:
    """The one JSON text of `value`."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hash_of(text: str, hex_digits: int = FINGERPRINT_HEX) -> str:
    """SHA-256 over a text that is canonical already."""
    return hashlib.sha256(text.encode()).hexdigest()[:hex_digits]


def identity(spec: Any) -> Any:
    """What of a spec decides the output: its dataclass fields, nested specs included.

    Fields marked `SIZING` are left out, and those marked `ADDED` where they have their default; one marked `Was` has
    its earlier name.

    A spec may define `identity_extra() -> dict` for what its fields only point at, such as the text of a prompt file.
    """
    if is_dataclass(spec) and not isinstance(spec, type):
        hints = get_type_hints(type(spec), include_extras=True)
        found: dict[str, Any] = {
            _called(f.name, marks): identity(getattr(spec, f.name))
            for f in fields(spec)
            if _counts(marks := getattr(hints[f.name], "__metadata__", ()), getattr(spec, f.name), f.default)
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
    """The name under which a field counts: its first one."""
    return next((mark.name for mark in marks if isinstance(mark, Was)), name)


def _counts(marks: tuple[Any, ...], value: Any, default: Any) -> bool:
    """Whether a field with these marks is part of an identity."""
    if any(isinstance(mark, Sizing) for mark in marks):
        return False
    return value != default or not any(isinstance(mark, Added) for mark in marks)


def chain(parent: str, operator: Operator) -> str:
    """The fingerprint of `operator`'s output, given that of its input."""
    return digest([parent, *_said(operator)])


def link(operator: Operator) -> str:
    """The end of the canonical text that `chain` hashes: all of it but `["parent",`."""
    return canonical(_said(operator))[1:]


def _said(operator: Operator) -> list[Any]:
    """What a link says of an operator; of another distribution's also which one, with its version."""
    cls = type(operator)  # an instance may go by another name in a recipe
    distribution = distribution_of(cls, OPERATORS)
    return [cls.name, operator.version, identity(operator), *([distribution] if distribution else [])]
