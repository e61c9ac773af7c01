"""The session of a run, which executes its flows: on a cluster or, for a small job, in this process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from cluster.alive import watched
from cluster.connect import connected
from cluster.machines import Machines, lost
from operators.core.storage import environment
from operators.store.table import Claim
from pipeline.config.types import POOLS, Config, PoolResources
from pipeline.execution import in_process
from pipeline.execution.coordinator import Coordinator, Remote, start_coordinator
from pipeline.execution.flow import Flow
from pipeline.execution.graph import Graph
from pipeline.execution.graph_errors import refusal_in, root_of
from pipeline.execution.interrupt import Interrupted
from pipeline.execution.pools import Pools, flexible_pools, named_wishes, plan_pools, rows_at_once, wishes
from pipeline.execution.recovery import Recovery
from pipeline.execution.resources import Asked, bring_cpus, cluster_of, table
from pipeline.execution.schedule import Schedule, choose
from pipeline.monitoring.metrics import RunMeters
from pipeline.monitoring.progress import Progress
from pipeline.monitoring.stall import Holding
from pipeline.terminal.errors import RunFailed

_ONE = PoolResources()
_HERE = Machines(nodes=1, cpus=1.0, gpus=0.0, object_store_bytes=0)  # for jobs in which no engine loads a model


class Session:
    """The session of a run on a cluster or in this process.

    Args:
        store_uri: the output to which its graphs write.
        claim: the run's claim on the store; None for planning only.
        share: name of the run's share of the store, or of the plan.
        stopping: whether the run was asked to stop.

    Attributes:
        coordinator: the coordinator of the run; None before the first graph.
        alone: whether the run uses no cluster and its stages are threads of this process.
        recovery: the state of recovery over the graphs of the run.
    """

    def __init__(
        self,
        config: Config,
        store_uri: str,
        progress: Progress,
        *,
        run_id: str,
        claim: Claim | None,
        share: str,
        stopping: Callable[[], bool],
    ) -> None:
        self._config = config
        self._store_uri = store_uri
        self._progress = progress
        self._run_id = run_id
        self._claim = claim
        self._share = share
        self._stopping = stopping
        self._meters = RunMeters()
        self._chosen: Schedule | None = None
        self._said = ""
        self._runs: Any = None  # what executes flows
        self.coordinator: Coordinator | Remote | None = None
        self.alone = False
        self.recovery = Recovery()

    @contextmanager
    def connected(self, address: str | None, left: in_process.Small | None = None) -> Iterator[None]:
        """Connect, so that graphs can be run within the block.

        Args:
            address: as for `cluster.connect.connected`.
            left: the remaining work, because a small job does not start Ray; None if unknown.
        """
        resources = self._config.resources
        with ExitStack() as stack:
            self.alone = left is not None and in_process.suits(self._config, address, left)
            if not self.alone:
                from pipeline.execution import on_ray  # noqa: F401  its import sets how Ray Data logs, so it comes first

                try:
                    stack.enter_context(
                        connected(address, num_cpus=resources.num_cpus, object_store_bytes=resources.object_store_bytes)
                    )
                except ConnectionError as error:
                    raise RunFailed(str(error)) from error
                stack.enter_context(watched(self._progress.say))
            stack.callback(self._drop_coordinator)
            yield

    def graph(self, tasks: int, pools: Collection[str]) -> Graph:
        """A builder of flows for this number of rows that use these pools."""
        used = [name for name in (*POOLS, *sorted(set(pools) - set(POOLS))) if name in pools]
        sized = self._in_process(tasks, used) if self.alone else self._on_ray(tasks, used)
        assert self.coordinator is not None
        holding = Holding(self.coordinator, {name: sized.of(name).actors for name in used})
        self._progress.holding = holding
        self._meters.watch(holding, self._progress)
        return Graph(
            config=self._config,
            pools=sized,
            store=self._store_uri,
            run_id=self._run_id,
            coordinator=self.coordinator,
            environment=None if self.alone else environment(),
            claim=self._claim,
            share=self._share,
        )

    def _in_process(self, tasks: int, used: list[str]) -> Pools:
        cores, wish = in_process.cores(self._config), self._config.resources
        decoders = min(tasks, wish.decode.actors or cores)
        self._say_once(f"a small job: it runs in this process, with {decoders} decoders and without Ray (run.local_s)")
        if self.coordinator is None:
            self.coordinator = Coordinator()
        self.coordinator.clear()
        self._runs = in_process.InProcess(self.coordinator)
        return Pools(
            decode=in_process.pool(decoders),
            caption=in_process.pool(wish.caption.actors or 1),
            narrate=in_process.pool(wish.narrate.actors or 1),
            others={
                name: in_process.pool(min(tasks, self._config.pools.get(name, _ONE).actors or 1))
                for name in used
                if name not in POOLS
            },
        )

    def _on_ray(self, tasks: int, used: list[str]) -> Pools:
        from pipeline.execution.on_ray import OnRay

        have, most = cluster_of(self._config)
        wanted = self.recovery.limited(wishes(self._config, most, used))
        named = named_wishes(self._config, most, used)
        pools = plan_pools(
            wanted, most, tasks, rows_at_once(self._config), named, flexible=flexible_pools(self._config, used)
        )
        self._say_once(table(Asked(pools=pools, used=used), have, most))
        if self.coordinator is None:
            self.coordinator = start_coordinator()
        self.coordinator.clear()
        if most.grows:
            bring_cpus(have, pools.decode, self._config.run.stall_s, self._progress.say, self._stopping)
        self._runs = OnRay(
            coordinator=self.coordinator,
            object_store_bytes=have.object_store_bytes,
            grows=most.grows,
            engine_boots=self._config.run.boot_tries
            * max(pools.of(name).actors for name in {"caption", "narrate", *named})
            - 1,
            avoid=self.recovery.avoid,
            gpus=pools.gpus,
        )
        return pools

    @property
    def gather_actors(self) -> int:
        """Number of writers that share the commits of captions."""
        return 1 if self.alone else self._config.resources.gather_actors

    def nodes_lost(self) -> int:
        """Number of nodes that the cluster lost since Ray was connected."""
        return 0 if self.alone else lost()

    def drain(self, flow: Flow, *, counted: bool = False) -> None:
        """Run a flow to its end.

        Args:
            counted: whether its receipts count as progress.

        Raises:
            RunFailed: the graph failed; one line says why.
        """
        try:
            for receipt in self._runs.receipts(flow):
                if counted:
                    self._progress.add(receipt)
                    self._meters.add(receipt)
        except Exception as error:
            if isinstance(error, Interrupted) or not (self.alone or _of_ray(error)):
                raise
            if (refusal := refusal_in(error)) is not None:
                raise RunFailed(
                    f"{refusal}; what is committed stays: correct the engine's settings and run the command again"
                ) from error
            raise RunFailed(
                f"the graph stopped: {root_of(error)}; what is committed stays, and the same command resumes from there"
            ) from error

    def schedule(self) -> Schedule:
        """The schedule, streaming or phased; printed once, with the reason."""
        if self._chosen is None:
            self._chosen = choose(self._config, _HERE if self.alone else cluster_of(self._config)[1])
            if self._config.run.schedule == "auto":
                self._progress.say(f"schedule: {self._chosen.kind}, because {self._chosen.why}")
        return self._chosen

    def _say_once(self, text: str) -> None:
        if text != self._said:
            self._said = text
            for line in text.splitlines():
                self._progress.say(line)

    def _drop_coordinator(self) -> None:
        self._meters.close()
        self._progress.holding = None
        if isinstance(self.coordinator, Remote):
            self.coordinator.end()
        self.coordinator = None


def _of_ray(error: Exception) -> bool:
    """Whether the exception of a failed graph comes from Ray or Ray Data; others are bugs of the driver."""
    from ray.exceptions import RayError

    return isinstance(error, RayError | RuntimeError)
