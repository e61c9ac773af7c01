"""Judge all captions into a table; requests that have an answer are not sent again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import partial

import pyarrow as pa

from operators.core.base import Row
from operators.core.fingerprint import digest
from operators.engines.shared import shared
from operators.store.table import Fenced, Table
from pipeline.evaluation.judging.answers import Answers
from pipeline.evaluation.judging.asking import prompt
from pipeline.evaluation.judging.case import FAILED, Case, Unit
from pipeline.evaluation.judging.judge import Judge, Named
from pipeline.evaluation.judging.protocols import METRICS, PROTOCOLS, VERSION
from pipeline.evaluation.scores.evaluate import all_captions
from pipeline.evaluation.scores.references import References
from pipeline.evaluation.scores.sources import Captions
from pipeline.terminal.errors import RunFailed

TABLE = "judged"
_UNIT = pa.struct(
    [
        ("id", pa.string()), ("metric", pa.string()), ("label", pa.string()), ("value", pa.float64()),
        ("position", pa.float64()), ("group", pa.string()), ("scope", pa.string()),
    ]
)  # fmt: skip
JUDGED = pa.schema(
    [
        pa.field("video_id", pa.string()),
        pa.field("judge", pa.string()),
        pa.field("key", pa.string()),  # fingerprint of all that determines it; "": judge it again
        pa.field("model", pa.string()),
        pa.field("revision", pa.string()),
        pa.field("seed", pa.int64()),
        pa.field("prompts", pa.string()),  # JSON: prompt -> hash
        pa.field("reference", pa.string()),
        pa.field("missing", pa.bool_()),
        pa.field("duration_s", pa.float64()),
        pa.field("failed", pa.int64()),  # items without a valid answer; they are in every mean
        *[pa.field(name, pa.float64()) for name in METRICS],
        pa.field("units", pa.list_(_UNIT)),
    ]
)
"""One row per video and judge."""

CONCURRENCY = 16
_PROMPTS = ("keypoints", "clusters", "events", "atoms", "questions", "answers", "grades", "choices", "notes", "quality")
_FLUSH_ROWS, _FLUSH_S = 500, 10.0


@dataclass(frozen=True)
class Judged:
    """The result of judging.

    Attributes:
        table: table of `JUDGED`; answers: table of `answers.ANSWERS`.
        asked: judge -> requests that this call sent.
    """

    table: Table
    answers: Table
    asked: dict[str, int]


def judge_captions(
    captions: Captions,
    references: References | None,
    folder: str,
    judges: Sequence[Named],
    *,
    protocols: Sequence[str],
    concurrency: int = CONCURRENCY,
    seed: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> Judged:
    """Judge every caption that is not judged yet.

    Rows of judges that are not named are kept; rows of videos that no longer exist are removed.

    Raises:
        RunFailed: a judge answers none of the requests that are sent, or another evaluation has taken over the folder.
    """
    table = Table(f"{folder}/{TABLE}", JUDGED, writer="judge")
    table.fence()
    answers = Answers(folder)
    there = table.read(["video_id", "judge", "key"]).to_pylist()
    done = {(row["video_id"], row["judge"]): row["key"] for row in there}
    wanted: set[str] = set()
    asked = {}
    try:
        for named in judges:
            with shared(named.spec) as engine:
                judge = Judge(named, engine, answers, seed)
                every = _cases(captions, references, named, protocols=protocols, seed=seed)
                cases = _left(every, named, done, wanted)
                _judge(cases, judge, protocols, answers=answers, table=table, concurrency=concurrency, say=say)
                asked[named.name] = judge.asked
            _check(judge)
        table.delete("video_id", {row["video_id"] for row in there} - wanted)
        for one in (table, answers.table):
            one.tidy()
    except Fenced:
        raise RunFailed(f"another evaluation has taken over {folder}; run again once it has ended") from None
    return Judged(table, answers.table, asked)


def _cases(
    captions: Captions, references: References | None, named: Named, *, protocols: Sequence[str], seed: int
) -> Iterator[tuple[Case, Row]]:
    """Yield all captions, each with the columns that are known before it is judged."""
    hashes = {name: prompt(name).hash for name in _PROMPTS}
    fixed = [VERSION, named.fingerprint, seed, sorted(protocols), hashes]
    for caption in all_captions(captions, references):
        name = references.name_of(caption) if references is not None else None
        some = references.by_name[name] if references is not None and name is not None else ()
        said = [[r.text, [list(e) for e in r.events], asdict(r.truth), r.duration_s] for r in some]
        key = digest([fixed, caption.content, caption.text, caption.missing, caption.duration_s, said])
        row = {
            "video_id": caption.video_id,
            "judge": named.name,
            "key": key,
            "model": named.spec.model_id,
            "revision": named.spec.revision,
            "seed": seed,
            "prompts": json.dumps(hashes, sort_keys=True),
            "reference": name,
        }
        yield Case(caption, some), row


def _left(
    cases: Iterator[tuple[Case, Row]], named: Named, done: dict[tuple[str, str], str], wanted: set[str]
) -> Iterator[tuple[Case, Row]]:
    """Yield those that are not judged yet; the ids of all are added to `wanted`."""
    for case, row in cases:
        wanted.add(case.caption.video_id)
        if done.get((case.caption.video_id, named.name)) != row["key"]:
            yield case, row


def _judge(
    cases: Iterator[tuple[Case, Row]],
    judge: Judge,
    protocols: Sequence[str],
    *,
    answers: Answers,
    table: Table,
    concurrency: int,
    say: Callable[[str], None],
) -> None:
    made: list[Row] = []
    count, flushed = 0, time.monotonic()

    def flush() -> None:
        nonlocal flushed
        answers.flush()  # first, so that no row of scores lacks its answers
        for row in made:
            if row["video_id"] in judge.unanswered:
                row["key"] = ""
        if made:
            table.upsert(pa.Table.from_pylist(made, schema=JUDGED), ["video_id", "judge"])
            say(f"{count} captions judged by {judge.named.name}")
        made.clear()
        flushed = time.monotonic()

    with ThreadPoolExecutor(concurrency, thread_name_prefix="judge") as pool:
        running: set[Future[Row]] = set()
        try:
            for case, row in cases:
                running.add(pool.submit(_row, case, row, judge, protocols))
                while len(running) >= 2 * concurrency:
                    ended, running = wait(running, timeout=_FLUSH_S, return_when=FIRST_COMPLETED)
                    made += [future.result() for future in ended]
                    count += len(ended)
                    if len(made) + answers.waiting() >= _FLUSH_ROWS or time.monotonic() - flushed > _FLUSH_S:
                        flush()
            while running:
                ended, running = wait(running, timeout=_FLUSH_S, return_when=FIRST_COMPLETED)
                made += [future.result() for future in ended]
                count += len(ended)
                if time.monotonic() - flushed > _FLUSH_S:
                    flush()
            judge.at_least_once_again()
        finally:
            for future in running:
                future.cancel()
            flush()


def _row(case: Case, row: Row, judge: Judge, protocols: Sequence[str]) -> Row:
    """Return the row of scores of one caption."""
    metrics: dict[str, float | None] = dict.fromkeys(METRICS)
    units: list[Unit] = []
    for name in protocols:
        protocol = PROTOCOLS[name]
        if protocol.applies(case):
            found = protocol.judge(case, partial(judge.ask, protocol=name, video_id=case.caption.video_id))
            metrics |= found.metrics
            units += found.units
    failed = {(_protocol(u.metric), u.id) for u in units if u.label == FAILED}
    return {
        **row,
        "missing": case.caption.missing,
        "duration_s": case.duration_s,
        "failed": len(failed),
        **metrics,
        "units": [asdict(unit) for unit in units],
    }


def _protocol(metric: str) -> str:
    """Return the protocol of a metric, so that a failed item counts once although several metrics use it."""
    return next((name for name, one in PROTOCOLS.items() if metric in one.metrics), "")


def _check(judge: Judge) -> None:
    """Check that the engine answers. Raises `RunFailed` if it failed for all requests of this run.

    Stored answers do not count: they do not show that the judge can be reached now.
    """
    if judge.asked and not judge.answered:
        raise RunFailed(
            f"judge {judge.named.name} has answered nothing: {judge.problem} (requests sent: {judge.asked}); run again "
            "once it answers"
        )
