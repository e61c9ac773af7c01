"""Exports from Python and notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from operators.core.text import nearest
from pipeline.export.base import Problem
from pipeline.export.export import Report, Settings, check, export
from pipeline.terminal.errors import UsageError


def export_dataset(
    out: str, to: str, folder: str, *, options: Mapping[str, Any] | None = None, replace: bool = False, **settings: Any
) -> Report:
    """Write a finished output in the files of a target; an interrupted export goes on where it stopped.

    Args:
        out: a finished output, or one that a run still writes to.
        to: name of an export, such as "sharegpt"; `longcap formats` lists them.
        folder: where to: a folder or a remote prefix, empty or an export of the same settings.
        options: of the target, such as `{"cutoff_len": 8192}`.
        replace: remove an export of other settings that lies there.
        settings: fields of `pipeline.export.export.Settings`, such as `unit`, `spans`, `where` and `split`.

    Raises:
        UsageError: it cannot be done as it was asked; one line. Samples that the target cannot take do not raise: see
            `Report.ok`, `Report.left_out` and `Report.problems`.
    """
    known = [f.name for f in fields(Settings)]
    for name in settings:
        if name not in known:
            raise UsageError(f"{name} is no setting of an export{nearest(name, known)} Known: {', '.join(known)}")
    return export(out, to, folder, options=options, settings=Settings(**settings), replace=replace)


def check_export(folder: str, to: str | None = None, options: Mapping[str, Any] | None = None) -> list[Problem]:
    """Read a folder as a target's loader does, and say what it would reject, drop or misread.

    Args:
        folder: an export, or files of any origin.
        to: name of an export; None: the one that the folder says.

    Raises:
        UsageError: it is not known what the folder is.
    """
    return check(folder, to, options)
