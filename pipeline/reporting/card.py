"""The dataset card: README.md, for people and for hubs that parse its front matter.

It is computed from the tables, so it describes the whole output, whichever run wrote it last. It names only files that
exist.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import jinja2
import numpy as np
import yaml

from operators.core.storage import file_system, is_local
from operators.core.text import printable, repaired
from operators.language.identify import language_code
from operators.store.store import Store
from operators.store.table import Table
from pipeline.planning.origin import Maker, Settings, makers_of, settings_of
from pipeline.reporting.features import features
from pipeline.reporting.measures import Measures, measures_of

CARD_MARKER = "<!-- longcap: this card is written anew by each run; without this line it is left alone -->"
_OLDER_CARD = re.compile(rb"---\nconfigs:\n.*?\n---\n# Long captions of \d+ videos\n\nMade by longcap ", re.DOTALL)

TABLES: Mapping[str, str] = {
    "dataset": "one row per video: its long caption, sections with time spans, sentences and the windows they cite",
    "segments": "one row per segment of about two minutes: the captions of its frames and windows",
    "filtered": "one row per video that the filter left out, with the reason",
    "failures": "one row per failure that is not resolved, with the reason",
    "videos": "one row per source: its location and the result of probing it",
    "annotations": "one row per annotation of a long caption",
}
"""Tables of every output, the default one first; tables that a recipe adds come after them."""

_LICENCES = re.compile(  # licence identifiers that hubs know
    r"apache-2\.0|mit|openrail|bsd(-[23]-clause)?|cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-[234]\.[05]|cc|odc-by|odbl|pddl|gpl-[23]\.0"
    r"|lgpl-[23]\.[01]|cdla-(permissive|sharing)-[12]\.0|unlicense|wtfpl"
)
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
_LICENCES_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class CardTable:
    """A table that a card lists.

    Attributes:
        name: name of its config and its folder.
        rows: number of rows.
        about: description of a row.
        front: further fields of the front matter: `data_files` or `data_dir`.
        features: its columns, as returned by `features`; None: not listed.
    """

    name: str
    rows: int
    about: str
    front: Mapping[str, Any]
    features: Sequence[Mapping[str, Any]] | None


def card_tables(store: Store, names: Sequence[str] | None = None) -> list[CardTable]:
    """Return those of the named tables that have files now; None: all tables."""
    tables = {table.uri.rsplit("/", 1)[-1]: table for table in store.tables}
    order = [*(name for name in TABLES if name in tables), *(name for name in tables if name not in TABLES)]
    wanted = [name for name in order if names is None or name in names]
    return [_table(tables[name], name) for name in wanted if tables[name].file_uris()]


def card_text(store: Store, tables: Sequence[CardTable]) -> str:
    """Return the card of an output with these tables."""
    measures = measures_of(store)
    makers = makers_of(store)
    settings = [settings_of(store, maker.run_id) or {} for maker in makers]
    licences, unlicensed = _licences(store)
    known = store.videos.read(["duration_s"])["duration_s"].to_pylist()
    failed = len({row["video_id"] for row in store.failures.read(["video_id"]).to_pylist()})
    return _template().render(
        front=_front(tables, len(measures), settings, licences, unlicensed),
        marker=CARD_MARKER,
        version=version("longcap"),
        captions=len(measures),
        videos=len(known),
        hours=sum(seconds or 0.0 for seconds in known) / 3600,
        filtered=len(store.filtered_videos()),
        failed=failed,
        words=round(median(measures.words)) if len(measures) else 0,
        words_sum=int(measures.words.sum()),
        coverage=float(measures.coverage.mean()) if len(measures) else None,
        integrity=int(np.count_nonzero(measures.integrity)),
        makers=makers,
        tables=tables,
        columns={table.name: [f["name"] for f in table.features or ()] for table in tables},
        licences=licences.most_common(_LICENCES_SHOWN),
        unlicensed=unlicensed,
        limits=_limits(measures, makers, failed),
        runs=[maker.run_id for maker in makers],
    )


def write_card(store: Store, say: Callable[[str], None] = lambda _: None) -> None:
    """Write OUT/README.md. A file that is not Longcap's is kept, and `say` is called with a note."""
    if _is_ours(store):
        store.write_file("README.md", card_text(store, card_tables(store)).encode())
    else:
        say(f"{store.uri}/README.md is not Longcap's dataset card, so it was not changed")


def is_card(found: bytes) -> bool:
    """Whether a README.md is a card that Longcap wrote."""
    return CARD_MARKER.encode() in found.splitlines() or _OLDER_CARD.match(found) is not None


def _is_ours(store: Store) -> bool:
    """Whether OUT/README.md is absent or a card that Longcap wrote."""
    files, path = file_system(f"{store.uri}/README.md")
    if is_local(files) and Path(path).is_symlink():
        return False
    try:
        found = store.read_file("README.md")
    except OSError:  # a folder, or an unreadable file
        return False
    return found is None or is_card(found)


def _table(table: Table, name: str) -> CardTable:
    return CardTable(
        name=name,
        rows=table.read(table.schema.names[:1]).num_rows,
        about=TABLES.get(name, "a table that the recipe adds"),
        front={"data_files": [{"split": "train", "path": f"{name}/*.parquet"}]},
        features=features(table.schema),
    )


def _front(
    tables: Sequence[CardTable],
    rows: int,
    settings: Sequence[Settings],
    licences: Counter[str],
    unlicensed: int,
) -> str:
    """Return the front matter, as YAML without its fences."""
    said = [s.get(key) for s in settings for key in ("narrate.language", "caption.language")]
    languages = [code for name in said if name and (code := language_code(str(name)))]
    found: dict[str, Any] = {
        "pretty_name": f"Long captions of {rows} video{'' if rows == 1 else 's'}",
        "license": _licence(licences, unlicensed),
        **({"language": list(dict.fromkeys(languages))} if languages else {}),
        "task_categories": ["video-text-to-text", "text-to-video"],
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "size_categories": [next((name for most, name in _SIZES if rows < most), "10M<n<100M")],
        "tags": ["video", "long-caption", "video-captioning"],
    }
    if tables:
        found["configs"] = [
            {"config_name": t.name, **({"default": True} if k == 0 else {}), **t.front} for k, t in enumerate(tables)
        ]
        infos = [{"config_name": t.name, "features": list(t.features)} for t in tables if t.features is not None]
        found["dataset_info"] = infos
    return yaml.safe_dump(found, sort_keys=False, width=120, allow_unicode=False).rstrip()


def _licence(licences: Counter[str], unlicensed: int) -> str | list[str]:
    """Return `unknown` if no video has a licence, `other` if hubs do not know it or only some videos have one."""
    if not licences:
        return "unknown"
    names = [name.strip().lower().replace(" ", "-") for name in licences]
    if unlicensed or any(_LICENCES.fullmatch(name) is None for name in names):
        return "other"
    unique = sorted(set(names))
    return unique[0] if len(unique) == 1 else unique


def _licences(store: Store) -> tuple[Counter[str], int]:
    """Count videos by the licence in their manifest, and videos without one."""
    found: Counter[str] = Counter()
    without = 0
    for batch in store.dataset.batches(["metadata"]):
        for text in batch["metadata"].to_pylist():
            columns = json.loads(text or "{}")
            said = next((str(columns[c]) for c in ("license", "licence") if columns.get(c)), None)
            if said is None:
                without += 1
            else:
                found[said] += 1
    return found, without


def _limits(measures: Measures, makers: Sequence[Maker], failed: int) -> list[str]:
    """Return known limits of the captions, as far as the output records them."""
    count = len(measures)
    partial = int(np.count_nonzero(measures.coverage < 1.0 - 1e-9))
    damaged = count - int(np.count_nonzero(measures.integrity))
    uncited = int(np.count_nonzero(measures.uncited > 0))  # False for NaN
    fallback = int(np.count_nonzero(measures.fallback > 0))
    engines = {by.split()[0] for maker in makers for by in (maker.captioner, maker.narrator)}
    said = ["The captions are machine-made, and nobody has checked them one by one."] if count else []
    if "measure" in engines:
        said.append(
            "The engine `measure` has no model: its captions say only what can be measured, such as shots, camera "
            "motion, movement, light and colours, and name no people, objects or actions."
        )
    for number, what in (
        (failed, "videos have failures; videos that could not be captioned are not in the table `dataset`"),
        (partial, "long captions do not cover the whole video (column `coverage`)"),
        (damaged, "long captions are of damaged or incomplete videos (column `integrity`)"),
        (uncited, "long captions have sentences that cite no window"),
        (
            fallback,
            "long captions have sections made of the captions' own sentences, since the model gave no valid answer",
        ),
    ):
        if number:
            said.append(f"{number} {what}.")
    if len(makers) > 1:
        said.append(f"The captions were made by {len(makers)} configs; the column `config` says which made which.")
    return said


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.reporting"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = _cell
    return environment.get_template("card.md.j2")


def _cell(text: str) -> str:
    """Escape untrusted text for a cell of a Markdown table."""
    plain = printable(repaired(" ".join(str(text).split())))
    return re.sub(r"([\\`*_{}\[\]()#+!|~])", r"\\\1", plain).replace("<", "&lt;").replace(">", "&gt;")
