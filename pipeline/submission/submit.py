"""`longcap submit`, `jobs`, `logs`, `stop`: a run on a cluster, from a machine that is not part of it.

What is sent is what a person would type there: `python -m longcap run INPUT -o OUT -c CONFIG`, in a copy of the
working directory. What can be checked here is checked before anything travels: the command line, the config as it
will be found in the package, the paths that only this machine has.
"""

from __future__ import annotations

import math
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from cluster.jobs import Ending, Jobs, JobState, NoSuchJob
from cluster.package import check_size, write_zip
from operators.core.addresses import redacted, redacted_text
from operators.core.uris import local_path
from pipeline.config.load import DEFAULT_RECIPE, YAML_ERRORS, load_config, recipes
from pipeline.config.types import Config
from pipeline.monitoring.progress import clock
from pipeline.submission.package import members_of, variables_of
from pipeline.terminal.commands import longcap
from pipeline.terminal.errors import RunFailed, UsageError
from pipeline.terminal.look import columns, counted, hint
from pipeline.terminal.printing import echo, echo_json, without_colours

Parse: TypeAlias = Callable[[Sequence[str]], dict[str, Any]]

_SPARE_S = 20.0  # past the drain, for the report and the way out


def submit_command(
    *,
    parse: Parse,
    arguments: Sequence[str],
    address: str | None,
    follow: bool,
    doctor: bool,
    retry: bool,
    env: Sequence[str],
    working_dir: str,
    max_upload_mb: int,
    code: bool,
    python: str,
    name: str | None,
    runtime_env: str | None,
    as_json: bool = False,
) -> int:
    """Check, pack, send; with `follow` stay until the job is over and return its driver's exit code.

    Args:
        parse: command line, after `longcap` -> its options, or click's error.
        arguments: of `longcap run`; with `retry` and `doctor` of these.
        doctor: send `longcap doctor` in place of `longcap run`, and follow it.
        retry: send `longcap retry` in place of `longcap run`.
    """
    if doctor and retry:
        raise UsageError("--doctor and --retry exclude each other")
    if as_json and (follow or doctor):
        raise UsageError("--json says which job was sent; with --follow and --doctor the job's own lines are shown")
    follow = follow or doctor
    variables = variables_of(env)
    more = _runtime_env(runtime_env)
    folder = _folder(working_dir)
    with chdir(folder):
        command = ["doctor" if doctor else "retry" if retry else "run", *arguments]
        asked = _checked(command, parse)
        # without -c a retry takes the config from the output, which only the cluster may be able to read
        recipe, overrides = asked["config"] or (None if retry else DEFAULT_RECIPE), asked["overrides"]
        settings = load_config(recipe, overrides) if recipe is not None else Config()
        if command[0] == "run" and not asked["inputs"] and not settings.inputs:
            raise UsageError("INPUT is missing: give files, folders, globs, prefixes or manifests of videos")
        if recipe is not None:
            _check_config_path(recipe, folder)
        with tempfile.TemporaryDirectory(prefix="longcap-submit-") as scratch:
            package = Path(scratch) / "package.zip"
            members = members_of(folder, asked["out"], code=code)
            _check_paths(asked, members)
            size = _checked_size(members, max_upload_mb)
            write_zip(members, package)
            if recipe is not None:
                _check_package(package, recipe, overrides, Path(scratch))
            with server(address) as jobs:
                job = jobs.send(
                    [python, "-m", "longcap", *command],
                    package=package,
                    variables=variables,
                    stop_s=math.ceil(settings.run.drain_s + _SPARE_S),
                    metadata={"longcap": version("longcap"), "out": redacted(asked["out"] or "")},
                    name=name,
                    runtime_env=more,
                )
    where = ["--address", jobs.address] if address else []
    if as_json:
        echo_json({"id": job, "address": jobs.address, "files": len(members), "size_bytes": size})
        return 0
    echo(f"{job} is sent to {jobs.address} ({counted(len(members), 'file')}, {size / 2**20:.1f} MiB)", err=follow)
    if not follow:
        hint(longcap("logs", job, "--follow", *where), longcap("stop", job, *where))
        return 0
    return _follow(jobs, job, where)


def jobs_command(*, address: str | None, as_json: bool) -> int:
    """List the jobs that the server remembers."""
    with server(address) as jobs:
        found = jobs.all()
    if as_json:
        echo_json([_job_facts(job) for job in found])
        return 0
    if not found:
        echo(f"{jobs.address} has had no jobs")
        return 0
    echo(columns(("job", "status", "exit code", "began", "took", "output"), map(_row, found)))
    return 0


def _row(job: JobState) -> list[object]:
    began = job.began.strftime("%Y-%m-%d %H:%M") if job.began else None
    took = clock(((job.ended or datetime.now(UTC)) - job.began).total_seconds()) if job.began else None
    out = redacted_text(job.metadata.get("out", job.entrypoint))
    return [job.id, job.status, job.exit_code, began, took, out]


def logs_command(*, job: str, address: str | None, follow: bool) -> int:
    """Print a job's log; with `follow` until it is over, ending with its driver's exit code."""
    with server(address) as jobs:
        if follow:
            return _follow(jobs, job, ["--address", jobs.address] if address else [])
        echo(without_colours(jobs.log(job)), nl=False)
    return 0


def stop_command(*, job: str, address: str | None, wait_s: float, as_json: bool = False) -> int:
    """Stop a job, and say how its driver ended."""
    with server(address) as jobs:
        before = jobs.state(job)
        if not before.is_over:
            echo(f"{job}: asked to stop; what is in flight is being finished", err=True)
        ending = jobs.stop(job, wait_s=wait_s)
    if as_json:
        echo_json({"id": job, "was_over": before.is_over, "exit_code": ending.code, "said": ending.said})
    else:
        echo(f"{job}: {'was over before: ' if before.is_over else ''}{ending.said}")
    return 0


@contextmanager
def server(address: str | None) -> Iterator[Jobs]:
    """The job server; what goes wrong with it inside the block becomes the command's error."""
    try:
        yield Jobs(address)
    except NoSuchJob as error:
        raise UsageError(str(error)) from error
    except ConnectionError as error:
        raise RunFailed(str(error)) from error


# -- inside ------------------------------------------------------------------------------------------------------------


def _follow(jobs: Jobs, job: str, where: Sequence[str]) -> int:
    def write(text: str) -> None:
        echo(without_colours(text), nl=False)

    try:
        ending: Ending = jobs.follow(job, write)
    except KeyboardInterrupt:
        again = f"{longcap('logs', job, '--follow', *where)}   ·   {longcap('stop', job, *where)}"
        echo(f"\n{job} goes on without us:  {again}", err=True)
        raise
    echo(f"{job}: {ending.said}", err=True)
    return ending.code


def _checked(command: Sequence[str], parse: Parse) -> dict[str, Any]:
    """The options of a command, as far as they can be known to be right here."""
    asked = parse(command)
    if asked.get("address"):
        raise UsageError("--address is given twice")
    return asked


def _folder(working_dir: str) -> Path:
    folder = Path(working_dir).expanduser().resolve()
    if not folder.is_dir():
        raise UsageError(f"--working-dir {working_dir}: there is no such folder")
    return folder


def _runtime_env(path: str | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, *YAML_ERRORS) as error:
        raise UsageError(f"--runtime-env {path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise UsageError(f"--runtime-env {path} is no mapping such as {{pip: [...]}}")
    if "working_dir" in found:
        raise UsageError(f"--runtime-env {path} has a working_dir: give --working-dir in its place")
    return found


def _check_config_path(config: str, folder: Path) -> None:
    if config in recipes():
        return
    if Path(config).is_absolute() or not Path(config).resolve().is_relative_to(folder):
        raise UsageError(f"{config} does not travel: give a path inside {folder}, relative to it, or --working-dir")


def _check_paths(asked: Mapping[str, Any], members: Mapping[str, Path]) -> None:
    """Refuse what only this machine has; say where secrets would be seen."""
    if signed := [text for text in asked["inputs"] if redacted(text) != text]:
        echo(
            f"note: the signature of {redacted(signed[0])} stands in the job's command line, which whoever may ask the "
            "job server can read: name it in a manifest in the working directory instead",
            err=True,
        )
    for text in asked["inputs"]:
        if Path(text).suffix in (".yaml", ".yml"):
            raise UsageError(f"INPUT {text} is a config: give it with -c {text}")
        path = local_path(text)
        if path is None or Path(path).is_absolute():
            continue
        if Path(path).as_posix() not in members:
            if text in recipes():
                raise UsageError(f"INPUT {text} is the name of a recipe: give it with -c {text}")
            raise UsageError(
                f"INPUT {text} lies on this machine, and data does not travel: put it where the cluster reads "
                "(s3://bucket/prefix, or the absolute path of a folder that all nodes share). A manifest travels if "
                "it lies in the working directory"
            )
    out = asked["out"] or "/"
    path = local_path(out)
    if path is not None and not Path(path).is_absolute():
        raise UsageError(
            f"-o {out} is relative, and would end with the job: give a prefix such as s3://bucket/captions, or the "
            "absolute path of a folder that all nodes share"
        )


def _checked_size(members: Mapping[str, Path], max_upload_mb: int) -> int:
    try:
        return check_size(members, max_upload_mb * 2**20)
    except ValueError as error:
        raise UsageError(f"{error} (or raise --max-upload-mb)") from error


def _check_package(package: Path, config: str, overrides: Sequence[str], scratch: Path) -> Config:
    """Read the config as the cluster will: from the package and nothing else."""
    there = scratch / "there"
    with zipfile.ZipFile(package) as archive:
        archive.extractall(there)
    with chdir(there):
        try:
            return load_config(config, overrides)
        except UsageError as error:
            raise UsageError(
                f"{error} -- in what would be uploaded: it is here, but outside of the working directory or ignored"
            ) from error


def _job_facts(job: JobState) -> dict[str, Any]:
    return {
        "id": job.id,
        "status": job.status,
        "exit_code": job.exit_code,
        "began": job.began.isoformat() if job.began else None,
        "ended": job.ended.isoformat() if job.ended else None,
        "entrypoint": redacted_text(job.entrypoint),
        "metadata": dict(job.metadata),
        "message": job.message,
    }
