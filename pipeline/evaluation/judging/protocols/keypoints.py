"""Key points: CapRiCorn-1K with referential consistency, and precision, recall and F1 of AutoCaption."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from pipeline.evaluation.judging.asking import Ask, Values, batches, label, number
from pipeline.evaluation.judging.case import (
    FAILED,
    MISSING,
    Asking,
    Case,
    Found,
    Unit,
    f1,
    key_points_of,
    share,
)
from pipeline.evaluation.scores.events import alike
from pipeline.evaluation.scores.metrics import Metric
from pipeline.evaluation.scores.tokens import content
from pipeline.evaluation.scores.truth import KeyPoint

_BATCH = 10
_ENTAILED_BATCH = 30  # as in AutoCaption
_SAME = 0.8  # similarity at which AutoCaption merges two key points
_VERDICTS = ("correct", "erroneous", "absent")
ENTAILMENT = ("entailed", "contradicted", "neutral")


class KeyPoints:
    """CapRiCorn-1K: accuracy = correct / all, coverage = (correct + erroneous) / all, referential consistency.

    Referential consistency is, for each subject with K > 1 key points, the sum of C(|P|, 2) over the clusters P of its
    mentions, divided by C(K, 2); the metric is the mean over subjects.
    """

    name = "keypoints"
    metrics: Mapping[str, Metric] = {
        "keypoint_accuracy": Metric("judge", 1, "key points that the caption describes without an error"),
        "keypoint_coverage": Metric("judge", 1, "key points that the caption mentions, rightly or not"),
        "referential_consistency": Metric(
            "judge", 1, "pairs of key points of a subject that describe recognisably the same one"
        ),
    }

    def applies(self, case: Case) -> bool:
        return bool(case.truth.key_points)

    def judge(self, case: Case, ask: Asking) -> Found:
        points = {f"k{k}": point for k, point in enumerate(case.truth.key_points, 1)}
        said: dict[str, Values | None] = {}
        if case.captioned:
            fields = {"verdict": label(*_VERDICTS), "sentence": label(*(line.id for line in case.lines), "none")}
            texts = {name: point.text for name, point in points.items()}
            said = ask(
                [
                    Ask(prompt="keypoints", items=some, fields=fields, material=case.material)
                    for some in batches(texts, _BATCH)
                ]
            )
        units = []
        for name, point in points.items():
            answer = said.get(name)
            verdict = answer["verdict"] if answer else FAILED if case.captioned else MISSING
            where = {"position": case.position([point.span] if point.span else []), "group": ""}
            scope = case.scope([point.span] if point.span else [])
            for metric, good in (("keypoint_accuracy", verdict == "correct"),
                                 ("keypoint_coverage", verdict in ("correct", "erroneous"))):  # fmt: skip
                units.append(
                    Unit(id=name, metric=metric, label=verdict, value=float(good), scope=scope, **where)  # type: ignore[arg-type]
                )
        subjects = sorted({s for p in points.values() for s in p.subjects})
        units += [u for s in subjects if (u := self._subject(case, ask, s, points, said)) is not None]
        return Found({m: share([u.value for u in units if u.metric == m]) for m in self.metrics}, tuple(units))

    def _subject(
        self, case: Case, ask: Asking, subject: str, points: Mapping[str, KeyPoint], said: Mapping[str, Values | None]
    ) -> Unit | None:
        """Return the unit of one subject; None if it has one key point, which nothing can be consistent with."""
        own = [name for name, point in points.items() if subject in point.subjects]
        if len(own) < 2:
            return None
        sentences = {line.id: line.text for line in case.lines}
        places = {}
        for name in own:
            answer = said.get(name)
            if answer and answer["verdict"] != "absent" and answer["sentence"] in sentences:
                places[f"p{name[1:]}"] = f"{sentences[answer['sentence']]} (key point: {points[name].text})"
        groups: list[int] = []
        label_ = MISSING if not case.captioned else "told" if any(said.get(name) for name in own) else FAILED
        if len(places) > 1:
            found = ask(
                [
                    Ask(
                        prompt="clusters",
                        items=places,
                        fields={"group": number(1, len(places))},
                        material=case.material,
                        values={"subject": subject},
                    )
                ]
            )
            if any(answer is None for answer in found.values()):
                label_ = FAILED
            groups = [answer["group"] for answer in found.values() if answer is not None]
        value = consistency(len(own), list(Counter(groups).values()) if label_ != FAILED else [])
        return Unit(id=f"subject {subject}", metric="referential_consistency", label=label_, value=value)


def consistency(key_points: int, clusters: list[int]) -> float:
    """Return CapRiCorn-1K's Ref of a subject: pairs within clusters of mentions per pair of key points.

    Args:
        key_points: K > 1, mentioned or not, so that short captions have no advantage.
        clusters: number of mentions of each cluster.
    """
    return sum(math.comb(n, 2) for n in clusters) / math.comb(key_points, 2)


class KeyPointF1:
    """AutoCaption: recall = key points that the caption entails, precision = sentences that the truth entails."""

    name = "keypoint_f1"
    metrics: Mapping[str, Metric] = {
        "keypoint_precision": Metric("judge", 1, "sentences of the caption that the reference entails"),
        "keypoint_recall": Metric("judge", 1, "key points that the caption entails"),
        "keypoint_f1": Metric("judge", 1, "F1 of the two, caption by caption"),
    }

    def applies(self, case: Case) -> bool:
        return bool(key_points_of(case))

    def judge(self, case: Case, ask: Asking) -> Found:
        points = distinct(key_points_of(case))
        true = {f"k{k}": point.text for k, point in enumerate(points, 1)}
        spans = {f"k{k}": point.span for k, point in enumerate(points, 1)}
        predicted = {line.id: line.text for line in case.lines} if case.captioned else {}
        spans |= {line.id: line.span for line in case.lines}
        truth = case.reference_text or "\n".join(true.values())
        asks = [_entailment(some, case.material) for some in batches(true, _ENTAILED_BATCH)] if case.captioned else []
        asks += [_entailment(some, truth) for some in batches(predicted, _ENTAILED_BATCH)]
        said = ask(asks) if asks else {}
        units = []
        for metric, names in (("keypoint_recall", true), ("keypoint_precision", predicted)):
            for name in names:
                answer = said.get(name)
                verdict = answer["verdict"] if answer else FAILED if case.captioned else MISSING
                position = case.position([s] if (s := spans[name]) else [])
                value = float(verdict == "entailed")
                units.append(Unit(id=name, metric=metric, label=verdict, value=value, position=position))
        recall = share([u.value for u in units if u.metric == "keypoint_recall"])
        precision = share([u.value for u in units if u.metric == "keypoint_precision"]) if predicted else 0.0
        both = {"keypoint_precision": precision, "keypoint_recall": recall, "keypoint_f1": f1(precision, recall)}
        return Found(both, tuple(units))


def distinct(points: tuple[KeyPoint, ...]) -> list[KeyPoint]:
    """Drop key points that have nearly the words of an earlier one at the same time."""
    kept: list[tuple[frozenset[str], KeyPoint]] = []
    for point in points:
        words = content(point.text)
        if not any(other.span == point.span and alike(words, known) > _SAME for known, other in kept):
            kept.append((words, point))
    return [point for _, point in kept]


def _entailment(items: Mapping[str, str], material: str) -> Ask:
    return Ask(
        prompt="events",
        items=items,
        fields={"verdict": label(*ENTAILMENT)},
        material=material,
        values={"span": None},
    )
