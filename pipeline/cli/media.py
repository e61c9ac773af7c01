"""The commands for single videos without a dataset. The bodies of commands import what they call."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli.options import (
    FiniteRange,
    force_option,
    json_option,
    with_options,
)


@click.command(short_help="Write frames of a video by time.")
@click.argument("video", metavar="VIDEO")
@with_options(
    click.option("--at", metavar="S,S,…", help="Times in seconds from the first frame, as in --at 0.5,3,7.25."),
    click.option("--every", metavar="S", type=FiniteRange(min=0, min_open=True), help="One every S seconds."),
    click.option("--count", metavar="N", type=click.IntRange(min=1), help="N, evenly spaced."),
    click.option("--size", metavar="PX", type=click.IntRange(min=1), help="Short side in pixels.  [default: as it is]"),
    click.option("-o", "--out", metavar="DIR", required=True, help="Folder for the PNG files."),
    force_option,
    click.option("--json", "as_json", is_flag=True, help="Print one line of JSON per frame."),
)
def frames(video: str, **options: Any) -> int:
    """Write the frames on screen at given times of VIDEO as PNG files, exact in every format.

    \b
    Examples:
      longcap frames talk.mp4 --at 0.5,12,61.25 -o frames/
      longcap frames talk.mp4 --count 12 --size 240 -o frames/
    """
    from pipeline.sources.inspection import frames_command

    return int(frames_command(video=video, **options))


@click.command(short_help="Say what a video is.")
@click.argument("video", metavar="VIDEO")
@with_options(
    json_option,
    click.option("--quick", is_flag=True, help="Do not look for cuts, which requires decoding all of VIDEO."),
    click.option("--strip", metavar="FILE", help="Write a strip of thumbnails to this PNG file."),
    force_option,
)
def probe(video: str, **options: Any) -> int:
    """Print the facts, keyframes and cuts of VIDEO.

    \b
    Examples:
      longcap probe talk.mp4
      longcap probe s3://bucket/talk.mp4 --quick --json
    """
    from pipeline.sources.inspection import probe_command

    return int(probe_command(video=video, **options))


COMMANDS = (probe, frames)
"""The commands in the order of --help."""
