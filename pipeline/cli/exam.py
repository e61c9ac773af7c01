"""The commands `longcap eval` and `longcap demo`. As in `pipeline.cli.main`, bodies import what they call."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli.options import force_option, json_option, with_options
from pipeline.cli.scores import captions

CHAINS = ("none", "segment", "video")


class _CaptionsFirst(click.Group):
    """A group in which `longcap eval OUT` means `longcap eval captions OUT`: a name that is no command is an output."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help", "--traceback"):
            args = [str(captions.name), *args]  # an option of `captions` comes first
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands:
            return captions.name, captions, args
        return super().resolve_command(ctx, args)


@click.group(name="eval", cls=_CaptionsFirst, short_help="Score captions, or examine the pipeline itself.")
def group() -> None:
    """Score captions, or examine the pipeline itself.

    \b
    Examples:
      longcap eval captions/ --against references.json
      longcap eval truth exam/
    """


group.add_command(captions)


@group.command()
@click.argument("out", metavar="OUT")
@click.option("--lengths", metavar="S,S,…", help="Lengths of the stories in seconds.  [default: 30,120,300,600,1800]")
@click.option(
    "--stories", metavar="N", type=click.IntRange(min=1), help="Stories per length.  [default: 24, 6, 2, 2, 1]"
)
@click.option("--model", metavar="FOLDER", help="The vision model; none: without one.  [default: the packaged model]")
@click.option("--chain", "chains", type=click.Choice(CHAINS), multiple=True, help="Only this chain of captions.")
@click.option("--seed", metavar="N", type=int, default=1, show_default=True, help="Another seed tells other stories.")
@click.option(
    "--wording",
    type=click.Choice(("plain", "human")),
    default="plain",
    show_default=True,
    help="human: stories in the words that people use, by a scripted model with defects and falsehoods; no frames.",
)
@with_options(force_option, json_option)
def truth(as_json: bool, **options: Any) -> int:
    """Caption generated stories with known scripts, parse the long captions, and compare them with the scripts.

    Writes OUT/truth.md, OUT/truth.json and OUT/truth.png. Exit code 1: an event is lost or a planted error is not
    found.

    \b
    Example:
      longcap eval truth exam/ --lengths 30,120
      longcap eval truth human/ --wording human
    """
    from pipeline.evaluation.exam.command import truth_command

    return truth_command(as_json_=as_json, **options)


@click.command(short_help="Render short stories as example videos.")
@click.argument("out", metavar="FOLDER")
@click.option("--stories", metavar="N", type=click.IntRange(1, 1000), default=3, show_default=True, help="How many.")
@click.option(
    "--seconds", metavar="S", type=click.IntRange(10, 3600), default=60, show_default=True, help="Length of each."
)
@click.option("--seed", metavar="N", type=int, default=1, show_default=True, help="Another seed tells other stories.")
@with_options(force_option, json_option)
def demo(out: str, force: bool, as_json: bool, **options: int) -> int:
    """Render short stories as example videos, each with its script.

    Writes FOLDER/story-SEED.mp4 (H.264) and FOLDER/story-SEED.txt, a list of events with their times. Equal arguments
    give equal stories.

    \b
    Examples:
      longcap demo videos/
      longcap demo videos/ --stories 1 --seconds 30
    """
    from pipeline.evaluation.exam.command import demo_command

    return demo_command(out, force=force, as_json=as_json, **options)
