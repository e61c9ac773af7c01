"""Atomic events and their entailment within windows of time: AutoDQ of DREAM-1K, error rates of video-SALMONN 2.

The published scripts use at most ten events of a caption, far fewer than a caption of a thousand words has. Here all
sentences are split, and events are compared with the predictions near their time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.evaluation.judging.asking import TEXTS, Ask, Values, batches, label
from pipeline.evaluation.judging.case import FAILED, MISSING, Asking, Case, Found, Unit, f1, share
from pipeline.evaluation.judging.protocols.keypoints import ENTAILMENT
from pipeline.evaluation.scores.metrics import Metric
from pipeline.evaluation.scores.tokens import own_words
from pipeline.evaluation.scores.truth import Span

WINDOW_S = 120.0
_AROUND_S = 30.0  # by which a text may be early or late for an event
_BATCH = 20


@dataclass(frozen=True)
class _Atom:
    text: str
    span: Span | None


class AtomicEvents:
    """AutoDQ and the error rates of video-SALMONN 2.

    recall = true events that the caption entails; precision = predicted events that the truth entails; and F1. Miss =
    true events that are not predicted; hallucination = (true events described wrongly + predicted events that the truth
    does not mention) / true events; and their sum. Neutral events do not count, as in the published scripts.
    """

    name = "events"
    metrics: Mapping[str, Metric] = {
        "judged_event_precision": Metric("judge", 1, "narrated atomic events that the reference entails"),
        "judged_event_recall": Metric("judge", 1, "true atomic events that the caption entails"),
        "judged_event_f1": Metric("judge", 1, "F1 of the two, caption by caption"),
        "event_miss_rate": Metric("judge", -1, "true events that are not predicted"),
        "event_hallucination_rate": Metric("judge", -1, "events described wrongly or invented, for each true event"),
        "event_error_rate": Metric("judge", -1, "the sum of the two"),
    }

    def applies(self, case: Case) -> bool:
        return bool(case.true_sentences)

    def judge(self, case: Case, ask: Asking) -> Found:
        true, true_failed = self._atoms("t", case.true_sentences, ask)
        predicted, predicted_failed = (
            self._atoms("c", [(line.text, line.span) for line in case.lines], ask) if case.captioned else ({}, 0)
        )
        texts = [(line.text, line.span) for line in case.lines]
        asks = self._windows(true, texts) if case.captioned else []
        asks += self._windows(predicted, case.true_sentences)
        said = ask(asks) if asks else {}
        units = []
        for metric, atoms in (("judged_event_recall", true), ("judged_event_precision", predicted)):
            ids = _ids(atoms)
            for name, atom in atoms.items():
                verdict = _verdict(said.get(name), case.captioned)
                where = [atom.span] if atom.span else []
                units.append(
                    Unit(
                        id=ids[name],
                        metric=metric,
                        label=verdict,
                        value=float(verdict == "entailed"),
                        position=case.position(where),
                        scope=case.scope(where) if metric == "judged_event_recall" else None,
                    )
                )
        # a sentence that could not be split counts as one event and as a failure
        units += [
            Unit(id=f"split {k}", metric="", label=FAILED, value=None) for k in range(true_failed + predicted_failed)
        ]
        return Found(self._metrics(units, bool(predicted)), tuple(units))

    def _metrics(self, units: Sequence[Unit], predicted: bool) -> dict[str, float | None]:
        of_true = [u for u in units if u.metric == "judged_event_recall"]
        of_predicted = [u for u in units if u.metric == "judged_event_precision"]
        recall = share([u.value for u in of_true])
        precision = share([u.value for u in of_predicted]) if predicted else 0.0
        rates: dict[str, float | None] = dict.fromkeys(self.metrics)
        if of_true:
            wrong = sum(u.label == "contradicted" for u in of_true)
            missing = sum(u.label not in ("entailed", "contradicted") for u in of_true)
            invented = sum(u.label in ("neutral", FAILED) for u in of_predicted)
            miss, hall = missing / len(of_true), (wrong + invented) / len(of_true)
            rates = {
                "event_miss_rate": miss, "event_hallucination_rate": hall, "event_error_rate": miss + hall
            }  # fmt: skip
        return {
            "judged_event_precision": precision, "judged_event_recall": recall,
            "judged_event_f1": f1(precision, recall), **rates,
        }  # fmt: skip

    def _atoms(
        self, mark: str, sentences: Sequence[tuple[str, Span | None]], ask: Asking
    ) -> tuple[dict[str, _Atom], int]:
        """Return id -> atomic event for all sentences, and how many sentences could not be split."""
        named = {f"{mark}{k}": text for k, (text, _) in enumerate(sentences, 1)}
        spans = {f"{mark}{k}": span for k, (_, span) in enumerate(sentences, 1)}
        asks = []
        for some in batches(named, _BATCH):
            asks.append(
                Ask(prompt="atoms", items=some, fields={"events": TEXTS}, material="\n".join(some.values()))
            )  # fmt: skip
        said = ask(asks) if asks else {}
        found: dict[str, _Atom] = {}
        failed = 0
        for name, text in named.items():
            answer = said.get(name)
            failed += answer is None
            for k, event in enumerate(answer["events"] if answer else [text]):
                found[f"{name}.{k}"] = _Atom(event, spans[name])
        return found, failed

    def _windows(self, atoms: Mapping[str, _Atom], texts: Sequence[tuple[str, Span | None]]) -> list[Ask]:
        """Return requests: the events of one window of time, with the predictions in it and half a minute around it."""
        by: dict[int | None, dict[str, str]] = {}
        for name, atom in atoms.items():
            timed = atom.span is not None and any(span is not None for _, span in texts)
            window = int((atom.span[0] + atom.span[1]) / 2 / WINDOW_S) if timed and atom.span else None
            by.setdefault(window, {})[name] = atom.text
        asks = []
        for window, some in sorted(by.items(), key=lambda pair: -1 if pair[0] is None else pair[0]):
            span = None if window is None else (window * WINDOW_S, (window + 1) * WINDOW_S)
            near = [t for t, s in texts if span is None or s is None or _near(s, span)]
            for part in batches(some, _BATCH):
                asks.append(
                    Ask(
                        prompt="events",
                        items=part,
                        fields={"verdict": label(*ENTAILMENT)},
                        material="\n".join(near) or "(nothing)",
                        values={"span": span},
                    )
                )
        return asks


def _ids(atoms: Mapping[str, _Atom]) -> dict[str, str]:
    """Return name -> id of a unit: the sentence and the words of the event.

    Judges divide a sentence into different events or in another order, so the same number is not the same event.
    """
    found: dict[str, str] = {}
    times: Counter[str] = Counter()
    for name, atom in atoms.items():
        id_ = f"{name.partition('.')[0]} {' '.join(own_words(atom.text))}"
        times[id_] += 1
        found[name] = id_ if times[id_] == 1 else f"{id_} ({times[id_]})"
    return found


def _near(span: Span, window: Span) -> bool:
    return span[0] < window[1] + _AROUND_S and span[1] > window[0] - _AROUND_S


def _verdict(answer: Values | None, predicted: bool) -> str:
    return str(answer["verdict"]) if answer else FAILED if predicted else MISSING
