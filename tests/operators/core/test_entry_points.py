"""Engines that installed distributions offer: found by name, and part of what a caption was made by."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from operators.core.entry_points import ENGINES, offers
from operators.core.fingerprint import digest, identity
from operators.engines.registry import engine_config, engine_kind, parse_engine
from operators.engines.template import MeasureEngine

MODULE = """
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from operators.engines.base import EngineSpec


@dataclass(frozen=True, kw_only=True)
class Loud(EngineSpec):
    version: ClassVar[int] = 1
    volume: int = 5

    @property
    def model_id(self):
        return "loud"

    @contextmanager
    def open(self):
        raise NotImplementedError
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Lay a distribution where Python finds it, as pip would."""
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "loud_captions"
    package.mkdir()
    (package / "__init__.py").write_text("from loud_captions.engine import Loud\n")
    (package / "engine.py").write_text(MODULE)

    def lay(version: str, name: str = "loud-captions", kind: str = "loud") -> None:
        for old in tmp_path.glob(f"{name.replace('-', '_')}-*.dist-info"):
            old.rename(tmp_path / "replaced")
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[{ENGINES}]\n{kind} = loud_captions:Loud\n")
        importlib.invalidate_caches()
        offers.cache_clear()

    yield lay
    for module in [m for m in sys.modules if m.partition(".")[0] == "loud_captions"]:
        del sys.modules[module]
    offers.cache_clear()


def test_an_engine_of_a_distribution_is_found_by_its_name(install: Install) -> None:
    install("1.0")
    spec = parse_engine({"kind": "loud", "volume": 7})
    assert (type(spec).__module__, spec.model_id) == ("loud_captions.engine", "loud")
    assert engine_kind(type(spec)) == "loud"
    assert parse_engine(engine_config(spec)) == spec
    assert parse_engine({"kind": "loud_captions:Loud", "volume": 7}) == spec
    with pytest.raises(ValueError, match=r"'lowd' is no engine; did you mean loud\? Known: loud, measure, openai, "):
        parse_engine("lowd")


def test_another_version_of_the_distribution_is_another_fingerprint(install: Install) -> None:
    install("1.0")
    spec = parse_engine("loud")
    before, ours = digest(identity(spec)), digest(identity(MeasureEngine()))
    assert identity(spec)["distribution"] == "loud-captions 1.0"
    install("1.1")
    assert digest(identity(spec)) != before
    assert digest(identity(MeasureEngine())) == ours
    assert "distribution" not in identity(MeasureEngine())


def test_two_distributions_with_one_name_are_refused(install: Install) -> None:
    install("1.0")
    install("2.0", name="other-captions")
    with pytest.raises(ValueError, match=r"captions .*\.0 and .*captions .*\.0 both offer 'loud' as longcap\.engines"):
        parse_engine("loud")


def test_an_engine_of_ours_is_never_replaced(install: Install) -> None:
    install("1.0", kind="measure")
    assert type(parse_engine("measure")) is MeasureEngine
