"""Ids of runs, which sort by the start of the runs."""

from __future__ import annotations

import calendar
import re
import secrets
import time
from collections.abc import Iterable

_FORM = re.compile(r"(\d{8}-\d{6})-([0-9a-f]{4})[0-9a-f]{2}")
_TICKS = 2**16  # of a second


def new_run_id(earlier: Iterable[str] = ()) -> str:
    """Return a run id: the time, with fractions of a second, and two random digits.

    Args:
        earlier: ids of the runs of the output. The new id sorts after all of them, even if the clock of this machine is
            behind the clock by which they were made, because readers take the last id for the newest run.
    """
    ticks = int(time.time() * _TICKS)
    known = max((_ticks_of(run_id) for run_id in earlier), default=0)
    if ticks <= known:
        ticks = known + 1 + secrets.randbelow(_TICKS)  # at random, because several runs may begin simultaneously
    seconds, rest = divmod(ticks, _TICKS)
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(seconds))}-{rest:04x}{secrets.token_hex(1)}"


def _ticks_of(run_id: str) -> int:
    found = _FORM.fullmatch(run_id)
    if found is None:
        return 0
    try:
        return calendar.timegm(time.strptime(found[1], "%Y%m%d-%H%M%S")) * _TICKS + int(found[2], 16)
    except ValueError:
        return 0
