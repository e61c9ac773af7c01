"""Aggregators, which commit the rows of a stage: one in the stage's process, or several actors sharded by video id.

A sharded aggregator sends each row to the actor responsible for its video and waits for all answers. The actors belong
to the process that started them: they end with it, and its successor starts new ones. Ray restarts a killed actor on
any node; it takes over the writer's name and reads from the store which rows are committed.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from operators.core.base import Row
from operators.core.storage import adopt
from operators.store.done import Share, share_of
from operators.store.group_commit import GroupCommit, Grouping

Aggregate: TypeAlias = Callable[[list[Row]], list[Row]]


@dataclass(frozen=True, kw_only=True)
class AggregatorSpec:
    """The specification of an aggregator.

    Attributes:
        committer: a class of `operators.store.commit`.
        arguments: arguments of the committer, except `host`.
        grouping: rules for grouping rows into commits.
        shards: number of writers; with more than one, each committer gets its `share`, which its name contains.
        expected: number of rows that each writer will get; None if unknown.
        environment: the driver's variables for storage clients.
        num_cpus: CPUs of one actor.
    """

    committer: Any
    arguments: Mapping[str, Any]
    grouping: Grouping = field(default_factory=Grouping)
    shards: int = 1
    expected: tuple[int, ...] | None = None
    environment: Mapping[str, str] | None = None
    num_cpus: float = 0.0


def aggregator(spec: AggregatorSpec) -> Aggregate:
    """A thread-safe function that maps rows to their answers and returns when they are durable."""
    return (Shards(start(spec)) if spec.shards > 1 else Aggregator(spec)).commit


class Aggregator:
    """One writer. It opens its tables at the first call, so that unavailable storage only fails that call."""

    def __init__(self, spec: AggregatorSpec) -> None:
        if spec.environment is not None:
            adopt(spec.environment)
        self._spec = spec
        self._committer: Any = None
        how = spec.grouping if spec.expected is None else replace(spec.grouping, expected=sum(spec.expected))
        self._group: GroupCommit[Row, Row] = GroupCommit(self._commit, how, spec.committer.urgent)

    def commit(self, items: list[Row]) -> list[Row]:
        if not any(map(self._spec.committer.waits, items)) and self._committer is not None:
            return [answer for answers in self._committer.commit(items) for answer in answers]
        return self._group(items)

    def _commit(self, items: list[Row]) -> list[list[Row]]:
        if self._committer is None:
            self._committer = self._spec.committer(**self._spec.arguments, host=socket.gethostname())
        answers: list[list[Row]] = self._committer.commit(items)
        return answers


def start(spec: AggregatorSpec) -> list[Any]:
    """Start the aggregators as actors that belong to this process, one per shard, and return their handles."""
    import ray

    remote = ray.remote(
        num_cpus=spec.num_cpus,
        max_restarts=-1,
        max_task_retries=-1,
        scheduling_strategy="SPREAD",  # as much network as work: not all on one machine
    )(Aggregator)
    started: Any = remote.options(max_concurrency=max(2, spec.grouping.callers))  # Ray's types do not know it
    specs = [_shard(spec, index) for index in range(spec.shards)] if spec.shards > 1 else [spec]
    return [started.remote(one) for one in specs]


class Shards:
    """Distributes rows to aggregators by video id.

    Args:
        actors: handles from `start`.
    """

    def __init__(self, actors: Sequence[Any]) -> None:
        self._actors = list(actors)

    def commit(self, items: list[Row]) -> list[Row]:
        import ray

        parts: dict[int, list[Row]] = {}
        for row in items:
            parts.setdefault(share_of(row["video_id"], len(self._actors)), []).append(row)
        calls = [self._actors[index].commit.remote(rows) for index, rows in parts.items()]
        answers: Sequence[list[Row]] = ray.get(calls)
        return [answer for some in answers for answer in some]


def _shard(spec: AggregatorSpec, index: int) -> AggregatorSpec:
    """The spec of one shard, with its share and its part of the grouping limits."""
    how, count = spec.grouping, spec.shards
    part = replace(how, size=-(-how.size // count), callers=-(-how.callers // count))
    writer = f"{spec.arguments.get('writer', 'gather')} {index + 1}/{count}"
    arguments = {**spec.arguments, "writer": writer, "share": Share(index, count)}
    expected = None if spec.expected is None else spec.expected[index : index + 1]
    return replace(spec, arguments=arguments, grouping=part, shards=1, expected=expected)
