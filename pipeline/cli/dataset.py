"""The commands that show, check and publish an output. The bodies of commands import what they call."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli.options import (
    complete_video,
    failure_classes,
    force_option,
    json_option,
    out_argument,
    with_options,
)


@click.command(short_help="Show the progress of a dataset.")
@out_argument
@with_options(json_option)
def status(out: str, as_json: bool) -> int:
    """Show the progress of OUT: videos that are done, in flight and failed.

    \b
    Examples:
      longcap status captions/
      longcap status s3://bucket/captions --json
    """
    from pipeline.cli.status import status_command

    return int(status_command(out=out, as_json=as_json))


@click.command(short_help="Print a long caption, or list them.")
@out_argument
@click.argument("video", metavar="[VIDEO]", required=False, shell_complete=complete_video)
@with_options(json_option)
def show(out: str, video: str | None, as_json: bool) -> int:
    """Print the long caption of VIDEO (an id, the beginning of one, or a file name), or list all without VIDEO.

    \b
    Examples:
      longcap show captions/
      longcap show captions/ talk.mp4
    """
    from pipeline.cli.show import show_command

    return int(show_command(out=out, video=video, as_json=as_json))


@click.command(short_help="List failures, with commands to retry them.")
@out_argument
@with_options(
    click.option(
        "--class", "classes", metavar="C", multiple=True, callback=failure_classes, help="Only failures of this class."
    ),
    json_option,
)
def failures(out: str, classes: list[str], as_json: bool) -> int:
    """List the current failures in OUT, grouped by cause, with the commands that retry them.

    \b
    Examples:
      longcap failures captions/
      longcap failures captions/ --class timeout
    """
    from pipeline.cli.failures import failures_command

    return int(failures_command(out=out, classes=classes, as_json=as_json))


@click.command(short_help="Write a report of the results as one page.")
@out_argument
@with_options(
    click.option(
        "--video",
        metavar="VIDEO",
        shell_complete=complete_video,
        help="Write the page of one video, given by id, the beginning of one, or file name.",
    ),
    click.option(
        "-o",
        "--file",
        metavar="FILE",
        help="File to write.  [default: report.html and report.json in OUT; for a video, its name with .html here]",
    ),
    click.option("--no-frames", is_flag=True, help="Decode no frames for filmstrips."),
    force_option,
    json_option,
)
def report(out: str, **options: Any) -> int:
    """Write a report of OUT as one self-contained page: distributions, failures, throughput, captions.

    A run also writes it at its end.

    \b
    Examples:
      longcap report captions/
      longcap report s3://bucket/captions -o report.html
      longcap report captions/ --video talk.mp4
    """
    from pipeline.cli.report import report_command

    return int(report_command(out=out, **options))


@click.command(short_help="Verify that a dataset is complete and consistent.")
@out_argument
@with_options(
    click.option("--clean", is_flag=True, help="Remove stray files and incomplete uploads."),
    json_option,
)
def verify(out: str, clean: bool, as_json: bool) -> int:
    """Verify OUT: every planned video exactly once, every segment accounted for, every content hash correct.

    \b
    Examples:
      longcap verify captions/
      longcap verify captions/ --clean
    """
    from pipeline.cli.verify import verify_command

    return int(verify_command(out=out, clean=clean, as_json=as_json))


@click.command(short_help="Make few files of many.")
@out_argument
@with_options(json_option)
def compact(out: str, as_json: bool) -> int:
    """Merge small files in OUT's tables and remove files left by crashes, so that plain parquet readers are exact.

    \b
    Example:
      longcap compact captions/
    """
    from pipeline.cli.compact import compact_command

    return int(compact_command(out=out, as_json=as_json))


@click.command(short_help="Send captions to a hub.")
@out_argument
@click.argument("repo", metavar="OWNER/NAME")
@with_options(
    click.option(
        "--with",
        "extras",
        type=click.Choice(["segments", "filtered", "failures", "report", "videos"]),
        multiple=True,
        help="Also send this. By default only the card and the table dataset are sent.",
    ),
    click.option("--public", is_flag=True, help="Make a new repository public.  [default: private]"),
    click.option("--revision", metavar="BRANCH", help="Send to this branch.  [default: the main one]"),
    click.option("--dry-run", is_flag=True, help="Only print what would be sent."),
    click.option("--force", is_flag=True, help="Replace a README.md of the repository that Longcap did not write."),
    json_option,
)
def push(out: str, repo: str, **options: Any) -> int:
    """Send the dataset card and the captions of OUT to the dataset repository OWNER/NAME of a hub.

    Needs the extra hub. The hub is HF_ENDPOINT's; log in with `hf auth login`, or set HF_TOKEN.

    \b
    Examples:
      longcap push captions/ me/harbour-captions --dry-run
      longcap push captions/ me/harbour-captions --with segments
    """
    from pipeline.cli.push import push_command

    return int(push_command(out=out, repo=repo, **options))


COMMANDS = (status, show, failures, report, verify, compact, push)
"""The commands in the order of --help."""
