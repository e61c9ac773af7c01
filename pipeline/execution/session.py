"""A run's connection to Ray: graphs sized for the cluster, run to their end, with somebody to ask who holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from cluster.alive import watched
from cluster.connect import connected
from operators.store.table import Claim
from pipeline.config.types import Config
from pipeline.execution.coordinator import start_coordinator
from pipeline.execution.graph import Graph, receipts
from pipeline.execution.graph_errors import refusal_in, root_of
from pipeline.execution.interrupt import Interrupted
from pipeline.execution.pools import plan_pools, rows_at_once, wishes
from pipeline.execution.recovery import Recovery
from pipeline.execution.resources import Asked, bring_cpus, cluster_of, table
from pipeline.execution.schedule import Schedule, choose
from pipeline.monitoring.metrics import RunMeters
from pipeline.monitoring.progress import Progress
from pipeline.monitoring.stall import Holding
from pipeline.terminal.errors import RunFailed


class Session:
    """What a run has on a cluster.

    Args:
        store_uri: where its graphs write.
        claim: the run's hold on the store; None for a plan alone.
        share: name of the run's share of the store, or of the plan.
        stopping: whether the run is asked to stop.

    Attributes:
        coordinator: handle of the run's `Coordinator`; None before the first graph.
        recovery: what earlier graphs of the run have shown.
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
        self.coordinator: Any = None
        self.recovery = Recovery()

    @contextmanager
    def connected(self, address: str | None) -> Iterator[None]:
        resources = self._config.resources
        with ExitStack() as stack:
            try:
                stack.enter_context(
                    connected(address, num_cpus=resources.num_cpus, object_store_bytes=resources.object_store_bytes)
                )
            except ConnectionError as error:
                raise RunFailed(str(error)) from error
            stack.callback(self._drop_coordinator)
            stack.enter_context(watched(self._progress.say))
            yield

    def graph(self, tasks: int, *, caption: bool = True, narrate: bool = True) -> Graph:
        """A builder of graphs for so many rows, that use these pools."""
        have, most = cluster_of(self._config)
        wanted = self.recovery.limited(wishes(self._config, most, caption=caption, narrate=narrate))
        pools = plan_pools(wanted, most, tasks, rows_at_once(self._config))
        used = [name for name, is_used in (("decode", tasks), ("caption", caption), ("narrate", narrate)) if is_used]
        self._say_once(table(Asked(pools=pools, used=used), have, most))
        if self.coordinator is None:
            self.coordinator = start_coordinator()
        self.coordinator.clear.remote()
        holding = Holding(self.coordinator, {name: getattr(pools, name).actors for name in used})
        self._progress.holding = holding
        self._meters.watch(holding, self._progress)
        if most.grows:
            bring_cpus(have, pools.decode, self._config.run.stall_s, self._progress.say, self._stopping)
        return Graph(
            config=self._config,
            pools=pools,
            store=self._store_uri,
            run_id=self._run_id,
            coordinator=self.coordinator,
            object_store_bytes=have.object_store_bytes,
            grows=most.grows,
            engine_boots=self._config.run.boot_tries * max(pools.caption.actors, pools.narrate.actors) - 1,
            avoid=self.recovery.avoid,
            claim=self._claim,
            share=self._share,
        )

    def drain(self, graph: Any, *, counted: bool = False) -> None:
        """Run a graph to its end.

        Args:
            counted: whether its receipts are part of the progress.

        Raises:
            RunFailed: the graph broke; one line says why.
        """
        import ray

        try:
            for receipt in receipts(graph):
                if counted:
                    self._progress.add(receipt)
                    self._meters.add(receipt)
        except (ray.exceptions.RayError, RuntimeError) as error:
            if isinstance(error, Interrupted):
                raise
            if (refusal := refusal_in(error)) is not None:
                raise RunFailed(
                    f"{refusal}; what is committed stays: correct the engine's settings and run the command again"
                ) from error
            raise RunFailed(
                f"the graph stopped: {root_of(error)}; what is committed stays, and the same command goes on from there"
            ) from error

    def schedule(self) -> Schedule:
        """Streaming or phased; said once, with the reason."""
        if self._chosen is None:
            self._chosen = choose(self._config, cluster_of(self._config)[1])
            if self._config.run.schedule == "auto":
                self._progress.say(f"schedule: {self._chosen.kind}, because {self._chosen.why}")
        return self._chosen

    def _say_once(self, text: str) -> None:
        if text != self._said:
            self._said = text
            for line in text.splitlines():
                self._progress.say(line)

    def _drop_coordinator(self) -> None:
        """End the coordinator's actor: a notebook's Ray lives on, and finished graphs keep handles to it."""
        import ray

        self._meters.close()
        self._progress.holding = None
        if self.coordinator is not None:
            ray.kill(self.coordinator)
            self.coordinator = None
