from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import pytest

from operators.analysis.measure import Measure
from operators.caption.caption import Caption
from operators.core.base import SIZING, Operator, Sizing
from operators.core.fingerprint import FINGERPRINT_HEX, chain, digest, identity
from operators.engines.template import MeasureEngine
from operators.narrate.narrate import Narrate
from operators.video.decode import Decode
from operators.video.probe import Probe
from tests.support.engines import Scripted

OPERATORS: list[Operator] = [Probe(), Decode(), Measure(), Caption(), Narrate()]
PROMPTS = {"frame_prompt": "video", "window_prompt": "video", "section_prompt": "frame", "video_prompt": "frame"}
PROMPTS |= {"digest_prompt": "frame", "outline_prompt": "frame", "repair_prompt": "frame"}

_TOGETHER = {"shots", "shots_weights"}  # set together or not at all: a test of their own
_FIELDS = [(op, f.name) for op in OPERATORS for f in fields(op) if f.name not in _TOGETHER]


def _sizing(op: Operator, name: str) -> bool:
    hint = get_type_hints(type(op), include_extras=True)[name]
    return any(isinstance(m, Sizing) for m in getattr(hint, "__metadata__", ()))


def _other(op: Operator, name: str) -> Any:
    """Another value of the same type; what a config would allow does not matter here."""
    value = getattr(op, name)
    if name in PROMPTS:
        return PROMPTS[name]
    hint = get_type_hints(type(op))[name]
    if get_origin(hint) is Literal:
        return next(v for v in get_args(hint) if v != value)
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value + "x"
        case tuple():
            return (*value, "pyav") if value else ("x",)
        case None:
            return 7
        case MeasureEngine():
            return Scripted()
    raise AssertionError(f"a field of a kind that this test does not know: {type(op).__name__}.{name} = {value!r}")


@pytest.mark.parametrize(("op", "name"), _FIELDS, ids=[f"{op.name}.{n}" for op, n in _FIELDS])
def test_all_fields_but_those_of_size_count(op: Operator, name: str) -> None:
    other = replace(op, **{name: _other(op, name)})
    assert (chain("x", op) == chain("x", other)) == _sizing(op, name)


def test_what_finds_shots_counts_and_so_do_its_weights_wherever_they_lie(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one.pt", "same.pt", "other.pt")]
    for path, data in zip(paths, (b"a", b"a", b"b"), strict=True):
        path.write_bytes(data)
    one, same, other = (chain("x", Decode(shots="transnetv2", shots_weights=str(path))) for path in paths)
    assert one == same and len({chain("x", Decode()), one, other}) == 3


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_how_many_how_fast_and_on_what_is_marked_as_size(op: Operator) -> None:
    for f in fields(op):
        if any(word in f.name for word in ("concurrency", "workers", "threads", "timeout", "stall", "memory", "cpu")):
            assert _sizing(op, f.name), f.name


@dataclass(frozen=True, kw_only=True)
class Spec:
    depth: int = 1
    workers: Annotated[int, SIZING] = 1


@dataclass(frozen=True, kw_only=True)
class Owner:
    spec: Spec = Spec()
    many: tuple[Spec, ...] = (Spec(),)
    named: Any = None


def test_nested_specs_count_without_their_size() -> None:
    assert identity(Owner()) == {"spec": {"depth": 1}, "many": [{"depth": 1}], "named": None}
    assert identity(Owner(spec=Spec(workers=9), many=(Spec(workers=2),))) == identity(Owner())
    assert identity(Owner(spec=Spec(depth=2))) != identity(Owner())
    assert identity(Owner(named={"a": Spec(workers=3)}))["named"] == {"a": {"depth": 1}}


def test_what_an_engine_is_told_counts() -> None:
    assert chain("x", Caption(engine=Scripted())) != chain("x", Caption(engine=Scripted(script="[ ]")))
    assert chain("x", Caption(engine=Scripted())) == chain("x", Caption(engine=Scripted(threads=4, log="a")))


def test_engines_of_equal_fields_and_versions_of_one_engine_share_nothing() -> None:
    class Other(Scripted):
        pass

    class Newer(Scripted):
        version: ClassVar[int] = 2

    Newer.__qualname__ = Scripted.__qualname__
    Newer.__module__ = Scripted.__module__
    keys = {chain("x", Caption(engine=engine)) for engine in (Scripted(), Other(), Newer())}
    assert len(keys) == 3


def test_the_texts_of_prompts_count_not_only_their_names(tmp_path: Path) -> None:
    prompt = tmp_path / "mine.j2"
    keys = set()
    for text in ("Say what is there.", "Say what is there!"):
        prompt.write_text("{# version: 1 #}\n" + text)
        keys.add(chain("x", Caption(frame_prompt=str(prompt))))
        keys.add(chain("x", Narrate(video_prompt=str(prompt))))
    assert len(keys) == 4


def test_the_operator_its_version_and_all_before_it_count() -> None:
    class Newer(Measure):
        version: ClassVar[int] = Measure.version + 1

    class Renamed(Measure):
        name: ClassVar[str] = "other"

    keys = [chain("a", Measure()), chain("b", Measure()), chain("a", Newer()), chain("a", Renamed())]
    assert len(set(keys)) == 4
    assert all(len(key) == FINGERPRINT_HEX and int(key, 16) >= 0 for key in keys)


def test_digest_is_canonical() -> None:
    assert digest({"b": 1, "a": [1.5, None, "é"]}) == digest({"a": (1.5, None, "é"), "b": 1})
    assert digest("é") != digest("e")
    assert digest(1) != digest("1")
    with pytest.raises(ValueError):
        digest(float("nan"))  # would be equal to nothing, itself included, and no JSON


def test_fingerprints_are_the_same_in_every_process() -> None:
    code = (
        "from tests.operators.core.test_fingerprint import OPERATORS, chain\n"
        "key = ''\n"
        "for op in OPERATORS: key = chain(key, op)\n"
        "print(key)"
    )
    seen = set()
    for seed in ("0", "1"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        root = Path(__file__).parents[3]
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, cwd=root, capture_output=True, text=True, check=True
        )
        seen.add(done.stdout.strip())
    key = ""
    for op in OPERATORS:
        key = chain(key, op)
    assert seen == {key}
