"""The options of `longcap sweep`, which `pipeline.evaluation.sweep` implements."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli.options import (
    inputs_argument,
    json_option,
    limit_option,
    quiet_option,
    sample_option,
    set_option,
    with_options,
)


@click.command(short_help="Run a recipe with several values of its keys, and compare.")
@click.argument("recipe", metavar="RECIPE")
@inputs_argument
@with_options(
    click.option("-o", "--out", metavar="DIR", required=True, help="Folder for the outputs of all entries."),
    click.option(
        "--over", metavar="K=V,V", multiple=True, required=True, help="A key and its values; repeat for more."
    ),
    click.option("--against", metavar="REFS", multiple=True, help="References to score with, as in longcap eval."),
    click.option(
        "--judge", "judges", metavar="ENGINE", multiple=True, help="An engine that judges, as in longcap eval."
    ),
    click.option("--protocol", "protocols", metavar="NAME", multiple=True, help="Only this of what judges are asked."),
    click.option(
        "--score", metavar="METRIC", help="Score of the plot and the front.  [default: the first that differs]"
    ),
    click.option("--cost", metavar="NAME", help="Cost of the plot and the front.  [default: the first that differs]"),
    set_option,
    limit_option,
    sample_option,
    click.option("--address", metavar="ADDR", help="The Ray cluster to run on.  [default: one that is started here]"),
    click.option("--replace", is_flag=True, help="Replace finished captions of an entry whose other settings changed."),
    quiet_option,
    json_option,
)
def sweep(as_json: bool, **options: Any) -> int:
    """Run RECIPE over INPUT once for each combination of values, score each output, and show cost against score.

    Tables that are equal in two entries are made once; for example, other values of the narrator do not repeat
    captioning. Writes DIR/sweep.json, DIR/sweep.csv and DIR/sweep.png. Run it again to resume.

    \b
    Examples:
      longcap sweep measure videos/ -o sweep/ --over decode.fps=0.5,1,2
      longcap sweep measure videos/ -o sweep/ --over decode.fps=1,2 --over plan.window_s=8,10 --against true.json
    """
    from pipeline.evaluation.sweep.command import sweep_command

    return sweep_command(as_json_=as_json, **options)
