"""Group current failures by cause, with the commands that retry them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from operators.core.base import Row
from operators.core.typed import Failed
from pipeline.terminal.commands import longcap

_EXAMPLES = 3


def group(events: Sequence[Failed], uri: str) -> list[dict[str, Any]]:
    """Group failures by stage, class and kind of message, the most frequent first.

    Returns:
        One mapping per group: `stage`, `class`, `message` (of the newest failure), `count`, `videos`, `attempts` (the
        sum), `first` and `last` (ISO 8601, UTC), `replay` (for the newest failure), `retry` (for the class), and
        `examples`: the newest failure of up to three videos, each with `uri`, `message` and `replay`.
    """
    found: dict[tuple[str, str, str], list[Failed]] = {}
    for event in events:
        found.setdefault((event["stage"], event["class"], _kind(event["message"])), []).append(event)
    groups = []
    for (stage, failure_class, _), some in found.items():
        some.sort(key=lambda e: e["time"])
        groups.append(
            {
                "stage": stage,
                "class": failure_class,
                "message": some[-1]["message"],
                "count": len(some),
                "videos": len({e["video_id"] for e in some}),
                "attempts": sum(e["attempts"] for e in some),
                "first": some[0]["time"].isoformat(timespec="seconds"),
                "last": some[-1]["time"].isoformat(timespec="seconds"),
                "replay": replay(some[-1], uri),
                "retry": longcap("retry", uri, "--class", failure_class),
                "examples": [_example(event, uri) for event in _newest(some)],
            }
        )
    return sorted(groups, key=lambda g: (-g["count"], g["class"], g["message"]))


def _newest(events: Sequence[Failed]) -> list[Failed]:
    """Return the newest failure of each of the last few videos; `events` are ordered by time."""
    by_video = {event["video_id"]: event for event in events}
    return sorted(by_video.values(), key=lambda event: event["time"], reverse=True)[:_EXAMPLES]


def _example(event: Failed, uri: str) -> Row:
    return {"uri": event["uri"], "message": event["message"], "replay": replay(event, uri)}


def replay(event: Failed, uri: str) -> str:
    """Return the command that retries an item. It is generated, since a stored one could be any command."""
    part = [] if event["segment_index"] is None else ["--segment", event["segment_index"]]
    return longcap("retry", uri, "--only", event["video_id"], *part)


def _kind(message: str) -> str:
    """Return a message without the parts that differ between items: paths, addresses, numbers."""
    text = re.sub(r"\S*/\S*", "…", message)
    return re.sub(r"\d+(\.\d+)?", "#", text)
