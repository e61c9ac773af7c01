"""What `longcap eval captions` and `longcap compare` do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import Any

from operators.core.addresses import redacted
from operators.core.storage import open_binary
from pipeline.evaluation.scores.comparing import compare, comparison_page
from pipeline.evaluation.scores.evaluate import Scored, evaluate, holds_others
from pipeline.evaluation.scores.metrics import GROUPS, METRICS
from pipeline.evaluation.scores.page import as_json, html, report, short
from pipeline.evaluation.scores.references import read_references
from pipeline.evaluation.scores.sources import FILES, open_captions
from pipeline.evaluation.scores.summary import Scores, slices, summarise
from pipeline.sources.location import output_uri
from pipeline.terminal.errors import UsageError
from pipeline.terminal.look import columns, counted, facts
from pipeline.terminal.printing import echo, echo_json

_NEEDED = ("nltk", "sacrebleu")


def captions_command(
    *,
    out: str,
    against: tuple[str, ...] = (),
    by: tuple[str, ...] = (),
    folder: str | None = None,
    workers: int | None = None,
    as_json_: bool = False,
) -> int:
    """Score captions, write the table and the reports, print the values."""
    check_installed()
    captions = open_captions(out)
    values = captions.values(by)  # first: a column that is not there is said before anything is written
    references = read_references(against) if against else None
    place = output_uri(folder or default_folder(out))
    say = (lambda _: None) if as_json_ else lambda text: echo(text, err=True)
    scored = evaluate(captions, references, place, workers=workers, say=say)
    scores = Scores(scored.table.read())
    whole = summarise(scores)
    data = report(
        captions=captions.shown,
        against=", ".join(redacted(a) for a in against) or None,
        counts=_counts(scored, with_references=bool(against)),
        whole=whole,
        slices=slices(scores, values),
        scores=scores,
    )
    written = [f"{place}/scores", _write(f"{place}/evaluation.json", as_json(data))]
    written.append(_write(f"{place}/evaluation.html", html(data)))
    if as_json_:
        echo_json(data)
    else:
        echo(_text(data, written))
    return 0


def compare_command(
    *,
    first: str,
    second: str,
    against: tuple[str, ...] = (),
    most: int = 20,
    file: str | None = None,
    as_json_: bool = False,
) -> int:
    """Score both where that is not done, and print what differs."""
    check_installed()
    references = read_references(against) if against else None
    with TemporaryDirectory(prefix="longcap-compare-") as scratch:
        both = []
        for k, out in enumerate((first, second)):
            captions, place = open_captions(out), output_uri(default_folder(out))
            if holds_others(place, references):  # they belong to the user's own evaluation
                place = f"{scratch}/{k}"
            both.append((captions, evaluate(captions, references, place)))
        data = compare(*both, most=most, against=[redacted(a) for a in against])
    if file is not None:
        _write(output_uri(file), comparison_page(data) if file.endswith(".html") else as_json(data))
    if as_json_:
        echo_json(data)
    else:
        echo(_compared(data))
    return 0


def check_installed() -> None:
    """Raises: UsageError: the extra `eval` is not there."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(f"scores need {', '.join(missing)}: pip install 'longcap[eval]'")


def default_folder(out: str) -> str:
    """Beside the captions: nothing is written into an output that may be read only, published or still growing."""
    if out.lower().endswith(FILES):
        out = out.rsplit(".", 1)[0]
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
            (name, short(v["value"]), short(v["low"]), short(v["high"]), v["n"], METRICS[name].says)
            for name, v in data["metrics"].items()
            if v["group"] == group
        ]
        if rows:
            parts.append(f"{title}\n" + columns(("metric", "value", "low", "high", "n", "what it is"), rows))
    missing = data["counts"]["videos without a caption"]
    if missing:
        parts.append(f"{counted(missing, 'video')} without a caption: 0 in every score against references")
    return "\n\n".join([*parts, "\n".join(written)])


def _compared(data: Mapping[str, Any]) -> str:
    rows = [
        (name, short(d["first"]), short(d["second"]), short(d["difference"]), short(d["low"]), short(d["high"]), d["n"],
         d["verdict"])
        for name, d in data["metrics"].items()
    ]  # fmt: skip
    head = ("metric", "first", "second", "difference", "low", "high", "n", "second is")
    parts = [facts(data["counts"].items()), columns(head, rows) if rows else "no video has captions in both"]
    if data["changed"]:
        lines = [(row["video_id"], f"{row['similarity']:.0%}", row["what"]) for row in data["changed"]]
        parts.append("changed most\n" + columns(("video", "same words", "what moved most"), lines))
    return "\n\n".join(parts)
