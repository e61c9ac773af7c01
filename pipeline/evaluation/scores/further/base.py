"""The contract of custom metrics: a frozen dataclass that maps a caption and its references to values.

    [project.entry-points."longcap.metrics"]
    my_metric = "my_package:MyMetric"

`longcap eval OUT --metric my_metric`, or `--metric my_package:MyMetric` without an entry point.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from longcap import safe_yaml
from operators.core.entry_points import METRICS as GROUP
from operators.core.entry_points import distribution_of
from operators.core.fingerprint import identity
from operators.core.named import Registry
from pipeline.evaluation.scores.captions import Caption
from pipeline.evaluation.scores.metrics import METRICS, Metric
from pipeline.evaluation.scores.references import Reference
from pipeline.terminal.errors import UsageError

Measure: TypeAlias = Callable[[Caption, Sequence[Reference]], Mapping[str, float | None]]
"""Values by column; None or missing if a caption has none. A caption with `missing` set has no text."""


@dataclass(frozen=True, kw_only=True)
class CaptionMetric(abc.ABC):
    """Base class; its fields are the metric's options and part of every row's key.

    Class variables:
        version: raised when equal captions and references get different values.
        columns: the description of each of its columns in the table of scores.
    """

    version: ClassVar[int]
    columns: ClassVar[Mapping[str, Metric]]

    def check(self) -> None:  # noqa: B027  # nothing to check is fine
        """Check that this machine has what the metric needs.

        Raises:
            ValueError: what is missing and how to get it, in one line.
        """

    @abc.abstractmethod
    def open(self) -> AbstractContextManager[Measure]:
        """Load what is slow to load, once in each scoring process; leave no process behind."""

    def identity(self) -> list[Any]:
        """Everything that determines its values, besides captions and references."""
        return [f"{type(self).__module__}:{type(self).__qualname__}", self.version, identity(self),
                distribution_of(type(self), GROUP)]  # fmt: skip


_OURS = "pipeline.evaluation.scores.further"
REGISTRY: Registry[CaptionMetric] = Registry(
    noun="metric",
    base=CaptionMetric,  # type: ignore[type-abstract]  # it is asked for subclasses only
    ours={
        "meteor": f"{_OURS}.meteor:Meteor",
        "sentence_cosine": f"{_OURS}.embedded:SentenceCosine",
        "entity_score": f"{_OURS}.embedded:EntityScore",
    },
    group=GROUP,
)


def metrics_of(texts: Sequence[str]) -> list[CaptionMetric]:
    """Return the metrics of a command line: names, locations, or mappings of `kind` and options.

    Raises:
        UsageError: a metric does not exist or lacks what it needs, or two have a column in common.
    """
    found: list[CaptionMetric] = []
    taken = set(METRICS)
    for text in texts:
        try:
            metric = REGISTRY.parse(safe_yaml.read(text) if text.lstrip().startswith("{") else text)
            metric.check()
        except ValueError as error:
            raise UsageError(f"--metric {text}: {' '.join(str(error).split())}") from error
        for column in metric.columns:
            if column in taken or not column.isidentifier():
                raise UsageError(f"--metric {text}: {column} is already a column or not a valid name; rename it")
            taken.add(column)
        found.append(metric)
    return found
