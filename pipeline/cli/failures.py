"""`longcap failures`: current failures, grouped by cause."""

from __future__ import annotations

from collections.abc import Sequence

from operators.core.addresses import redacted
from operators.core.text import printable
from pipeline.output.failure_groups import group
from pipeline.output.output import Output
from pipeline.terminal.commands import longcap
from pipeline.terminal.look import counted
from pipeline.terminal.printing import echo, echo_json

_SHOWN = 20  # groups that are printed; the others are counted


def failures_command(*, out: str, classes: Sequence[str] = (), as_json: bool = False) -> int:
    """Print the groups, largest first."""
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
            f"{found['count']} x {found['class']} in {found['stage']}, {counted(found['videos'], 'video')}, "
            f"last {found['last']}\n"
            f"    {printable(found['message'])}\n"
            f"    one of them: {found['replay']}"
        )
    if len(groups) > _SHOWN:
        echo(f"… and {sum(g['count'] for g in groups[_SHOWN:])} failures of {len(groups) - _SHOWN} other kinds")
    named = sorted({e["class"] for e in events})
    echo(f"\nall again:       {longcap('retry', where)}")
    if len(named) > 1:
        echo(f"one class again: {longcap('retry', where, '--class', named[0])}")
    return 0
