"""Longcap from Python and notebooks.

import pipeline as longcap

config = longcap.load_config("measure", ["caption.window_s=8"])
result = longcap.run(["videos/"], "captions/", config)
result.to_pandas()

longcap.open("captions/").to_arrow()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    """Import on first use: `longcap --help` must not wait for Arrow and Ray."""
    if name not in _WHERE:
        raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)
