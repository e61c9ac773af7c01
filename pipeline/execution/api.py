"""The Python API of jobs: functions that take a config and return objects with a notebook display."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from os import PathLike, fspath
from typing import NamedTuple

from markupsafe import Markup

from pipeline.config.load import load_config
from pipeline.config.types import Config
from pipeline.execution.driver import Job
from pipeline.monitoring.report import Report
from pipeline.output.notebook import shown, table
from pipeline.output.output import Output
from pipeline.planning.diff import Remaining
from pipeline.planning.plan import Plan
from pipeline.sources.location import scratch_output
from pipeline.sources.selection import Selection
from pipeline.terminal.errors import Stopped
from pipeline.terminal.look import counted

Place = str | PathLike[str]
Inputs = Place | Sequence[Place]


class Result(Output):
    """The result of a run: its opened output, and its report."""

    def __init__(self, uri: Place, report: Report) -> None:
        super().__init__(uri)
        self.report = report

    @property
    def ok(self) -> bool:
        """Whether all videos are accounted for and at most the allowed share of them failed."""
        return self.report.exit_code == 0

    def __repr__(self) -> str:
        return f"<longcap result: {self._summary}, in {self.shown_uri}>"

    def _repr_html_(self) -> str:
        failed = [[video_id, why] for video_id, why in list(self.report.failed.items())[:_FAILED_SHOWN]]
        more = len(self.report.failed) - len(failed)
        parts = [Markup("<p>{}</p>").format(self._summary), Markup(super()._repr_html_())]
        if failed:
            parts.append(table(("failed", "why"), failed))
        if more > 0:
            parts.append(Markup("<p>… and {} more failed</p>").format(more))
        parts.append(Markup("<p>report: <code>{}/report.html</code></p>").format(shown(self.shown_uri)))
        return str(Markup("").join(parts))

    @property
    def _summary(self) -> str:
        ready, planned = self.report.videos_narrated, self.report.videos_planned
        verb = "has" if planned == 1 else "have"
        return f"{ready} of {counted(planned, 'video')} {verb} a long caption"


class Planned(NamedTuple):
    """The work of a run that has not started.

    Attributes:
        plan: all videos and their segments.
        remaining: the part of the plan that is left to do, and the captions that it would replace (`.replaced`).
    """

    plan: Plan
    remaining: Remaining

    def __repr__(self) -> str:
        return f"<longcap plan: {', '.join(f'{value} {name}' for name, value in self._facts())}>"

    def _repr_html_(self) -> str:
        failed = [[v["uri"], v["failure"]["message"]] for v in self.plan.unusable[:_FAILED_SHOWN]]
        more = table(("cannot be captioned", "why"), failed) if failed else Markup("")
        return str(table(("", ""), self._facts()) + more)

    def _facts(self) -> list[tuple[str, object]]:
        return [
            ("videos", len(self.plan.videos)),
            ("hours", round(self.plan.seconds / 3600, 2)),
            ("segments", self.plan.segments),
            ("frame captions", self.plan.frames),
            ("window captions", self.plan.windows),
            ("videos to do", len(self.remaining.undone)),
            ("that cannot be captioned", len(self.remaining.given_up)),
        ]


_FAILED_SHOWN = 10


def run(
    inputs: Inputs,
    out: Place,
    config: Config | Place | None = None,
    *,
    selection: Selection | None = None,
    address: str | None = None,
    quiet: bool = False,
    replace: bool = False,
) -> Result:
    """Caption videos. Captions that `out` already contains are not made again.

    Args:
        inputs: one or many files, folders, globs, prefixes or manifests.
        out: folder or remote prefix.
        config: a config from `load_config`, the name of a recipe, or the path of a file; None for the recipe `measure`.
        selection: selects among the listed videos; None for all.
        address: address of a Ray cluster. None uses the Ray that this process is connected to, else RAY_ADDRESS, else
            starts a local one.
        quiet: whether to show no progress.
        replace: whether finished captions made with another config may be replaced.

    Raises:
        UsageError: the inputs or the config are invalid, or finished captions would be replaced without `replace`.
        RunFailed: the job could not be completed. Failed videos do not raise; see `Result.report`.
        Stopped: the run was interrupted and the work in flight is committed; the same call resumes it. A subclass of
            KeyboardInterrupt.
    """
    try:
        job = Job(_several(inputs), fspath(out), _config(config), selection or Selection(), quiet=quiet)
        result = Result(out, job.run(address, replacing=replace))
    except KeyboardInterrupt:  # before the work began, or after it had ended
        raise Stopped("interrupted; what is committed stays, and the same call resumes from there") from None
    if result.report.status == "interrupted":
        left = len(result.report.unaccounted)
        raise Stopped(
            f"interrupted: {result._summary}; {counted(left, 'video')} left. What was under way is committed, and the "
            "same call resumes from there"
        )
    return result


def plan(
    inputs: Inputs,
    out: Place | None = None,
    config: Config | Place | None = None,
    *,
    selection: Selection | None = None,
    address: str | None = None,
    quiet: bool = False,
) -> Planned:
    """Plan a run without executing it.

    Args:
        inputs, config, selection, address, quiet: as for `run`.
        out: an output whose captions count as done and that stores the probed facts; None for none.
    """
    with scratch_output() if out is None else nullcontext(fspath(out)) as where:
        chosen = selection or Selection()
        job = Job(_several(inputs), where, _config(config), chosen, quiet=quiet, scratch=out is None)
        return Planned(*job.plan(address))


def open(out: Place) -> Output:
    """Open an output. Reads are consistent at any time, also while a run writes to it."""
    return Output(out)


def _config(given: Config | Place | None) -> Config:
    return given if isinstance(given, Config) else load_config(given)


def _several(inputs: Inputs) -> list[str]:
    return [fspath(inputs)] if isinstance(inputs, str | PathLike) else [fspath(one) for one in inputs]
