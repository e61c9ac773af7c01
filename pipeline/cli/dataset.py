"""The commands that look at an output, check it and hand it on. Bodies import what they call."""

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


@click.command(short_help="Say how far a dataset is.")
@out_argument
@with_options(json_option)
def status(out: str, as_json: bool) -> int:
    """Say how far OUT is: videos done, under way, failed.

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
    """Print the long caption of VIDEO (its id, the beginning of it, or its file name); without VIDEO list them.

    \b
    Examples:
      longcap show captions/
      longcap show captions/ talk.mp4
    """
    from pipeline.cli.show import show_command

    return int(show_command(out=out, video=video, as_json=as_json))


@click.command(short_help="Say what failed, with commands that try it again.")
@out_argument
@with_options(
    click.option(
        "--class", "classes", metavar="C", multiple=True, callback=failure_classes, help="Only failures of this class."
    ),
    json_option,
)
def failures(out: str, classes: list[str], as_json: bool) -> int:
    """Say what has failed in OUT and still stands, grouped by what happened, with the commands that try it again.

    \b
    Examples:
      longcap failures captions/
      longcap failures captions/ --class timeout
    """
    from pipeline.cli.failures import failures_command

    return int(failures_command(out=out, classes=classes, as_json=as_json))


@click.command(short_help="Write what came out as one page.")
@out_argument
@with_options(
    click.option(
        "--video",
        metavar="VIDEO",
        shell_complete=complete_video,
        help="The page of one video, by its id, the beginning of it, or its file name, as a file to send to somebody.",
    ),
    click.option(
        "-o",
        "--file",
        metavar="FILE",
        help="Write the page here.  [default: report.html and report.json in OUT; of a video, its name and .html here]",
    ),
    click.option("--no-frames", is_flag=True, help="Decode nothing: no filmstrips."),
    force_option,
    json_option,
)
def report(out: str, **options: Any) -> int:
    """Write what came out of OUT as one page that needs no network: distributions, failures, throughput, captions.

    A run writes it at its end, too.

    \b
    Examples:
      longcap report captions/
      longcap report s3://bucket/captions -o report.html
      longcap report captions/ --video talk.mp4
    """
    from pipeline.cli.report import report_command

    return int(report_command(out=out, **options))


@click.command(short_help="Prove that a dataset is complete and sound.")
@out_argument
@with_options(
    click.option("--clean", is_flag=True, help="Remove what does not belong: stray files, uploads that never ended."),
    json_option,
)
def verify(out: str, clean: bool, as_json: bool) -> int:
    """Prove that OUT is complete and sound: every planned video once, every segment accounted for, every hash right.

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
    """Make few files of many in OUT's tables, and remove what crashes left, so that plain parquet readers are exact.

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
        help="Send this as well. Without it the card and the table dataset are sent, and nothing else.",
    ),
    click.option("--public", is_flag=True, help="Let everybody read it.  [default: a new repository is private]"),
    click.option("--revision", metavar="BRANCH", help="Send to this branch.  [default: the main one]"),
    click.option("--dry-run", is_flag=True, help="Only say what would be sent."),
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
"""In the order of --help."""
