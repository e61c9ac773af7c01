"""Quality and relevance of LongCaption-Bench, on LongWriter's axes. Its length score needs no judge."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.evaluation.judging.asking import Ask, number
from pipeline.evaluation.judging.case import FAILED, MISSING, Asking, Case, Found, Unit, share
from pipeline.evaluation.scores.metrics import Metric

AXES = {
    "relevance": "it tells of the video and of nothing else",
    "accuracy": "what it says is right and does not contradict itself",
    "coherence": "its parts follow from one another in a clear order",
    "clarity": "it is easy to understand and does not repeat itself",
    "depth": "it is broad and detailed",
    "reading": "it is good to read",
}


class Quality:
    """Six axes from 1 to 5, each as (value - 1) * 25, and their mean.

    An axis without an answer counts 0. LongWriter's script counts it as 3, and drops a caption whose ratings do not
    parse.
    """

    name = "quality"
    metrics: Mapping[str, Metric] = {
        "quality_score": Metric("judge", 1, "LongWriter's quality: mean of six ratings, 0 to 100"),
        "relevance_score": Metric("judge", 1, "the rating of relevance alone, 0 to 100"),
    }

    def applies(self, case: Case) -> bool:  # noqa: ARG002  needs only a caption
        return True

    def judge(self, case: Case, ask: Asking) -> Found:
        said = {}
        if case.captioned:
            said = ask(
                [
                    Ask(
                        prompt="quality",
                        items=AXES,
                        fields={"score": number(1, 5)},
                        material=case.material,
                        values={"reference": case.reference_text or None},
                    )
                ]
            )
        units = []
        for axis in AXES:
            answer = said.get(axis)
            shown = str(answer["score"]) if answer else FAILED if case.captioned else MISSING
            value = (answer["score"] - 1) * 25.0 if answer else 0.0
            units.append(Unit(id=axis, metric="quality_score", label=shown, value=value, group=axis))
        return Found(
            {"quality_score": share([u.value for u in units]), "relevance_score": units[0].value}, tuple(units)
        )
