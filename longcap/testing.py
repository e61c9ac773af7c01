"""Contract tests for operators, engines and exports, Longcap's own and those of other distributions.

    from longcap.testing import check_engine, check_operator

    def test_my_engine() -> None:
        requests = [Request(kind="window", start_s=0.0, end_s=10.0, prompt="Describe it.")]
        check_engine(Loud(), requests, other={"volume": 7})

Every function raises `AssertionError` with one line that says which part of the contract is broken.
"""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, get_type_hints

import psutil

from longcap.paths import own

own()

from operators.core.base import Operator, Row, Sizing  # noqa: E402  # Longcap's own, whatever lies in the current folder
from operators.core.fingerprint import digest, identity  # noqa: E402
from operators.store.content import content_of  # noqa: E402

if TYPE_CHECKING:
    from operators.engines.base import EngineSpec, Generation, Request
    from pipeline.export.base import Export, Sample

_ANSWER_S = 600.0
_END_S = 30.0  # a process that was told to end may take a moment


def check_operator(operator: Operator, rows: Sequence[Row], *, other: Mapping[str, Any] | None = None) -> list[Row]:
    """Run an operator over rows as a stage does.

    Checks that it is a frozen dataclass that pickles to an equal one; that it needs no column but those of `reads`,
    writes all columns of `writes` and changes no other; that it does not change the row that it is given; that equal
    rows give equal content in two lives (see `operators.store.content`); that it leaves no thread and no process
    behind; and, for each field in `other`, that its fingerprint changes, or stays the same where it is marked `SIZING`.

    Args:
        rows: each with all columns of `operator.reads`; others are not shown to the operator.
        other: field of the operator -> another value than it has.

    Returns:
        The columns that it wrote, a row for each of `rows`.
    """
    name = f"operator {operator.name}"
    _check_spec(name, operator, other or {})
    for row in rows:
        lacking = sorted(operator.reads - row.keys())
        assert not lacking, f"{name} reads {', '.join(lacking)}, which a row of this test lacks"
    shown = [{column: row[column] for column in sorted(operator.reads)} for row in rows]
    lives = []
    for _ in range(2):
        with _leaving_nothing(name), operator.open() as apply:
            lives.append([_applied(name, operator, apply, row) for row in shown])
    assert content_of(lives[0]) == content_of(lives[1]), (
        f"{name} writes other values for equal rows: {_difference(*lives)}"
    )
    return lives[0]


def check_engine(
    spec: EngineSpec, requests: Sequence[Request], *, other: Mapping[str, Any] | None = None
) -> list[Generation]:
    """Boot an engine and ask it.

    Checks that its spec is a frozen dataclass that pickles to an equal one and parses back from its config; that each
    request gets the same text among others and alone; that it leaves no thread and no process behind; and its
    fingerprint, as `check_operator` does.

    Returns:
        The answers.
    """
    from operators.engines.registry import engine_config, engine_kind, parse_engine

    name = f"engine {engine_kind(type(spec))}"
    _check_spec(name, spec, other or {})
    assert parse_engine(engine_config(spec)) == spec, f"{name} does not parse back from its own config"
    with _leaving_nothing(name), spec.open() as engine:
        together = [future.result(_ANSWER_S) for future in [engine.submit(request) for request in requests]]
        alone = [engine.submit(request).result(_ANSWER_S) for request in requests]
    for request, first, second in zip(requests, together, alone, strict=True):
        assert first.text == second.text, (
            f"{name} answers a {request.kind} with {first.text!r} among others and {second.text!r} alone"
        )
    return together


def check_export(
    spec: Export, samples: Sequence[Sample], folder: str | PathLike[str], *, other: Mapping[str, Any] | None = None
) -> None:
    """Write samples with an export and read them back, as `longcap export` does.

    Checks that it is a frozen dataclass that pickles to an equal one; that equal samples make equal rows; that writing
    makes the files that it names, and that `check` finds nothing wrong with them.

    Args:
        samples: in the order in which they are written; their media files, where the export needs them, are there.
        folder: an empty folder.
        other: field of the export -> another value than it has, with which the rows differ.
    """
    from pipeline.export.base import Shard
    from pipeline.export.folder import Folder

    name = f"export {type(spec).__name__}"
    parameters = getattr(spec, "__dataclass_params__", None)
    assert parameters is not None and parameters.frozen, f"{name} is not a frozen dataclass"
    assert pickle.loads(pickle.dumps(spec)) == spec, f"{name} does not pickle to an equal one"
    made = [(sample, row) for sample in samples for row in spec.rows(sample)]
    again = [row for sample in samples for row in spec.rows(sample)]
    assert [row for _, row in made] == again, f"{name} makes other rows of equal samples"
    for field, value in (other or {}).items():
        changed = [row for sample in samples for row in replace(spec, **{field: value}).rows(sample)]
        assert changed != again, f"{name}: {field} changes no row"
    place, split = Folder(fspath(folder)), samples[0].split
    files = spec.write(iter(made), Shard(place, split, f"{split}-00000"))
    finished = spec.finish(place, {split: files})
    lacking = [path for path in [*files, *finished] if place.size(path) is None]
    assert not lacking, f"{name} does not write {', '.join(lacking)}"
    wrong = list(spec.check(place))
    assert not wrong, f"{name} finds its own files wrong: {wrong[0]}"


def _check_spec(name: str, spec: Any, other: Mapping[str, Any]) -> None:
    parameters = getattr(spec, "__dataclass_params__", None)
    assert parameters is not None and parameters.frozen, f"{name} is not a frozen dataclass"
    assert pickle.loads(pickle.dumps(spec)) == spec, f"{name} does not pickle to an equal one"
    hints = get_type_hints(type(spec), include_extras=True)
    before = digest(identity(spec))
    for field, value in other.items():
        assert field in {f.name for f in fields(spec)}, f"{name} has no field {field}"
        assert getattr(spec, field) != value, f"{name} has {field}={value!r} already: give another value"
        sizing = any(isinstance(mark, Sizing) for mark in getattr(hints[field], "__metadata__", ()))
        moved = digest(identity(replace(spec, **{field: value}))) != before
        assert moved or sizing, f"{name}: {field} does not change the fingerprint"
        assert not (moved and sizing), f"{name}: {field} is marked SIZING and changes the fingerprint"


def _applied(name: str, operator: Operator, apply: Any, row: Row) -> Row:
    given = _copied(row)
    try:
        made = apply(row)
    except KeyError as error:
        raise AssertionError(f"{name} needs the column {error}, which is not in its reads") from error
    assert row == given, f"{name} changes the row that it is given"
    lacking = sorted(operator.writes - made.keys())
    assert not lacking, f"{name} does not write {', '.join(lacking)}, which is in its writes"
    changed = sorted(k for k in made if k not in operator.writes and (k not in given or made[k] != given[k]))
    assert not changed, f"{name} writes {', '.join(changed)}, which is not in its writes"
    return {column: _copied(made[column]) for column in sorted(operator.writes)}


def _copied(value: Any) -> Any:
    """A copy that shares nothing with `value`; buffers become bytes, as on the way to another process."""
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(item) for item in value]
    return bytes(value) if isinstance(value, memoryview) else copy.deepcopy(value)


@contextmanager
def _leaving_nothing(name: str) -> Iterator[None]:
    """What is opened inside the block has no thread and no process any more after it."""
    me = psutil.Process()
    threads, processes = set(threading.enumerate()), {p.pid for p in me.children(recursive=True)}
    yield
    for thread in set(threading.enumerate()) - threads:
        if not thread.daemon and not thread.name.startswith("gates"):
            thread.join(_END_S)
            assert not thread.is_alive(), f"{name} leaves the thread {thread.name} behind"
    left = [p for p in me.children(recursive=True) if p.pid not in processes]
    _, left = psutil.wait_procs(left, timeout=_END_S)
    assert not left, f"{name} leaves the processes {', '.join(str(p.pid) for p in left)} behind"


def _difference(one: Sequence[Row], two: Sequence[Row]) -> str:
    pairs = enumerate(zip(one, two, strict=True))
    return next(f"{c} of row {k}" for k, (a, b) in pairs for c in a if content_of(a[c]) != content_of(b[c]))
