"""Search for spans: full text (BM25) and sentence embeddings of an index, fused into one ranking of moments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from operators.core.base import Row
from operators.core.text import nearest
from operators.narrate.grounding.words import content_stems
from pipeline.output.output import Output
from pipeline.retrieval.index import Index, embed_query, quoted
from pipeline.retrieval.passages import CORE, VIDEO
from pipeline.terminal.errors import UsageError

Mode = Literal["hybrid", "text", "vector"]

_CANDIDATES = 100  # candidates of each ranking
_TIED = 16  # this many times as many rows are read if the last ones are tied, so that the choice among them is stable
_RRF = 60  # reciprocal rank fusion: Cormack, Clarke, Büttcher, SIGIR 2009
_SAME = 0.5  # two spans are one moment if they overlap by this share of the shorter one
_PROBES = 20  # partitions of the approximate index that are searched
_REFINE = 3  # this many times as many candidates are compared exactly
_COLUMNS = ["video_id", "uri", "level", "place", "start_s", "end_s", "text"]


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One moment found by a search.

    Attributes:
        level: window, sentence, section, video, or the name of a further table.
        start_s, end_s: seconds from the first presented frame.
        score: score of the fused ranking; comparable within one query only.
        text_score: BM25; None if the full text search did not find it.
        similarity: cosine with the query, -1 to 1; None if the vector search did not find it.
    """

    video_id: str
    uri: str
    level: str
    place: str
    start_s: float
    end_s: float
    text: str
    score: float
    text_score: float | None = None
    similarity: float | None = None

    @property
    def name(self) -> str:
        """The name of the video file."""
        return self.uri.rsplit("/", 1)[-1]


def opened(output: Output) -> Index:
    """Open the index of an output.

    Raises:
        UsageError: the output has no finished index.
    """
    index = Index(output.uri)
    if index.table is None or "text" not in {c for i in index.table.list_indices() for c in i.columns}:
        raise UsageError(f"{output.shown_uri} has no finished index; make it with: longcap index {output.shown_uri}")
    return index


def search(
    index: Index,
    query: str,
    *,
    k: int = 5,
    mode: Mode | None = None,
    levels: Sequence[str] = (),
    video_ids: Sequence[str] = (),
) -> list[Hit]:
    """Return the moments that fit a query best, best first.

    Passages of one moment, such as a window and a sentence that cites it, are one hit: the shortest of them.

    Args:
        k: maximum number of moments.
        mode: which rankings to use; None: hybrid if the index has vectors, else text.
        levels: levels of the passages to search; empty: all.
        video_ids: videos to search; empty: all.

    Raises:
        UsageError: the query is empty, or the index does not have the mode or level.
    """
    if not query.strip():
        raise UsageError("the query is empty")
    mode = mode or ("hybrid" if index.vectors else "text")
    if mode not in get_args(Mode):
        raise UsageError(f"mode is {mode!r}; allowed are {', '.join(get_args(Mode))}")
    if mode != "text" and not index.vectors:
        raise UsageError(
            f"mode {mode} needs vectors, and the index has none; add them with: longcap index OUT --vectors"
        )
    if k < 1:
        raise UsageError(f"k is {k}; it must be at least 1")
    where = _where(index, levels, video_ids)
    count = max(_CANDIDATES, 4 * k)
    found: dict[str, Row] = {}
    rankings = []
    if mode != "vector":
        rankings.append(_ranked(found, _by_text(index, query, where, count), "text_score"))
    if mode != "text":
        rankings.append(_ranked(found, _by_vector(index, query, where, count), "similarity"))
    asked = frozenset(content_stems(query))
    weights = {key: _said(asked, row["text"]) for key, row in found.items()} if len(rankings) > 1 else {}
    scores = fused(rankings, weights)
    order = sorted(scores, key=lambda key: (-scores[key], key))
    return moments((_hit(found[key], scores[key]) for key in order), k)


def fused(rankings: Sequence[Sequence[str]], weights: Mapping[str, float] = MappingProxyType({})) -> dict[str, float]:
    """Reciprocal rank fusion: key -> sum over rankings of 1 / (60 + rank), rank from 1.

    Args:
        weights: key -> factor of its rank in the first ranking, 1 by default. It lowers passages that the full text
            search ranks although they contain only some of the query's words.
    """
    scores: dict[str, float] = {}
    for number, ranking in enumerate(rankings):
        for rank, key in enumerate(ranking, 1):
            weight = 1.0 if number else weights.get(key, 1.0)
            scores[key] = scores.get(key, 0.0) + weight / (_RRF + rank)
    return scores


def _said(asked: frozenset[str], text: str) -> float:
    """Return the share of the query's content words that a text contains; 1 if the query has none."""
    return len(asked.intersection(content_stems(text))) / len(asked) if asked else 1.0


def moments(hits: Iterable[Hit], k: int) -> list[Hit]:
    """Return the first `k` moments of ranked hits. Of overlapping hits one is kept, with the best rank: the first one
    that lies within the best and is shorter, else the best."""
    found: list[Hit] = []
    narrowed: set[int] = set()
    for hit in hits:
        at = next((i for i, other in enumerate(found) if _same(hit, other)), None)
        if at is None:
            found.append(hit)
        elif at not in narrowed and _within(hit, found[at]):
            found[at] = replace(hit, score=found[at].score)
            narrowed.add(at)
    return found[:k]


def _same(a: Hit, b: Hit) -> bool:
    if a.video_id != b.video_id:
        return False
    common = min(a.end_s, b.end_s) - max(a.start_s, b.start_s)
    return common >= _SAME * min(a.end_s - a.start_s, b.end_s - b.start_s)


def _within(inner: Hit, outer: Hit) -> bool:
    longer = outer.end_s - outer.start_s > inner.end_s - inner.start_s
    return longer and outer.start_s <= inner.start_s and inner.end_s <= outer.end_s


def _where(index: Index, levels: Sequence[str], video_ids: Sequence[str]) -> str:
    parts = []
    if levels:
        known = {*CORE, *(level for level in levels if level not in CORE and has(index, level))}
        for level in levels:
            if level not in known:
                raise UsageError(f"the index has no level {level!r}{nearest(level, known)} Known: {', '.join(CORE)}")
        parts.append(f"level IN ({', '.join(map(quoted, levels))})")
    else:
        parts.append(f"level != {quoted(VIDEO)}")  # an opening describes the whole video, not a moment
    if video_ids:
        parts.append(f"video_id IN ({', '.join(map(quoted, video_ids))})")
    return " AND ".join(parts)


def has(index: Index, level: str) -> bool:
    """Whether the index has a passage of this level."""
    return bool(index.table.count_rows(f"level = {quoted(level)}"))


def _by_text(index: Index, query: str, where: str, count: int) -> list[Row]:
    from lancedb.query import MatchQuery

    def read(limit: int) -> list[Row]:
        asked = index.table.search(MatchQuery(query, "text"), query_type="fts").where(where, prefilter=True)
        rows = asked.limit(limit).select([*_COLUMNS, "_score"]).to_list()
        return [{**row, "text_score": row["_score"]} for row in rows]

    return _first(read, count, "text_score")


def _by_vector(index: Index, query: str, where: str, count: int) -> list[Row]:
    vector = embed_query(query)

    def read(limit: int) -> list[Row]:
        asked = (
            index.table.search(vector, vector_column_name="vector", query_type="vector")
            .distance_type("dot")
            .where(where, prefilter=True)
            .limit(limit)
            .nprobes(_PROBES)
            .refine_factor(_REFINE)
        )
        # LanceDB's "dot" distance is one minus the product
        rows = asked.select([*_COLUMNS, "_distance"]).to_list()
        return [{**row, "similarity": 1.0 - row["_distance"]} for row in rows]

    return _first(read, count, "similarity")


def _first(read: Callable[[int], list[Row]], count: int, score: str) -> list[Row]:
    """Return the `count` rows with the highest scores; ties are ordered by key.

    LanceDB returns ties in storage order, which differs between an index that was made in one pass and one that was
    killed and resumed.

    Args:
        read: returns the best rows, at most the given number.
    """
    limit = count + 1
    while True:
        rows = read(limit)
        rows.sort(key=lambda row: (-_rounded(row[score]), _key(row)))
        last = _rounded(rows[-1][score]) if len(rows) == limit else None
        if last is None or last != _rounded(rows[count - 1][score]) or limit >= _TIED * count:
            return rows[:count]
        limit = min(4 * limit, _TIED * count)


def _rounded(score: float) -> float:
    """Round a score, since its last digits depend on the order in which float32 values are summed."""
    return round(score, 5)


def _key(row: Row) -> str:
    return f"{row['video_id']}\x00{row['level']}\x00{row['place']}"


def _ranked(found: dict[str, Row], rows: Sequence[Row], score: str) -> list[str]:
    """Return the keys of the rows in order, and add the rows to `found`, each with the scores of all rankings."""
    keys = []
    for row in rows:
        key = _key(row)
        found.setdefault(key, row)[score] = row[score]
        keys.append(key)
    return keys


def _hit(row: Mapping[str, Any], score: float) -> Hit:
    values: dict[str, Any] = {name: row[name] for name in _COLUMNS}
    return Hit(**values, score=score, text_score=row.get("text_score"), similarity=row.get("similarity"))
