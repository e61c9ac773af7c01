"""The command line. Only click is imported here: `longcap --help` must not wait for Ray; bodies import what they call.

Exit codes: 0 done; 1 the job failed; 2 the command cannot be carried out as it stands; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import click

from pipeline.truth.cli import group as eval_group

_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
_TRACEBACK = "longcap.traceback"


def _remember_traceback(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(dict)[_TRACEBACK] = True


_traceback = click.option(
    "--traceback",
    is_flag=True,
    expose_value=False,
    callback=_remember_traceback,
    help="Show where in the code an error came up.",
)


def _options(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator, in the order in which --help lists them."""

    def decorate(function: Any) -> Any:
        for decorator in reversed((*decorators, _traceback)):
            function = decorator(function)
        return function

    return decorate


def _failure_classes(_: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> list[str]:
    from operators.base import FAILURE_CLASSES

    for value in values:
        if value not in FAILURE_CLASSES:
            raise click.BadParameter(f"{value!r} is not one of {', '.join(FAILURE_CLASSES)}", param=parameter)
    return list(values)


_inputs = click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
_out = click.argument("out", metavar="OUT")
_config = click.option(
    "-c",
    "--config",
    metavar="FILE_OR_RECIPE",
    help="A YAML file, or the name of a recipe that ships with Longcap.  [default: measure]",
)
_set = click.option(
    "--set", "overrides", metavar="K=V", multiple=True, help="Change one key, as in --set caption.window_s=8."
)


def _shard(_: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    i, slash, n = value.partition("/")
    if not (slash and i.isdecimal() and n.isdecimal() and 1 <= int(i) <= int(n)):
        raise click.BadParameter(f"{value!r} is not I/N with I from 1 to N, such as 1/4", param=parameter)
    return int(i), int(n)


_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs in place of text for people.")
_only = click.option("--only", metavar="ID", multiple=True, help="Only the video with this id.")
_limit = click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Only the first N videos.")
_sample = click.option(
    "--sample", metavar="N", type=click.IntRange(min=1), help="Only N videos drawn at random, the same ones every time."
)
_max_hours = click.option(
    "--max-hours",
    metavar="H",
    type=click.FloatRange(min=0, min_open=True),
    help="Take no further video once those taken make H hours.",
)


@click.group(context_settings=_HELP)
@_traceback
@click.version_option(package_name="longcap", prog_name="longcap")
def cli() -> None:
    """Long videos in, a dataset of long captions out.

    \b
      longcap plan videos/                what would be done
      longcap run videos/ -o captions/    do it; run it again to go on where it stopped
      longcap show captions/              what came out
      longcap retry captions/             try what failed once more
    """


@cli.command()
@_inputs
@_options(
    click.option(
        "-o", "--out", metavar="OUT", required=True, help="Where the dataset lies: a folder or s3://bucket/prefix."
    ),
    _config,
    _set,
    _limit,
    _sample,
    _only,
    click.option("--recaption", metavar="ID", multiple=True, help="Make this video's captions anew, done or not."),
    _max_hours,
    click.option(
        "--max-failed",
        metavar="F",
        type=click.FloatRange(0, 1),
        help="Share of the videos that may fail before the run counts as failed.  [default: run.max_failed]",
    ),
    click.option(
        "--schedule",
        type=click.Choice(["auto", "streaming", "phased"]),
        help="Narrate each video as it becomes whole, or all at the end.  [default: run.schedule]",
    ),
    click.option(
        "--shard",
        metavar="I/N",
        callback=_shard,
        help="Only the I-th of N shares of the videos; N such jobs work on one OUT side by side.",
    ),
    click.option("--address", metavar="ADDR", help="The Ray cluster to run on.  [default: one that is started here]"),
    _json,
)
def run(inputs: tuple[str, ...], only: tuple[str, ...], overrides: tuple[str, ...], **options: Any) -> int:
    """Caption every video of INPUT: files, folders, globs, s3:// prefixes, manifests (.parquet, .csv, .jsonl).

    What OUT already holds is not done again.
    """
    from pipeline.commands import run_command

    options["recaption"] = list(options["recaption"])
    return int(run_command(inputs=list(inputs), only=list(only), overrides=list(overrides), **options))


@cli.command()
@_inputs
@_options(
    click.option("-o", "--out", metavar="OUT", help="Leave out what this dataset already holds."),
    _config,
    _set,
    _limit,
    _sample,
    _only,
    _max_hours,
    _json,
)
def plan(inputs: tuple[str, ...], only: tuple[str, ...], overrides: tuple[str, ...], **options: Any) -> int:
    """Say what `run` would do with INPUT: videos, hours, segments, what cannot be read.

    Nothing is captioned; what probing finds is remembered in OUT, if it is given.
    """
    from pipeline.commands import plan_command

    return int(plan_command(inputs=list(inputs), only=list(only), overrides=list(overrides), **options))


@cli.command()
@_out
@_options(_json)
def status(out: str, as_json: bool) -> int:
    """Say how far OUT is: videos done, under way, failed."""
    from pipeline.status import status_command

    return int(status_command(out=out, as_json=as_json))


@cli.command()
@_out
@click.argument("video", metavar="[VIDEO]", required=False)
@_options(_json)
def show(out: str, video: str | None, as_json: bool) -> int:
    """Print the long caption of VIDEO (its id, the beginning of it, or its file name); without VIDEO list them."""
    from pipeline.show import show_command

    return int(show_command(out=out, video=video, as_json=as_json))


@cli.command()
@_out
@_options(
    _only,
    click.option("--segment", metavar="N", type=click.IntRange(min=0), help="Only this segment; needs one --only."),
    click.option(
        "--class",
        "classes",
        metavar="C",
        multiple=True,
        callback=_failure_classes,
        help="Only failures of this class, such as timeout or storage.",
    ),
    _set,
)
def retry(out: str, only: tuple[str, ...], segment: int | None, classes: list[str], overrides: tuple[str, ...]) -> int:
    """Try once more what failed in OUT, with the config of the run that it failed in."""
    if segment is not None and len(only) != 1:
        raise click.UsageError("--segment needs exactly one --only: a segment's number counts in one video.")
    from pipeline.commands import retry_command

    return int(retry_command(out=out, only=list(only), segment=segment, classes=classes, overrides=list(overrides)))


@cli.command()
@_options(
    _config,
    _set,
    click.option("--schema", is_flag=True, help="Print the JSON Schema of config files, for editors."),
    click.option("--defaults", is_flag=True, help="Print every key with its default, its meaning and its limits."),
)
def config(config: str | None, overrides: tuple[str, ...], schema: bool, defaults: bool) -> int:
    """Print the config that a run would have, checked."""
    if schema and defaults:
        raise click.UsageError("--schema and --defaults exclude each other.")
    if schema or defaults:
        from pipeline.config_docs import defaults_yaml, schema_json

        click.echo((schema_json() if schema else defaults_yaml()).rstrip())
        return 0
    from pipeline.config_file import dump_config, load_config

    click.echo(dump_config(load_config(config, overrides)).rstrip())
    return 0


@cli.command()
@_out
@_options(
    click.option(
        "--class", "classes", metavar="C", multiple=True, callback=_failure_classes, help="Only failures of this class."
    ),
    _json,
)
def failures(out: str, classes: list[str], as_json: bool) -> int:
    """Say what has failed in OUT and still stands, grouped by what happened, with the commands that try it again."""
    from pipeline.failures import failures_command

    return int(failures_command(out=out, classes=classes, as_json=as_json))


@cli.command()
@_out
@_options(
    click.option("--clean", is_flag=True, help="Remove what does not belong: stray files, uploads that never ended."),
    _json,
)
def verify(out: str, clean: bool, as_json: bool) -> int:
    """Prove that OUT is complete and sound: every planned video once, every segment accounted for, every hash right."""
    from pipeline.verify import verify_command

    return int(verify_command(out=out, clean=clean, as_json=as_json))


@cli.command()
@_out
@_options()
def compact(out: str) -> int:
    """Make few files of many in OUT's tables, and remove what crashes left, so that plain parquet readers are exact."""
    from pipeline.compact import compact_command

    return int(compact_command(out=out))


@cli.command()
@click.argument("video", metavar="VIDEO")
@_options(
    click.option("--at", metavar="S,S,…", help="Times in seconds from the first picture, as in --at 0.5,3,7.25."),
    click.option("--every", metavar="S", type=click.FloatRange(min=0, min_open=True), help="One every S seconds."),
    click.option("--count", metavar="N", type=click.IntRange(min=1), help="N, evenly spaced."),
    click.option("--size", metavar="PX", type=click.IntRange(min=1), help="Short side in pixels.  [default: as it is]"),
    click.option("-o", "--out", metavar="DIR", required=True, help="Folder for the PNG files."),
    click.option("--json", "as_json", is_flag=True, help="Print one line of JSON a frame."),
)
def frames(video: str, **options: Any) -> int:
    """Write the pictures that are on screen at some times of VIDEO, exact in every format."""
    from pipeline.look import frames_command

    return int(frames_command(video=video, **options))


@cli.command()
@click.argument("video", metavar="VIDEO")
@_options(
    _json,
    click.option("--quick", is_flag=True, help="Leave out the cuts, for which all of VIDEO is decoded."),
    click.option("--strip", metavar="FILE", help="Write a strip of thumbnails to this PNG file."),
)
def probe(video: str, **options: Any) -> int:
    """Say what VIDEO is: its facts, its keyframes, its cuts."""
    from pipeline.look import probe_command

    return int(probe_command(video=video, **options))


cli.add_command(eval_group)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; errors go to stderr, one line each."""
    state: dict[str, bool] = {}
    try:
        code = cli.main(arguments, prog_name="longcap", standalone_mode=False, obj=state)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("longcap: interrupted", err=True)
        return 130
    except (
        BrokenPipeError
    ):  # `longcap show ... | head`: nobody reads on; the interpreter's last flush must not complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if state.get(_TRACEBACK):
            traceback.print_exc()
        return _report(error)
    return int(code or 0)


def _report(error: Exception) -> int:
    from operators.base import ItemError
    from pipeline.errors import RunFailed, UsageError

    if isinstance(error, UsageError | RunFailed | ItemError):
        for line in str(error).splitlines() or [type(error).__name__]:
            click.echo(f"longcap: error: {line}", err=True)
        return 2 if isinstance(error, UsageError) else 1
    frames = traceback.extract_tb(error.__traceback__)
    place = f"at {frames[-1].filename}:{frames[-1].lineno}; " if frames else ""
    said = " ".join(str(error).split())
    click.echo(
        f"longcap: internal error: {type(error).__name__}: {said} ({place}run with --traceback to see all)", err=True
    )
    return 1


def entry() -> None:
    """The console script: `main`, then leave at once.

    With Ray, Arrow and Delta loaded, the C++ destructors that run after the interpreter's end abort the process now and
    then (about one run in ten), long after the work is done; an exit code of 134 would say that a good run failed.
    """
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
