"""`longcap export` and `longcap check-export`: options only, the work is in `pipeline.export`."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli.options import (
    FiniteRange,
    json_option,
    out_argument,
    with_options,
)

_to_option = click.option("--to", metavar="FORMAT", help="The format; --formats lists them.")
_set_option = click.option(
    "--set", "overrides", metavar="K=V", multiple=True, help="An option of the format, as in --set target=internvl."
)


@click.command(short_help="Write captions for a framework, a tool or a player.")
@out_argument
@with_options(
    click.option("--to", metavar="FORMAT", required=True, help="The format; `longcap formats` lists them."),
    click.option(
        "-o", "--out", "folder", metavar="DIR", required=True, help="Destination: a folder or s3://bucket/prefix."
    ),
    click.option("--unit", type=click.Choice(["video", "section", "sentence", "window"]), help="What one sample is."),
    click.option(
        "--spans",
        type=click.Choice(["cut", "text"]),
        help="Cut parts of videos as clips, or use the whole video with times in the text.",
    ),
    click.option(
        "--media",
        type=click.Choice(["path", "copy", "link"]),
        help="Refer to videos in place, copy them to DIR, or link them there.",
    ),
    click.option("--where", metavar="EXPR", help="Only these videos, as in --where 'coverage >= 0.9 and shots > 1'."),
    click.option(
        "--split", metavar="N=F,…", help="Splits and their shares, as in train=0.9,test=0.1.  [default: train]"
    ),
    click.option("--group", metavar="COLUMN", help="Keep videos with equal values in one split."),
    click.option(
        "--seed", metavar="N", type=int, default=0, show_default=True, help="Another seed draws other splits."
    ),
    click.option(
        "--annotations",
        type=click.Choice(["apply", "accepted", "ignore"]),
        default="apply",
        show_default=True,
        help="Apply corrections and leave out rejected parts; use only accepted captions; or ignore annotations.",
    ),
    click.option("--shard-videos", metavar="N", type=click.IntRange(min=1), default=500, help="Videos of one shard."),
    click.option(
        "--max-left-out",
        metavar="F",
        type=FiniteRange(0, 1),
        default=0.0,
        help="Share of samples that may not fit FORMAT before the export counts as failed.  [default: 0]",
    ),
    click.option("--tables", metavar="OUT2", help="Also read tables of another output that was made from OUT."),
    click.option("--tokenizer", metavar="FILE", help="A tokenizer.json for the length report.  [default: an estimate]"),
    _set_option,
    click.option("--replace", is_flag=True, help="Replace an export with other settings in DIR."),
    json_option,
)
def export(out: str, **options: Any) -> int:
    """Write OUT as files for a training framework, a tool or a player.

    The same command resumes an interrupted export and adds new captions of OUT. The files are read back as the target
    reads them. Exit code 1: the target would drop or misread samples.

    \b
    Examples:
      longcap export captions/ --to sharegpt -o sft/
      longcap export captions/ --to llava --set target=internvl -o sft/
      longcap export captions/ --to musubi --unit section -o clips/
      longcap export captions/ --to webvtt -o subtitles/
    """
    from pipeline.export.command import export_command

    return export_command(out, **options)


@click.command("check-export", short_help="Check files by reading them as their target does.")
@click.argument("folder", metavar="DIR")
@with_options(_to_option, _set_option, json_option)
def check_export(folder: str, **options: Any) -> int:
    """Read DIR as the target's loader does, and report samples that it would reject, drop or misread.

    DIR is an export, or files of another origin, for which --to names the format.

    \b
    Examples:
      longcap check-export sft/
      longcap check-export sft/ --to sharegpt
    """
    from pipeline.export.command import check_command

    return check_command(folder, **options)


@click.command(short_help="List the formats of export.")
@click.argument("name", metavar="[FORMAT]", required=False)
@with_options(json_option)
def formats(name: str | None, as_json: bool) -> int:
    """List the formats of `longcap export`, or the options of one.

    \b
    Examples:
      longcap formats
      longcap formats sharegpt
    """
    from pipeline.export.command import formats_command

    return formats_command(name, as_json=as_json)


COMMANDS = (export, check_export, formats)
