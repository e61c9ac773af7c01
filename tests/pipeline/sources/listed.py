"""What the tests beside it share."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config.types import SourceOptions
from pipeline.sources.listing import list_sources
from pipeline.terminal.errors import UsageError

OPTIONS = SourceOptions()


def touch(folder: Path, *names: str, content: bytes = b"x") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def error_of(inputs: list[str], options: SourceOptions = OPTIONS) -> str:
    with pytest.raises(UsageError) as caught:
        list_sources(inputs, options)
    assert "\n" not in str(caught.value)
    return str(caught.value)
