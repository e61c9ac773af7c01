"""The notebook's side of the job: plain functions that take a config and give back something to look at."""

from __future__ import annotations

import tempfile
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
from pipeline.sources.selection import Selection
from pipeline.terminal.errors import Stopped
from pipeline.terminal.look import counted

Place = str | PathLike[str]
Inputs = Place | Sequence[Place]


class Result(Output):
    """What a run left: its output, opened, and its report."""

    def __init__(self, uri: Place, report: Report) -> None:
        super().__init__(uri)
        self.report = report

    @property
    def ok(self) -> bool:
        """All is accounted for and no more than the allowed share of videos failed."""
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
    """What a run would do.

    Attributes:
        plan: all videos and their segments.
        remaining: what of it is left to do, and what it would replace (`.replaced`).
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
    """Caption videos; what `out` holds already is not done again.

    Args:
        inputs: one or many files, folders, globs, prefixes or manifests.
        out: folder or remote prefix.
        config: what `load_config` gave, the name of a recipe, or the path of a file; None is the recipe `measure`.
        selection: which of the listed videos; None is all.
        address: of a Ray cluster; None uses the Ray this process is connected to, else RAY_ADDRESS, else a local one.
        quiet: show no progress.
        replace: whether finished captions that another config made may be replaced.

    Raises:
        UsageError: the inputs or the config cannot be used, or finished captions would be replaced without `replace`.
        RunFailed: the job broke off. Failed videos do not raise: see `Result.report`.
        Stopped: a KeyboardInterrupt: it was interrupted, and what was under way is committed. The same call resumes.
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
    """What `run` would do.

    Args:
        inputs, config, selection, address, quiet: as for `run`.
        out: an output whose captions are taken into account, and in which probing is remembered; None: none.
    """
    folder = tempfile.TemporaryDirectory(prefix="longcap-plan-") if out is None else nullcontext(fspath(out))
    with folder as where:
        job = Job(_several(inputs), where, _config(config), selection or Selection(), quiet=quiet)
        return Planned(*job.plan(address))


def open(out: Place) -> Output:
    """An output, exact at every moment, also while a run writes to it."""
    return Output(out)


def _config(given: Config | Place | None) -> Config:
    return given if isinstance(given, Config) else load_config(given)


def _several(inputs: Inputs) -> list[str]:
    return [fspath(inputs)] if isinstance(inputs, str | PathLike) else [fspath(one) for one in inputs]
