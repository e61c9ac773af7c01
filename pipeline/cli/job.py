"""The commands run, plan and retry, and those for configs. The bodies of commands import what they call."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli.options import (
    FiniteRange,
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
    click.option("-o", "--out", metavar="OUT", required=True, help="The output: a folder or s3://bucket/prefix."),
    config_option,
    set_option,
    limit_option,
    sample_option,
    only_option,
    click.option("--recaption", metavar="ID", multiple=True, help="Caption this video again, even if it is done."),
    click.option(
        "--replace",
        is_flag=True,
        help="Replace finished captions made with another config. Without it, such a run stops and lists them.",
    ),
    max_hours_option,
    click.option(
        "--max-failed",
        metavar="F",
        type=FiniteRange(0, 1),
        help="Share of the videos that may fail before the run counts as failed.  [default: run.max_failed]",
    ),
    click.option(
        "--schedule",
        type=click.Choice(["auto", "streaming", "phased"]),
        help="Narrate each video when its segments are captioned, or all at the end.  [default: run.schedule]",
    ),
    click.option(
        "--shard",
        metavar="I/N",
        callback=shard,
        help="Only the I-th of N shares of the videos; N such jobs can write to one OUT simultaneously.",
    ),
    click.option("--address", metavar="ADDR", help="The Ray cluster to run on.  [default: one that is started here]"),
    click.option("--preflight", is_flag=True, help="First check for problems, as `longcap doctor` does."),
    quiet_option,
    json_option,
)
def run(inputs: tuple[str, ...], only: tuple[str, ...], overrides: tuple[str, ...], **options: Any) -> int:
    """Caption every video of INPUT: files, folders, globs, s3:// prefixes, manifests (.parquet, .csv, .jsonl).

    Captions that OUT already contains are not made again. Captions made with another config are replaced only with
    --replace. At the end the run writes a report to OUT/report.html.

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
    click.option("-o", "--out", metavar="OUT", help="Leave out captions that this dataset already contains."),
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
    """Show what `run` would do with INPUT: videos, hours, segments, unreadable files.

    Nothing is captioned. If OUT is given, the probed facts are stored there.

    \b
    Examples:
      longcap plan videos/
      longcap plan videos/ -o captions/ --json
    """
    from pipeline.cli.run import plan_command

    return int(plan_command(inputs=list(inputs), only=list(only), overrides=list(overrides), **options))


@click.command(short_help="Retry failed items.")
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
        help="Inputs in place of those of that run; signed URLs must be given again.",
    ),
    click.option(
        "-c",
        "--config",
        metavar="FILE_OR_RECIPE",
        help="A config in place of that run's.  [default: the one in OUT, except keys that send or load something]",
    ),
    set_option,
    click.option("--address", metavar="ADDR", help="The Ray cluster to run on.  [default: one that is started here]"),
    quiet_option,
    json_option,
)
def retry(out: str, only: tuple[str, ...], segment: int | None, **options: Any) -> int:
    """Retry the failed items of OUT with the config of the run in which they failed.

    A stored config is not trusted: an engine's address, the name of its key, a model and prompt files are used only if
    you repeat them with --set, give -c, or confirm them at a terminal.

    \b
    Examples:
      longcap retry captions/
      longcap retry captions/ --class timeout
      longcap retry captions/ --only 6118f8ee2ee89938 --segment 3
    """
    if segment is not None and len(only) != 1:
        raise click.UsageError("--segment needs exactly one --only: a segment's number counts in one video.")
    from pipeline.cli.retry import retry_command

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


@click.command(short_help="Print and check the config of a run.")
@with_options(
    config_option,
    set_option,
    click.option("--schema", is_flag=True, help="Print the JSON Schema of config files, for editors."),
    click.option("--defaults", is_flag=True, help="Print all keys with their defaults, meaning and limits."),
    json_option,
)
def config(config: str | None, overrides: tuple[str, ...], schema: bool, defaults: bool, as_json: bool) -> int:
    """Print and check the config that a run would use.

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
        from longcap import safe_yaml
        from pipeline.terminal.printing import echo_json

        echo_json(safe_yaml.read(text))
        return 0
    click.echo(text)
    return 0


COMMANDS = (run, plan, retry, init, config)
"""The commands in the order of --help."""
