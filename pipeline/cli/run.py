"""The implementations of `longcap run` and `plan`, which return exit codes."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from typing import Any, Literal

import click

from operators.core.text import printable
from pipeline.config.check import never_measured
from pipeline.config.load import load_config
from pipeline.config.types import Config
from pipeline.execution.driver import Job
from pipeline.monitoring.progress import clock
from pipeline.monitoring.report import Report
from pipeline.planning.diff import Remaining
from pipeline.planning.plan import Plan
from pipeline.planning.replacement import Replacement, WouldReplace
from pipeline.preflight.doctor import cluster_of, look_first
from pipeline.sources.location import scratch_output
from pipeline.sources.selection import Selection
from pipeline.terminal.commands import longcap
from pipeline.terminal.errors import RunFailed, UsageError
from pipeline.terminal.look import counted, hint
from pipeline.terminal.printing import echo, echo_json, json_text

_SHOWN = 10  # failed or excluded videos that are listed
_NOTED = ("updated", "moved_out", "moved_back", "tables")
ScheduleKind = Literal["auto", "streaming", "phased"]


def run_command(
    *,
    inputs: Sequence[str],
    out: str,
    config: str | None = None,
    overrides: Sequence[str] = (),
    limit: int | None = None,
    sample: int | None = None,
    only: Sequence[str] = (),
    recaption: Sequence[str] = (),
    replace: bool = False,
    max_hours: float | None = None,
    max_failed: float | None = None,
    schedule: ScheduleKind | None = None,
    shard: tuple[int, int] | None = None,
    address: str | None = None,
    preflight: bool = False,
    quiet: bool = False,
    as_json: bool = False,
) -> int:
    """Run the job and print its report."""
    settings = _with(load_config(config, overrides), max_failed=max_failed, schedule=schedule)
    selection = Selection(
        only=tuple(only), sample=sample, limit=limit, max_hours=max_hours, shard=shard, recaption=tuple(recaption)
    )
    with ExitStack() as stack:
        if preflight:
            there = stack.enter_context(cluster_of(address))  # the run keeps this connection
            look_first(settings, out, there=there)
        try:
            report = Job(inputs, out, settings, selection, quiet=quiet or as_json).run(address, replacing=replace)
        except WouldReplace as refused:
            if as_json or not _confirmed(refused):
                raise
            report = Job(inputs, out, settings, selection, quiet=quiet).run(address, replacing=True)
    print_report(report, as_json=as_json)
    return report.exit_code


def plan_command(
    *,
    inputs: Sequence[str],
    out: str | None = None,
    config: str | None = None,
    overrides: Sequence[str] = (),
    limit: int | None = None,
    sample: int | None = None,
    only: Sequence[str] = (),
    max_hours: float | None = None,
    quiet: bool = False,
    as_json: bool = False,
) -> int:
    """Probe and plan, and print what a run would do."""
    settings = load_config(config, overrides)
    selection = Selection(only=tuple(only), sample=sample, limit=limit, max_hours=max_hours)
    with scratch_output() if out is None else nullcontext(out) as where:
        plan, left = Job(inputs, where, settings, selection, quiet=quiet or as_json, scratch=out is None).plan()
    facts = _plan_numbers(plan, left)
    echo(json_text(facts) if as_json else _plan_text(facts))
    return 0


def _confirmed(refused: WouldReplace) -> bool:
    """Ask at a terminal whether a run may replace finished captions."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    echo(f"longcap: {refused}", err=True)
    if not click.confirm("Replace them?"):
        raise UsageError("nothing was replaced")
    return True


def _with(config: Config, *, max_failed: float | None, schedule: ScheduleKind | None) -> Config:
    given: dict[str, Any] = {k: v for k, v in {"max_failed": max_failed, "schedule": schedule}.items() if v is not None}
    return dataclasses.replace(config, run=dataclasses.replace(config.run, **given))


def print_report(report: Report, *, as_json: bool) -> None:
    """Print what a run did, and which command comes next."""
    if as_json:
        echo_json(dataclasses.asdict(report))
        return
    lines = [
        f"{report.videos_narrated} of {counted(report.videos_planned, 'video')} "
        f"{'has' if report.videos_planned == 1 else 'have'} a long caption"
        f" ({report.video_hours:.2f} h; {report.frame_captions} frame and {report.window_captions} window captions"
        f" made in {clock(report.elapsed_s)})",
    ]
    if not report.captions:
        lines = [f"{report.videos_planned} videos, {report.video_hours:.2f} h, in {clock(report.elapsed_s)}"]
    for name, made in report.tables.items():
        failed = f", {made['failed']} failed" if made["failed"] else ""
        out = f", {made['filtered']} left out by the filter" if made["filtered"] else ""
        lines.append(f"table {name}: {made['done']} of {made['planned']} rows{failed}{out}")
    lines += _listed("failed", report.failed)
    if report.filtered:
        lines.append(f"{report.videos_filtered} more were left out by the filter: {report.out}/filtered")
        lines += _listed("left out", report.filtered)
    for column, count in report.unmeasured.items():
        lines.append(
            f"{column} was not measured in {counted(count, 'narrated video')}, so its bounds left none of them out"
        )
    if report.unaccounted:
        lines.append(f"{counted(len(report.unaccounted), 'video')} not done yet; the same command resumes from here")
    lost = report.failed or any(made["failed"] for made in report.tables.values())
    if report.captions:
        lines.append(f"dataset: {report.out}/dataset/*.parquet")
    lines.append(f"report:  {report.out}/report.html")
    echo("\n".join(lines))
    show = [longcap("show", report.out)] if report.captions else []
    hint(*show, longcap("retry" if lost else "status", report.out))
    if report.exit_code and report.status == "done" and not report.unaccounted:
        shares = {"the videos": report.videos_failed / max(1, report.videos_planned)}
        shares |= {f"the rows of {n}": c["failed"] / max(1, c["planned"]) for n, c in report.tables.items()}
        what, share = max(shares.items(), key=lambda pair: pair[1])
        raise RunFailed(f"{share:.0%} of {what} failed; run.max_failed allows {report.max_failed:.0%}")
    sys.stdout.flush()


def _listed(what: str, reasons: dict[str, str]) -> list[str]:
    lines = [f"  {what}: {printable(video_id)}  {printable(why)}" for video_id, why in list(reasons.items())[:_SHOWN]]
    return [*lines, f"  … and {len(reasons) - _SHOWN} more"] if len(reasons) > _SHOWN else lines


def _plan_numbers(plan: Plan, left: Remaining) -> dict[str, Any]:
    todo, planned = left.undone, set(plan.videos.ids)
    return {
        "videos": len(plan.videos),
        "video_hours": round(plan.seconds / 3600, 4),
        "segments": plan.segments,
        "frame_captions": plan.frames,
        "window_captions": plan.windows,
        "to_do": {
            "videos": len(todo),
            "segments": len(left.segments),
            "video_hours": round(left.segments.seconds / 3600, 4),
            "narrations": len(todo),
        },
        "done_before": len(planned - todo - set(left.given_up) - set(left.filtered)),
        "would_replace": _replacement_numbers(left.replaced) if left.replaced and left.replaced.asks else None,
        "notes": left.replaced.notes if left.replaced else [],
        "tables": {name: count._asdict() for name, count in left.tables.items()},
        "filter": plan.config.filter.text(),
        "filter_not_measured": never_measured(plan.config),
        "left_out": dict(sorted(left.reasons.items())),
        "cannot_be_captioned": dict(sorted(left.given_up.items())),
        "reasons": dict(Counter(v["failure"]["class"] for v in plan.unusable)),
        "ignored_files": plan.ignored,
    }


def _replacement_numbers(replaced: Replacement) -> dict[str, Any]:
    found = dataclasses.asdict(replaced)
    facts = {name: found[name] for name in ("captioned", "narrated", "partial", "removed")}
    return {"text": replaced.text, **facts, **{n: v for n, v in found.items() if n not in facts and n not in _NOTED}}


def _amount(facts: dict[str, Any]) -> str:
    videos, segments = counted(facts["videos"], "video"), counted(facts["segments"], "segment")
    return f"{videos}, {facts['video_hours']:.2f} hours, {segments}"


def _plan_text(facts: dict[str, Any]) -> str:
    todo = facts["to_do"]
    lines = [
        _amount(facts),
        f"captions in total: {facts['frame_captions']} of frames, {facts['window_captions']} of windows",
        f"already done with this config: {counted(facts['done_before'], 'video')}",
        f"to do: {_amount(todo)}",
    ]
    for name, count in facts["tables"].items():
        waiting = f"; {count['waiting']} wait for the rows that they are made from" if count["waiting"] else ""
        failed = f"; {count['failed']} failed" if count["failed"] else ""
        out = f"; {count['filtered']} left out by the filter" if count["filtered"] else ""
        if count["removed"]:
            out += f", and what {counted(count['removed'], 'video')} of them had there is removed"
        lines.append(f"table {name}: {count['left']} of {count['planned']} rows to make{waiting}{failed}{out}")
    if facts["would_replace"]:
        lines.append(f"would replace: {facts['would_replace']['text']}; longcap run does it only with --replace")
    lines += facts["notes"]
    if facts["filter"]:
        lines.append(f"filter: {facts['filter']}")
        lines += [
            f"  {name} is not measured ({reason}), so its bounds leave nothing out"
            for name, reason in facts["filter_not_measured"].items()
        ]
        lines.append(f"left out by what is known already: {len(facts['left_out'])}")
        lines += _listed("left out", facts["left_out"])
    if facts["cannot_be_captioned"]:
        lines.append(f"cannot be captioned: {len(facts['cannot_be_captioned'])}")
        lines += [
            f"  {printable(video_id)}  {printable(why)}" for video_id, why in facts["cannot_be_captioned"].items()
        ]
    if facts["ignored_files"]:
        kinds = ", ".join(f"{n} {suffix}" for suffix, n in facts["ignored_files"].items())
        lines.append(f"ignored files: {kinds}")
    return "\n".join(lines)
