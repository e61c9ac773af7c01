"""`longcap failures`: what failed and still stands, grouped by what happened to it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

from operators.addresses import redacted
from operators.base import Row
from operators.text import printable
from pipeline.output.output import Output
from pipeline.terminal.printing import echo, echo_json

_SHOWN = 20  # groups; the rest is counted


def failures_command(*, out: str, classes: Sequence[str] = (), as_json: bool = False) -> int:
    """Print the groups, the largest first."""
    output = Output(out)
    events = [e for e in output.failures() if not classes or e["class"] in classes]
    where = redacted(output.uri)
    groups = group(events, where)
    if as_json:
        echo_json(groups)
        return 0
    if not groups:
        echo("nothing has failed" + (f" with class {' or '.join(classes)}" if classes else ""))
        return 0
    for found in groups[:_SHOWN]:
        echo(
            f"{found['count']} x {found['class']} in {found['stage']}, "
            f"{found['videos']} video{'s' if found['videos'] != 1 else ''}, last {found['last']}\n"
            f"    {printable(found['message'])}\n"
            f"    one of them: {found['replay']}"
        )
    if len(groups) > _SHOWN:
        echo(f"… and {sum(g['count'] for g in groups[_SHOWN:])} failures of {len(groups) - _SHOWN} other kinds")
    named = sorted({e["class"] for e in events})
    echo(f"\nall again:       longcap retry {shlex.quote(where)}")
    if len(named) > 1:
        echo(f"one class again: longcap retry {shlex.quote(where)} --class {named[0]}")
    return 0


def group(events: Sequence[Row], uri: str) -> list[dict[str, Any]]:
    """Failures of one stage, class and kind of message together, the most frequent first.

    Returns:
        For each group `stage`, `class`, `message` (of its newest failure), `count`, `videos`, `attempts` (of all
        together), `first` and `last` (ISO 8601, UTC), `replay` (for its newest failure), `retry` (for its class).
    """
    found: dict[tuple[str, str, str], list[Row]] = {}
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
                "replay": _replay(some[-1], uri),
                "retry": f"longcap retry {shlex.quote(uri)} --class {failure_class}",
            }
        )
    return sorted(groups, key=lambda g: (-g["count"], g["class"], g["message"]))


def _replay(event: Row, uri: str) -> str:
    """The command that tries an item again, made anew: a stored one could be any command."""
    part = "" if event["segment_index"] is None else f" --segment {event['segment_index']}"
    return f"longcap retry {shlex.quote(uri)} --only {shlex.quote(event['video_id'])}{part}"


def _kind(message: str) -> str:
    """A message without what differs from item to item: paths, addresses, numbers."""
    text = re.sub(r"\S*/\S*", "…", message)
    return re.sub(r"\d+(\.\d+)?", "#", text)
