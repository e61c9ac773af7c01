"""The commands `longcap eval captions` and `longcap compare`; their bodies import what they call."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli.options import config_option, json_option, set_option, with_options

_JUDGE = "An engine that judges: a name under engines of -c, a kind, a mapping, or rules; repeat for several."

_against = click.option(
    "--against", metavar="REFS", multiple=True, help="References: a file or another output; repeat for several."
)


@click.command(short_help="Score captions, with or without references.")
@click.argument("out", metavar="OUT_OR_FILE")
@click.option("-o", "--folder", metavar="DIR", help="Folder for scores and reports.  [default: OUT-eval]")
@click.option("--by", metavar="COLUMN", multiple=True, help="Also by a column of the dataset, or metadata.NAME.")
@click.option(
    "--workers", metavar="N", type=click.IntRange(min=1), help="Number of processes.  [default: one per core]"
)
@click.option(
    "--metric",
    "metrics",
    metavar="NAME",
    multiple=True,
    help="A further metric: meteor, sentence_cosine, entity_score, or package.module:Class; repeat for several.",
)
@click.option("--judge", "judges", metavar="ENGINE", multiple=True, help=_JUDGE)
@click.option("--protocol", "protocols", metavar="NAME", multiple=True, help="Only this of what judges are asked.")
@click.option(
    "--concurrency",
    metavar="N",
    type=click.IntRange(1, 512),
    default=16,
    show_default=True,
    help="Captions judged at once.",
)
@with_options(_against, config_option, set_option, json_option)
def captions(as_json: bool, **options: Any) -> int:
    """Score the captions of an output or a file, with confidence intervals.

    Writes a table with one row per video (DIR/scores), DIR/evaluation.html and DIR/evaluation.json. Run it again to
    resume, or to score new captions. A judge is an engine; its answers are stored in DIR/answers and its scores in
    DIR/judged. The word `captions` is optional: longcap eval OUT.

    \b
    Examples:
      longcap eval captions captions/
      longcap eval captions captions/ --against val_1.json --against val_2.json --by codec
      longcap eval captions hypotheses.json --against references.json -o scores/
      longcap eval captions captions/ --against key_points.jsonl --judge judge -c judges.yaml
      longcap eval captions captions/ --against key_points.jsonl --judge rules --protocol keypoints
    """
    from pipeline.evaluation.command import captions_command

    return captions_command(as_json_=as_json, **options)


@click.command(short_help="Compare the captions of two outputs.")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option(
    "--most", metavar="N", type=click.IntRange(min=0), default=20, show_default=True, help="Changed captions."
)
@click.option("-o", "--file", metavar="FILE", help="Also write FILE.html, or FILE.json.")
@with_options(_against, json_option)
def compare(as_json: bool, **options: Any) -> int:
    """Compare two outputs, or files, video by video: differences with intervals, and which captions changed most.

    \b
    Examples:
      longcap compare captions/ captions-8s/
      longcap compare captions/ captions-8s/ --against references.json -o comparison.html
    """
    from pipeline.evaluation.command import compare_command

    return compare_command(as_json_=as_json, **options)
