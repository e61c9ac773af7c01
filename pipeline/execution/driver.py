"""The driver of a run: list, probe, plan, run graphs until nothing is left, clean up, report.

The driver keeps no essential state. It reads completed work from the store before each pass. A driver that was killed
at any time can therefore be resumed by the same command, and the next comparison finds work whose notification was
lost.
"""

from __future__ import annotations

import json
import os
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
from pipeline.config.check import check_engines, never_measured, unchecked_languages
from pipeline.config.tables import schemas_of
from pipeline.config.types import Config
from pipeline.config.values import checked, dump_config
from pipeline.execution.interrupt import Interrupt, Interrupted, interruptible
from pipeline.execution.prober import Prober
from pipeline.execution.run_ids import new_run_id
from pipeline.execution.session import Session
from pipeline.execution.waves import Standing, Waves, look
from pipeline.monitoring.progress import Progress
from pipeline.monitoring.report import Report, Run, make_report
from pipeline.output import finalize, known, ownership
from pipeline.output.lease import Lease
from pipeline.output.recaption import Recaption
from pipeline.planning.diff import Remaining
from pipeline.planning.foreign import cut_like, listing_of
from pipeline.planning.plan import Plan, make_plan
from pipeline.planning.replacement import Replacement, WouldReplace
from pipeline.planning.superseded import find, remade
from pipeline.reporting.card import write_card
from pipeline.reporting.files import write_report
from pipeline.sources.files import normalise
from pipeline.sources.listing import Listing
from pipeline.sources.location import output_uri
from pipeline.sources.selection import Selection
from pipeline.terminal.errors import RunFailed, UsageError
from pipeline.terminal.look import counted


class Job:
    """One run on one output.

    Args:
        inputs: files, folders, globs, prefixes, manifests; see `pipeline.sources.listing`.
        out: the output location.
        config: a checked configuration.
        selection: selects among the listed videos.
        quiet: whether to show no progress.
        listing: the videos of `inputs`, if they have been listed already.
        scratch: whether `out` is a temporary folder, which may be inside the inputs.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        out: str,
        config: Config,
        selection: Selection,
        *,
        quiet: bool = False,
        listing: Listing | None = None,
        scratch: bool = False,
    ) -> None:
        self.config = config = cut_like(checked(config))
        where = output_uri(out)  # checked before listing, because it may be mistyped
        given = [normalise(text) for text in inputs]
        self.inputs = [redacted(uri) for uri in given]  # as they are stored and shown
        self._given = given
        self._signed = self.inputs != given
        self.selection = selection
        self._scratch = scratch
        self.listing: Listing = listing_of(inputs, config) if listing is None else listing
        self.chosen: list[Row] = selection.of(self.listing.rows)
        self._anew = selection.recaptioned(self.listing.rows)
        self._tables = schemas_of(config)
        self.store = Store(where, tables=self._tables)
        self.claim: Claim | None = None
        self.run_id = new_run_id()  # `_take` replaces it by one that sorts after those of earlier runs
        self.progress = Progress(every_s=config.run.log_every_s, stall_s=config.run.stall_s, quiet=quiet)
        self._session: Session | None = None
        self.gpu_s_held = 0.0
        self._lease: Lease | None = None
        self._interrupt = Interrupt(self._asked_to_stop, config.run.drain_s, self._let_go)

    # -- what the commands call ------------------------------------------------------------------------------------

    def plan(self, address: str | None = None) -> tuple[Plan, Remaining]:
        """Probe new and changed videos, and compare the plan with the store, including captions `run` would replace."""
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
            replaced = self._replaced(stand)
            counts = {name: work.count for name, work in stand.tables.items()}
            return stand.plan, replace(stand.left, replaced=replaced, tables=counts)

    def run(
        self,
        address: str | None = None,
        prepare: Callable[[Store], None] = lambda _: None,
        *,
        replacing: bool = False,
    ) -> Report:
        """Do all remaining work.

        Args:
            address: as for `cluster.connect.connected`.
            prepare: called with the store after this run has acquired it, before planning.
            replacing: whether finished captions made with another config may be replaced.

        Raises:
            WouldReplace: finished captions would be replaced and `replacing` is false; nothing was changed.
            UsageError: the output cannot be written to.
            RunFailed: no Ray answers at `address`, another run holds the output, or the graph failed. Committed rows
                are kept, and the same command resumes from there.
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
        except ItemError as error:  # storage failed after many retries; the items are not at fault
            cause = cause_of(error)  # the message of a known cause includes its remedy
            then = "" if cause else ", and the same command resumes from there"
            raise RunFailed(f"{error}; what is committed stays{then}") from error
        except OSError as error:  # of a file beside the tables, such as the report
            raise RunFailed(f"{self.store.uri}: {explained(error)}; what is committed stays") from error

    def _begin(self, stack: ExitStack) -> Lease:
        """Acquire the lease, claim the store, and record what this run was asked to do."""
        share = self.selection.share_name
        self._take()
        asked = {"run_id": self.run_id, "inputs": self.inputs, "signed": self._signed, "share": share}
        asked["part"] = self.selection.is_part
        try:
            lease = stack.enter_context(Lease(self.store.uri, share, self.run_id, self.progress.say).held())
            self.store.open_for(self.run_id)
            self.store.write_file(f"runs/{self.run_id}/config.yaml", dump_config(self.config).encode())
            self.store.write_file(f"runs/{self.run_id}/asked.json", json.dumps(asked, ensure_ascii=False).encode())
            self.claim = self.store.claim(share)
        except (RunFailed, Fenced):
            raise
        except Exception as error:  # file systems raise different exceptions, which all mean the same here
            raise self._cannot_write(error) from error
        tables = known.grown(self.store.uri, self._tables)
        self.store = Store(self.store.uri, writer=f"driver {share}", claim=self.claim, tables=tables)
        return lease

    def _take(self) -> None:
        """Check that this run may write to the output, before anything is written, and take the next run id."""
        uri, options = self.store.uri, self.config.sources
        try:
            found = () if self._scratch else (row["uri"] for row in self.listing.rows)
            given = [] if self._scratch else [*self._given, *self.config.inputs.values()]
            state = ownership.check(uri, given, found, recursive=options.recursive, tables=self._tables)
            ownership.take(uri, state)
            self.run_id = new_run_id(path.rsplit("/", 2)[-2] for path in self.store.run_files("config.yaml"))
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
        replaced = self._replaced(stand)
        if not replacing:
            try:
                self._ask(replaced)
            except WouldReplace:  # no run of this id has begun
                self.store.remove_files(f"runs/{self.run_id}/config.yaml", f"runs/{self.run_id}/asked.json")
                raise
        known.write(self.store, self.run_id, stand.plan)
        if (recaption := Recaption(self.store, self.run_id)).begin(stand.plan, self._anew):
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
                run_id=self.run_id,
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
        wanted = {name: work.keys for name, work in stand.tables.items()}
        if status == "done":
            finalize.clean(self.store, stand.plan, stand.tables, run_id=self.run_id)
            recaption.end(stand.plan, stand.left)
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
            # not before there is a report: from here on a retry finds nothing to go on with
            finalize.settle(self.store, stand.plan, self.listing, wanted)
            self._write_card(report)
            opened = self.store.opened()  # before checking for other runs, so that files of later runs are not removed
            if lease.retire():  # while other runs are active, they could still read the removed files
                self.store.sweep(opened)
        # a stopped run has little time left, so no frames are decoded for its report
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
        """The run's session, not connected to Ray yet."""
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
        """Raise `WouldReplace` before anything is written or probed, if the known facts are sufficient."""
        try:
            known = self._new_prober().known_plan()
            replaced = find(known, self.store, explicit=self._anew) if known is not None else Replacement()
        except Exception:  # unreadable storage is reported by the run itself
            return
        self._ask(replaced)

    def _replaced(self, stand: Standing) -> Replacement:
        found = find(stand.plan, self.store, stand.left, self._anew)
        return replace(found, tables=remade(self.store, stand.tables))

    def _ask(self, replaced: Replacement) -> None:
        if replaced.asks:
            raise WouldReplace(replaced.refusal(self.store.uri))

    def _announce(self, stand: Standing, replaced: Replacement) -> None:
        plan, left, counts = stand.plan, stand.left, self.progress.counts
        counts.videos, counts.seconds = len(left.undone), left.segments.seconds
        self.progress.say(
            f"run {self.run_id}: {counted(len(plan.videos), 'video')}, {plan.seconds / 3600:.2f} h, "
            f"{counted(plan.segments, 'segment')}; to do: {counted(len(left.segments), 'segment')} of "
            f"{counted(counts.videos, 'video')}; cannot be captioned: {len(left.given_up)}"
        )
        if replaced.asks:
            self.progress.say(f"replacing {replaced.text}")
        for note in replaced.notes:
            self.progress.say(note)
        if bounds := self.config.filter.text():
            self.progress.say(f"filter: {bounds}; left out so far: {len(left.filtered)}")
            for name, reason in never_measured(self.config).items():
                self.progress.say(f"filter: {name} is not measured ({reason}), so its bounds leave nothing out")
        for name, reason in unchecked_languages(self.config).items():
            self.progress.say(f"{name}: answers in another language are not rejected, because {reason}")
        if not stand.nothing:
            self.progress.start()

    def _let_go(self) -> None:
        """Release the output."""
        if self._lease is not None:
            self._lease.let_go()

    def _asked_to_stop(self, name: str) -> None:
        if self._session is not None and self._session.coordinator is not None:
            self._session.coordinator.stop()  # first: nothing that concerns the message may keep the run from stopping
        self.progress.say(
            f"{name}: finishing work in flight (at most {self.config.run.drain_s:g} s; again to stop immediately). "
            "The same command resumes from here."
        )


def _check_address(address: str | None) -> None:
    """Check the address before anything is written, because it may be mistyped."""
    try:
        check_address(address)
    except ConnectionError as error:
        raise RunFailed(str(error)) from error
