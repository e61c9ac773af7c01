"""Longcap from Python and notebooks.

import longcap

config = longcap.load_config("measure", ["plan.window_s=8"])
result = longcap.run(["videos/"], "captions/", config)
result.to_pandas()

longcap.open("captions/").to_arrow()

This package is a thin door to `pipeline`: it makes sure that Longcap's own packages are imported, and not files of the
user's that have the same names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longcap.paths import own

if TYPE_CHECKING:
    from pipeline import (
        Config,
        Frame,
        Look,
        Output,
        Result,
        RunFailed,
        Selection,
        UsageError,
        check_export,
        export_dataset,
        frames,
        load_config,
        open,
        plan,
        probe,
        run,
    )

__all__ = [
    "Config",
    "Frame",
    "Look",
    "Output",
    "Result",
    "RunFailed",
    "Selection",
    "UsageError",
    "check_export",
    "export_dataset",
    "frames",
    "load_config",
    "open",
    "plan",
    "probe",
    "run",
]

own()


def __getattr__(name: str) -> Any:
    """Import on first use, as `pipeline` does."""
    if name not in __all__:
        raise AttributeError(f"module 'longcap' has no attribute {name!r}")
    import pipeline

    return getattr(pipeline, name)
