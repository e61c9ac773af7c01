from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from operators.engines.base import EngineSpec, RunningEngine
from operators.engines.registry import AnyEngine, engine_config, engine_kind, parse_engine
from operators.engines.template import MeasureEngine

HERE = __name__


@dataclass(frozen=True, kw_only=True)
class Loud(EngineSpec):
    """An engine of a user's own."""

    version: ClassVar[int] = 3
    volume: Annotated[int, Field(ge=1, le=11)] = 5
    tags: tuple[str, ...] = ()

    @property
    def model_id(self) -> str:
        return "loud"

    def open(self) -> AbstractContextManager[RunningEngine]:
        raise NotImplementedError


class NoSpec:
    pass


def test_a_kind_alone_and_a_mapping_name_the_same_engine() -> None:
    assert parse_engine("measure") == parse_engine({"kind": "measure"}) == MeasureEngine()


def test_a_spec_passes_through() -> None:
    spec = Loud(volume=7)
    assert parse_engine(spec) is spec


def test_a_users_own_engine_is_found_by_its_place_and_its_fields_are_read() -> None:
    assert parse_engine({"kind": f"{HERE}:Loud", "volume": 11, "tags": ["a"]}) == Loud(volume=11, tags=("a",))


@pytest.mark.parametrize("spec", [MeasureEngine(), Loud(volume=2, tags=("x", "y"))])
def test_what_is_dumped_is_plain_and_parses_back_to_an_equal_spec(spec: EngineSpec) -> None:
    dumped = engine_config(spec)
    assert parse_engine(json.loads(json.dumps(dumped))) == spec
    assert parse_engine(engine_kind(type(spec))).__class__ is type(spec)


def test_the_built_in_engine_goes_by_its_short_name() -> None:
    assert engine_config(MeasureEngine())["kind"] == "measure"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("measur", ["'measur' is no engine", "did you mean measure?", "package.module:ClassName"]),
        ("zzz", ["'zzz' is no engine", "Known: measure"]),
        ("no_such_module:Engine", ["cannot be imported", "no_such_module"]),
        (f"{HERE}:Lod", [f"module {HERE} has no Lod", "did you mean Loud?"]),
        (f"{HERE}:NoSpec", ["not a dataclass derived from operators.engines.base.EngineSpec"]),
        ({"kind": f"{HERE}:Loud", "volum": 3}, ["volum is not a known key", "did you mean volume?", "volume, tags"]),
        ({"volume": 3}, ["kind is missing", "measure"]),
        (["measure"], ["is no engine"]),
        (None, ["is no engine"]),
    ],
)
def test_what_is_no_engine_is_one_line_that_helps(value: object, says: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        parse_engine(value)
    message = str(caught.value)
    assert "\n" not in message
    for part in says:
        assert part in message


def test_a_wrong_value_of_an_engines_field_is_located() -> None:
    with pytest.raises(ValidationError) as caught:
        parse_engine({"kind": f"{HERE}:Loud", "volume": 12})
    assert caught.value.errors()[0]["loc"] == ("volume",)


def test_as_the_type_of_a_field_it_validates_dumps_and_has_a_schema() -> None:
    @dataclass(frozen=True)
    class Holder:
        engine: AnyEngine

    adapter = TypeAdapter(Holder)
    held = adapter.validate_python({"engine": {"kind": f"{HERE}:Loud", "volume": 4}})
    assert held == Holder(Loud(volume=4))
    assert adapter.dump_python(held, mode="json")["engine"]["volume"] == 4
    assert "anyOf" in adapter.json_schema()["properties"]["engine"]


@pytest.fixture
def broken_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "needs_more.py").write_text("import a_package_that_is_not_installed\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "needs_more"
    sys.modules.pop("needs_more", None)


def test_an_engine_whose_package_is_missing_says_which(broken_module: str) -> None:
    with pytest.raises(ValueError, match="a_package_that_is_not_installed"):
        parse_engine(f"{broken_module}:Engine")
