"""Jobs: configuration, planning, execution and reports, the command line and the Python API (`import longcap`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longcap.paths import own

if TYPE_CHECKING:
    from operators.core.base import ItemError
    from pipeline.config.load import load_config
    from pipeline.config.types import Config
    from pipeline.execution.api import Planned, Result, open, plan, run
    from pipeline.export.api import check_export, export_dataset
    from pipeline.output.captions import Captions, compare
    from pipeline.output.output import Output
    from pipeline.retrieval.api import Hits, answer_questions, ask_output, index_output, search_output
    from pipeline.sources.inspection import Frame, Look, frames, probe
    from pipeline.sources.selection import Selection
    from pipeline.terminal.errors import RunFailed, Stopped, UsageError

_WHERE = {
    "ItemError": "operators.core.base",
    **dict.fromkeys(("Planned", "Result", "open", "plan", "run"), "pipeline.execution.api"),
    **dict.fromkeys(("Captions", "compare"), "pipeline.output.captions"),
    "Config": "pipeline.config.types",
    "load_config": "pipeline.config.load",
    **dict.fromkeys(("check_export", "export_dataset"), "pipeline.export.api"),
    **dict.fromkeys(
        ("Hits", "answer_questions", "ask_output", "index_output", "search_output"), "pipeline.retrieval.api"
    ),
    **dict.fromkeys(("RunFailed", "Stopped", "UsageError"), "pipeline.terminal.errors"),
    **dict.fromkeys(("Frame", "Look", "frames", "probe"), "pipeline.sources.inspection"),
    "Output": "pipeline.output.output",
    "Selection": "pipeline.sources.selection",
}

__all__ = [
    "Captions",
    "Config",
    "Frame",
    "Hits",
    "ItemError",
    "Look",
    "Output",
    "Planned",
    "Result",
    "RunFailed",
    "Selection",
    "Stopped",
    "UsageError",
    "answer_questions",
    "ask_output",
    "check_export",
    "compare",
    "export_dataset",
    "frames",
    "index_output",
    "load_config",
    "open",
    "plan",
    "probe",
    "run",
    "search_output",
]

own()  # before other imports of Longcap: processes that unpickle its objects import this package first


def __getattr__(name: str) -> Any:
    """Import on first use, so that `longcap --help` does not import Arrow and Ray."""
    if name not in _WHERE:
        raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)
