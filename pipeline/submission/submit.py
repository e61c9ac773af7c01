"""`longcap submit`, `jobs`, `logs`, `stop`: run on a cluster from a machine that is not part of it.

The job runs `python -m longcap run INPUT -o OUT -c CONFIG` in a copy of the working directory. The command line, the
config as the package contains it, and local paths are checked before anything is sent.
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

from cluster.jobs import Ending, Jobs, JobState, NoSuchJob
from cluster.package import check_size, write_zip
from longcap import safe_yaml
from operators.core.addresses import redacted, redacted_text
from operators.core.uris import local_path
from pipeline.config.load import DEFAULT_RECIPE, load_config, recipes
from pipeline.config.types import Config
from pipeline.monitoring.progress import clock
from pipeline.submission.package import members_of, variables_of
from pipeline.terminal.commands import longcap
from pipeline.terminal.errors import RunFailed, UsageError
from pipeline.terminal.look import columns, counted, hint
from pipeline.terminal.printing import echo, echo_json, without_colours

Parse: TypeAlias = Callable[[Sequence[str]], dict[str, Any]]

_SPARE_S = 20.0  # time after the drain, for the report and the exit


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
    """Check, pack and send a run; with `follow`, wait for the job and return the exit code of its driver.

    Args:
        parse: parses a command line after `longcap` into options, or raises click's error.
        arguments: arguments of `longcap run`, or of `longcap retry` or `longcap doctor` if that flag is set.
        doctor: send `longcap doctor` instead of `longcap run`, and follow it.
        retry: send `longcap retry` instead of `longcap run`.
    """
    if doctor and retry:
        raise UsageError("--doctor and --retry cannot be combined")
    if as_json and (follow or doctor):
        raise UsageError("--json cannot be combined with --follow or --doctor, which print the log of the job")
    follow = follow or doctor
    variables = variables_of(env)
    more = _runtime_env(runtime_env)
    folder = _folder(working_dir)
    with chdir(folder):
        command = ["doctor" if doctor else "retry" if retry else "run", *arguments]
        asked = _checked(command, parse)
        # without -c a retry reads the config from the output, which perhaps only the cluster can read
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
    echo(f"{job} was sent to {jobs.address} ({counted(len(members), 'file')}, {size / 2**20:.1f} MiB)", err=follow)
    if not follow:
        hint(longcap("logs", job, "--follow", *where), longcap("stop", job, *where))
        return 0
    return _follow(jobs, job, where)


def jobs_command(*, address: str | None, as_json: bool) -> int:
    """List the jobs that the server knows."""
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
    """Print the log of a job; with `follow`, until it is over, and return the exit code of its driver."""
    with server(address) as jobs:
        if follow:
            return _follow(jobs, job, ["--address", jobs.address] if address else [])
        echo(without_colours(jobs.log(job)), nl=False)
    return 0


def stop_command(*, job: str, address: str | None, wait_s: float, as_json: bool = False) -> int:
    """Stop a job and print how its driver ended."""
    with server(address) as jobs:
        before = jobs.state(job)
        if not before.is_over:
            echo(f"{job}: stop requested; work in flight is being finished", err=True)
        ending = jobs.stop(job, wait_s=wait_s)
    if as_json:
        echo_json({"id": job, "was_over": before.is_over, "exit_code": ending.code, "said": ending.said})
    else:
        echo(f"{job}: {'was over before: ' if before.is_over else ''}{ending.said}")
    return 0


@contextmanager
def server(address: str | None) -> Iterator[Jobs]:
    """Yield the job server; errors of the server inside the block become errors of the command."""
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
        echo(f"\n{job} keeps running:  {again}", err=True)
        raise
    echo(f"{job}: {ending.said}", err=True)
    return ending.code


def _checked(command: Sequence[str], parse: Parse) -> dict[str, Any]:
    """Parse a command and return its options; fail on what is known to be wrong here."""
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
        found = safe_yaml.read(Path(path).read_bytes())
    except (OSError, safe_yaml.YamlError) as error:
        raise UsageError(f"--runtime-env {path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise UsageError(f"--runtime-env {path} is not a mapping such as {{pip: [...]}}")
    if "working_dir" in found:
        raise UsageError(f"--runtime-env {path} has a working_dir: use --working-dir instead")
    variables = found.get("env_vars") or {}  # without a value, the key is null
    if not isinstance(variables, dict):
        raise UsageError(f"--runtime-env {path}: env_vars is not a mapping such as {{NAME: value}}")
    if odd := [name for name, value in variables.items() if not (isinstance(name, str) and isinstance(value, str))]:
        raise UsageError(f"--runtime-env {path}: env_vars.{odd[0]} is not text; write it in quotes")
    return found


def _check_config_path(config: str, folder: Path) -> None:
    if config in recipes():
        return
    if Path(config).is_absolute() or not Path(config).resolve().is_relative_to(folder):
        raise UsageError(f"{config} is not sent: give a path inside {folder}, relative to it, or --working-dir")


def _check_paths(asked: Mapping[str, Any], members: Mapping[str, Path]) -> None:
    """Refuse paths that only this machine has; warn where secrets would be visible."""
    if signed := [text for text in asked["inputs"] if redacted(text) != text]:
        echo(
            f"note: the signature of {redacted(signed[0])} is in the job's command line, which everybody with access "
            "to the job server can read: name the URL in a manifest in the working directory instead",
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
                f"INPUT {text} is on this machine, and data is not sent: copy it to where the cluster can read it "
                "(s3://bucket/prefix, or the absolute path of a folder that all nodes share). A manifest is sent if "
                "it is in the working directory"
            )
    out = asked["out"] or "/"
    path = local_path(out)
    if path is not None and not Path(path).is_absolute():
        raise UsageError(
            f"-o {out} is relative, and would be removed with the job: give a prefix such as s3://bucket/captions, or "
            "the absolute path of a folder that all nodes share"
        )


def _checked_size(members: Mapping[str, Path], max_upload_mb: int) -> int:
    try:
        return check_size(members, max_upload_mb * 2**20)
    except ValueError as error:
        raise UsageError(f"{error} (or raise --max-upload-mb)") from error


def _check_package(package: Path, config: str, overrides: Sequence[str], scratch: Path) -> Config:
    """Load the config from the package alone, as the cluster will."""
    there = scratch / "there"
    with zipfile.ZipFile(package) as archive:
        archive.extractall(there)
    with chdir(there):
        try:
            return load_config(config, overrides)
        except UsageError as error:
            raise UsageError(
                f"{error} -- in the package: the file exists here, but outside of the working directory or ignored"
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
