"""The commands that speak to a cluster's job server, and those that look at machines before a run.

As in `pipeline.cli.main`, which has the others, only click is imported here; bodies import what they call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import click
from click.shell_completion import CompletionItem

from pipeline.cli.options import config_option, force_option, inputs_argument, json_option, set_option, with_options

_server = click.option(
    "--address",
    metavar="URL",
    help="The cluster's job server, as in http://HEAD:8265.  [default: RAY_API_SERVER_ADDRESS or RAY_ADDRESS]",
)
_job = click.argument("job", metavar="JOB")


class _Submit(click.Command):
    """Options of its own, and those of `longcap run`, which it hands on; --help and completion know both."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        with formatter.section("Options of longcap run"):
            formatter.write_dl([record for p in self._handed_on(ctx) if (record := p.get_help_record(ctx)) is not None])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        found = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            names = (name for p in self._handed_on(ctx) for name in p.opts if name.startswith(incomplete))
            found += [CompletionItem(name) for name in names]
        return found

    def _handed_on(self, ctx: click.Context) -> list[click.Parameter]:
        """Options of run that submit has not."""
        run = cast(click.Group, ctx.find_root().command).commands["run"]
        own = {name for p in self.get_params(ctx) for name in p.opts}
        return [p for p in run.params if isinstance(p, click.Option) and not own & set(p.opts)]


@click.command(
    cls=_Submit, context_settings={"ignore_unknown_options": True}, short_help="Run on a cluster, from outside it."
)
@click.argument("arguments", metavar="INPUT... -o OUT", nargs=-1, required=True, type=click.UNPROCESSED)
@with_options(
    _server,
    click.option("--follow", is_flag=True, help="Show what the job writes, and end with its driver's exit code."),
    click.option("--doctor", is_flag=True, help="Only look, on the cluster, for what would make the run fail."),
    click.option("--retry", is_flag=True, help="Try again what failed: OUT in place of INPUT, and retry's options."),
    click.option(
        "--env",
        metavar="NAME[=VALUE]",
        multiple=True,
        help="A variable for the driver and all workers; without =VALUE its value is taken from here.",
    ),
    click.option(
        "--working-dir",
        metavar="DIR",
        default=".",
        show_default=True,
        help="What travels, and what relative paths are relative to.",
    ),
    click.option(
        "--max-upload-mb",
        metavar="MB",
        type=click.IntRange(1, 500),
        default=100,
        show_default=True,
        help="Refuse to upload more.",
    ),
    click.option(
        "--code/--no-code",
        default=True,
        show_default=True,
        help="Send Longcap's own code along, or use what the cluster's image has.",
    ),
    click.option(
        "--python", metavar="PROGRAM", default="python", show_default=True, help="The Python to start on the head."
    ),
    click.option("--name", metavar="JOB", help="The job's id.  [default: one that Ray makes]"),
    click.option("--runtime-env", metavar="FILE", help="YAML with more of Ray's runtime environment, such as pip."),
    json_option,
)
def submit(arguments: tuple[str, ...], env: tuple[str, ...], **options: Any) -> int:
    """Run on a cluster: send a run and the working directory to its job server.

    Takes what `longcap run` takes. Data does not travel: the cluster must be able to reach INPUT and OUT.

    \b
    Examples:
      longcap submit s3://bucket/videos -o s3://bucket/captions --address http://HEAD:8265 --follow
      longcap submit s3://bucket/videos -o s3://bucket/captions -c my.yaml --sample 20
      longcap submit --retry s3://bucket/captions --class timeout -c my.yaml
      longcap submit --doctor s3://bucket/videos -o s3://bucket/captions -c my.yaml
    """
    from pipeline.submission.submit import submit_command

    return int(submit_command(parse=_parsed, arguments=list(arguments), env=list(env), **options))


def _parsed(command: Sequence[str]) -> dict[str, Any]:
    """The options of a command line, after `longcap`."""
    name, *arguments = command
    group = cast(click.Group, click.get_current_context().find_root().command)
    return dict(group.commands[name].make_context("longcap submit", arguments).params)


@click.command(short_help="List the jobs of a cluster.")
@with_options(_server, json_option)
def jobs(**options: Any) -> int:
    """List the jobs of a cluster, the newest first.

    \b
    Example:
      longcap jobs --address http://HEAD:8265
    """
    from pipeline.submission.submit import jobs_command

    return int(jobs_command(**options))


@click.command(short_help="Print what a job has written.")
@_job
@with_options(
    _server,
    click.option("--follow", is_flag=True, help="Go on until the job is over, and end with its driver's exit code."),
)
def logs(**options: Any) -> int:
    """Print what JOB has written.

    \b
    Examples:
      longcap logs JOB
      longcap logs JOB --follow --address http://HEAD:8265
    """
    from pipeline.submission.submit import logs_command

    return int(logs_command(**options))


@click.command(short_help="Stop a job; it finishes what is under way.")
@_job
@with_options(
    _server,
    click.option(
        "--wait",
        "wait_s",
        metavar="S",
        type=click.FloatRange(min=0),
        default=300.0,
        show_default=True,
        help="Give up after so many seconds; the job still stops.",
    ),
    json_option,
)
def stop(**options: Any) -> int:
    """Stop JOB: what is under way is finished and committed, and the same command goes on from there.

    \b
    Example:
      longcap stop JOB --address http://HEAD:8265
    """
    from pipeline.submission.submit import stop_command

    return int(stop_command(**options))


@click.command(short_help="Write files for machines: Docker, KubeRay, Slurm.")
@click.argument("folder", metavar="DIR")
@with_options(
    click.option(
        "--set",
        "overrides",
        metavar="FACT=V",
        multiple=True,
        help="Change one fact in all files, as in --set image=registry/me/longcap; docs/cluster.md lists them.",
    ),
    force_option,
    json_option,
)
def files(folder: str, overrides: tuple[str, ...], force: bool, as_json: bool) -> int:
    """Write into DIR what puts Longcap on machines: Dockerfiles, KubeRay, Ray's launcher for AWS and GCP, Slurm.

    \b
    Examples:
      longcap files deploy/
      longcap files deploy/ --set image=registry/me/longcap
    """
    from pathlib import Path

    from cluster.facts import facts
    from cluster.files import write
    from pipeline.terminal.errors import UsageError
    from pipeline.terminal.printing import echo_written

    try:
        written = write(facts(list(overrides)), Path(folder), force=force)
    except FileExistsError as error:
        raise UsageError(str(error)) from error
    except ValueError as error:
        raise UsageError(f"--set {error}") from error
    echo_written([str(path) for path in written], as_json=as_json)
    return 0


@click.command(short_help="Look for what would make a run fail.")
@click.argument("inputs", metavar="[INPUT]...", nargs=-1, type=click.Path())
@with_options(
    click.option("-o", "--out", metavar="OUT", help="Where a run would write: a small object is written and removed."),
    config_option,
    set_option,
    click.option("--address", metavar="ADDR", help="The Ray cluster to look at.  [default: this machine]"),
    json_option,
)
def doctor(inputs: tuple[str, ...], overrides: tuple[str, ...], **options: Any) -> int:
    """Look for what would make a run fail: nodes, versions, GPUs, models, storage, clocks, limits.

    Prints one line each: ok, warn or fail, and what to do; ends with 1 where one says fail.

    \b
    Examples:
      longcap doctor
      longcap doctor videos/ -o captions/ -c longcaption
    """
    from pipeline.preflight.doctor import doctor_command

    return int(doctor_command(inputs=list(inputs), overrides=list(overrides), **options))


@click.command(short_help="Say what a run would take and cost.")
@inputs_argument
@with_options(
    config_option,
    set_option,
    click.option(
        "--sample-minutes",
        metavar="M",
        type=click.FloatRange(min=0, min_open=True),
        default=5.0,
        show_default=True,
        help="Minutes of video that are captioned to measure by; one video at least.",
    ),
    click.option("--rates", metavar="FILE", help="Measure nothing: take these, such as an earlier estimate's --json."),
    click.option("--prices", metavar="FILE", help="A table of your prices.  [default: pipeline/estimate/prices.yaml]"),
    click.option(
        "--cpus", metavar="N", type=click.FloatRange(min=1), help="CPUs of a node.  [default: this machine's]"
    ),
    click.option("--gpus", metavar="N", type=click.FloatRange(min=0), default=0.0, help="GPUs of a node."),
    click.option("--nodes", metavar="N", type=click.IntRange(min=1), multiple=True, help="How long N nodes take."),
    click.option(
        "--address", metavar="ADDR", help="The Ray cluster to measure on.  [default: one that is started here]"
    ),
    json_option,
)
def estimate(inputs: tuple[str, ...], **options: Any) -> int:
    """Say what a run over INPUT would take: CPU and GPU hours, tokens, output, hours for N nodes, price.

    A small part of INPUT is captioned with this config, into a folder that is thrown away.

    \b
    Examples:
      longcap estimate videos/
      longcap estimate s3://bucket/videos -c longcaption --cpus 32 --gpus 8 --nodes 4
    """
    from pipeline.config.load import load_config
    from pipeline.estimate.command import estimate_command

    return int(
        estimate_command(
            inputs=list(inputs),
            config=load_config(options["config"], options["overrides"]),
            minutes=options["sample_minutes"],
            rates=options["rates"],
            prices=options["prices"],
            cpus=options["cpus"],
            gpus=options["gpus"],
            nodes=options["nodes"] or (1, 4, 16),
            as_json_=options["as_json"],
            address=options["address"],
        )
    )


@click.command(short_help="Write a Grafana dashboard and Prometheus rules.")
@click.argument("folder", metavar="DIR")
@with_options(force_option, json_option)
def monitoring(folder: str, force: bool, as_json: bool) -> int:
    """Write a Grafana dashboard and Prometheus rules for Longcap's metrics into DIR.

    \b
    Example:
      longcap monitoring monitoring/
    """
    from pathlib import Path

    from cluster.monitoring import write
    from pipeline.terminal.errors import UsageError
    from pipeline.terminal.printing import echo_written

    try:
        written = write(Path(folder), force=force)
    except FileExistsError as error:
        raise UsageError(str(error)) from error
    echo_written([str(path) for path in written], as_json=as_json)
    return 0


COMMANDS = (submit, jobs, logs, stop, doctor, estimate, files, monitoring)
"""In the order of --help."""
