"""`longcap export` and `longcap check-export`: options only, the work is in `pipeline.export`."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli.options import json_option, out_argument, with_options

_to_option = click.option("--to", metavar="FORMAT", help="Whose files; --formats lists them.")
_set_option = click.option(
    "--set", "overrides", metavar="K=V", multiple=True, help="An option of the format, as in --set target=internvl."
)


@click.command(short_help="Write captions for a framework, a tool or a player.")
@out_argument
@with_options(
    click.option("--to", metavar="FORMAT", required=True, help="Whose files; `longcap formats` lists them."),
    click.option(
        "-o", "--out", "folder", metavar="DIR", required=True, help="Where to: a folder or s3://bucket/prefix."
    ),
    click.option("--unit", type=click.Choice(["video", "section", "sentence", "window"]), help="What one sample is."),
    click.option(
        "--spans",
        type=click.Choice(["cut", "text"]),
        help="A part of a video becomes a clip of its own, or the whole video with its times in the text.",
    ),
    click.option(
        "--media",
        type=click.Choice(["path", "copy", "link"]),
        help="Name videos where they are, copy them into DIR, or link them there.",
    ),
    click.option("--where", metavar="EXPR", help="Only these videos, as in --where 'coverage >= 0.9 and shots > 1'."),
    click.option(
        "--split", metavar="N=F,…", help="Splits and their shares, as in train=0.9,test=0.1.  [default: train]"
    ),
    click.option("--group", metavar="COLUMN", help="Videos of one value are in one split, as in metadata.channel."),
    click.option(
        "--seed", metavar="N", type=int, default=0, show_default=True, help="Another seed draws other splits."
    ),
    click.option(
        "--annotations",
        type=click.Choice(["apply", "accepted", "ignore"]),
        default="apply",
        show_default=True,
        help="Use corrections and leave out what was rejected; only what was accepted; or neither.",
    ),
    click.option("--shard-videos", metavar="N", type=click.IntRange(min=1), default=500, help="Videos of one shard."),
    click.option(
        "--max-left-out",
        metavar="F",
        type=click.FloatRange(0, 1),
        default=0.0,
        help="Share of the samples that may be unfit for FORMAT before the export counts as failed.  [default: 0]",
    ),
    click.option("--tables", metavar="OUT2", help="Read tables of another output, too, that was made from OUT."),
    click.option("--tokenizer", metavar="FILE", help="A tokenizer.json for the length report.  [default: an estimate]"),
    _set_option,
    click.option("--replace", is_flag=True, help="Remove an export of other settings that lies in DIR."),
    json_option,
)
def export(out: str, **options: Any) -> int:
    """Write OUT in the files that a training framework, a tool or a player reads.

    The same command again goes on where it stopped, and adds what is new in OUT. The files are read back as the target
    reads them; exit code 1 where it would drop or misread something.

    \b
    Examples:
      longcap export captions/ --to sharegpt -o sft/
      longcap export captions/ --to llava --set target=internvl -o sft/
      longcap export captions/ --to musubi --unit section -o clips/
      longcap export captions/ --to webvtt -o subtitles/
    """
    from pipeline.export.command import export_command

    return export_command(out, **options)


@click.command("check-export", short_help="Read files as their target does.")
@click.argument("folder", metavar="DIR")
@with_options(_to_option, _set_option, json_option)
def check_export(folder: str, **options: Any) -> int:
    """Read DIR as a target's loader does, and say what it would reject, drop or misread.

    DIR is an export, or files of any origin; then --to says whose.

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
