"""The commands that make captions: run, plan, retry; and those that make configs. Bodies import what they call."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli.options import (
    config_option,
    failure_classes,
    force_option,
    inputs_argument,
    json_option,
    limit_option,
    max_hours_option,
    only_option,
    out_argument,
    quiet_option,
    sample_option,
    set_option,
    shard,
    with_options,
)


@click.command(short_help="Caption videos into a dataset.")
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
    quiet_option,
    json_option,
)
def run(inputs: tuple[str, ...], only: tuple[str, ...], overrides: tuple[str, ...], **options: Any) -> int:
    """Caption every video of INPUT: files, folders, globs, s3:// prefixes, manifests (.parquet, .csv, .jsonl).

    What OUT already holds is not done again. What another config made there is replaced only with --replace. At the end
    OUT/report.html says what came out.

    \b
    Examples:
      longcap run videos/ -o captions/
      longcap run videos/ -o captions/ --sample 20
      longcap run s3://bucket/videos -o s3://bucket/captions -c longcaption --set narrate.section_s=90
    """
    from pipeline.cli.run import run_command

    options["recaption"] = list(options["recaption"])
    return int(run_command(inputs=list(inputs), only=list(only), overrides=list(overrides), **options))


@click.command(short_help="Say what run would do.")
@inputs_argument
@with_options(
    click.option("-o", "--out", metavar="OUT", help="Leave out what this dataset already holds."),
    config_option,
    set_option,
    limit_option,
    sample_option,
    only_option,
    max_hours_option,
    quiet_option,
    json_option,
)
def plan(inputs: tuple[str, ...], only: tuple[str, ...], overrides: tuple[str, ...], **options: Any) -> int:
    """Say what `run` would do with INPUT: videos, hours, segments, what cannot be read.

    Nothing is captioned; what probing finds is remembered in OUT, if it is given.

    \b
    Examples:
      longcap plan videos/
      longcap plan videos/ -o captions/ --json
    """
    from pipeline.cli.run import plan_command

    return int(plan_command(inputs=list(inputs), only=list(only), overrides=list(overrides), **options))


@click.command(short_help="Try once more what failed.")
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
    quiet_option,
    json_option,
)
def retry(out: str, only: tuple[str, ...], segment: int | None, **options: Any) -> int:
    """Try once more what failed in OUT, with the config of the run that it failed in.

    An output is not trusted: an engine's address, the name of its key, a model and files of prompts are taken from it
    only if you say them again with --set, give -c, or agree at a terminal.

    \b
    Examples:
      longcap retry captions/
      longcap retry captions/ --class timeout
      longcap retry captions/ --only 6118f8ee2ee89938 --segment 3
    """
    if segment is not None and len(only) != 1:
        raise click.UsageError("--segment needs exactly one --only: a segment's number counts in one video.")
    from pipeline.cli.run import retry_command

    for name in ("classes", "inputs", "overrides"):
        options[name] = list(options[name])
    return int(retry_command(out=out, only=list(only), segment=segment, **options))


@click.command(short_help="Write a config with comments for this machine.")
@click.argument("file", metavar="[FILE]", default="longcap.yaml")
@with_options(force_option, json_option)
def init(**options: Any) -> int:
    """Write a config with comments for this machine into FILE (longcap.yaml).

    \b
    Examples:
      longcap init
      longcap init my.yaml
    """
    from pipeline.preflight.starter import init_command

    return int(init_command(**options))


@click.command(short_help="Print the config that a run would have, checked.")
@with_options(
    config_option,
    set_option,
    click.option("--schema", is_flag=True, help="Print the JSON Schema of config files, for editors."),
    click.option("--defaults", is_flag=True, help="Print every key with its default, its meaning and its limits."),
    json_option,
)
def config(config: str | None, overrides: tuple[str, ...], schema: bool, defaults: bool, as_json: bool) -> int:
    """Print the config that a run would have, checked.

    \b
    Examples:
      longcap config
      longcap config -c my.yaml --set plan.window_s=8
      longcap config --defaults
    """
    if schema and defaults:
        raise click.UsageError("--schema and --defaults exclude each other.")
    if defaults and as_json:
        raise click.UsageError("--defaults prints comments, which JSON has none of; --schema has them as JSON.")
    if schema or defaults:
        from pipeline.config.docs import defaults_yaml, schema_json

        click.echo((schema_json() if schema else defaults_yaml()).rstrip())
        return 0
    from pipeline.config.load import load_config
    from pipeline.config.values import dump_config

    text = dump_config(load_config(config, overrides)).rstrip()
    if as_json:
        import yaml

        from pipeline.terminal.printing import echo_json

        echo_json(yaml.safe_load(text))
        return 0
    click.echo(text)
    return 0


COMMANDS = (run, plan, retry, init, config)
"""In the order of --help."""
