"""Options shared by several commands. Only click is imported here, so that `longcap --help` is fast."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

TRACEBACK = "longcap.traceback"


def _remember_traceback(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(dict)[TRACEBACK] = True


traceback_option = click.option(
    "--traceback",
    is_flag=True,
    expose_value=False,
    callback=_remember_traceback,
    help="Show the traceback of an error.",
)


class FiniteRange(click.FloatRange):
    """A `click.FloatRange` without infinity and NaN, which is in every range of click."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def with_options(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Combine several options into one decorator, in the order of --help."""

    def decorate(function: Any) -> Any:
        for decorator in reversed((*decorators, traceback_option)):
            function = decorator(function)
        return function

    return decorate


def failure_classes(_: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> list[str]:
    from operators.core.base import FAILURE_CLASSES

    for value in values:
        if value not in FAILURE_CLASSES:
            raise click.BadParameter(f"{value!r} is not one of {', '.join(FAILURE_CLASSES)}", param=parameter)
    return list(values)


def complete_config(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of recipes, then files."""
    from importlib.resources import files

    names = sorted(entry.name.removesuffix(".yaml") for entry in files("configs.recipes").iterdir())
    found = [CompletionItem(name) for name in names if name.startswith(incomplete) and not name.startswith("_")]
    return [*found, CompletionItem(incomplete, type="file")]


def complete_video(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete file names of the videos of OUT; empty if it cannot be read."""
    from pipeline.output.output import Output

    try:
        uris = Output(context.params["out"]).store.videos.read(["uri"])["uri"].to_pylist()
    except Exception:  # completion cannot show errors
        return []
    names = sorted({uri.rsplit("/", 1)[-1] for uri in uris})
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


inputs_argument = click.argument("inputs", metavar="INPUT...", nargs=-1, type=click.Path())
out_argument = click.argument("out", metavar="OUT")
config_option = click.option(
    "-c",
    "--config",
    metavar="FILE_OR_RECIPE",
    shell_complete=complete_config,
    help="A YAML file, or the name of a recipe that ships with Longcap.  [default: measure]",
)
set_option = click.option(
    "--set", "overrides", metavar="K=V", multiple=True, help="Set one key, such as --set plan.window_s=8."
)


def shard(_: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    i, slash, n = value.partition("/")
    if not (slash and i.isdecimal() and n.isdecimal() and 1 <= int(i) <= int(n)):
        raise click.BadParameter(f"{value!r} is not I/N with I from 1 to N, such as 1/4", param=parameter)
    return int(i), int(n)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
only_option = click.option("--only", metavar="ID", multiple=True, help="Only the video with this id.")
limit_option = click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Only the first N videos.")
sample_option = click.option(
    "--sample", metavar="N", type=click.IntRange(min=1), help="Only N randomly chosen videos, the same ones every time."
)
max_hours_option = click.option(
    "--max-hours",
    metavar="H",
    type=FiniteRange(min=0, min_open=True),
    help="Stop selecting videos when the selected ones reach H hours.",
)
force_option = click.option("--force", is_flag=True, help="Replace files that this command did not write.")
