"""Captioned segments in which chosen people are seen: the rows that `names` reads."""

from __future__ import annotations

import json
from typing import Any

from operators.core.base import Row
from operators.coreference.names import Names
from operators.engines.base import Request
from tests.support.engines import Model, asked
from tests.support.rows import LAYOUT, captioned, narrated

Seen = dict[int, list[tuple[str, str]]]
"""window_index -> (name, looks) of each who is seen there."""


def window_fields(*subjects: tuple[str, str], caption: str = "Somebody is seen.") -> str:
    """JSON of `operators.caption.structure.WindowFields`."""
    return json.dumps(
        {
            "caption": caption,
            "subjects": [{"name": name, "looks": looks} for name, looks in subjects],
            "actions": [],
            "camera": "still",
            "scene": "a street",
            "on_screen_text": [],
        }
    )


def video(seen: Seen, texts: dict[int, str] | None = None, **changes: Any) -> Row:
    """Two captioned segments; a window tells its people by their names, or `texts` says what it tells."""
    segments = [captioned("v", 0), captioned("v", 1)]
    for window in (w for s in segments for w in s["windows"]):
        people = seen.get(window["window_index"], [])
        window["fields"] = window_fields(*people)
        default = " ".join(f"{name[:1].upper()}{name[1:]} walks by." for name, _ in people) or window["text"]
        window["text"] = (texts or {}).get(window["window_index"], default)
    return {**narrated("v"), "captioned": segments, "segments": 2, **LAYOUT, **changes}


def windows(row: Row) -> dict[int, str]:
    """window_index -> caption."""
    return {w["window_index"]: w["text"] for s in row["captioned"] for w in s["windows"]}


def run(log: str, row: Row, *, script: list[dict[str, Any]] | None = None, **options: Any) -> tuple[Row, list[Request]]:
    """The row that `names` gives, and what it asked a model; `script` says what that answers."""
    threads = options.pop("threads", 0)
    engine = Model(script=json.dumps(script or []), log=f"names {log}", threads=threads)
    with Names(engine=engine, **options).open() as apply:
        return apply(row), asked(f"names {log}")
