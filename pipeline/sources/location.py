"""Check where an output may be: a location that every client resolves alike and that outlives a Ray job."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from operators.core.causes import explained
from operators.core.first_contact import first_contact
from operators.core.text import printable
from operators.core.uris import local_path, lost_slash, unfit_for_tables
from pipeline.sources.files import normalise
from pipeline.terminal.errors import UsageError

_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # Ray's job server sets it for the driver of a job only
_TEMPORARY = ("/tmp", "/var/tmp")  # in place of a TMPDIR whose name is unfit for tables
_SCRATCH = "runtime_resources"  # folder of a Ray session with the packages of a job; removed after the job


def output_uri(text: str) -> str:
    """Return the uri of the output that `text` names.

    Raises:
        UsageError: a table cannot be there, a URL has lost a slash, the endpoint does not answer, or the location is
            removed with the Ray job.
    """
    if not text.strip():
        raise UsageError("the output has an empty name; give -o a folder or a prefix such as s3://bucket/captions")
    uri = normalise(text)
    if why := lost_slash(text) or unfit_for_tables(uri):
        raise UsageError(f"the output cannot be at {printable(text)}: {why}")
    path = local_path(text)
    if path is not None and in_ray_job() and (not Path(path).is_absolute() or _SCRATCH in Path(path).parts):
        raise UsageError(
            f"-o {printable(text)} is in the scratch folder of this Ray job, which is removed with the job: give a "
            "prefix such as s3://bucket/captions, or the absolute path of a folder that all nodes share"
        )
    try:
        first_contact(uri)
    except OSError as error:
        raise UsageError(f"cannot reach {uri}: {explained(error)}") from error
    return uri


@contextmanager
def scratch_output() -> Iterator[str]:
    """Yield a temporary folder that can hold an output; it is removed at the end of the block.

    Raises:
        UsageError: tables cannot be in any of the folders for temporary files.
    """
    own = tempfile.gettempdir()
    fit = [place for place in (own, *_TEMPORARY) if unfit_for_tables(place) is None and os.access(place, os.W_OK)]
    if not fit:
        raise UsageError(f"no output can be in {printable(own)}: {unfit_for_tables(own)}; set TMPDIR to another folder")
    with tempfile.TemporaryDirectory(prefix="longcap-scratch-", dir=fit[0]) as folder:
        yield folder


def check_outside(uri: str, out: str) -> None:
    """Check that files written to `uri` do not lie in the output `out`, which `longcap verify` would not accept.

    Args:
        uri, out: as `output_uri` returns them.

    Raises:
        UsageError: they would.
    """
    if is_inside(uri, out):
        raise UsageError(f"-o {uri} lies in the output {out}; give a folder outside of it")


def is_inside(uri: str, folder: str) -> bool:
    """Whether a URI is that of a folder, or lies in it."""
    return f"{uri.rstrip('/')}/".startswith(f"{folder.rstrip('/')}/")


def in_ray_job() -> bool:
    """Return whether this process is the driver of a submitted Ray job, which runs in a scratch folder."""
    try:
        return "job_submission_id" in json.loads(os.environ.get(_JOB) or "{}").get("metadata", {})
    except (ValueError, AttributeError):
        return False


def scratch_hint(text: str) -> str:
    """Return the tail of an error about a missing input: in a Ray job, paths are relative to its folder."""
    path = local_path(text)
    if path is None or Path(path).is_absolute() or not in_ray_job():
        return ""
    return (
        f"; in a Ray job a relative path is relative to the job's own folder ({Path.cwd()}), and data is not "
        "sent with the job: give s3://bucket/prefix, or the absolute path of a folder that all nodes share"
    )
