"""Annotations of long captions by people: an append-only table, and the rows of it that apply.

        OUT/annotations   one row per annotation: accept, reject, corrected text, corrected times, note, undo

No row is ever changed or removed. An undo is a further row with the id of the row that it undoes; an undo can be
undone, too. Among annotations of one kind on one thing, the newest that is not undone applies. A row has the
`content_hash` of the annotated long caption; once another caption replaces that one, the row no longer
applies.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import pyarrow as pa
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

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

MAX_TEXT = 100_000  # characters of a corrected text; a section of a long caption has hundreds
_MAX_NOTE = 10_000
_MAX_AUTHOR = 200
_WAIT_S = 60.0  # each failed try means that another writer has written a row


class Annotations:
    """The annotations of one output. Opening it writes nothing; the first annotation creates the table.

    Args:
        store: store of the output.
    """

    def __init__(self, store: Store) -> None:
        self._store = Store(store.uri)  # a table object is not thread-safe: this one is guarded by `_lock`
        self._lock = threading.Lock()
        self._writing = threading.Lock()  # held while rows are appended; readers need only `_lock`, between tries
        self._fenced = False
        self.session = f"view-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"

    # -- reading ---------------------------------------------------------------------------------------------------

    def history(self, video_id: str) -> list[Row]:
        """Return all rows of one video, oldest first, as `ANNOTATION` with the bool `undone`."""
        with self._lock:
            found = self._store.annotations.lookup("video_id", video_id).to_pylist()
        return _marked(found)

    def standing(self, video_id: str, content_hash: str | None) -> list[Row]:
        """Return the rows of one video that apply to the long caption with this `content_hash`, oldest first."""
        return standing(self.history(video_id), content_hash)

    def all(self) -> pa.Table:
        """Return all rows of all videos as `ANNOTATION`, unordered."""
        with self._lock:
            return self._store.annotations.read()

    def version(self) -> int | None:
        """A number that changes whenever a row is added; None if there are no annotations."""
        with self._lock:
            return self._store.annotations.version()

    # -- writing ---------------------------------------------------------------------------------------------------

    def add(self, caption: Row, kind: Kind, *, author: str, **values: Any) -> Row:
        """Commit one annotation of a long caption; it is durable on return.

        Args:
            caption: a row of `rows.LONG_CAPTION`; `video_id`, `uri`, `content_hash`, `sections` and `duration_s` are
                    used.
            values: the other columns of `ANNOTATION`: `section_index`, `sentence_index`, `text`, `start_s`,
                `end_s`, `note`.

        Returns:
            The row.

        Raises:
            UsageError: the annotation does not fit the caption; one line.
            ItemError: class storage: the row could not be committed.
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
        """Undo a row by adding a row. Raises like `add`, and if the row does not exist or is already undone."""
        found = {row["annotation_id"]: row for row in self.history(caption["video_id"])}
        if annotation_id not in found:
            raise UsageError(f"there is no annotation {annotation_id} of video {caption['video_id']}")
        if found[annotation_id]["undone"]:
            raise UsageError(f"annotation {annotation_id} is already undone")
        return self.add(caption, "undo", author=author, undoes=annotation_id)

    def _append(self, row: Row) -> None:
        table = self._store.annotations

        def fresh() -> pa.Table:
            """Return no row if an earlier try was committed and only its answer was lost."""
            known = table.read(["annotation_id"])["annotation_id"].to_pylist() if table.exists() else []
            todo = [] if row["annotation_id"] in known else [row]
            return pa.Table.from_pylist(todo, schema=ANNOTATION)

        tries = Retrying(
            retry=retry_if_exception_type(Fenced),  # another writer annotates this output
            stop=stop_after_delay(_WAIT_S),
            wait=wait_random_exponential(multiplier=0.02, max=2.0),
            reraise=True,
        )
        with self._writing:
            self._store.open_for(self.session)  # so that a file left by a crash is recognised
            try:
                tries(self._append_fenced, fresh)
            except Fenced:
                raise UsageError(
                    f"other writers have annotated this output without a pause for {_WAIT_S:g} s; try again"
                ) from None
            self._store.close_for(self.session)

    def _append_fenced(self, rows: Callable[[], pa.Table]) -> None:
        """Append rows as the only writer; raise `Fenced` if another one has taken over."""
        table = self._store.annotations
        with self._lock:
            try:
                if not self._fenced:
                    table.fence()
                    self._fenced = True
                table.append(rows)
            except Fenced:
                self._fenced = False
                raise


def standing(history: Iterable[Row], content_hash: str | None) -> list[Row]:
    """Return the rows of a video that apply: not undone, of this caption, the newest of a kind on its thing.

    An acceptance replaces a rejection and vice versa; all notes apply.
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
    """Return the verdict on the long caption as a whole: `accept`, `reject` or None."""
    whole = [r["kind"] for r in standing if r["kind"] in VERDICTS and r["section_index"] is None]
    return whole[-1] if whole else None


def corrected(caption: Row, standing: Sequence[Row]) -> Row:
    """Return a row of `rows.LONG_CAPTION` with the applicable corrections of texts and times.

    Texts of sentences, sections and the opening and times of sections are replaced; `caption` and `words` follow. A
    corrected sentence with its own times has them as `start_s` and `end_s`.

    The provenance of the row and its `content_hash` stay those of the corrected row.
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
    """Return a long caption without rejected sections and sentences."""
    acts = list(acts)
    gone = {(a["section_index"], a["sentence_index"]) for a in acts if a["kind"] == "reject"}
    anew = {a["section_index"] for a in acts if a["kind"] == "text" and a["sentence_index"] is None}
    gone = {(s, k) for s, k in gone if s is not None and (k is None or s not in anew)}  # it has no sentences
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
    """Return the text of a long caption before its sections; empty if there is none."""
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
        if found >= 0:  # text between sentences, such as line breaks, is kept
            pieces += [old[at:found], new["text"]]
            at = found + len(sentence["text"])
        elif (number, k) in texts:
            pieces += [" ", new["text"]]
    text = "".join([*pieces, old[at:]])
    if (number, None) in texts:  # a rewritten paragraph has no sentence of the model
        text = texts[number, None]
        sentences = [{"text": text, "windows": section["windows"]}] if text else []
    start_s, end_s = times.get((number, None), (section["start_s"], section["end_s"]))
    return {**section, "text": text, "sentences": sentences, "start_s": start_s, "end_s": end_s}


def _marked(history: Iterable[Row]) -> list[Row]:
    """Order rows by time and mark those that a row which is not itself undone has undone."""
    ordered = sorted(history, key=lambda row: (row["time"], row["annotation_id"]))
    gone: set[str] = set()
    for row in reversed(ordered):  # an undo is always newer than the row that it undoes
        if row["kind"] == "undo" and row["annotation_id"] not in gone:
            gone.add(row["undoes"])
    return [{**row, "undone": row["annotation_id"] in gone} for row in ordered]


def _check(row: Row, caption: Row) -> None:
    """Repair the texts of the row, and refuse a row that does not fit the caption."""
    if row["kind"] not in KINDS:
        raise UsageError(f"kind is {row['kind']!r}; it must be one of {', '.join(KINDS)}")
    for name, most in (("text", MAX_TEXT), ("note", _MAX_NOTE)):
        if row[name] is not None:
            if not isinstance(row[name], str) or len(row[name]) > most:
                raise UsageError(f"{name} must be a text of at most {most} characters")
            row[name] = storable(row[name]).strip()
    _check_place(row, caption)
    if (row["kind"] == "text") != (row["text"] is not None):
        raise UsageError("text is allowed only with the kind text")
    if row["kind"] == "text" and row["section_index"] is None:
        raise UsageError("a corrected text needs section_index: the index of a section, or -1 for the opening")
    if row["kind"] == "note" and not row["note"]:
        raise UsageError("a note must not be empty")
    if row["kind"] == "times":
        span = (row["start_s"], row["end_s"])
        if not all(isinstance(t, int | float) for t in span) or not 0 <= span[0] < span[1] <= caption["duration_s"]:
            raise UsageError(
                f"times are {span[0]} to {span[1]}; allowed is 0 <= start < end <= {caption['duration_s']}"
            )
        if row["section_index"] in (None, OPENING):
            raise UsageError("only times of a section or of a sentence in it can be corrected")
    elif row["start_s"] is not None or row["end_s"] is not None:
        raise UsageError("start_s and end_s are allowed only with the kind times")


def _check_place(row: Row, caption: Row) -> None:
    number, index = row["section_index"], row["sentence_index"]
    if not all(n is None or (isinstance(n, int) and not isinstance(n, bool)) for n in (number, index)):
        raise UsageError("section_index and sentence_index must be whole numbers or null")
    found = next((s for s in caption["sections"] or () if s["section_index"] == number), None)
    if number not in (None, OPENING) and found is None:
        raise UsageError(f"the caption has no section {number}")
    if index is not None and (found is None or not 0 <= index < len(found["sentences"] or ())):
        raise UsageError(f"section {number} has no sentence {index}")
