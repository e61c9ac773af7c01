"""The job: config, plan, graph, run, report; the command line and the Python API. `import longcap` is its door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longcap.paths import own

if TYPE_CHECKING:
    from pipeline.api import Result, open, plan, run
    from pipeline.config import Config
    from pipeline.config_file import load_config
    from pipeline.errors import RunFailed, UsageError
    from pipeline.look import Frame, Look, frames, probe
    from pipeline.output import Output
    from pipeline.selection import Selection

_WHERE = {
    **dict.fromkeys(("Result", "open", "plan", "run"), "pipeline.api"),
    "Config": "pipeline.config",
    "load_config": "pipeline.config_file",
    **dict.fromkeys(("RunFailed", "UsageError"), "pipeline.errors"),
    **dict.fromkeys(("Frame", "Look", "frames", "probe"), "pipeline.look"),
    "Output": "pipeline.output",
    "Selection": "pipeline.selection",
}

__all__ = [
    "Config",
    "Frame",
    "Look",
    "Output",
    "Result",
    "RunFailed",
    "Selection",
    "UsageError",
    "frames",
    "load_config",
    "open",
    "plan",
    "probe",
    "run",
]

own()  # before anything of ours is imported: processes that unpickle objects of ours come here first


def __getattr__(name: str) -> Any:
    """Import on first use: `longcap --help` must not wait for Arrow and Ray."""
    if name not in _WHERE:
        raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)
