"""One registry for operators, engines, recognisers and exports: the same words for the same faults."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError

from operators.audio.recognisers import registry as recognisers
from operators.core import registry as operators
from operators.core.entry_points import offers
from operators.core.fingerprint import identity
from operators.core.named import Registry
from operators.embedding.embedders import registry as embedders
from operators.engines import registry as engines
from pipeline.export import registry as exports

SORTS: list[Registry[Any]] = [
    operators.REGISTRY,
    engines.REGISTRY,
    recognisers.REGISTRY,
    embedders.REGISTRY,
    exports.REGISTRY,
]


@dataclass(frozen=True, kw_only=True)
class Shape:
    sides: Annotated[int, Field(ge=3)] = 3
    label: str = "plain"


@dataclass(frozen=True, kw_only=True)
class Square(Shape):
    sides: int = 4


SHAPES = Registry(noun="shape", base=Shape, ours={"shape": f"{__name__}:Shape"}, group="longcap.shapes")


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: sort.noun)
def test_every_name_of_ours_is_found_and_every_fault_is_one_line_that_helps(sort: Registry[Any]) -> None:
    for name in sort.ours:
        assert issubclass(sort.find(name), sort.base) and sort.kind(sort.find(name)) == name
    name = min(sort.ours)
    for wrong, says in (
        (f"{name}x", f"'{name}x' is no {sort.noun}; did you mean {name}? Known: "),
        ("zzzzzz", f"'zzzzzz' is no {sort.noun}. Known: {name}"),
        ("no_such_module:Thing", f"{sort.noun} 'no_such_module:Thing' cannot be imported"),
        (f"{__name__}:Shap", f"module {__name__} has no Shap; did you mean Shape?"),
        (f"{__name__}:Shape", f"not a dataclass derived from {sort.base.__module__}.{sort.base.__qualname__}"),
    ):
        with pytest.raises(ValueError) as caught:
            sort.find(wrong)
        assert says in str(caught.value) and "\n" not in str(caught.value)


def test_options_go_over_what_stands_already() -> None:
    base = Square(label="blue")
    assert SHAPES.build("shape", {}) == Shape()
    assert SHAPES.build("square", {"sides": 5}, base) == Square(sides=5, label="blue")
    assert SHAPES.build("square", {}, base) is base


def test_a_wrong_value_is_located_or_said_in_one_line() -> None:
    with pytest.raises(ValidationError) as located:
        SHAPES.build("shape", {"sides": 2})
    assert located.value.errors()[0]["loc"] == ("sides",)
    with pytest.raises(
        ValueError, match=r"^shape shape: sides: .* greater than or equal to 3, and 2 was given$"
    ) as said:
        SHAPES.make("shape", {"sides": 2})
    assert not isinstance(said.value, ValidationError)
    with pytest.raises(ValueError, match=r"^labl is not a known key of shape shape; did you mean label\? Known here"):
        SHAPES.make("shape", {"labl": "x"})


@pytest.mark.parametrize("value", [True, False, float("inf"), [0.5, True]])
def test_no_number_is_true_or_infinite(value: object) -> None:
    with pytest.raises(ValueError, match=r"operator digest: similarity is .* neither true or false nor an infinite"):
        operators.REGISTRY.make("digest", {"similarity": value})


def test_a_config_and_its_parse_are_inverse() -> None:
    for shape in (Shape(sides=7), Square(label="x")):
        assert SHAPES.parse(SHAPES.config(shape)) == shape
    assert SHAPES.config(Square())["kind"] == f"{__name__}:Square"
    assert SHAPES.config("no shape") == "no shape"  # type: ignore[arg-type]
    for wrong, says in (({"sides": 3}, "kind is missing; name the shape"), ([1], r"\[1\] is no shape; write a kind")):
        with pytest.raises(ValueError, match=says):
            SHAPES.parse(wrong)


def test_a_recogniser_of_a_distribution_is_found_and_counts_in_its_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keen_ear.py").write_text(
        "from dataclasses import dataclass\n"
        "from operators.audio.recognisers.base import RecogniserSpec\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Ear(RecogniserSpec):\n"
        "    version = 1\n"
        "    origin = 'ear'\n"
        "    def open(self): raise NotImplementedError\n"
    )
    info = tmp_path / "keen_ear-2.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: keen-ear\nVersion: 2.1\n")
    (info / "entry_points.txt").write_text("[longcap.recognisers]\near = keen_ear:Ear\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    offers.cache_clear()
    try:
        found = recognisers.REGISTRY.parse("ear")
        assert identity(found) == {"version": 1, "recogniser": "keen_ear:Ear", "distribution": "keen-ear 2.1"}
        assert identity(recognisers.REGISTRY.parse("pocketsphinx")).keys().isdisjoint({"recogniser", "distribution"})
    finally:
        sys.modules.pop("keen_ear", None)
        offers.cache_clear()


@dataclass(frozen=True, kw_only=True)
class Nameless(operators.Operator):
    version = 1
    pool = "own"
    reads = frozenset({"caption"})
    writes = frozenset({"title"})

    def open(self) -> Any:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Complete(Nameless):
    name = "complete"


@dataclass(frozen=True, kw_only=True)
class Closed(operators.Operator):
    name = "closed"


@dataclass(frozen=True, kw_only=True)
class Listed(Complete):
    reads = ("caption",)  # type: ignore[assignment]  # as in code that nobody checked


@dataclass(frozen=True, kw_only=True)
class Numbered(Complete):
    version = "1"  # type: ignore[assignment]


def test_an_operator_that_is_not_complete_is_said_in_one_line() -> None:
    assert operators.REGISTRY.find(f"{__name__}:Complete") is Complete
    for cls, says in (
        (Nameless, "is incomplete: it does not set the class variable name"),
        (Closed, "is incomplete: it does not define open()"),
        (Listed, "its class variable reads is ('caption',); it must be a frozenset of names of columns"),
        (Numbered, "its class variable version is '1'; it must be an integer"),
    ):
        with pytest.raises(ValueError) as caught:
            operators.REGISTRY.find(f"{__name__}:{cls.__name__}")
        assert str(caught.value).endswith(says)
