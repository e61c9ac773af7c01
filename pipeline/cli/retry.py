"""The implementation of `longcap retry`, which returns an exit code."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from operators.core.text import printable
from operators.core.typed import Failed
from operators.store.store import Store
from pipeline.cli.run import print_report
from pipeline.config.load import load_config
from pipeline.config.types import Config
from pipeline.execution.driver import Job
from pipeline.monitoring.report import Report
from pipeline.output.finalize import reopen
from pipeline.output.output import Output
from pipeline.output.stored_config import stored_config, stored_inputs
from pipeline.planning.foreign import listing_of
from pipeline.planning.work import RUN
from pipeline.sources.listing import Listing
from pipeline.sources.location import output_uri
from pipeline.sources.selection import Selection
from pipeline.terminal.errors import UsageError
from pipeline.terminal.look import counted
from pipeline.terminal.printing import echo, echo_json

_SHOWN = 10  # inputs or sources that are named


class _Replay(NamedTuple):
    """A run that is repeated for the videos of some failures."""

    inputs: list[str]
    listing: Listing
    config: Config
    events: list[Failed]


def retry_command(
    *,
    out: str,
    only: Sequence[str] = (),
    segment: int | None = None,
    classes: Sequence[str] = (),
    inputs: Sequence[str] = (),
    config: str | None = None,
    overrides: Sequence[str] = (),
    address: str | None = None,
    quiet: bool = False,
    as_json: bool = False,
) -> int:
    """Repeat the runs in which the selected failures occurred, for their videos only.

    If it is stopped, the same command goes on, because failures stay until a complete run has settled them. Failures
    whose source is not in the inputs any more are left out and named.

    Args:
        inputs: inputs in place of those of the original run.
        config: config in place of that of the original run.
        address: address of a Ray cluster; see `cluster.connect.connected`.
    """
    output = Output(out)
    events = {
        (event["key"], event["segment_index"]): event  # of an item that failed again, the newest
        for event in [*output.retries(), *output.failures()]
        if (not only or event["video_id"] in only)
        and (segment is None or event["segment_index"] == segment)
        and (not classes or event["class"] in classes)
    }
    if not events:
        echo("[]" if as_json else "no failure matches")
        return 0
    by_run: dict[str, list[Failed]] = {}
    for event in events.values():
        by_run.setdefault(event["run_id"], []).append(event)
    store = Store(output_uri(out))
    replays: list[_Replay] = []
    gone: dict[str, str] = {}
    reasons: list[str] = []
    for run_id, some in sorted(by_run.items()):  # all is checked before anything runs
        settings = load_config(config, overrides) if config is not None else stored_config(store, run_id, overrides)
        stored = [] if inputs or settings.inputs else _inputs_of(store, run_id)
        given, listing = _still_there(stored, settings, reasons) if stored else ([*inputs], None)
        listing = listing_of(given, settings) if listing is None else listing
        there = {RUN, *(row["video_id"] for row in listing.rows)}
        gone |= {event["video_id"]: _named(event) for event in some if event["video_id"] not in there}
        if left := [event for event in some if event["video_id"] in there]:
            replays.append(_Replay(given, listing, settings, left))
    if reasons and not replays:
        raise UsageError("; ".join(dict.fromkeys(reasons)))
    if gone:
        echo(_gone_text(list(gone.values()), reasons), err=True)
    reports: list[Report] = []
    for replay in replays:
        reports.append(_run(out, replay, address, quiet=quiet or as_json))
        if reports[-1].status == "interrupted":
            break
    if as_json:
        echo_json([dataclasses.asdict(report) for report in reports])
    else:
        for report in reports:
            print_report(report, as_json=False)
    return max((report.exit_code for report in reports), default=0)


def _inputs_of(store: Store, run_id: str) -> list[str]:
    asked = stored_inputs(store, run_id)
    if asked.signed:
        raise UsageError(
            f"the inputs of run {run_id} were signed URLs, and signatures are not kept: give them again with --input "
            f"URL (without their secrets they were {', '.join(map(printable, asked.inputs[:_SHOWN]))})"
        )
    return asked.inputs


def _still_there(inputs: list[str], config: Config, reasons: list[str]) -> tuple[list[str], Listing]:
    """Return those of the stored inputs that can be listed, and their videos; add why others cannot to `reasons`."""
    try:
        return inputs, listing_of(inputs, config)
    except UsageError as error:
        if len(inputs) == 1:
            reasons.append(str(error))
            return [], Listing(rows=[], ignored={})
    found = []
    for text in inputs:
        try:
            listing_of([text], config)
        except UsageError as error:
            reasons.append(str(error))
        else:
            found.append(text)
    return found, listing_of(found, config) if found else Listing(rows=[], ignored={})


def _named(event: Failed) -> str:
    return event["message"] if event["stage"] == "list" else event["uri"]  # the row of a manifest, or the source


def _gone_text(names: list[str], reasons: Sequence[str]) -> str:
    shown = ", ".join(map(printable, names[:_SHOWN]))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    why = f" ({'; '.join(dict.fromkeys(reasons))})" if reasons else ""
    return f"left out {counted(len(names), 'failed item')} that the inputs do not contain any more{why}: {shown}{more}"


def _run(out: str, replay: _Replay, address: str | None, *, quiet: bool) -> Report:
    """Do a run again for the videos of its failures."""
    meant = {(event["key"], event["segment_index"]) for event in replay.events}

    def prepare(held: Store) -> None:
        reopen(held, lambda event: (event["key"], event["segment_index"]) in meant)

    selection = Selection(only=tuple(sorted({event["video_id"] for event in replay.events} - {RUN})))
    job = Job(replay.inputs, out, replay.config, selection, quiet=quiet, listing=replay.listing)
    return job.run(address, prepare, replacing=True)
