"""The driver: list, probe, plan, run graphs until nothing is left, tidy up, report.

It keeps no state that matters. What is done is read from the store before each pass, so a driver that is killed at any
moment is resumed by the same command, and a hint that got lost is found by the next comparison.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

import pyarrow as pa

from cluster.connect import check_address
from operators.core.addresses import redacted
from operators.core.base import ItemError, Row
from operators.core.causes import cause_of, explained
from operators.store.store import Store
from operators.store.table import Claim, Fenced
from pipeline.config.check import check_engines, never_measured
from pipeline.config.tables import schemas_of
from pipeline.config.types import Config
from pipeline.config.values import checked, dump_config
from pipeline.execution.interrupt import Interrupt, Interrupted, interruptible
from pipeline.execution.prober import Prober
from pipeline.execution.session import Session
from pipeline.execution.waves import Standing, Waves, look
from pipeline.monitoring.progress import Progress
from pipeline.monitoring.report import Report, Run, make_report
from pipeline.output import finalize, known, ownership
from pipeline.output.lease import Lease
from pipeline.planning.diff import Remaining
from pipeline.planning.foreign import cut_like, listing_of
from pipeline.planning.plan import Plan, make_plan
from pipeline.planning.replacement import Replacement, WouldReplace
from pipeline.planning.superseded import find
from pipeline.reporting.card import write_card
from pipeline.reporting.files import write_report
from pipeline.sources.files import normalise
from pipeline.sources.listing import Listing
from pipeline.sources.location import output_uri
from pipeline.sources.selection import Selection
from pipeline.terminal.errors import RunFailed, UsageError


class Job:
    """One run on one output.

    Args:
        inputs: files, folders, globs, prefixes, manifests; see `pipeline.sources.listing`.
        out: the output location.
        config: a checked configuration.
        selection: which of the listed videos.
        quiet: show no progress.
    """

    def __init__(
        self, inputs: Sequence[str], out: str, config: Config, selection: Selection, *, quiet: bool = False
    ) -> None:
        self.config = config = cut_like(checked(config))
        where = output_uri(out)  # before anything is listed: it may be a slip of the keyboard
        given = [normalise(text) for text in inputs]
        self.inputs = [redacted(uri) for uri in given]  # as they are stored and shown
        self._given = given
        self._signed = self.inputs != given
        self.selection = selection
        self.listing: Listing = listing_of(inputs, config)
        self.chosen: list[Row] = selection.of(self.listing.rows)
        self._anew = selection.anew(self.chosen)
        self._tables = schemas_of(config)
        self.store = Store(where, tables=self._tables)
        self.claim: Claim | None = None
        self.run_id = _new_run_id()
        self.progress = Progress(every_s=config.run.log_every_s, stall_s=config.run.stall_s, quiet=quiet)
        self._session: Session | None = None
        self.gpu_s_held = 0.0
        self._lease: Lease | None = None
        self._interrupt = Interrupt(self._asked_to_stop, config.run.drain_s, self._let_go)

    # -- what the commands call ------------------------------------------------------------------------------------

    def plan(self, address: str | None = None) -> tuple[Plan, Remaining]:
        """Probe what is not known yet, and compare the plan with the store; says, too, what `run` would replace."""
        _check_address(address)
        self._take()
        self.store.open_for(self.run_id)
        with ExitStack() as stack:
            self._session = session = self._new_session()
            prober = self._new_prober()
            plan = self._plan(prober, session, stack, address)
            if not prober.probed:
                self.store.close_for(self.run_id)
            stand = look(plan, self.store)
            replaced = find(stand.plan, self.store, stand.left, self._anew)
            counts = {name: work.count for name, work in stand.tables.items()}
            return stand.plan, replace(stand.left, replaced=replaced, tables=counts)

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
            RunFailed: no Ray answers at `address`, another run is at work on it, or the graph broke; what was committed
                stays, and the same command resumes from there.
        """
        _check_address(address)
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
        tables = known.grown(self.store.uri, self._tables)
        self.store = Store(self.store.uri, writer=f"driver {share}", claim=self.claim, tables=tables)
        return lease

    def _take(self) -> None:
        """Make sure that the output is ours to write to, before anything is written."""
        uri, options = self.store.uri, self.config.sources
        try:
            found = (row["uri"] for row in self.listing.rows)
            given = [*self._given, *self.config.inputs.values()]
            state = ownership.check(uri, given, found, recursive=options.recursive, tables=self._tables)
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
        self._session = session = self._new_session()
        prober = self._new_prober()
        plan = self._plan(prober, session, stack, address)
        stand = look(plan, self.store)
        replaced = find(stand.plan, self.store, stand.left, self._anew)
        if not replacing:
            try:
                self._ask(replaced)
            except WouldReplace:  # no run of this id has begun
                self.store.remove_files(f"runs/{self.run_id}/config.yaml", f"runs/{self.run_id}/asked.json")
                raise
        known.write(self.store, self.run_id, stand.plan)
        if self._anew:
            finalize.forget(self.store, stand.plan, self._anew)
            stand = look(plan, self.store)
        first, status = stand.left, "done"
        self._announce(stand, replaced)
        if not stand.nothing:
            check_engines(self.config, elsewhere=bool(address or os.environ.get("RAY_ADDRESS")))
            stack.enter_context(session.connected(address, stand.small))
            waves = Waves(
                self.config,
                self.store,
                stand,
                session=session,
                progress=self.progress,
                interrupt=self._interrupt,
            )
            try:
                with interruptible(self._interrupt):
                    waves.run()
            except Exception as error:
                if not (isinstance(error, Interrupted) or self._interrupt.over):
                    raise
            finally:
                self.gpu_s_held = waves.gpu_s_held
            stand = look(plan, self.store)
            if self._interrupt.requested:
                status = "interrupted"
        known.write(self.store, self.run_id, stand.plan, stand.tables)
        if status == "done":
            wanted = {name: work.keys for name, work in stand.tables.items()}
            finalize.clean(self.store, stand.plan, wanted, run_id=self.run_id)
        ran = Run(
            run_id=self.run_id,
            inputs=self.inputs,
            only=list(self.selection.only),
            out=redacted(self.store.uri),
            listed=len(self.listing.rows),
            counts=self.progress.counts,
            gpu_s_held=self.gpu_s_held,
            began=began,
        )
        left = replace(stand.left, tables={name: work.count for name, work in stand.tables.items()})
        report = make_report(ran, stand.plan, first, left, status=status)
        self.store.write_file(f"runs/{self.run_id}/report.json", report.json().encode())
        if status == "done":
            self._write_card(report)
            opened = self.store.opened()  # before it is asked who else is at work: who comes later is not swept after
            if lease.retire():  # while others are at work, their reads would miss what is removed
                self.store.sweep(opened)
        # a run that was stopped has little time left: no frame is decoded for its report
        write_report(self.store, self.progress.say, strips_s=self.config.run.report_frames_s if status == "done" else 0)
        return report

    def _write_card(self, report: Report) -> None:
        if report.captions:
            write_card(self.store, self.progress.say)

    # -- inside ----------------------------------------------------------------------------------------------------

    @property
    def _share(self) -> str:
        return self.selection.share_name if self.claim else f"plan {self.run_id}"

    def _new_session(self) -> Session:
        """The run's connection to Ray, not made yet."""
        return Session(
            self.config,
            self.store.uri,
            self.progress,
            run_id=self.run_id,
            claim=self.claim,
            share=self._share,
            stopping=lambda: self._interrupt.requested,
        )

    def _new_prober(self) -> Prober:
        return Prober(
            self.config,
            self.store,
            self.listing,
            self.selection,
            self.chosen,
            run_id=self.run_id,
            claim=self.claim,
            share=self._share,
            say=self.progress.say,
        )

    def _plan(self, prober: Prober, session: Session, stack: ExitStack, address: str | None) -> Plan:
        if self.config.inputs:  # their videos were probed when those outputs were made
            return make_plan(self.config, self.chosen, self.selection, {})

        def run_graph(some: pa.Table) -> None:
            session.drain(session.graph(some.num_rows, {"decode"}).probe(some))

        return prober.plan(lambda: stack.enter_context(session.connected(address)), run_graph)

    def _ask_early(self) -> None:
        """Stop before anything is written or probed, where what is known already is enough to say so."""
        try:
            known = self._new_prober().known_plan()
            replaced = find(known, self.store, explicit=self._anew) if known is not None else Replacement()
        except Exception:  # storage that cannot be read: the run is about to find that out and to say so
            return
        self._ask(replaced)

    def _ask(self, replaced: Replacement) -> None:
        if replaced.asks:
            raise WouldReplace(replaced.refusal(self.store.uri))

    def _announce(self, stand: Standing, replaced: Replacement) -> None:
        plan, left, counts = stand.plan, stand.left, self.progress.counts
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
        if not stand.nothing:
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
        if self._session is not None and self._session.coordinator is not None:
            self._session.coordinator.stop()


def _check_address(address: str | None) -> None:
    """Before anything is written: an address may be a slip of the keyboard."""
    try:
        check_address(address)
    except ConnectionError as error:
        raise RunFailed(str(error)) from error


def _new_run_id() -> str:
    """The time to the fraction of a second, and two random digits: ids sort as the runs began, quick ones too."""
    now = time.time()
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(now)) + f"-{int(now % 1 * 2**16):04x}{secrets.token_hex(1)}"
