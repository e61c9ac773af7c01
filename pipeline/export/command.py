"""The commands `longcap export`, `check-export` and `formats`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

from operators.core.text import printable
from pipeline.export import plan
from pipeline.export.base import Problem
from pipeline.export.export import Report, Settings, check, export
from pipeline.export.folder import Folder
from pipeline.export.registry import export_class, names
from pipeline.sources.location import output_uri
from pipeline.terminal.errors import UsageError
from pipeline.terminal.printing import echo, echo_json

_SHOWN = 20


def export_command(
    out: str,
    *,
    to: str,
    folder: str,
    overrides: Iterable[str] = (),
    replace: bool = False,
    as_json: bool = False,
    shard_videos: int = 500,
    **settings: Any,
) -> int:
    """Export and print the report; returns 1 if something is wrong with it."""
    report = export(
        out,
        to,
        folder,
        options=options_of(overrides),
        settings=Settings(shard=shard_videos, **settings),
        replace=replace,
        say=lambda line: echo(line, err=True),
    )
    if as_json:
        echo_json(_plain(report))
    else:
        echo(text_of(report))
    return 0 if report.ok else 1


def check_command(folder: str, *, to: str | None, overrides: Iterable[str] = (), as_json: bool = False) -> int:
    """Check a folder and print the problems; returns 1 if there are any."""
    problems = check(folder, to, options_of(overrides))
    if as_json:
        echo_json([asdict(p) for p in problems])
    elif problems:
        echo("\n".join(_listed("wrong", problems)))
    else:
        marker = plan.marker_of(Folder(output_uri(folder))) or {}
        rows = sum(marker.get("result", {}).get("rows", {}).values())
        echo(f"{folder}: no problems" + (f", {rows:,} rows" if rows else ""))
    return 1 if problems else 0


def formats_command(name: str | None, *, as_json: bool = False) -> int:
    """List the formats, or print the options of one."""
    if name is None:
        known = {key: _first_line(export_class(key)) for key in sorted(names())}
        echo_json(known) if as_json else echo("\n".join(f"{key:14} {line}" for key, line in known.items()))
        return 0
    cls = export_class(name)
    said = {
        "about": (cls.__doc__ or "").strip(),
        "unit": list(cls.units),
        "spans": list(cls.spans),
        "media": list(cls.media),
        "options": {f.name: f.default for f in fields(cls)},
    }
    if as_json:
        echo_json(said)
        return 0
    lines = [name, "", (cls.__doc__ or "").strip(), ""]
    lines += [
        f"--{key}: {', '.join(getattr(cls, key))}; the first is the default"
        for key in ("unit", "spans", "media")
        if key != "unit"
    ]
    lines += [f"--unit: {', '.join(cls.units)}; the first is the default"]
    lines += [f"--set {f.name}={f.default}" for f in fields(cls)]
    echo("\n".join(lines))
    return 0


def options_of(overrides: Iterable[str]) -> dict[str, Any]:
    """Parse `K=V` pairs, the values as YAML.

    Raises:
        UsageError: an item is not such a pair.
    """
    from longcap import safe_yaml

    found: dict[str, Any] = {}
    for text in overrides:
        key, mark, value = text.partition("=")
        if not mark or not key.strip():
            raise UsageError(f"--set {text} must be K=V, such as --set target=internvl")
        try:
            found[key.strip()] = safe_yaml.read(value) if value.strip() else ""
        except safe_yaml.YamlError:
            found[key.strip()] = value
    return found


def text_of(report: Report) -> str:
    """Format a report for people."""
    rows = ", ".join(f"{name} {report.videos[name]:,} videos {count:,} rows" for name, count in report.rows.items())
    lines = [f"{report.uri}: {report.to}, {rows}; {report.written} shards written, {report.kept} kept"]
    if report.not_selected:
        lines.append("not selected: " + ", ".join(f"{n:,} {why}" for why, n in report.not_selected.items()))
    lines.append(_lengths(report.lengths))
    if report.left_out_count:
        lines.append(f"left out, since {report.to} would drop or misread them: {report.left_out_count:,}")
        lines += _listed("left out", report.left_out)
    lines += _listed("wrong", report.problems)
    lines += list(report.use)
    return "\n".join(lines)


def _lengths(said: Mapping[str, Any]) -> str:
    how = "about " if said["counted_by"] == "estimate" else ""
    text = (
        f"text: {how}{said['tokens_median']:,} tokens per row in the median, 95 % below {said['tokens_p95']:,}, "
        f"at most {said['tokens_most']:,}"
    )
    if not said["limit"]:
        return text
    over = said["over_limit"]
    share = f" ({over / said['rows']:.0%})" if said["rows"] else ""
    return f"{text}; {over:,} rows{share} exceed the target's {said['limit']:,} tokens" + (
        "; it truncates them" if over else ""
    )


def _listed(word: str, problems: Iterable[Problem]) -> list[str]:
    some = list(problems)
    lines = [f"{word}: {printable(str(p))}" for p in some[:_SHOWN]]
    return lines if len(some) <= _SHOWN else [*lines, f"and {len(some) - _SHOWN:,} more"]


def _plain(report: Report) -> dict[str, Any]:
    return {**asdict(report), "ok": report.ok}


def _first_line(cls: type) -> str:
    return " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())
