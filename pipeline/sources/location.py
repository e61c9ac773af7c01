"""Where an output may lie: a location that every client reads as the same place, and that outlives the job."""

from __future__ import annotations

import json
import os
from pathlib import Path

from operators.core.causes import explained
from operators.core.first_contact import first_contact
from operators.core.text import printable
from operators.core.uris import local_path, unfit_for_tables
from pipeline.sources.files import normalise
from pipeline.terminal.errors import UsageError

_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # what Ray's job server gives to a job's driver, and only to it
_SCRATCH = "runtime_resources"  # of a Ray session: packages that are unpacked for a job, and removed after it


def output_uri(text: str) -> str:
    """The uri of the output that `text` names.

    Raises:
        UsageError: no table can lie there, its endpoint does not answer, or it would end with the Ray job.
    """
    if not text.strip():
        raise UsageError("the output is an empty name; give -o a folder or a prefix such as s3://bucket/captions")
    uri = normalise(text)
    if why := unfit_for_tables(uri):
        raise UsageError(f"the output cannot lie at {printable(text)}: {why}")
    path = local_path(text)
    if path is not None and in_ray_job() and (not Path(path).is_absolute() or _SCRATCH in Path(path).parts):
        raise UsageError(
            f"-o {printable(text)} lies in the scratch folder of this Ray job, and would end with the job: give a "
            "prefix such as s3://bucket/captions, or the absolute path of a folder that all nodes share"
        )
    try:
        first_contact(uri)
    except OSError as error:
        raise UsageError(f"cannot reach {uri}: {explained(error)}") from error
    return uri


def in_ray_job() -> bool:
    """Whether this process is the driver of a job that was sent to a Ray job server: it runs in a scratch folder."""
    try:
        return "job_submission_id" in json.loads(os.environ.get(_JOB) or "{}").get("metadata", {})
    except (ValueError, AttributeError):
        return False


def scratch_hint(text: str) -> str:
    """The tail of an error about an input that is not there: in a Ray job, relative paths are looked up elsewhere."""
    path = local_path(text)
    if path is None or Path(path).is_absolute() or not in_ray_job():
        return ""
    return (
        f"; in a Ray job a relative path is looked up in the job's own folder ({Path.cwd()}), and data does not "
        "travel: give s3://bucket/prefix, or the absolute path of a folder that all nodes share"
    )
