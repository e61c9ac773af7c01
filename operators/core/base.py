"""The operator contract: what every piece of work in Longcap promises, and nothing else.

An operator is a frozen dataclass. Its fields are its configuration (so the YAML is validated by the same types), its
class variables say which columns it reads and writes (so a recipe is checked before any node starts), and `open()`
loads what is dear to load once per actor and yields the function that does the work, one row in, one row out.

    with Decode(fps=1.0).open() as apply:
        row = apply(row)

An operator knows nothing of Ray: the same object runs in a unit test, a notebook and an actor.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import pyarrow as pa

from operators.core.addresses import redacted_text
from operators.core.text import repaired

Level = Literal["video", "segment", "run"]
"""What one row is of: a video, a segment of one, or the whole output. Windows and frames are lists in a row."""

Row: TypeAlias = dict[str, Any]
Apply: TypeAlias = Callable[[Row], Row]

FailureClass = Literal[
    "unreadable",  # the bytes cannot be had: no such file, no permission
    "undecodable",  # the bytes are there and hold no pictures
    "timeout",  # no progress for too long, or over the CPU limit
    "crash",  # the decoder died of a signal
    "out_of_memory",  # the decoder outgrew its memory
    "engine",  # the engine refused or died
    "gate",  # the engine answered, and the answer is no caption
    "changed",  # it is not what was listed any more: the next run lists it anew
    "storage",  # storage did not answer: not the item's fault
    "invalid",  # a value of the item fits no row: too large, or of a wrong kind; the message names the column
    "internal",  # a bug of ours: the message carries the place
]
FAILURE_CLASSES: tuple[str, ...] = get_args(FailureClass)

TRANSIENT: frozenset[str] = frozenset({"storage", "engine", "timeout"})
"""Classes that another try may cure; a run repeats them once by itself, the rest wait for `longcap retry`."""


class Sizing:
    """Marks a field that says how fast or on what the work is done, not what comes out: left out of fingerprints."""


SIZING = Sizing()


class Added:
    """Marks a field that came after the first release of its operator: it counts in fingerprints unless it has its
    default, so that the keys of what was made before stay as they are. Its default must give what came out before."""


ADDED = Added()


@dataclass(frozen=True)
class Was:
    """Marks a field that had another name once. Configs that say the old one are still read, and fingerprints keep to
    it, so that the keys of what was made before stay as they are."""

    name: str


class FromPlan:
    """Marks a field that a job fills in with the section `plan` of its config: how videos are cut."""


FROM_PLAN = FromPlan()


class ItemError(Exception):
    """One item failed. It becomes a failure row; it never stops the job.

    Args:
        failure_class: one of `FAILURE_CLASSES`.
        message: one plain line for a person: what happened to which thing. Secrets of the URLs in it are removed here.
        attempts: how many tries were made before giving up.
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
    """What an actor that runs an operator takes, where `pools` of the config says nothing else.

    Attributes:
        cpus: 1 for what works a core flat out, little for what waits for an engine or for storage.
        gpus: GPUs; fractions share one.
        memory_bytes: that Ray sets aside; None: nothing.
    """

    cpus: float = 0.1
    gpus: float = 0.0
    memory_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Operator(abc.ABC):
    """Base of all operators; see the module's text.

    Class variables:
        name: how a recipe names it, and the key of its section in the config.
        version: raised whenever the same input and config would give another output; part of every fingerprint.
        level: what its rows are of.
        pool: the actor pool it runs in; operators of one pool that stand in a row share an actor.
        reads, writes: column names, as in `operators.core.rows`.
        may_read: columns that it uses where a step before it writes them.
        types: Arrow types of the columns in `writes` that `operators.core.rows` does not know.
        passing: columns in `writes` that are handed to later steps and never stored.
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
        """Load once, yield the function that maps one row to one row, and let go of everything on exit.

        The function raises `ItemError` for a failure of its item; anything else it raises counts as `internal`.
        """

    def needs(self) -> Needs:
        """What an actor of it takes."""
        return Needs()

    def at(self, level: Level) -> Operator:  # noqa: ARG002  # most work on rows of one level
        """The operator as a step of a table of this level; what works on several levels has other columns in each."""
        return self

    def check(self) -> None:  # noqa: B027  a choice, not a duty
        """Look, without loading, for what would make every item fail on this machine.

        Raises:
            ValueError: in one line, what is missing and what to do.
        """

    def check_columns(self, columns: frozenset[str]) -> None:  # noqa: B027  a choice, not a duty
        """Look for what no type can tell, before anything is started.

        Args:
            columns: that are there where the recipe puts the operator.

        Raises:
            ValueError: in one line.
        """
