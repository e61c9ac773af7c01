"""The notebook's side of the job: plain functions that take a config and give back something to look at."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.config.types import Config
from pipeline.execution.driver import Job
from pipeline.monitoring.report import Report
from pipeline.output.output import Output
from pipeline.planning.diff import Remaining
from pipeline.planning.plan import Plan
from pipeline.sources.selection import Selection

Inputs = str | Sequence[str]


class Result(Output):
    """What a run left: its output, opened, and its report."""

    def __init__(self, uri: str, report: Report) -> None:
        super().__init__(uri)
        self.report = report

    @property
    def ok(self) -> bool:
        """All is accounted for and no more than the allowed share of videos failed."""
        return self.report.exit_code == 0

    def __repr__(self) -> str:
        told, planned = self.report.videos_told, self.report.videos_planned
        return f"<longcap result: {told} of {planned} videos have a long caption in {self.uri}>"


def run(
    inputs: Inputs,
    out: str,
    config: Config | None = None,
    *,
    selection: Selection | None = None,
    address: str | None = None,
    quiet: bool = False,
    replace: bool = False,
) -> Result:
    """Caption videos; what `out` holds already is not done again.

    Args:
        inputs: files, folders, globs, prefixes or manifests.
        out: folder or remote prefix.
        config: None is the recipe `measure`.
        selection: which of the listed videos; None is all.
        address: of a Ray cluster; None uses the Ray this process is connected to, else RAY_ADDRESS, else a local one.
        quiet: show no progress.
        replace: whether finished captions that another config made may be replaced.

    Raises:
        UsageError: the inputs or the config cannot be used, or finished captions would be replaced without `replace`.
        RunFailed: the job broke off. Failed videos do not raise: see `Result.report`.
    """
    job = Job(_several(inputs), out, config or Config(), selection or Selection(), quiet=quiet)
    return Result(out, job.run(address, replacing=replace))


def plan(
    inputs: Inputs, out: str, config: Config | None = None, *, selection: Selection | None = None, quiet: bool = False
) -> tuple[Plan, Remaining]:
    """What `run` would do: all videos and their segments, what of it is left, and what it would replace (`.replaced`).

    Probing is remembered in `out`.
    """
    return Job(_several(inputs), out, config or Config(), selection or Selection(), quiet=quiet).plan()


def open(out: str) -> Output:
    """An output, exact at every moment, also while a run writes to it."""
    return Output(out)


def _several(inputs: Inputs) -> list[str]:
    return [inputs] if isinstance(inputs, str) else list(inputs)
