"""How a driver tells its exit code through its log: Ray keeps none of a job that was stopped."""

from __future__ import annotations

import os
import re
import sys

_SAID = "longcap: exit code "
_IN_A_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # Ray sets it for the entrypoint of a submitted job, and for nothing else


def tell(code: int) -> None:
    """Write the code as the log's last line, if this process is the driver of a submitted job."""
    if _IN_A_JOB in os.environ:
        sys.stderr.write(f"{_SAID}{code}\n")
        sys.stderr.flush()


def reported(log: str) -> int | None:
    """The code that the log of a job ends with; None where its driver had no time to say one."""
    found = re.findall(rf"^{_SAID}(\d+)$", log, re.MULTILINE)
    return int(found[-1]) if found else None
