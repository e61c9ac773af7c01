"""The options of `longcap index`, `search` and `ask`, which `pipeline.retrieval` implements."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli.options import (
    complete_video,
    config_option,
    json_option,
    out_argument,
    set_option,
    with_options,
)

_video_option = click.option(
    "--video", "videos", metavar="VIDEO", multiple=True, shell_complete=complete_video, help="Only in this video."
)
_k_option = click.option(
    "-k", metavar="N", type=click.IntRange(1, 1000), default=5, show_default=True, help="Maximum number of moments."
)


@click.command(short_help="Build a search index of the captions.")
@out_argument
@with_options(
    click.option(
        "--vectors/--no-vectors",
        default=None,
        help="Sentence embeddings beside the full text.  [default: as before; at first where they are installed]",
    ),
    json_option,
)
def index(out: str, **options: Any) -> int:
    """Build or update the search index of OUT in OUT/index. Only new and changed captions are indexed.

    \b
    Examples:
      longcap index captions/
      longcap index s3://bucket/captions --no-vectors
    """
    from pipeline.retrieval.command import index_command

    return index_command(out, **options)


@click.command(short_help="Find moments by their captions or frames.")
@out_argument
@click.argument("query", metavar="[QUERY]", required=False)
@with_options(
    _k_option,
    _video_option,
    click.option(
        "--level",
        "levels",
        metavar="LEVEL",
        multiple=True,
        help="Only window, sentence, section, video, or the name of a further table.",
    ),
    click.option(
        "--mode",
        type=click.Choice(["hybrid", "text", "vector", "frames"]),
        help="Words, meaning, or both; frames: what frames show.  [default: both where OUT has vectors]",
    ),
    click.option("--like", metavar="FILE", help="An image or video: find moments whose frames are like it."),
    click.option("--span", metavar="START-END", help="Seconds of the video of --like, as in 12-20.5."),
    click.option("--table", metavar="NAME", help="The table with vectors of frames.  [default: the only one]"),
    config_option,
    set_option,
    json_option,
)
def search(out: str, query: str | None, **options: Any) -> int:
    """Print the moments of OUT that fit QUERY best, each with its video, its time span and its text.

    An image, a clip, or a QUERY with --mode frames is compared with the vectors of frames from a recipe with the step
    embed; -c names that recipe if it does not use the packaged embedder. Exit code 1: nothing was found.

    \b
    Examples:
      longcap search captions/ "a dog on a bridge"
      longcap search captions/ "red car" --video talk.mp4 -k 10 --json
      longcap search captions/ --like photo.jpg
      longcap search captions/ --like talk.mp4 --span 12-20
    """
    from pipeline.retrieval.command import search_command

    return search_command(out, query, **options)


@click.command(short_help="Answer questions from the captions.")
@out_argument
@click.argument("question", metavar="[QUESTION]", required=False)
@with_options(
    _video_option,
    click.option("--questions", metavar="FILE", help='JSON lines such as {"question": "..."}, or a question a line.'),
    click.option(
        "--strategy",
        type=click.Choice(["agent", "clips", "summary", "evidence", "quote"]),
        help="Method.  [default: agent with a model, else quote]",
    ),
    click.option(
        "--calls",
        metavar="N",
        type=click.IntRange(min=1),
        default=12,
        show_default=True,
        help="Maximum number of engine calls per question.",
    ),
    click.option(
        "-k", metavar="N", type=click.IntRange(1, 100), default=8, show_default=True, help="Moments of one search."
    ),
    click.option("-o", "--out", "place", metavar="DIR", help="Write the answers of FILE as a committed table to DIR."),
    config_option,
    set_option,
    json_option,
)
def ask(out: str, question: str | None, **options: Any) -> int:
    """Answer QUESTION from the captions of OUT, and cite the spans that support the answer.

    The engine is narrate.engine of the config. Without a model the best moment is quoted. Exit code 1: the captions do
    not contain the answer; with -o, a question failed. The same command again asks only unanswered questions.

    \b
    Examples:
      longcap ask captions/ "Who drops the violin?"
      longcap ask captions/ "What happens after the fire?" --video talk.mp4 -c longcaption --set narrate.engine.model=M
      longcap ask captions/ --questions questions.jsonl -o answers/
    """
    from pipeline.retrieval.command import ask_command

    return ask_command(out, question, **options)


COMMANDS = (index, search, ask)
