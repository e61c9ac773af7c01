"""All metrics by name: group, direction and description. The table of scores has a column for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from pipeline.evaluation.scores.spans import DISTANCES_S, TIOUS

VERSION = 6
"""Raised when the same caption and references get different scores; rows of another version are rescored."""

Group = Literal["itself", "words", "spans", "events", "further", "judge"]

GROUPS: dict[Group, str] = {
    "itself": "The caption alone",
    "words": "Words against references",
    "spans": "Times against references",
    "events": "Events with their texts against references",
    "further": "Requested with --metric",
    "judge": "By a judge",
}


@dataclass(frozen=True)
class Metric:
    """One column of the table of scores.

    Attributes:
        better: 1: more is better; -1: less is better; 0: neither.
        says: its description, in one line.
        pooled: whether the value of a set of captions is computed from summed counts rather than as a mean.
    """

    group: Group
    better: Literal[-1, 0, 1]
    says: str
    pooled: bool = False


METRICS: dict[str, Metric] = {
    "words": Metric("itself", 0, "words, separated by whitespace"),
    "words_a_minute": Metric("itself", 0, "words per minute of video"),
    "wanted_words": Metric("itself", 1, "words as a share of the requested number, at most 1"),
    "balance": Metric("itself", 1, "agreement of the sections' shares of words with their shares of time"),
    "timeline": Metric("itself", 1, "share of the video that sections with a text cover"),
    "repeated_10grams": Metric("itself", -1, "share of 10-word sequences that occurred before"),
    "duplicate_sentences": Metric("itself", -1, "share of the sentences that occurred before"),
    "length_score": Metric("itself", 1, "LongWriter: 100 at the wanted length, 0 at a third of it and at four times"),
    "distinct_1": Metric("itself", 0, "share of distinct words"),
    "distinct_2": Metric("itself", 0, "share of distinct word pairs"),
    "times_inside": Metric("itself", 1, "share of the times in the text that lie in the video"),
    "times_in_order": Metric("itself", 1, "share of neighbouring times in the text that do not go back"),
    "cited": Metric("itself", 1, "share of the sentences that cite a window"),
    "grounding": Metric("itself", 1, "mean support of the sentences by the captions"),
    "reading_order": Metric("itself", 1, "share of neighbouring sentences whose windows do not go back"),
    "name_consistency": Metric("itself", 1, "share of the mentions that use the name, not an alias"),
    "atoms_a_minute": Metric("itself", 0, "distinct clauses per minute of video"),
    **{f"bleu_{n}": Metric("words", 1, f"BLEU-{n} of coco-caption", True) for n in (1, 2, 3, 4)},
    "rouge_l_coco": Metric("words", 1, "ROUGE-L of coco-caption (beta 1.2, no stems)"),
    "rouge_1": Metric("words", 1, "ROUGE-1 of rouge-score (F1, stems)"),
    "rouge_2": Metric("words", 1, "ROUGE-2 of rouge-score (F1, stems)"),
    "rouge_l_google": Metric("words", 1, "ROUGE-L of rouge-score (F1, stems)"),
    "cider_d": Metric("words", 1, "CIDEr-D of coco-caption, 0 to 10; only for one reference set"),
    "sacrebleu": Metric("words", 1, "BLEU of sacrebleu (cased, 13a), 0 to 100", True),
    "chrf": Metric("words", 1, "chrF2 of sacrebleu, 0 to 100", True),
    "chrf_pp": Metric("words", 1, "chrF++ of sacrebleu, 0 to 100", True),
    "hal_precision": Metric("words", 1, "content words that the reference has (Vript-HAL by stems)"),
    "hal_recall": Metric("words", 1, "content words of the reference that the caption has, at most 1"),
    "hal_f1": Metric("words", 1, "F1 of the two"),
    **{f"tiou_precision_{t}": Metric("spans", 1, f"sections with an IoU above {t}") for t in TIOUS},
    **{f"tiou_recall_{t}": Metric("spans", 1, f"true events with an IoU above {t}") for t in TIOUS},
    "tiou_f1": Metric("spans", 1, "F1 of the two, mean over the thresholds"),
    "soda_d": Metric("spans", 1, "SODA_d, F1: IoU in order"),
    **{f"boundary_precision_{d}s": Metric("spans", 1, f"starts less than {d} s from a true one") for d in DISTANCES_S},
    **{f"boundary_recall_{d}s": Metric("spans", 1, f"true starts less than {d} s from one") for d in DISTANCES_S},
    "ranges_iou": Metric("spans", 1, "IoU of the times that all events cover together"),
    "ranges_precision": Metric("spans", 1, "share of the predicted time that is true"),
    "ranges_recall": Metric("spans", 1, "share of the true time that is predicted"),
    "ranges_iou_auc": Metric("spans", 1, "VUE-TR: area over thresholds of IoU; at most 0.995"),
    "temporal_precision": Metric("spans", 1, "LV-Haystack: middles within 5 s of a true one"),
    "temporal_recall": Metric("spans", 1, "LV-Haystack: true middles within 5 s of one"),
    "temporal_f1": Metric("spans", 1, "F1 of the two"),
    "mask_f1": Metric("spans", 1, "VideoXum: F1 of frames at 1 fps, mean over references"),
    "mask_f1_best": Metric("spans", 1, "the same, best reference"),
    "mask_kendall": Metric("spans", 1, "VideoXum: Kendall's tau-b with the mean reference"),
    "mask_spearman": Metric("spans", 1, "VideoXum: Spearman's rho with the mean reference"),
    "soda_c_rouge_l": Metric("events", 1, "SODA_c with ROUGE-L (coco) in place of METEOR, F1"),
    "dense_rouge_l": Metric("events", 1, "ROUGE-L (coco) of pairs with an IoU of 0.3, 0.5, 0.7, 0.9; others 0"),
    "event_precision": Metric("events", 1, "narrated events that are true ones, by their words, within a minute"),
    "event_recall": Metric("events", 1, "true events that are predicted"),
    "event_order": Metric("events", 1, "of those, neighbours in the caption that do not go back in time"),
    "event_order_far": Metric("events", 1, "of those, pairs a third of the video apart that are predicted in order"),
    "event_times": Metric("events", 1, "of those, the ones predicted within 5 s of their time"),
    "event_words": Metric("events", 1, "of those, cosine of the words predicted and true"),
    "event_polarity": Metric("events", 1, "of those, the ones denied on both sides or on neither"),
    "moment_recall_1": Metric("events", 1, "true events that a search by their text finds first (IoU 0.3)"),
    "moment_recall_5": Metric("events", 1, "the same among the first five"),
}

STATS = ("bleu_stats", "sacrebleu_stats", "chrf_stats")
"""Counts that are summed for pooled metrics; docs/evaluation.md describes them."""

SCORES = pa.schema(
    [
        pa.field("video_id", pa.string()),
        pa.field("key", pa.string()),  # fingerprint of caption, references and metrics
        pa.field("reference", pa.string()),  # name of the video in the references; null: it is not in them
        pa.field("reference_set", pa.string()),  # hash of all references; null: none were given
        pa.field("references", pa.int32()),  # number of reference texts
        pa.field("missing", pa.bool_()),  # whether it has no caption; scores against references are then 0
        pa.field("duration_s", pa.float64()),
        pa.field("language", pa.string()),
        *[pa.field(name, pa.float64()) for name in METRICS],
        *[pa.field(name, pa.list_(pa.int64())) for name in STATS],
        pa.field(
            "events_by_tenth", pa.list_(pa.int64())
        ),  # predicted true events, then all true events, by tenths of the video
    ]
)
"""The table of scores: one row per video."""

AGAINST = frozenset(name for name, metric in METRICS.items() if metric.group != "itself")
