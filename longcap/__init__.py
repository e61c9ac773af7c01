"""Longcap from Python and notebooks.

import longcap

config = longcap.load_config("measure", "plan.window_s=8")
result = longcap.run("videos/", "captions/", config)
result.to_pandas()

longcap.open("captions/")["talk.mp4"].caption

This package re-exports the API of `pipeline`, and ensures that Longcap's packages are imported rather than files of the
user with the same names.
"""

from __future__ import annotations as _annotations

from typing import TYPE_CHECKING as _TYPE_CHECKING

from longcap.paths import own as _own

if _TYPE_CHECKING:
    from pipeline import (
        Captions,
        Config,
        Frame,
        Hits,
        ItemError,
        Look,
        Output,
        Planned,
        Result,
        RunFailed,
        Selection,
        Stopped,
        UsageError,
        answer_questions,
        ask_output,
        check_export,
        compare,
        export_dataset,
        frames,
        index_output,
        load_config,
        open,
        plan,
        probe,
        run,
        search_output,
    )

    __version__: str

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
    "__version__",
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

_own()


def __getattr__(name: str) -> object:
    """Import on first use, as `pipeline` does."""
    if name == "__version__":
        from importlib.metadata import version

        return version("longcap")
    if name not in __all__:
        raise AttributeError(f"module 'longcap' has no attribute {name!r}")
    import pipeline

    return getattr(pipeline, name)


def __dir__() -> list[str]:
    """The public names and nothing else, for completion."""
    return sorted(__all__)
