"""Segments of a video to caption, and running a captioner over them."""

from __future__ import annotations

import json
from typing import Any

from operators.caption.caption import Caption
from operators.core.base import Row
from operators.engines.base import Request
from tests.support.engines import Model, Scripted, asked


def apply(caption: Caption, row: Row) -> Row:
    with caption.open() as work:
        return work(row)


def run(log: str, row: Row, *, script: list[dict[str, Any]] | None = None, **options: Any) -> tuple[Row, list[Request]]:
    engine = Scripted(script=json.dumps(script or []), log=log, threads=options.pop("threads", 0))
    made = apply(Caption(engine=engine, **options), row)
    return made, asked(log)


def windows_of(requests: list[Request]) -> list[int]:
    return [round(r.start_s / 5.0) for r in requests if r.kind == "window"]


WORLD = [[0, 100, "a man", "red jacket"], [70, 100, "a dog", "brown"]]


def model(
    log: str,
    row: Row,
    *,
    script: list[dict[str, Any]] | None = None,
    context: int | None = None,
    **options: Any,
) -> tuple[Row, list[Request]]:
    engine = Model(script=json.dumps(script or []), world=json.dumps(WORLD), log=log, context=context)
    made = apply(Caption(engine=engine, **{"fields": True, **options}), row)
    return made, asked(log)


def previous_in(request: Request) -> str:
    """The caption before, as a window's prompt holds it."""
    _, marker, behind = request.prompt.partition("keep its names for the same people and things:\n")
    return behind.split("\n\n")[0].split("\nSaid or shown")[0].split("\nMeasured in")[0].strip() if marker else ""
