"""Export and check from Python and notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from os import PathLike, fspath
from typing import Any

from operators.core.text import nearest
from pipeline.export.base import Problem
from pipeline.export.export import Report, Settings, check, export
from pipeline.output.output import Output
from pipeline.terminal.errors import UsageError

Place = str | PathLike[str]


def export_dataset(
    out: Place | Output,
    to: str,
    folder: Place,
    *,
    options: Mapping[str, Any] | None = None,
    replace: bool = False,
    **settings: Any,
) -> Report:
    """Write a finished output as the files of a target; an interrupted export is resumed.

    Args:
        out: a finished output, or one that a run is still writing, or its location.
        to: name of an export, such as "sharegpt"; `longcap formats` lists them.
        folder: a folder or remote prefix, which must be empty or an export with the same settings.
        options: options of the target, such as `{"cutoff_len": 8192}`.
        replace: replace an export with other settings in that folder.
        settings: fields of `pipeline.export.export.Settings`, such as `unit`, `spans`, `where` and `split`.
            Paths among the settings and options may be text or `os.PathLike`.

    Raises:
        UsageError: the export cannot be made as requested; one line. Samples that the target cannot read are not an
            error: see `Report.ok`, `Report.left_out` and `Report.problems`.
    """
    known = [f.name for f in fields(Settings)]
    for name in settings:
        if name not in known:
            raise UsageError(f"{name} is not a setting of an export{nearest(name, known)} Known: {', '.join(known)}")
    uri, asked = out.uri if isinstance(out, Output) else fspath(out), Settings(**_as_text(settings))
    return export(uri, to, fspath(folder), options=_as_text(options or {}), settings=asked, replace=replace)


def check_export(folder: Place, to: str | None = None, options: Mapping[str, Any] | None = None) -> list[Problem]:
    """Read a folder as a target's loader does, and report what it would reject, drop or misread.

    Args:
        folder: an export, or files from anywhere.
        to: name of an export; None: as the folder's marker says.

    Raises:
        UsageError: `to` is None and the folder has no marker.
    """
    return check(fspath(folder), to, _as_text(options or {}))


def _as_text(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fspath(value) if isinstance(value, PathLike) else value for name, value in values.items()}
