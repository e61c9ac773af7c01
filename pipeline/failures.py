"""`longcap failures`: what failed and still stands, grouped by what happened to it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from typing import Any

import click

from operators.base import Row
from pipeline.output import Output

_SHOWN = 20  # groups; the rest is counted


def failures_command(*, out: str, classes: Sequence[str] = (), as_json: bool = False) -> int:
    """Print the groups, the largest first."""
    output = Output(out)
    events = [e for e in output.failures() if not classes or e["class"] in classes]
    groups = group(events, output.uri)
    if as_json:
        click.echo(json.dumps(groups, indent=2, ensure_ascii=False))
        return 0
    if not groups:
        click.echo("nothing has failed" + (f" with class {' or '.join(classes)}" if classes else ""))
        return 0
    for found in groups[:_SHOWN]:
        click.echo(
            f"{found['count']} x {found['class']} in {found['stage']}, "
            f"{found['videos']} video{'s' if found['videos'] != 1 else ''}, last {found['last']}\n"
            f"    {found['message']}\n"
            f"    one of them: {found['replay']}"
        )
    if len(groups) > _SHOWN:
        click.echo(f"… and {sum(g['count'] for g in groups[_SHOWN:])} failures of {len(groups) - _SHOWN} other kinds")
    named = sorted({e["class"] for e in events})
    click.echo(f"\nall again:       longcap retry {shlex.quote(output.uri)}")
    if len(named) > 1:
        click.echo(f"one class again: longcap retry {shlex.quote(output.uri)} --class {named[0]}")
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
                "replay": some[-1]["replay"],
                "retry": f"longcap retry {shlex.quote(uri)} --class {failure_class}",
            }
        )
    return sorted(groups, key=lambda g: (-g["count"], g["class"], g["message"]))


def _kind(message: str) -> str:
    """A message without what differs from item to item: paths, addresses, numbers."""
    text = re.sub(r"\S*/\S*", "…", message)
    return re.sub(r"\d+(\.\d+)?", "#", text)
