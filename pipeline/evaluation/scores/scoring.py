"""Score one caption against its references; returns one row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from operators.core.base import Row
from operators.core.fingerprint import digest
from pipeline.evaluation.scores import characters, overlap, spans
from pipeline.evaluation.scores.captions import Caption, Event
from pipeline.evaluation.scores.events import aligned, by_tenth, event_scores, likeness, without_denial
from pipeline.evaluation.scores.free import free_scores
from pipeline.evaluation.scores.metrics import SCORES, VERSION
from pipeline.evaluation.scores.overlap import Frequencies
from pipeline.evaluation.scores.references import Reference
from pipeline.evaluation.scores.texts import read, read_events
from pipeline.evaluation.scores.tokens import content


def key_of(caption: Caption, references: Sequence[Reference], reference_set: str, further: Sequence[Any] = ()) -> str:
    """Return the fingerprint of everything that determines a row.

    Args:
        reference_set: a hash of all references, which determine the rarity of words in CIDEr-D.
        further: identities of further metrics.
    """
    said = [[r.text, [list(e) for e in r.events], r.timed, r.whole_seconds] for r in references]
    return digest([VERSION, caption.content, caption.missing, caption.duration_s, said, reference_set, *further])


def score(caption: Caption, references: Sequence[Reference], known: Frequencies | None) -> Row:
    """Compute the columns of `metrics.SCORES` except `key`, `reference` and `reference_set`.

    Args:
        known: frequencies of the reference set; CIDEr-D is null if it is None or has fewer than two items.
    """
    row: Row = dict.fromkeys(SCORES.names)
    row |= {
        "video_id": caption.video_id,
        "references": len(references),
        "missing": caption.missing,
        "duration_s": caption.duration_s,
    }
    if not caption.missing:
        row |= free_scores(caption)
    texts = [r.text for r in references if r.text]
    if texts:
        row |= _words(caption.text, texts, known)
    timed = [r for r in references if r.timed]
    if timed:
        row |= _timed(caption, timed)
    return row


# -- words -----------------------------------------------------------------------------------------------------------


def _words(text: str, references: Sequence[str], known: Frequencies | None) -> Row:
    said, true = read(text), [read(r) for r in references]
    own, theirs = overlap.counted(said.ptb_hashes), [overlap.counted(r.ptb_hashes) for r in true]
    stats = overlap.bleu_stats(own, theirs)
    stems = [r.google_hashes for r in true]
    cased = overlap.bleu_stats_of(said.hashes_13a, [r.hashes_13a for r in true])
    chars = characters.chrf_stats(said.letters, [r.letters for r in true])
    precision, recall = hallucination(said.content, frozenset().union(*(r.content for r in true)))
    return {
        **{f"bleu_{n + 1}": value for n, value in enumerate(map(float, overlap.bleu(np.array(stats))))},
        "rouge_l_coco": overlap.rouge_l_coco(said.ptb, [r.ptb for r in true]),
        "rouge_1": overlap.rouge_n_google(said.google_hashes, stems, 1),
        "rouge_2": overlap.rouge_n_google(said.google_hashes, stems, 2),
        "rouge_l_google": overlap.rouge_l_google(said.google, [r.google for r in true]),
        "cider_d": overlap.cider_d(own, theirs, known) if known is not None and known.items > 1 else None,
        "sacrebleu": float(characters.sacrebleu_bleu(np.array(cased), sentence=True)),
        "chrf": float(characters.chrf(np.array(chars))),
        "chrf_pp": float(characters.chrf(np.array(chars), words=characters.WORD_ORDER)),
        "hal_precision": precision,
        "hal_recall": recall,
        "hal_f1": overlap.f1(precision, recall),
        "bleu_stats": stats,
        "sacrebleu_stats": cased,
        "chrf_stats": chars,
    }


def hallucination(
    predicted: frozenset[str],
    true: frozenset[str],
    same: Callable[[str, str], bool] | None = None,
) -> tuple[float, float]:
    """Return precision and recall of Vript-HAL, with all content words instead of tagged nouns and verbs.

    The released script divides matching predicted words by true words, which can exceed 1; here recall counts the true
    words that match.

    Args:
        same: whether two words match; None: if they are equal.
    """
    if same is None:
        shared = len(predicted & true)
        return shared / len(predicted) if predicted else 0.0, shared / len(true) if true else 0.0
    hits = np.array([[same(a, b) for b in sorted(true)] for a in sorted(predicted)], dtype=bool).reshape(
        len(predicted), len(true)
    )
    return spans.covered(hits) if predicted or true else (0.0, 0.0)


# -- times -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pair:
    """Events of a caption and of one reference, both in order of time."""

    predicted: Sequence[Event]
    true: Sequence[Event]
    whole_seconds: bool

    @cached_property
    def predicted_spans(self) -> spans.Floats:
        return spans.as_spans([(s, e) for s, e, _ in self.predicted])

    @cached_property
    def true_spans(self) -> spans.Floats:
        return spans.as_spans([(s, e) for s, e, _ in self.true])

    @cached_property
    def overlap(self) -> spans.Floats:
        return spans.tiou(self.predicted_spans, self.true_spans)

    @cached_property
    def texts(self) -> spans.Floats:
        """ROUGE-L (coco) of each overlapping pair; 0 for the others, which no metric uses."""
        predicted, true = self._predicted_words[0], self._true_words[0]
        places = [overlap.places(words) for words in predicted]
        found = np.zeros(self.overlap.shape)
        for i, j in np.argwhere(self.overlap > 0).tolist():
            if shared := overlap.common(predicted[i], true[j], places[i]):
                found[i, j] = overlap.f_coco(shared / len(predicted[i]), shared / len(true[j]))
        return found

    @cached_property
    def _predicted_words(self) -> tuple[list[list[str]], list[frozenset[str]]]:
        return _words_of_events(self.predicted)

    @cached_property
    def _true_words(self) -> tuple[list[list[str]], list[frozenset[str]]]:
        return _words_of_events(self.true)

    @property
    def true_stems(self) -> list[frozenset[str]]:
        return self._true_words[1]

    @cached_property
    def alike(self) -> spans.Floats:
        return likeness(self._predicted_words[1], self.true_stems)

    @cached_property
    def same(self) -> spans.Floats:
        """The matched pairs of events, as from `aligned`."""
        return aligned(self.predicted_spans, self.true_spans, self.alike)

    @property
    def has_texts(self) -> bool:
        return any(text for _, _, text in self.true)


def _words_of_events(events: Sequence[Event]) -> tuple[list[list[str]], list[frozenset[str]]]:
    texts = [text for _, _, text in events]
    words, said = read_events(texts)
    for k, text in enumerate(texts):
        if (kept := without_denial(text)) != text:
            said[k] = content(kept)
    return words, said


def _in_time(events: Sequence[Event]) -> list[Event]:
    order = spans.ordered([(s, e) for s, e, _ in events])
    return [events[k] for k in order]


def _timed(caption: Caption, references: Sequence[Reference]) -> Row:
    predicted = _in_time(caption.events)
    pairs = [_Pair(predicted, _in_time(r.events), r.whole_seconds) for r in references]
    row = _best([_of_spans(pair) for pair in pairs])
    duration = caption.duration_s or next((r.duration_s for r in references if r.duration_s), None)
    row |= _masks(pairs, duration)
    with_texts = [pair for pair in pairs if pair.has_texts]
    places = spans.ordered([(s, e) for s, e, _ in caption.events])
    found = [_of_events(pair, places) for pair in with_texts]
    if found:
        best = max(range(len(found)), key=lambda k: found[k]["event_recall"])
        length = duration or max(e for _, e, _ in with_texts[best].true)
        row["events_by_tenth"] = by_tenth(with_texts[best].same, with_texts[best].true, length) if length else None
    return row | _best(found)


def _best(rows: Sequence[Row]) -> Row:
    """Return the best value of each metric over several references, as evaluators of dense captions do."""
    found: Row = {}
    for row in rows:
        for name, value in row.items():
            if value is not None and (found.get(name) is None or value > found[name]):
                found[name] = value
    return found


def _of_spans(pair: _Pair) -> Row:
    row: Row = {}
    each = []
    for t, (precision, recall) in spans.detections(pair.overlap, spans.TIOUS).items():
        row |= {f"tiou_precision_{t}": precision, f"tiou_recall_{t}": recall}
        each.append(overlap.f1(precision, recall))
    row["tiou_f1"] = float(np.mean(each))
    row["soda_d"] = spans.soda(pair.overlap)[2]
    near = spans.boundaries_within(pair.predicted_spans, pair.true_spans, spans.DISTANCES_S)
    for d, (precision, recall) in near.items():
        row |= {f"boundary_precision_{d}s": precision, f"boundary_recall_{d}s": recall}
    iou, precision, recall = spans.ranges(pair.predicted_spans, pair.true_spans, whole_seconds=pair.whole_seconds)
    row |= {"ranges_iou": iou, "ranges_precision": precision, "ranges_recall": recall}
    row["ranges_iou_auc"] = spans.area([iou], strict=True)
    precision, recall, f1 = spans.moments(pair.predicted_spans, pair.true_spans)
    return row | {"temporal_precision": precision, "temporal_recall": recall, "temporal_f1": f1}


def _masks(pairs: Sequence[_Pair], duration_s: float | None) -> Row:
    ends = [float(side.max()) for pair in pairs for side in (pair.predicted_spans, pair.true_spans) if len(side)]
    seconds = duration_s or max(ends, default=0.0)
    if not seconds:
        return {}
    predicted = spans.mask(pairs[0].predicted_spans, seconds)
    true = [spans.mask(pair.true_spans, seconds) for pair in pairs]
    each = [spans.mask_f1(predicted, one) for one in true]
    mean = np.mean(np.stack(true).astype(np.float64), axis=0)
    return {
        "mask_f1": float(np.mean(each)),
        "mask_f1_best": max(each),
        "mask_kendall": spans.kendall(predicted.astype(np.float64), mean),
        "mask_spearman": spans.spearman(predicted.astype(np.float64), mean),
    }


# -- events with texts -------------------------------------------------------------------------------------------------


def _of_events(pair: _Pair, places: Sequence[int]) -> Row:
    texts = pair.texts
    hits = _moments(pair, (1, 5))
    return {
        "soda_c_rouge_l": spans.soda(pair.overlap, texts)[2],
        "dense_rouge_l": float(
            np.mean([spans.dense(pair.overlap, lambda i, j: float(texts[i, j]), t) for t in spans.TIOUS])
        ),
        "moment_recall_1": float(np.mean(hits[1])) if hits[1] else 0.0,
        "moment_recall_5": float(np.mean(hits[5])) if hits[5] else 0.0,
        **event_scores(pair.predicted, pair.true, pair.same, places),
    }


def _moments(pair: _Pair, most: Sequence[int]) -> dict[int, list[bool]]:
    """Return, for each true event, whether a search by its text finds it among the first so many predicted events.

    Predicted events are ranked by similarity, ties by time. A text shared by several true events searches for all of
    them.
    """
    near = pair.overlap >= spans.MOMENT_IOU
    found: dict[int, list[bool]] = {k: [] for k in most}
    same: dict[frozenset[str], list[int]] = {}
    for i, words in enumerate(pair.true_stems):
        same.setdefault(words, []).append(i)
    order = np.argsort(-pair.alike, axis=0, kind="stable")[: max(most)]
    for j, words in enumerate(pair.true_stems):
        some = same[words]
        asked = near[:, j] if len(some) == 1 else np.asarray(near[:, some].any(axis=1))
        hits = asked[order[:, j]].tolist()
        for k in most:
            found[k].append(any(hits[:k]))
    return found
