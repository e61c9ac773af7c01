"""The command line. Only click is imported here: `longcap --help` must not wait for Ray; bodies import what they call.

Exit codes: 0 done; 1 the job failed; 2 the command cannot be carried out as it stands; 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from io import StringIO
from types import FrameType
from typing import Any

import click

from pipeline.cli import cluster
from pipeline.cli import export as exports
from pipeline.cli.exam import demo
from pipeline.cli.exam import group as eval_group
from pipeline.cli.options import (
    TRACEBACK,
    config_option,
    failure_classes,
    force_option,
    inputs_argument,
    json_option,
    limit_option,
    max_hours_option,
    only_option,
    out_argument,
    sample_option,
    set_option,
    shard,
    traceback_option,
    with_options,
)
from pipeline.cli.view import view

_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(context_settings=_HELP)
@traceback_option
@click.version_option(package_name="longcap", prog_name="longcap")
def cli() -> None:
    """Long videos in, a dataset of long captions out.

    \b
      longcap demo videos/                stories to try it on, where no video is at hand
      longcap plan videos/                what would be done
      longcap run videos/ -o captions/    do it; run it again to go on where it stopped
      longcap show captions/              what came out
      longcap view captions/              look at it in a browser
      longcap retry captions/             try what failed once more
    """


@cli.command()
@inputs_argument
@with_options(
    click.option(
        "-o", "--out", metavar="OUT", required=True, help="Where the dataset lies: a folder or s3://bucket/prefix."
    ),
    config_option,
    set_option,
    limit_option,
    sample_option,
    only_option,
    click.option("--recaption", metavar="ID", multiple=True, help="Make this video's captions anew, done or not."),
    click.option(
        "--replace",
        is_flag=True,
        help="Replace finished captions that another config made. Without it such a run stops and says what they are.",
    ),
    max_hours_option,
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
        callback=shard,
        help="Only the I-th of N shares of the videos; N such jobs work on one OUT side by side.",
    ),
    click.option("--address", metavar="ADDR", help="The Ray cluster to run on.  [default: one that is started here]"),
    click.option("--preflight", is_flag=True, help="Look first for what would make it fail, as `longcap doctor` does."),
    json_option,
)
def run(inputs: tuple[str, ...], only: tuple[str, ...], overrides: tuple[str, ...], **options: Any) -> int:
    """Caption every video of INPUT: files, folders, globs, s3:// prefixes, manifests (.parquet, .csv, .jsonl).

    What OUT already holds is not done again. What another config made there is replaced only with --replace.
    """
    from pipeline.cli.run import run_command

    options["recaption"] = list(options["recaption"])
    return int(run_command(inputs=list(inputs), only=list(only), overrides=list(overrides), **options))


@cli.command()
@inputs_argument
@with_options(
    click.option("-o", "--out", metavar="OUT", help="Leave out what this dataset already holds."),
    config_option,
    set_option,
    limit_option,
    sample_option,
    only_option,
    max_hours_option,
    json_option,
)
def plan(inputs: tuple[str, ...], only: tuple[str, ...], overrides: tuple[str, ...], **options: Any) -> int:
    """Say what `run` would do with INPUT: videos, hours, segments, what cannot be read.

    Nothing is captioned; what probing finds is remembered in OUT, if it is given.
    """
    from pipeline.cli.run import plan_command

    return int(plan_command(inputs=list(inputs), only=list(only), overrides=list(overrides), **options))


@cli.command()
@out_argument
@with_options(json_option)
def status(out: str, as_json: bool) -> int:
    """Say how far OUT is: videos done, under way, failed."""
    from pipeline.cli.status import status_command

    return int(status_command(out=out, as_json=as_json))


@cli.command()
@out_argument
@click.argument("video", metavar="[VIDEO]", required=False)
@with_options(json_option)
def show(out: str, video: str | None, as_json: bool) -> int:
    """Print the long caption of VIDEO (its id, the beginning of it, or its file name); without VIDEO list them."""
    from pipeline.cli.show import show_command

    return int(show_command(out=out, video=video, as_json=as_json))


@cli.command()
@out_argument
@with_options(
    only_option,
    click.option("--segment", metavar="N", type=click.IntRange(min=0), help="Only this segment; needs one --only."),
    click.option(
        "--class",
        "classes",
        metavar="C",
        multiple=True,
        callback=failure_classes,
        help="Only failures of this class, such as timeout or storage.",
    ),
    click.option(
        "--input",
        "inputs",
        metavar="INPUT",
        multiple=True,
        help="Read this in place of what that run was given; signed URLs have to be given again.",
    ),
    click.option(
        "-c",
        "--config",
        metavar="FILE_OR_RECIPE",
        help="A config in place of that run's.  [default: the one in OUT, but for what sends or loads something]",
    ),
    set_option,
    click.option("--address", metavar="ADDR", help="The Ray cluster to run on.  [default: one that is started here]"),
)
def retry(out: str, only: tuple[str, ...], segment: int | None, **options: Any) -> int:
    """Try once more what failed in OUT, with the config of the run that it failed in.

    An output is not trusted: an engine's address, the name of its key, a model and files of prompts are taken from it
    only if you say them again with --set, give -c, or agree at a terminal.
    """
    if segment is not None and len(only) != 1:
        raise click.UsageError("--segment needs exactly one --only: a segment's number counts in one video.")
    from pipeline.cli.run import retry_command

    for name in ("classes", "inputs", "overrides"):
        options[name] = list(options[name])
    return int(retry_command(out=out, only=list(only), segment=segment, **options))


@cli.command()
@with_options(
    config_option,
    set_option,
    click.option("--schema", is_flag=True, help="Print the JSON Schema of config files, for editors."),
    click.option("--defaults", is_flag=True, help="Print every key with its default, its meaning and its limits."),
)
def config(config: str | None, overrides: tuple[str, ...], schema: bool, defaults: bool) -> int:
    """Print the config that a run would have, checked."""
    if schema and defaults:
        raise click.UsageError("--schema and --defaults exclude each other.")
    if schema or defaults:
        from pipeline.config.docs import defaults_yaml, schema_json

        click.echo((schema_json() if schema else defaults_yaml()).rstrip())
        return 0
    from pipeline.config.load import dump_config, load_config

    click.echo(dump_config(load_config(config, overrides)).rstrip())
    return 0


@cli.command()
@out_argument
@with_options(
    click.option(
        "--class", "classes", metavar="C", multiple=True, callback=failure_classes, help="Only failures of this class."
    ),
    json_option,
)
def failures(out: str, classes: list[str], as_json: bool) -> int:
    """Say what has failed in OUT and still stands, grouped by what happened, with the commands that try it again."""
    from pipeline.cli.failures import failures_command

    return int(failures_command(out=out, classes=classes, as_json=as_json))


@cli.command()
@out_argument
@with_options(
    click.option("--clean", is_flag=True, help="Remove what does not belong: stray files, uploads that never ended."),
    json_option,
)
def verify(out: str, clean: bool, as_json: bool) -> int:
    """Prove that OUT is complete and sound: every planned video once, every segment accounted for, every hash right."""
    from pipeline.cli.verify import verify_command

    return int(verify_command(out=out, clean=clean, as_json=as_json))


@cli.command()
@out_argument
@with_options()
def compact(out: str) -> int:
    """Make few files of many in OUT's tables, and remove what crashes left, so that plain parquet readers are exact."""
    from pipeline.cli.compact import compact_command

    return int(compact_command(out=out))


@cli.command()
@click.argument("video", metavar="VIDEO")
@with_options(
    click.option("--at", metavar="S,S,…", help="Times in seconds from the first picture, as in --at 0.5,3,7.25."),
    click.option("--every", metavar="S", type=click.FloatRange(min=0, min_open=True), help="One every S seconds."),
    click.option("--count", metavar="N", type=click.IntRange(min=1), help="N, evenly spaced."),
    click.option("--size", metavar="PX", type=click.IntRange(min=1), help="Short side in pixels.  [default: as it is]"),
    click.option("-o", "--out", metavar="DIR", required=True, help="Folder for the PNG files."),
    force_option,
    click.option("--json", "as_json", is_flag=True, help="Print one line of JSON a frame."),
)
def frames(video: str, **options: Any) -> int:
    """Write the pictures that are on screen at some times of VIDEO, exact in every format."""
    from pipeline.sources.inspection import frames_command

    return int(frames_command(video=video, **options))


@cli.command()
@click.argument("video", metavar="VIDEO")
@with_options(
    json_option,
    click.option("--quick", is_flag=True, help="Leave out the cuts, for which all of VIDEO is decoded."),
    click.option("--strip", metavar="FILE", help="Write a strip of thumbnails to this PNG file."),
    force_option,
)
def probe(video: str, **options: Any) -> int:
    """Say what VIDEO is: its facts, its keyframes, its cuts."""
    from pipeline.sources.inspection import probe_command

    return int(probe_command(video=video, **options))


for _command in (*cluster.COMMANDS, *exports.COMMANDS):
    cli.add_command(_command)
cli.add_command(demo)
cli.add_command(eval_group)
cli.add_command(view)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; errors go to stderr, one line each."""
    state: dict[str, bool] = {}
    try:
        code = cli.main(arguments, prog_name="longcap", standalone_mode=False, obj=state)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        _show(error)
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
        if state.get(TRACEBACK):
            from operators.addresses import redacted_text
            from pipeline.terminal.printing import echo

            echo(redacted_text(traceback.format_exc()), err=True)
        return _report(error)
    return int(code or 0)


def _show(error: click.ClickException) -> None:
    from operators.addresses import redacted_text
    from pipeline.terminal.printing import echo

    said = StringIO()
    error.show(file=said)
    echo(redacted_text(said.getvalue()), err=True, nl=False)


def _report(error: Exception) -> int:
    from operators.addresses import redacted_text
    from operators.base import ItemError
    from operators.causes import cause_of, explained
    from pipeline.terminal.errors import RunFailed, UsageError
    from pipeline.terminal.printing import echo

    if isinstance(error, UsageError | RunFailed | ItemError):
        for line in str(error).split("\n") if str(error) else [type(error).__name__]:
            echo(f"longcap: error: {line}", err=True)
        return 2 if isinstance(error, UsageError) else 1
    if not isinstance(error, ImportError) and cause_of(error):  # of storage, wherever it was met: no bug
        echo(f"longcap: error: {explained(error)}", err=True)
        return 1
    frames = traceback.extract_tb(error.__traceback__)
    place = f"at {frames[-1].filename}:{frames[-1].lineno}; " if frames else ""
    said = redacted_text(" ".join(str(error).split()))
    echo(f"longcap: internal error: {type(error).__name__}: {said} ({place}run with --traceback to see all)", err=True)
    return 1


def _terminated(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM as Ctrl-C: leases are given back, and the exit code is told. A second one ends at once."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise KeyboardInterrupt


def entry() -> None:
    """The console script: `main`, then leave at once.

    With Ray, Arrow and Delta loaded, the C++ destructors that run after the interpreter's end abort the process now and
    then (about one run in ten), long after the work is done; an exit code of 134 would say that a good run failed.
    """
    from cluster.exit_code import tell
    from pipeline.execution.interrupt import own_process

    own_process()
    signal.signal(signal.SIGTERM, _terminated)  # a run that has begun its work has a gentler way of its own
    try:
        code = main()
    except SystemExit:  # Ray's own answer to SIGTERM, once it is connected
        code = 130
    tell(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
