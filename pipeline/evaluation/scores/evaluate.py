"""Score all captions into a table; captions that are already scored are not scored again."""

from __future__ import annotations

import atexit
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from operators.core.base import Row
from operators.core.fingerprint import digest
from operators.core.storage import files_below
from operators.store.table import Fenced, Table
from pipeline.evaluation.scores.captions import Caption
from pipeline.evaluation.scores.further.base import CaptionMetric
from pipeline.evaluation.scores.metrics import SCORES
from pipeline.evaluation.scores.overlap import Frequencies, frequencies
from pipeline.evaluation.scores.references import Reference, References
from pipeline.evaluation.scores.scoring import key_of, score
from pipeline.evaluation.scores.sources import Captions
from pipeline.evaluation.scores.tokens import ptb_hashes
from pipeline.terminal.errors import RunFailed, UsageError

TABLE = "scores"
TABLES = (TABLE, "judged", "answers")
FILES = ("evaluation.json", "evaluation.html")
_CHUNK = 64  # captions that a process scores at a time
_COMMIT = 2000  # rows that a kill can lose
_MANY = 1500  # captions from which further processes pay off: starting them takes two seconds

_Job = tuple[Row, Caption, tuple[Reference, ...]]
"""The columns that do not come from scoring, the caption, and its references."""


@dataclass(frozen=True)
class Scored:
    """The result of one evaluation.

    Attributes:
        table: the table of scores.
        captions: number of captions; missing: number of videos without one.
        fresh: rows that this call scored; the others existed.
        unknown: captions of videos that the references do not contain.
        others: references of videos without captions; they count only if the captions come from a file.
    """

    table: Table
    captions: int
    missing: int
    fresh: int
    unknown: int
    others: int


def schema_with(further: Sequence[CaptionMetric]) -> pa.Schema:
    """Return the columns of the table of scores, including those of further metrics."""
    columns = [pa.field(name, pa.float64()) for metric in further for name in metric.columns]
    return pa.schema([*SCORES, *columns])


def open_table(folder: str, schema: pa.Schema = SCORES) -> Table:
    """Open the table of scores in a folder for writing, taking it over from other writers.

    Raises:
        UsageError: the folder contains something else.
    """
    table = Table(f"{folder}/{TABLE}", schema, writer="evaluate")
    if not table.exists():
        names = [path for path in files_below(folder) if not path.rsplit("/", 1)[-1].startswith(".")]
        if any(not path.endswith(FILES) and not any(f"/{t}/" in path for t in TABLES) for path in names):
            raise UsageError(f"{folder} is not empty and contains no scores; give a new folder with -o")
    table.fence()
    return table


def evaluate(
    captions: Captions,
    references: References | None,
    folder: str,
    *,
    further: Sequence[CaptionMetric] = (),
    workers: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Scored:
    """Score every caption that is not scored yet, and drop rows of videos that no longer exist.

    Args:
        references: None: only metrics of the captions alone.
        further: metrics that are requested by name.
        folder: folder of the table, local or a prefix on object storage.
        workers: number of processes; None: one per core if there are many captions.

    Raises:
        UsageError: the folder contains something else.
        RunFailed: another evaluation has taken the folder over.
    """
    schema = schema_with(further)
    table = open_table(folder, schema)
    asked = [metric.identity() for metric in further]
    known = _frequencies(references) if references is not None else None
    reference_set = _hash(references)
    there = table.read(["video_id", "key"])
    done = dict(zip(there["video_id"].to_pylist(), there["key"].to_pylist(), strict=True))
    counts = {"captions": 0, "missing": 0, "unknown": 0}
    wanted: set[str] = set()
    used: set[str] = set()

    def jobs() -> Iterator[_Job]:
        for caption in all_captions(captions, references):
            name = references.name_of(caption) if references is not None else None
            counts["missing" if caption.missing else "captions"] += 1
            counts["unknown"] += name is None and references is not None and not caption.missing
            some = references.by_name[name] if references is not None and name is not None else ()
            wanted.add(caption.video_id)
            used.add(name or "")
            key = key_of(caption, some, reference_set or "", asked)
            if done.get(caption.video_id) != key:
                yield {"key": key, "reference": name, "reference_set": reference_set}, caption, some

    fresh = 0
    try:
        for rows in _batches(_scored(jobs(), _Scorer(known, further), workers), _COMMIT):
            made = pa.Table.from_pylist(rows, schema=schema)
            if any(row["video_id"] in done for row in rows):
                table.upsert(made, ["video_id"])
            else:
                table.append(made)
            fresh += len(rows)
            say(f"{fresh} scored")
        table.delete("video_id", set(done) - wanted)
        table.tidy()
    except Fenced:
        raise RunFailed(f"another evaluation has taken over {folder}; run again once it has ended") from None
    others = sum(name not in used for name in references.by_name) if references is not None else 0
    return Scored(table, fresh=fresh, others=others, **counts)


def all_captions(captions: Captions, references: References | None) -> Iterator[Caption]:
    """Yield the captions; for a file, also the references without a caption."""
    if captions.knows_videos or references is None:
        yield from captions
        return
    predicted: set[str] = set()
    for caption in captions:
        predicted.add(references.name_of(caption) or "")
        yield caption
    for name, some in references.by_name.items():
        if name not in predicted:
            duration = next((r.duration_s for r in some if r.duration_s), None)
            yield Caption(video_id=name, aliases=(name,), duration_s=duration, missing=True)


def _frequencies(references: References) -> Frequencies:
    return frequencies([ptb_hashes(r.text) for r in some] for some in references.by_name.values())


def holds_others(folder: str, references: References | None) -> bool:
    """Whether the scores in a folder are against other references."""
    found = Table(f"{folder}/{TABLE}", SCORES).read(["reference_set"])["reference_set"]
    return bool(set(found.unique().to_pylist()) - {_hash(references)})


def _hash(references: References | None) -> str | None:
    if references is None:
        return None
    return digest([[name, [r.text for r in some]] for name, some in sorted(references.by_name.items())])


# -- many at a time ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scorer:
    """The settings that every scoring process needs."""

    known: Frequencies | None
    further: Sequence[CaptionMetric]

    @contextmanager
    def open(self) -> Iterator[Callable[[_Job], Row]]:
        with ExitStack() as stack:
            measures = [stack.enter_context(metric.open()) for metric in self.further]

            def row(job: _Job) -> Row:
                known_columns, caption, some = job
                found = score(caption, some, self.known)
                for measure in measures:
                    found |= measure(caption, some)
                return {**found, **known_columns}

            yield row


def _scored(jobs: Iterator[_Job], scorer: _Scorer, workers: int | None) -> Iterator[Row]:
    first = list(itertools.islice(jobs, _MANY))
    count = workers or (os.cpu_count() or 1 if len(first) == _MANY else 1)
    every = itertools.chain(first, jobs)
    if count == 1:
        with scorer.open() as row:
            yield from map(row, every)
        return
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
    from multiprocessing import get_context

    # spawned: a fork of a process with Arrow's threads may hang
    with ProcessPoolExecutor(count, get_context("spawn"), initializer=_begin, initargs=(scorer,)) as pool:
        running: set[Future[list[Row]]] = set()
        try:
            for chunk in _batches(every, _CHUNK):
                running.add(pool.submit(_rows, chunk))
                while len(running) > 4 * count:
                    ended, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from itertools.chain.from_iterable(future.result() for future in ended)
            for future in running:
                yield from future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_OPENED: list[Callable[[_Job], Row]] = []
_STACK = ExitStack()


def _begin(scorer: _Scorer) -> None:
    """Initialise a scoring process: load what all its captions need, and end with the parent process."""
    _OPENED[:] = [_STACK.enter_context(scorer.open())]
    atexit.register(_STACK.close)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    from multiprocessing import parent_process
    from multiprocessing.connection import wait

    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _rows(jobs: Sequence[_Job]) -> list[Row]:
    return [_OPENED[0](job) for job in jobs]


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    all_of_them = iter(items)
    while batch := list(itertools.islice(all_of_them, size)):
        yield batch
