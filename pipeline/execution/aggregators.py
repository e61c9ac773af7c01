"""Aggregators behind a stage: one in the stage's own process, or several in actors of their own, sharded by video id.

A sharded aggregator sends each row to the actor whose share its video is in, and waits for all answers. The actors
belong to the process that started them: when it dies they die, and the next one starts its own. Ray starts an actor
that was killed anew, anywhere; it takes over its writer's name and reads from the store what is done.
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
    """What an aggregator is built from.

    Attributes:
        committer: class of `operators.store.commit`.
        arguments: its own, but for `host`.
        grouping: when it commits.
        shards: how many writers; above 1 the committer is given `share`, and its writer's name says which.
        expected: rows that will come to each of them; None: not known.
        environment: variables that storage clients look at, as the driver has them.
        num_cpus: CPUs of an actor of it.
    """

    committer: Any
    arguments: Mapping[str, Any]
    grouping: Grouping = field(default_factory=Grouping)
    shards: int = 1
    expected: tuple[int, ...] | None = None
    environment: Mapping[str, str] | None = None
    num_cpus: float = 0.0


def aggregator(spec: AggregatorSpec) -> Aggregate:
    """A function from rows to their answers, that returns when they are durable; many threads may call it at once."""
    return (Shards(start(spec)) if spec.shards > 1 else Aggregator(spec)).commit


class Aggregator:
    """One writer. It opens its tables at the first call, so that storage that is away then is only a failed call."""

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
    """Aggregators as actors that belong to this process, one a shard; their handles."""
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
    """Hands rows to aggregators by video id.

    Args:
        actors: handles, as `start` gives them.
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
    """A shard's own spec: its share, and its part of what is waited for together."""
    how, count = spec.grouping, spec.shards
    part = replace(how, size=-(-how.size // count), callers=-(-how.callers // count))
    writer = f"{spec.arguments.get('writer', 'gather')} {index + 1}/{count}"
    arguments = {**spec.arguments, "writer": writer, "share": Share(index, count)}
    expected = None if spec.expected is None else spec.expected[index : index + 1]
    return replace(spec, arguments=arguments, grouping=part, shards=1, expected=expected)
