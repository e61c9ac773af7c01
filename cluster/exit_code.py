"""Pass the exit code of a driver through its log, since Ray keeps no exit code of a stopped job."""

from __future__ import annotations

import os
import re
import sys

_SAID = "longcap: exit code "
_IN_A_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # Ray sets it only for the entrypoint of a submitted job


def log_exit_code(code: int) -> None:
    """Write the code as the last line of the log, if this process is the driver of a submitted job."""
    if _IN_A_JOB in os.environ:
        sys.stderr.write(f"{_SAID}{code}\n")
        sys.stderr.flush()


def reported(log: str) -> int | None:
    """Return the code at the end of a job's log; None if the driver had no time to write it."""
    found = re.findall(rf"^{_SAID}(\d+)$", log, re.MULTILINE)
    return int(found[-1]) if found else None
