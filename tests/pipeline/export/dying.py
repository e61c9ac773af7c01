"""Exports that are killed: `python -m tests.pipeline.export.dying JSON` does each one whole, and again under kills.

Each export runs in a child that is forked once everything is imported, so that many of them take little time. A child
kills itself with SIGKILL at its n-th step: before or after it writes, moves or removes a file.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pandas  # noqa: F401  # so that no child imports it anew

from pipeline.export.export import Settings, export
from pipeline.export.folder import Folder


class Steps:
    """Counts steps, and kills the process at one of them."""

    def __init__(self, last: int | None) -> None:
        self.count, self._last = 0, last

    def step(self) -> None:
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def do(*given: Any, **more: Any) -> Any:
            self.step()
            found = call(*given, **more)
            self.step()
            return found

        return do

    def writing(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def do(*given: Any) -> Iterator[IO[bytes]]:
            self.step()
            with call(*given) as file:
                yield file
                file.flush()
                self.step()  # all is written, and the file is not in its place
            self.step()

        return do


def in_child(job: dict[str, Any], name: str, last: int | None, count: Path) -> int:
    """Export in a forked process; its exit code, or minus the signal that ended it."""
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)
    code = 1
    try:
        steps = Steps(last)
        for method in ("write", "take", "remove"):
            setattr(Folder, method, steps.around(getattr(Folder, method)))
        Folder.writing = steps.writing(Folder.writing)  # type: ignore[method-assign]
        folder = f"{job['folder']}/{name}"
        report = export(job["out"], job["to"], folder, options=job["options"], settings=Settings(**job["settings"]))
        count.write_text(str(steps.count))
        code = 0 if report.ok else 3
    finally:
        os._exit(code)


def main() -> None:
    """Do the jobs, and print how each child of each job ended."""
    (text,) = sys.argv[1:]
    found = []
    for number, job in enumerate(json.loads(text)):
        count = Path(job["scratch"]) / f"steps-{number}"
        codes = [in_child(job, "whole", None, count)]
        total = int(count.read_text())
        for k, share in enumerate(job["killed_at"]):
            codes.append(in_child(job, f"killed-{k}", max(1, round(share * total)), count))
            if not k:
                codes.append(in_child(job, f"killed-{k}", 5, count))  # and again, soon after it has resumed
            codes.append(in_child(job, f"killed-{k}", None, count))
        found.append({"steps": total, "codes": codes})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
