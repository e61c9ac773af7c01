"""The driver: list, probe, plan, run graphs until nothing is left, tidy up, report.

It keeps no state that matters. What is done is read from the store before each pass, so a driver that is killed at any
moment is resumed by the same command, and a hint that got lost is found by the next comparison.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cluster.alive import watched
from cluster.connect import connected
from cluster.machines import lost
from operators import rows
from operators.addresses import redacted
from operators.arrow import to_table
from operators.base import ItemError, Row
from operators.causes import cause_of, explained, shortened
from operators.engines.base import EngineRefused
from operators.keys import source_key
from operators.store.commit import RECEIPT, CommitVideos
from operators.store.store import Store
from operators.store.table import Claim, Fenced
from pipeline import finish, ownership
from pipeline.board import start_board
from pipeline.chain import chain_table
from pipeline.config import Config, check_engines, never_measured
from pipeline.config_file import checked, dump_config
from pipeline.errors import RunFailed, UsageError
from pipeline.files import normalise
from pipeline.graph import PROBED, Graph, receipts
from pipeline.interrupt import Interrupt, Interrupted, interruptible
from pipeline.lease import Lease
from pipeline.location import output_uri
from pipeline.meters import RunMeters
from pipeline.planning import Plan, make_plan
from pipeline.pools import plan_pools, rows_at_once, wishes
from pipeline.progress import Progress
from pipeline.recovery import Recovery
from pipeline.remaining import Remaining
from pipeline.replacing import Replacement, WouldReplace
from pipeline.report import Report, make_report
from pipeline.resources import Asked, bring_cpus, cluster_of, table
from pipeline.schedule import Schedule, choose
from pipeline.selection import Selection
from pipeline.shards import AggregatorSpec
from pipeline.sources import Listing, list_sources
from pipeline.stage import CommitStage, Stage, StageSpec
from pipeline.stall import Holding
from pipeline.superseded import find
from pipeline.videos import Videos

_FRESH = object()  # in place of a failure: the video has to be probed
_PROBED_HERE = 64  # videos; more are worth the start of a pool
_PASS = 2**18  # rows that one graph is given: they lie in the object store until they are worked on


class Job:
    """One run on one output.

    Args:
        inputs: files, folders, globs, prefixes, manifests; see `pipeline.sources`.
        out: the output location.
        config: a checked configuration.
        selection: which of the listed videos.
        quiet: show no progress.
    """

    def __init__(
        self, inputs: Sequence[str], out: str, config: Config, selection: Selection, *, quiet: bool = False
    ) -> None:
        self.config = config = checked(config)
        where = output_uri(out)  # before anything is listed: it may be a slip of the keyboard
        given = [normalise(text) for text in inputs]
        self.inputs = [redacted(uri) for uri in given]  # as they are stored and shown
        self._given = given
        self._signed = self.inputs != given
        self.selection = selection
        self.listing: Listing = list_sources(inputs, config.sources)
        self.chosen: list[Row] = selection.of(self.listing.rows)
        self._anew = selection.anew(self.chosen)
        self.store = Store(where)
        self.claim: Claim | None = None
        self.run_id = _new_run_id()
        self.progress = Progress(every_s=config.run.log_every_s, stall_s=config.run.stall_s, quiet=quiet)
        self._board: Any = None
        self._chosen: Schedule | None = None
        self._said = ""
        self._meters = RunMeters()
        self._recovery = Recovery()
        self.gpu_s_held = 0.0
        self._probed = 0  # videos that this job has written to the store
        self._lease: Lease | None = None
        self._interrupt = Interrupt(self._asked_to_stop, config.run.drain_s, self._let_go)

    # -- what the commands call ------------------------------------------------------------------------------------

    def plan(self, address: str | None = None) -> tuple[Plan, Remaining]:
        """Probe what is not known yet, and compare the plan with the store; says, too, what `run` would replace."""
        self._take()
        self.store.open_for(self.run_id)
        with ExitStack() as stack:
            plan = self._plan(lambda: stack.enter_context(self._connected(address)))
            if not self._probed:
                self.store.close_for(self.run_id)
            left = plan.remaining(self.store)
            return plan, replace(left, replaced=find(plan, self.store, left, self._anew))

    def run(
        self,
        address: str | None = None,
        prepare: Callable[[Store], None] = lambda _: None,
        *,
        replacing: bool = False,
    ) -> Report:
        """Do all that is left to do.

        Args:
            address: as for `cluster.connect.connected`.
            prepare: what to do with the store once it is this run's own, before the plan is made.
            replacing: whether finished captions that another config made may be replaced.

        Raises:
            WouldReplace: finished captions would be replaced and `replacing` is false; nothing was changed.
            UsageError: the output cannot be written to.
            RunFailed: another run is at work on it, or the graph broke; what was committed stays, and the same command
                goes on from there.
        """
        if not replacing:
            self._ask_early()
        try:
            with ExitStack() as stack:
                stack.callback(self.progress.close)
                self._lease = lease = self._begin(stack)
                return self._run(address, prepare, stack, lease, replacing=replacing)
        except Fenced as error:
            raise RunFailed(f"{error}: this run stops, and what it had committed stays") from error
        except ItemError as error:  # storage, asked many times: nothing is wrong with the items
            cause = cause_of(error)  # a known one brings its remedy
            then = "" if cause else ", and the same command goes on from there"
            raise RunFailed(f"{error}; what is committed stays{then}") from error
        except OSError as error:  # of a file beside the tables, such as the report
            raise RunFailed(f"{self.store.uri}: {explained(error)}; what is committed stays") from error

    def _begin(self, stack: ExitStack) -> Lease:
        """Hold the lease, claim the store, and leave a note of what this run is asked to do."""
        share = self.selection.share_name
        asked = {"run_id": self.run_id, "inputs": self.inputs, "signed": self._signed, "share": share}
        self._take()
        try:
            lease = stack.enter_context(Lease(self.store.uri, share, self.run_id, self.progress.say).held())
            self.store.open_for(self.run_id)
            self.store.write_file(f"runs/{self.run_id}/config.yaml", dump_config(self.config).encode())
            self.store.write_file(f"runs/{self.run_id}/asked.json", json.dumps(asked, ensure_ascii=False).encode())
            self.claim = self.store.claim(share)
        except (RunFailed, Fenced):
            raise
        except Exception as error:  # each file system has errors of its own, and here all mean one thing
            raise self._cannot_write(error) from error
        self.store = Store(self.store.uri, writer=f"driver {share}", claim=self.claim)
        return lease

    def _take(self) -> None:
        """Make sure that the output is ours to write to, before anything is written."""
        uri, options = self.store.uri, self.config.sources
        try:
            found = (row["uri"] for row in self.listing.rows)
            state = ownership.check(uri, self._given, found, recursive=options.recursive)
            ownership.take(uri, state)
        except UsageError:
            raise
        except Exception as error:  # as in `_begin`
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: Exception) -> UsageError:
        return UsageError(f"cannot write to {self.store.uri}: {explained(error)}")

    def _run(
        self,
        address: str | None,
        prepare: Callable[[Store], None],
        stack: ExitStack,
        lease: Lease,
        *,
        replacing: bool,
    ) -> Report:
        began = time.time()
        prepare(self.store)
        plan = self._plan(lambda: stack.enter_context(self._connected(address)))
        first = plan.remaining(self.store)
        replaced = find(plan, self.store, first, self._anew)
        if not replacing:
            try:
                self._ask(replaced)
            except WouldReplace:  # no run of this id has begun
                self.store.remove_files(f"runs/{self.run_id}/config.yaml", f"runs/{self.run_id}/asked.json")
                raise
        self.store.write_table(f"runs/{self.run_id}/videos.parquet", plan.table())
        if self._anew:
            finish.forget(self.store, plan, self._anew)
            first = plan.remaining(self.store)
        self._announce(plan, first, replaced)
        left, status = first, "done"
        if not first.nothing:
            check_engines(self.config, elsewhere=bool(address or os.environ.get("RAY_ADDRESS")))
            stack.enter_context(self._connected(address))
            try:
                with interruptible(self._interrupt):
                    left = self._passes(plan, first)
            except Exception as error:
                if not (isinstance(error, Interrupted) or self._interrupt.over):
                    raise
                left = plan.remaining(self.store)
            if self._interrupt.requested:
                status = "interrupted"
        if status == "done":
            finish.clean(self.store, plan, run_id=self.run_id)
        report = make_report(self, plan, first, left, status=status, began=began)
        self.store.write_file(f"runs/{self.run_id}/report.json", report.json().encode())
        if status == "done":
            if not finish.write_card(self.store, self.config, report):
                self.progress.say(f"{self.store.uri}/README.md is not Longcap's dataset card, so it stays as it is")
            opened = self.store.opened()  # before it is asked who else is at work: who comes later is not swept after
            if lease.retire():  # while others are at work, their reads would miss what is removed
                self.store.sweep(opened)
        return report

    # -- inside ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _connected(self, address: str | None) -> Iterator[None]:
        resources = self.config.resources
        with ExitStack() as stack:
            try:
                stack.enter_context(
                    connected(address, num_cpus=resources.num_cpus, object_store_bytes=resources.object_store_bytes)
                )
            except ConnectionError as error:
                raise RunFailed(str(error)) from error
            stack.callback(self._drop_board)
            stack.enter_context(watched(self.progress.say))
            yield

    def _graph(self, tasks: int, *, caption: bool = True, narrate: bool = True) -> Graph:
        """A builder of graphs for so many rows, that use these pools."""
        have, most = cluster_of(self.config)
        wanted = self._recovery.limited(wishes(self.config, most, caption=caption, narrate=narrate))
        pools = plan_pools(wanted, most, tasks, rows_at_once(self.config))
        used = [name for name, is_used in (("decode", tasks), ("caption", caption), ("narrate", narrate)) if is_used]
        self._say_once(table(Asked(pools=pools, used=used), have, most))
        if self._board is None:
            self._board = start_board()
        self._board.clear.remote()
        holding = Holding(self._board, pools, used)
        self.progress.holding = holding
        self._meters.watch(holding, self.progress)
        if most.grows:
            bring_cpus(
                have, pools.decode, self.config.run.stall_s, self.progress.say, lambda: self._interrupt.requested
            )
        return Graph(
            config=self.config,
            pools=pools,
            store=self.store.uri,
            run_id=self.run_id,
            board=self._board,
            object_store_bytes=have.object_store_bytes,
            grows=most.grows,
            engine_boots=self.config.run.boot_tries * max(pools.caption.actors, pools.narrate.actors) - 1,
            avoid=self._recovery.avoid,
            claim=self.claim,
            share=self.selection.share_name if self.claim else f"plan {self.run_id}",
        )

    def _say_once(self, text: str) -> None:
        if text != self._said:
            self._said = text
            for line in text.splitlines():
                self.progress.say(line)

    def _drop_board(self) -> None:
        """End the board's actor: a notebook's Ray lives on, and finished graphs keep handles to it."""
        import ray

        self._meters.close()
        self.progress.holding = None
        if self._board is not None:
            ray.kill(self._board)
            self._board = None

    def _plan(self, connect: Callable[[], None]) -> Plan:
        failed = self.store.failed()
        todo = []
        for row, before in zip(self.chosen, self._before(self.chosen), strict=True):
            key = source_key(row["video_id"], row["source_version"])
            tried = failed.get((key, None))
            again = before is not _FRESH and before is not None and tried is not None and not tried.final
            if before is _FRESH or again:
                passes, attempts = (tried.passes, tried.attempts) if again and tried else (0, 0)
                todo.append({**row, "key": key, "passes": passes, "attempts": attempts})
        self._probed = len(todo)
        if todo:
            self.progress.say(f"probing {len(todo)} of {len(self.chosen)} videos")
            if len(todo) <= _PROBED_HERE:
                self._probe_here(todo)
            else:
                connect()
                for start in range(0, len(todo), _PASS):
                    some = to_table(todo[start : start + _PASS], PROBED, stage="list")
                    self._drain(self._graph(some.num_rows, caption=False, narrate=False).probe(some), count=False)
        known = self._known()
        at = pc.index_in(pa.array([row["video_id"] for row in self.chosen], pa.string()), known["video_id"])
        if at.null_count:
            lost = [row["uri"] for row, found in zip(self.chosen, at.is_valid().to_pylist(), strict=True) if not found]
            raise RunFailed(
                f"{len(lost)} videos came back from probing without an answer, such as {lost[0]}; run again"
            )
        # how a signed URL is read is known from the listing alone: it is not stored
        access = pa.array([row["access_uri"] for row in self.chosen], pa.string())
        probed = known.take(at).append_column(rows.ACCESS_URI, access)
        return make_plan(self.config, probed, self.selection, self.listing.ignored)

    def _probe_here(self, todo: list[Row]) -> None:
        """What the probe graph does, in this process: a few files are read before Ray has started."""
        stage = Stage(StageSpec(operators=(self.config.probe,), output=PROBED))
        writer = f"probe {self.selection.share_name if self.claim else f'plan {self.run_id}'}"
        arguments = {"store_uri": self.store.uri, "run_id": self.run_id, "writer": writer, "claim": self.claim}
        commit = CommitStage(AggregatorSpec(committer=CommitVideos, arguments=arguments), RECEIPT)
        commit(stage(to_table(todo, PROBED, stage="list")))
        stage.close()

    def _known(self) -> pa.Table:
        """What probing found of the chosen videos, in this run or before."""
        known = self.store.videos.read()
        return known.filter(pc.is_in(known["video_id"], pa.array([r["video_id"] for r in self.chosen], pa.string())))

    def _before(self, chosen: Sequence[Row]) -> list[Any]:
        """For each row the failure that probing it ended with, None where it went well, `_FRESH` where it is to be
        probed: it never was, or the source is another by now."""
        if not chosen:
            return []
        known = self._known()
        stored = [rows.VIDEO.field(name) for name in chosen[0] if name in rows.VIDEO.names and name != "failure"]
        wanted = to_table(list(chosen), pa.schema(stored))
        at = pc.index_in(wanted["video_id"], known["video_id"])
        same = at.is_valid()
        for name in wanted.column_names:
            was, is_ = known[name].take(at), wanted[name]
            both_null = pc.and_(pc.is_null(was), pc.is_null(is_))
            same = pc.and_(same, pc.or_(pc.fill_null(pc.equal(was, is_), False), both_null))
        failures = known["failure"].take(at)
        found = zip(same.to_pylist(), pc.is_valid(failures).to_pylist(), failures.to_pylist(), strict=True)
        return [(failure if bad else None) if equal else _FRESH for equal, bad, failure in found]

    def _passes(self, plan: Plan, left: Remaining) -> Remaining:
        """Run graphs until nothing is left, a pass changes nothing, or the run is stopped."""
        before = None
        while not left.nothing and not self._interrupt.requested and left != before:
            before = left
            if left.segments:
                some = left.segments.table(0, _PASS)
                expected = left.segments.shares(self.config.resources.gather_actors, _PASS)
                work = chain_table(some.to_pylist()) if self.config.caption.chain == "video" else some
                streaming = self._schedule().kind == "streaming"
                builder = self._graph(work.num_rows, narrate=streaming)
                graph = builder.segments(work, expected, narrate=streaming)
            else:
                hints = _hints(left.whole[:_PASS])
                builder = self._graph(hints.num_rows, caption=False)
                graph = builder.narrate(hints)
            began, gone = time.monotonic(), lost()
            try:
                self._drain(graph)
            except RunFailed as failed:
                left = plan.remaining(self.store)
                why = self._recovery.after(self._board, builder.pools, lost() - gone, progress=left != before)
                if why is None or self._interrupt.requested:
                    raise
                self.progress.say(f"{why}; planning anew what is left ({failed})")
                before = None
                continue
            finally:
                self.gpu_s_held += builder.pools.gpus * (time.monotonic() - began)
            left = plan.remaining(self.store)
        return left

    def _schedule(self) -> Schedule:
        """Streaming or phased; said once, with the reason."""
        if self._chosen is None:
            self._chosen = choose(self.config, cluster_of(self.config)[1])
            if self.config.run.schedule == "auto":
                self.progress.say(f"schedule: {self._chosen.kind}, because {self._chosen.why}")
        return self._chosen

    def _drain(self, graph: Any, *, count: bool = True) -> None:
        import ray

        try:
            for receipt in receipts(graph):
                if count:
                    self.progress.add(receipt)
                    self._meters.add(receipt)
        except (ray.exceptions.RayError, RuntimeError) as error:
            if isinstance(error, Interrupted):
                raise
            if (refusal := _refusal(error)) is not None:
                raise RunFailed(
                    f"{refusal}; what is committed stays: correct the engine's settings and run the command again"
                ) from error
            raise RunFailed(
                f"the graph stopped: {_root(error)}; what is committed stays, and the same command goes on from there"
            ) from error

    def _ask_early(self) -> None:
        """Stop before anything is written or probed, where what is known already is enough to say so."""
        try:
            known = self._known_plan()
            replaced = find(known, self.store, explicit=self._anew) if known is not None else Replacement()
        except Exception:  # storage that cannot be read: the run is about to find that out and to say so
            return
        self._ask(replaced)

    def _known_plan(self) -> Plan | None:
        """The plan of those chosen videos whose sources were probed before and have not changed since.

        No source is read for it. With `max_hours` it ends at the first video whose length is not known: whether one
        behind that belongs to the plan depends on it. None: there is no output.
        """
        if not self.store.exists():
            return None
        known = self._known()
        known = known.filter(pc.is_null(known["failure"]))
        at = pc.index_in(pa.array([row["video_id"] for row in self.chosen], pa.string()), known["video_id"])
        now = pa.array([row["source_version"] for row in self.chosen], pa.string())
        same = pc.fill_null(pc.equal(known["source_version"].take(at), now), False).to_numpy()
        if self.selection.max_hours is not None and not same.all():
            same[int(same.argmin()) :] = False
        return make_plan(self.config, known.take(at.filter(pa.array(same))), self.selection, self.listing.ignored)

    def _ask(self, replaced: Replacement) -> None:
        if replaced.asks:
            raise WouldReplace(replaced.refusal(self.store.uri))

    def _announce(self, plan: Plan, left: Remaining, replaced: Replacement) -> None:
        counts = self.progress.counts
        counts.videos, counts.seconds = len(left.undone), left.segments.seconds
        self.progress.say(
            f"run {self.run_id}: {len(plan.videos)} videos, {plan.seconds / 3600:.2f} h, {plan.segments} segments; "
            f"to do: {len(left.segments)} segments of {counts.videos} videos; cannot be captioned: {len(left.given_up)}"
        )
        if replaced.asks:
            self.progress.say(f"replacing {replaced.text}")
        for note in replaced.notes:
            self.progress.say(note)
        if bounds := self.config.filter.text():
            self.progress.say(f"filter: {bounds}; left out so far: {len(left.filtered)}")
            for name, reason in never_measured(self.config).items():
                self.progress.say(f"filter: {name} is not measured ({reason}), so its bounds leave nothing out")
        if not left.nothing:
            self.progress.start()

    def _let_go(self) -> None:
        """Leave the output to whoever comes next."""
        if self._lease is not None:
            self._lease.let_go()

    def _asked_to_stop(self, name: str) -> None:
        self.progress.say(
            f"{name}: finishing what is under way (at most {self.config.run.drain_s:g} s; again to stop at once). "
            "The same command goes on from here."
        )
        if self._board is not None:
            self._board.stop.remote()


def _new_run_id() -> str:
    """The time to the fraction of a second, and two random digits: ids sort as the runs began, quick ones too."""
    now = time.time()
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(now)) + f"-{int(now % 1 * 2**16):04x}{secrets.token_hex(1)}"


def _hints(whole: Videos) -> pa.Table:
    """Rows of kind `whole`, as gather gives them."""
    known = {
        "kind": pa.repeat(pa.scalar("whole"), len(whole)),
        "video_id": whole.facts["video_id"],
        "uri": whole.facts["uri"],
        "key": pa.array(whole.keys, pa.string()),
        "segment_count": pa.array(whole.counts, pa.int32()),
    }
    return pa.table([known.get(f.name, pa.nulls(len(whole), f.type)) for f in RECEIPT], schema=RECEIPT)


_RAISED = re.compile(r"^(?!ray\.)(?:[A-Za-z_]\w*\.)*(?P<name>[A-Z]\w*): (?P<said>.+)$")


_REFUSED = re.compile(r"EngineRefused: (?:engine: )?(?P<said>.+)")


def _refusal(error: BaseException) -> str | None:
    """Why an engine never boots, in its own words, if that is what a chain of wrapped errors began with."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, EngineRefused):
            return seen.message
        if found := _REFUSED.search(str(seen)):
            return found["said"].strip()
        seen = getattr(seen, "cause", None) or seen.__cause__
    return None


def _root(error: BaseException) -> str:
    """What a chain of wrapped errors began with, on one line: Ray wraps an actor's error three times.

    The innermost may be empty, or a text only, with the traceback of another process in it and advice of Ray's after
    that; then the last line that names an error is it.
    """
    chain = [error]
    while (inner := getattr(chain[-1], "cause", None) or chain[-1].__cause__) is not None:
        chain.append(inner)
    said = [type(error).__name__]
    for found in reversed(chain):
        lines = [line.strip() for line in str(found).splitlines() if line.strip()]
        if len(lines) == 1:
            return shortened(f"{type(found).__name__}: {lines[0]}", 400)
        if raised := [match for line in lines if (match := _RAISED.match(line))]:
            return shortened(f"{raised[-1]['name']}: {raised[-1]['said']}", 400)
        said += lines[-1:]
    return shortened(said[-1], 400)
