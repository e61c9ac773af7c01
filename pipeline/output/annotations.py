"""What people say of long captions: an append-only table, and what of it stands.

    OUT/annotations   one row an act: accept, reject, a corrected text, corrected times, a note, an undo

No row is ever changed or removed. An undo is a further row that names the row that it takes back; an undo can be
undone, too. Of several acts of one kind on one thing the newest that is not undone stands. A row carries the
`content_hash` of the long caption that its author looked at: once another caption has taken its place, the row no
longer applies.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import pyarrow as pa

from operators.core.annotation import ANNOTATION
from operators.core.base import Row
from operators.core.text import storable
from operators.store.store import Store
from operators.store.table import Fenced
from pipeline.terminal.errors import UsageError

Kind = Literal["accept", "reject", "text", "times", "note", "undo"]
KINDS: tuple[Kind, ...] = get_args(Kind)
VERDICTS = ("accept", "reject")
OPENING = -1
"""`section_index` of the opening, the first paragraph of a long caption."""

MAX_TEXT = 100_000  # characters of one corrected text: a section of a long caption has some hundreds
_MAX_NOTE = 10_000
_MAX_AUTHOR = 200
_TRIES = 20  # each time that somebody else has taken the table over, one of their rows was written


class Annotations:
    """The annotations of one output. Opening it writes nothing; the first act makes the table.

    Args:
        store: of the output.
    """

    def __init__(self, store: Store) -> None:
        self._store = Store(store.uri)  # a table object is one thread's at a time: this one is under `_lock`
        self._lock = threading.Lock()
        self._fenced = False
        self.session = f"view-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"

    # -- reading ---------------------------------------------------------------------------------------------------

    def history(self, video_id: str) -> list[Row]:
        """Every row of one video, oldest first, as `ANNOTATION` with `undone`, a bool."""
        with self._lock:
            found = self._store.annotations.lookup("video_id", video_id).to_pylist()
        return _marked(found)

    def standing(self, video_id: str, content_hash: str | None) -> list[Row]:
        """The rows of one video that apply to the long caption with this `content_hash`, oldest first."""
        return standing(self.history(video_id), content_hash)

    def all(self) -> pa.Table:
        """Every row of every video: `ANNOTATION`, in no order."""
        with self._lock:
            return self._store.annotations.read()

    def version(self) -> int | None:
        """Changes whenever a row is added; None: nobody has annotated anything."""
        with self._lock:
            return self._store.annotations.version()

    # -- writing ---------------------------------------------------------------------------------------------------

    def add(self, caption: Row, kind: Kind, *, author: str, **values: Any) -> Row:
        """Commit one act on a long caption; durable on return.

        Args:
            caption: a row of `rows.LONG_CAPTION`; `video_id`, `uri`, `content_hash`, `sections` and `duration_s` are
                looked at.
            values: the other columns of `ANNOTATION`: `section_index`, `sentence_index`, `text`, `start_s`,
                `end_s`, `note`.

        Returns:
            The row.

        Raises:
            UsageError: the act does not fit the caption; one line.
            ItemError: class storage: it could not be committed.
        """
        row = {
            **dict.fromkeys(ANNOTATION.names),
            **values,
            "annotation_id": secrets.token_hex(8),
            "kind": kind,
            "author": storable(author)[:_MAX_AUTHOR],
            "time": datetime.now(UTC),
            "run_id": self.session,
            **{name: caption[name] for name in ("video_id", "uri", "content_hash")},
        }
        _check(row, caption)
        self._append(row)
        return row

    def undo(self, caption: Row, annotation_id: str, *, author: str) -> Row:
        """Take one row back by a further row. Raises as `add`, and where the row is not there or is undone already."""
        found = {row["annotation_id"]: row for row in self.history(caption["video_id"])}
        if annotation_id not in found:
            raise UsageError(f"there is no annotation {annotation_id} of video {caption['video_id']}")
        if found[annotation_id]["undone"]:
            raise UsageError(f"annotation {annotation_id} is undone already")
        return self.add(caption, "undo", author=author, undoes=annotation_id)

    def _append(self, row: Row) -> None:
        table = self._store.annotations

        def fresh() -> pa.Table:
            """Nothing where an earlier try landed and only its answer was lost."""
            known = table.read(["annotation_id"])["annotation_id"].to_pylist() if table.exists() else []
            todo = [] if row["annotation_id"] in known else [row]
            return pa.Table.from_pylist(todo, schema=ANNOTATION)

        with self._lock:
            self._store.open_for(self.session)  # a file that is left behind by a crash is known to be ours
            for _ in range(_TRIES):
                try:
                    if not self._fenced:
                        table.fence()
                        self._fenced = True
                    table.append(fresh)
                    break
                except Fenced:  # somebody else annotates this output at the same time: take turns
                    self._fenced = False
            else:
                raise UsageError("others annotate this output at the same time, and none of the tries got through")
            self._store.close_for(self.session)


def standing(history: Iterable[Row], content_hash: str | None) -> list[Row]:
    """Of a video's rows those that apply: not undone, of this caption, the newest of its kind on its thing.

    An acceptance takes the place of a rejection and the other way round; notes all stand.
    """
    newest: dict[object, Row] = {}
    for row in _marked(history):
        if row["undone"] or row["kind"] == "undo" or row["content_hash"] != content_hash:
            continue
        kind = "verdict" if row["kind"] in VERDICTS else row["kind"]
        own = row["annotation_id"] if kind == "note" else None
        at = (kind, row["section_index"], row["sentence_index"], own)
        newest.pop(at, None)
        newest[at] = row
    return list(newest.values())


def verdict_of(standing: Iterable[Row]) -> str | None:
    """`accept`, `reject` or None: what stands of the long caption as a whole."""
    whole = [r["kind"] for r in standing if r["kind"] in VERDICTS and r["section_index"] is None]
    return whole[-1] if whole else None


def corrected(caption: Row, standing: Sequence[Row]) -> Row:
    """A row of `rows.LONG_CAPTION` with the corrections that stand: texts of sentences, sections and the opening, times
    of sections. `caption`, `words`, and the sections follow. A corrected sentence with times of its own has them as
    `start_s` and `end_s`.

    The provenance of the row stays; `content_hash` is that of the row that was corrected.
    """
    texts = {(r["section_index"], r["sentence_index"]): r["text"] for r in standing if r["kind"] == "text"}
    times = {
        (r["section_index"], r["sentence_index"]): (r["start_s"], r["end_s"]) for r in standing if r["kind"] == "times"
    }
    if not texts and not times:
        return caption
    opening = texts.get((OPENING, None), opening_of(caption))
    sections = [_section(section, texts, times) for section in caption["sections"] or ()]
    whole = "\n\n".join(part for part in (opening, *(s["text"] for s in sections)) if part)
    return {**caption, "caption": whole, "words": len(whole.split()), "sections": sections}


def without_rejected(row: Row, acts: Iterable[Row]) -> Row:
    """A long caption without the sections and sentences that were rejected."""
    acts = list(acts)
    gone = {(a["section_index"], a["sentence_index"]) for a in acts if a["kind"] == "reject"}
    anew = {a["section_index"] for a in acts if a["kind"] == "text" and a["sentence_index"] is None}
    gone = {(s, k) for s, k in gone if s is not None and (k is None or s not in anew)}  # its sentences are gone
    if not gone:
        return row
    sections = []
    for section in row["sections"] or []:
        number = section["section_index"]
        if (number, None) in gone:
            continue
        kept = [s for k, s in enumerate(section["sentences"] or ()) if (number, k) not in gone]
        if len(kept) < len(section["sentences"] or ()):
            section = {**section, "sentences": kept, "text": " ".join(s["text"] for s in kept)}  # noqa: PLW2901
        if section["text"]:
            sections.append(section)
    opening = "" if (OPENING, None) in gone else opening_of(row)
    caption = "\n\n".join(part for part in (opening, *(s["text"] for s in sections)) if part)
    return {**row, "caption": caption, "words": len(caption.split()), "sections": sections}


def opening_of(caption: Row) -> str:
    """The text of a long caption before its sections; empty where it has none."""
    text = str(caption["caption"] or "")
    body = "\n\n".join(s["text"] for s in caption["sections"] or () if s["text"])
    return text.removesuffix(body).strip() if body and text.endswith(body) else text.split("\n\n", 1)[0]


# -- inside ------------------------------------------------------------------------------------------------------------


def _section(section: Row, texts: dict[Any, str], times: dict[Any, tuple[float, float]]) -> Row:
    number, old = section["section_index"], section["text"]
    pieces, sentences, at = [], [], 0
    for k, sentence in enumerate(section["sentences"] or ()):
        new = {**sentence, "text": texts.get((number, k), sentence["text"])}
        if (number, k) in times:
            new["start_s"], new["end_s"] = times[number, k]
        sentences.append(new)
        found = old.find(sentence["text"], at)
        if found >= 0:  # what stands between sentences, line breaks for one, is kept
            pieces += [old[at:found], new["text"]]
            at = found + len(sentence["text"])
        elif (number, k) in texts:
            pieces += [" ", new["text"]]
    text = "".join([*pieces, old[at:]])
    if (number, None) in texts:  # a paragraph that was written anew: no sentence of it is one of the model's
        text = texts[number, None]
        sentences = [{"text": text, "windows": section["windows"]}] if text else []
    start_s, end_s = times.get((number, None), (section["start_s"], section["end_s"]))
    return {**section, "text": text, "sentences": sentences, "start_s": start_s, "end_s": end_s}


def _marked(history: Iterable[Row]) -> list[Row]:
    """In order of time, each with whether it is undone: by a row that is not undone itself."""
    ordered = sorted(history, key=lambda row: (row["time"], row["annotation_id"]))
    gone: set[str] = set()
    for row in reversed(ordered):  # an undo is always younger than what it takes back
        if row["kind"] == "undo" and row["annotation_id"] not in gone:
            gone.add(row["undoes"])
    return [{**row, "undone": row["annotation_id"] in gone} for row in ordered]


def _check(row: Row, caption: Row) -> None:
    """Repair the row's texts, and refuse what the caption has no place for."""
    if row["kind"] not in KINDS:
        raise UsageError(f"kind is {row['kind']!r}; it is one of {', '.join(KINDS)}")
    for name, most in (("text", MAX_TEXT), ("note", _MAX_NOTE)):
        if row[name] is not None:
            if not isinstance(row[name], str) or len(row[name]) > most:
                raise UsageError(f"{name} is not a text of at most {most} characters")
            row[name] = storable(row[name]).strip()
    _check_place(row, caption)
    if (row["kind"] == "text") != (row["text"] is not None):
        raise UsageError("text is given with the kind text, and with no other")
    if row["kind"] == "text" and row["section_index"] is None:
        raise UsageError("a corrected text needs section_index: that of a section, or -1 for the opening")
    if row["kind"] == "note" and not row["note"]:
        raise UsageError("a note must not be empty")
    if row["kind"] == "times":
        span = (row["start_s"], row["end_s"])
        if not all(isinstance(t, int | float) for t in span) or not 0 <= span[0] < span[1] <= caption["duration_s"]:
            raise UsageError(
                f"times are {span[0]} to {span[1]}; allowed is 0 <= start < end <= {caption['duration_s']}"
            )
        if row["section_index"] in (None, OPENING):
            raise UsageError("times can be corrected of a section or of a sentence in it")
    elif row["start_s"] is not None or row["end_s"] is not None:
        raise UsageError("start_s and end_s are given with the kind times, and with no other")


def _check_place(row: Row, caption: Row) -> None:
    number, index = row["section_index"], row["sentence_index"]
    if not all(n is None or (isinstance(n, int) and not isinstance(n, bool)) for n in (number, index)):
        raise UsageError("section_index and sentence_index are whole numbers or null")
    found = next((s for s in caption["sections"] or () if s["section_index"] == number), None)
    if number not in (None, OPENING) and found is None:
        raise UsageError(f"the caption has no section {number}")
    if index is not None and (found is None or not 0 <= index < len(found["sentences"] or ())):
        raise UsageError(f"section {number} has no sentence {index}")
