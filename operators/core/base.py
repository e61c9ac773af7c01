"""The operator contract: the interface that every processing step implements.

An operator is a frozen dataclass. Its fields are its configuration, so the YAML is validated by the same types. Its
class variables declare the columns that it reads and writes, so a recipe is checked before any node starts. `open()`
loads models and other expensive resources once per actor and yields a function that maps one row to one row.

    with Decode(fps=1.0).open() as apply:
        row = apply(row)

Operators do not depend on Ray: the same object runs in a unit test, a notebook and an actor.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypeAlias, get_args, get_type_hints

import pyarrow as pa

from operators.core.addresses import redacted_text
from operators.core.text import repaired

Level = Literal["video", "segment", "run"]
"""What one row is of: a video, a segment of one, or the whole output. Windows and frames are lists in a row."""

Row: TypeAlias = dict[str, Any]
Apply: TypeAlias = Callable[[Row], Row]

FailureClass = Literal[
    "unreadable",  # the bytes cannot be read: no such file, no permission
    "undecodable",  # the bytes were read, but no frame can be decoded from them
    "timeout",  # no progress for too long, or over the CPU limit
    "crash",  # the decoder was killed by a signal
    "out_of_memory",  # the decoder exceeded its memory limit
    "engine",  # the engine refused the request or died
    "gate",  # the engine answered, but a quality gate rejected every answer
    "changed",  # the source changed after it was listed; the next run lists it again
    "storage",  # storage did not answer; the item itself is not at fault
    "invalid",  # a value does not fit its column: too large, or of a wrong type; the message names the column
    "internal",  # a bug in Longcap or in an operator; the message names file and line
]
FAILURE_CLASSES: tuple[str, ...] = get_args(FailureClass)

TRANSIENT: frozenset[str] = frozenset({"storage", "engine", "timeout"})
"""Transient failure classes. A run retries them once; the others are retried only by `longcap retry`."""


class Sizing:
    """Marks a field that affects speed or hardware but not the output. Fingerprints leave it out."""


SIZING = Sizing()


class Added:
    """Marks a field that was added after the first release of its operator.

    Fingerprints include it only when it differs from its default, so that existing keys stay valid. The default must
    reproduce the earlier output.
    """


ADDED = Added()


@dataclass(frozen=True)
class Was:
    """Marks a field that was renamed. Configs may still use the earlier name, and fingerprints keep using it, so that
    existing keys stay valid."""

    name: str


class FromPlan:
    """Marks a field that a job sets from the section `plan` of its config, which says how videos are divided."""


FROM_PLAN = FromPlan()


@lru_cache(maxsize=512)
def marks_of(cls: type) -> Mapping[str, tuple[Any, ...]]:
    """Name of each annotated attribute of a class -> its marks, such as `SIZING`.

    Annotations are strings that take long to evaluate, and fingerprints ask for the same few classes again and again.
    """
    hints = get_type_hints(cls, include_extras=True)
    return MappingProxyType({name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()})


class ItemError(Exception):
    """The failure of one item. It is recorded in the item's row and never stops the job.

    Args:
        failure_class: one of `FAILURE_CLASSES`.
        message: one line for the user: what failed and on which item. Secrets in its URLs are redacted here.
        attempts: number of attempts before giving up.
    """

    def __init__(self, failure_class: FailureClass, message: str, *, attempts: int = 1) -> None:
        if failure_class not in FAILURE_CLASSES:
            raise ValueError(f"failure class {failure_class!r} is not one of {', '.join(FAILURE_CLASSES)}")
        message = redacted_text(repaired(message))  # it may quote a file name, a server or an answer
        super().__init__(failure_class, message)
        self.failure_class: FailureClass = failure_class
        self.message = message
        self.attempts = attempts

    def __str__(self) -> str:
        return f"{self.failure_class}: {self.message}"

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return [f"ItemError: {self}"]

    def __reduce__(self) -> tuple[Callable[..., ItemError], tuple[str, str, int]]:
        return (_item_error, (self.failure_class, self.message, self.attempts))


def _item_error(failure_class: FailureClass, message: str, attempts: int) -> ItemError:
    return ItemError(failure_class, message, attempts=attempts)


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Resources of an actor that runs an operator; `pools` of the config overrides them.

    Attributes:
        cpus: CPU cores; 1 for an operator that keeps a core busy, less for one that waits for an engine or storage.
        gpus: GPUs; operators with a fraction share one.
        memory_bytes: memory that Ray reserves, in bytes; None reserves none.
    """

    cpus: float = 0.1
    gpus: float = 0.0
    memory_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Operator(abc.ABC):
    """Base class of all operators; the module docstring describes the contract.

    Class variables:
        name: the operator's name in recipes, and the key of its section in the config.
        version: increment it whenever the same input and config give a different output; part of every fingerprint.
        level: what one row describes: a video, a segment, or the whole output.
        pool: the actor pool that it runs in; consecutive operators of one pool share an actor.
        reads, writes: names of the columns that it reads and writes, as in `operators.core.rows`.
        may_read: columns that it uses if an earlier step writes them.
        types: Arrow types of the columns in `writes` that `operators.core.rows` does not define.
        passing: columns in `writes` that later steps receive and that are never stored.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    level: ClassVar[Level] = "segment"
    pool: ClassVar[str]
    reads: ClassVar[frozenset[str]]
    writes: ClassVar[frozenset[str]]
    may_read: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Mapping[str, pa.DataType]] = MappingProxyType({})
    passing: ClassVar[frozenset[str]] = frozenset()

    @abc.abstractmethod
    def open(self) -> AbstractContextManager[Apply]:
        """Load resources, yield the function that maps one row to one row, and release everything on exit.

        The function raises `ItemError` when its item fails. Any other exception is recorded as class `internal`.
        """

    def needs(self) -> Needs:
        """Return the resources that an actor running this operator needs."""
        return Needs()

    def at(self, level: Level) -> Operator:  # noqa: ARG002  # most work on rows of one level
        """Return the operator for a table of this level; the columns of some operators depend on the level."""
        return self

    def check(self) -> None:  # noqa: B027  a choice, not a duty
        """Check, without loading anything, for problems that would make every item fail on this machine.

        Raises:
            ValueError: one line that says what is missing and what to do.
        """

    def check_columns(self, columns: frozenset[str]) -> None:  # noqa: B027  a choice, not a duty
        """Check the operator against the columns of its recipe, before a run starts.

        Args:
            columns: names of the columns that exist at the operator's place in the recipe.

        Raises:
            ValueError: one line that says what does not fit.
        """
