"""The commands `longcap eval OUT` and `longcap compare`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from operators.core.addresses import redacted
from operators.core.storage import open_binary
from pipeline.evaluation.judging.judge import Named
from pipeline.evaluation.judging.naming import judges_of, protocols_of
from pipeline.evaluation.judging.protocols import METRICS as JUDGE_METRICS
from pipeline.evaluation.judging.report import judge_report
from pipeline.evaluation.judging.run import CONCURRENCY, judge_captions
from pipeline.evaluation.scores.comparing import compare, comparison_page
from pipeline.evaluation.scores.evaluate import Scored, evaluate, holds_others
from pipeline.evaluation.scores.further.base import CaptionMetric, metrics_of
from pipeline.evaluation.scores.metrics import GROUPS, METRICS
from pipeline.evaluation.scores.page import as_json, html, report, short
from pipeline.evaluation.scores.reading import FILES, stem_of
from pipeline.evaluation.scores.references import read_references
from pipeline.evaluation.scores.slices import positions, scopes, slices
from pipeline.evaluation.scores.sources import open_captions
from pipeline.evaluation.scores.summary import Scores, summarise
from pipeline.sources.files import normalise
from pipeline.sources.location import check_outside, output_uri, scratch_output
from pipeline.terminal.errors import UsageError
from pipeline.terminal.look import columns, counted, facts
from pipeline.terminal.printing import echo, echo_json

_NEEDED = ("nltk", "sacrebleu")


@dataclass(frozen=True, kw_only=True)
class Judging:
    """The judges and their protocols.

    Attributes:
        judges: the judges; empty: none.
        protocols: names of protocols; empty: all that the references allow.
    """

    judges: Sequence[Named] = ()
    protocols: Sequence[str] = ()
    concurrency: int = CONCURRENCY


def captions_command(
    *,
    out: str,
    against: tuple[str, ...] = (),
    by: tuple[str, ...] = (),
    folder: str | None = None,
    workers: int | None = None,
    metrics: tuple[str, ...] = (),
    judges: tuple[str, ...] = (),
    protocols: tuple[str, ...] = (),
    concurrency: int = CONCURRENCY,
    config: str | None = None,
    overrides: tuple[str, ...] = (),
    as_json_: bool = False,
) -> int:
    """Score captions, have judges rate them, write tables and reports, print the values."""
    check_installed()
    judging = judging_of(judges, protocols, config, overrides, concurrency=concurrency)
    say = (lambda _: None) if as_json_ else lambda text: echo(text, err=True)
    further = metrics_of(metrics)
    data, written = score_captions(
        out, against=against, by=by, folder=folder, further=further, workers=workers, judging=judging, say=say
    )
    if as_json_:
        echo_json(data)
    else:
        echo(_text(data, written))
    return 0


def score_captions(
    out: str,
    *,
    against: Sequence[str] = (),
    by: Sequence[str] = (),
    folder: str | None = None,
    further: Sequence[CaptionMetric] = (),
    workers: int | None = None,
    judging: Judging | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, Any], list[str]]:
    """Score captions as `longcap eval captions` does; returns the data of `evaluation.json` and the written paths."""
    captions = open_captions(out)
    values = captions.values(by)  # first, so that an unknown column is reported before anything is written
    references = read_references(against) if against else None
    place = output_uri(folder or default_folder(out))
    if captions.output is not None:
        check_outside(place, captions.output.uri)
    scored = evaluate(captions, references, place, further=further, workers=workers, say=say)
    known = {**METRICS, **{name: column for metric in further for name, column in metric.columns.items()}}
    scores = Scores(scored.table.read(), known)
    whole = summarise(scores)
    data = report(
        captions=captions.shown,
        against=", ".join(redacted(a) for a in against) or None,
        counts=_counts(scored, with_references=bool(against)),
        whole=whole,
        slices=[*slices(scores, values), *positions(scores), *scopes(whole, len(scores))],
        scores=scores,
    )
    written = [f"{place}/scores"]
    if judging is not None and judging.judges:
        judged = judge_captions(
            captions,
            references,
            place,
            judging.judges,
            protocols=protocols_of(judging.protocols),
            concurrency=judging.concurrency,
            say=say,
        )
        data |= judge_report(judged, judging.judges, values)
        written += [f"{place}/judged", f"{place}/answers"]
    written += [
        _write(f"{place}/evaluation.json", as_json(data)),
        _write(f"{place}/evaluation.html", html(data, JUDGE_METRICS)),
    ]
    return data, written


def compare_command(
    *,
    first: str,
    second: str,
    against: tuple[str, ...] = (),
    most: int = 20,
    file: str | None = None,
    as_json_: bool = False,
) -> int:
    """Score both sets of captions if necessary, and print the differences."""
    check_installed()
    references = read_references(against) if against else None
    with scratch_output() as scratch:
        both = []
        for k, out in enumerate((first, second)):
            captions, place = open_captions(out), output_uri(default_folder(out))
            if holds_others(place, references):  # those scores belong to another evaluation of the user
                place = f"{scratch}/{k}"
            both.append((captions, evaluate(captions, references, place)))
        data = compare(both[0], both[1], references, most=most)
    if file is not None:
        _write(output_uri(file), comparison_page(data) if file.endswith(".html") else as_json(data))
    if as_json_:
        echo_json(data)
    else:
        echo(_compared(data))
    return 0


def judging_of(
    judges: Sequence[str],
    protocols: Sequence[str],
    config: str | None,
    overrides: Sequence[str],
    *,
    concurrency: int = CONCURRENCY,
) -> Judging:
    """Parse the judges of a command line; invalid arguments are reported before anything is read."""
    if not judges and protocols:
        raise UsageError("--protocol needs a judge; name one with --judge")
    protocols_of(protocols)
    if len(judges) > 1:
        check_installed("krippendorff")
    named = judges_of(judges, config, overrides)
    return Judging(judges=named, protocols=protocols, concurrency=concurrency)


def check_installed(*more: str) -> None:
    """Check that the extra `eval` is installed. Raises `UsageError` if it is not."""
    missing = [name for name in (*_NEEDED, *more) if find_spec(name) is None]
    if missing:
        raise UsageError(f"scores need {', '.join(missing)}: pip install 'longcap[eval]'")


def default_folder(out: str) -> str:
    """Return a folder beside the captions, since the output may be read-only, published or still growing."""
    if out.lower().endswith(FILES):
        out = out[: len(out) - len(out.rsplit("/", 1)[-1])] + stem_of(out)
    if out.rstrip("/").rpartition("/")[2] in ("", ".", ".."):  # a path that does not end in the folder's name
        out = normalise(out)
    return f"{out.rstrip('/')}-eval"


def _write(uri: str, text: str) -> str:
    with open_binary(uri, "wb") as file:
        file.write(text.encode())
    return uri


def _counts(scored: Scored, *, with_references: bool) -> dict[str, int]:
    counts = {"captions": scored.captions, "videos without a caption": scored.missing, "scored now": scored.fresh}
    if with_references:
        counts |= {"captions without a reference": scored.unknown, "references of other videos": scored.others}
    return counts


def _text(data: Mapping[str, Any], written: Sequence[str]) -> str:
    parts = [facts((name, count) for name, count in data["counts"].items())]
    for group, title in GROUPS.items():
        rows = [
            (name, short(v["value"]), short(v["low"]), short(v["high"]), v["n"], v["says"])
            for name, v in data["metrics"].items()
            if v["group"] == group
        ]
        if rows:
            parts.append(f"{title}\n" + columns(("metric", "value", "low", "high", "n", "description"), rows))
    missing = data["counts"]["videos without a caption"]
    if missing:
        parts.append(f"{counted(missing, 'video')} without a caption: 0 in every score against references")
    parts += [_judge_text(one) for one in data.get("judges", ())]
    if data.get("between"):
        alphas = [(name, short(v["alpha"]), v["things"]) for name, v in data["between"].items()]
        parts.append("Agreement of the judges\n" + columns(("metric", "Krippendorff's alpha", "items"), alphas))
    return "\n\n".join([*parts, "\n".join(written)])


def _judge_text(one: Mapping[str, Any]) -> str:
    title = f"By the judge {one['judge']} (model {one['model']}, revision {one['revision']})"
    sent = one["requests"]
    lines = [
        f"requests: {sent['ok'] + sent['failed']} answered, {sent['failed']} of them not validly after all tries; "
        f"{sent['sent now']} sent now; {one['prompt_tokens']} + {one['output_tokens']} tokens"
    ]
    lost = one["things without an answer"]
    lines.append(f"items without a valid answer: {lost}; they count as not narrated, in every denominator")
    if one["without a value"]:
        lines.append(f"no value, since no item has a valid answer: {', '.join(one['without a value'])}")
    lines += [f"  {count} x {problem}" for problem, count in one["problems"].items()]
    twice = one["asked_twice"]
    agreed = "-" if twice["agreement"] is None else f"{twice['agreement']:.1%} of {twice['labels']} labels are equal"
    lines.append(f"asked twice: {counted(twice['requests'], 'request')}; {agreed}")
    if not one["pinned"]:
        lines.append("its revision is not pinned; set revision in its engine to make scores comparable over time")
    found = [
        (name, short(v["value"]), short(v["low"]), short(v["high"]), v["n"], v["zeros"], JUDGE_METRICS[name].says)
        for name, v in one["metrics"].items()
    ]
    head = ("metric", "value", "low", "high", "n", "zeros", "description")
    return "\n".join([title, *lines, columns(head, found)] if found else [title, *lines])


def _against(data: Mapping[str, Any]) -> str:
    """Return the references and metrics from which the values come."""
    lines = [f"metrics of version {data['metrics_version']}, longcap {data['version']}"]
    for file in data["against"]:
        lines.append(
            f"against {file['path']} ({file['form']}): {counted(file['references'], 'reference')}, "
            f"{counted(file['events'], 'event')}"
        )
    return "\n".join(lines if data["against"] else [*lines, "without references: metrics of the captions alone"])


def _compared(data: Mapping[str, Any]) -> str:
    rows = [
        (name, short(d["first"]), short(d["second"]), short(d["difference"]), short(d["low"]), short(d["high"]), d["n"],
         d["verdict"])
        for name, d in data["metrics"].items()
    ]  # fmt: skip
    head = ("metric", "first", "second", "difference", "low", "high", "n", "second is")
    parts = [
        _against(data),
        facts(data["counts"].items()),
        columns(head, rows) if rows else "no video has captions in both",
    ]
    if data["changed"]:
        lines = [(row["video_id"], f"{row['similarity']:.0%}", row["what"]) for row in data["changed"]]
        parts.append("most changed\n" + columns(("video", "same words", "largest change"), lines))
    return "\n\n".join(parts)
