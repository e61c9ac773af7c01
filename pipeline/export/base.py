"""The contract of an export: samples in, rows of one target out, and a check that reads files as the target does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from pipeline.export.folder import Folder

Unit = Literal["video", "section", "sentence", "window"]
Spans = Literal["text", "cut"]
Media = Literal["path", "copy", "link"]
ITEMS = "items"
"""Column of a further table that holds a list; each of its entries counts as a row of the table."""


class Unfit(ValueError):
    """A sample that the target would drop, change or fail on; one line that says why."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is said of a span.

    Attributes:
        start_s, end_s: seconds of the sample's media file, half-open.
        spans: where it consists of several, such as the windows that support one sentence; else empty.
        topic: a short title; None where the outline gave none.
    """

    start_s: float
    end_s: float
    text: str
    spans: tuple[tuple[float, float], ...] = ()
    topic: str | None = None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One training item.

    Attributes:
        key: unique in the export; only letters, digits, `-` and `_`.
        split: such as "train".
        media: what the target reads: a path relative to the export's folder, or an absolute path or URI.
        duration_s: length of that media file.
        span: part of the media file that `text` describes, seconds; None: all of it.
        text: the caption.
        parts: `text` in pieces with times: sections of a video, the sentences of a section; of a smaller unit only
            itself.
        opening: first paragraph of a long caption, which belongs to no section; "" for smaller units.
        windows: window captions inside the span, where the export `needs_windows`; else empty.
        row: the row of `rows.LONG_CAPTION`, corrections applied.
        beside: the video's rows in the table that the export `reads_table`, in order.
        replaced: the text of the model that a person's correction took the place of; None: nobody corrected it.
        frames: pictures of the media file; None where the export does not need `media_facts`.
        fps, width_px, height_px: of the media file.
    """

    key: str
    video_id: str
    uri: str
    split: str
    media: str
    duration_s: float
    span: tuple[float, float] | None
    text: str
    parts: tuple[Part, ...]
    opening: str
    windows: tuple[Part, ...]
    row: Mapping[str, Any]
    beside: tuple[Mapping[str, Any], ...] = ()
    replaced: str | None = None
    frames: int | None = None
    fps: float = 0.0
    width_px: int = 0
    height_px: int = 0

    @property
    def relative(self) -> bool:
        """Whether `media` is relative to the export's folder."""
        return not self.media.startswith("/") and "://" not in self.media


@dataclass(frozen=True)
class Problem:
    """Something in an export that its target would reject, drop or misread.

    Attributes:
        where: file and line or key, such as "train.jsonl:12".
        why: one line.
    """

    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


@dataclass(frozen=True)
class Shard:
    """Where the rows of one shard go: `name` is such as "train-00003".

    Attributes:
        left_out: `write` adds what it could not write after all, such as a row whose media file cannot be read.
        joined: `write` adds the key of each row that it put into the line of another one.
    """

    folder: Folder
    split: str
    name: str
    left_out: list[Problem] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)


Row: TypeAlias = Any
"""What `rows` makes and `write` writes: a dict for most exports."""


@dataclass(frozen=True, kw_only=True)
class Export(ABC):
    """One target. A frozen dataclass: its fields are the options that a user can set.

    Class attributes:
        units, spans, media: what the target can express; the first is the default.
        needs_windows: whether `Sample.windows` is filled, which reads the segments.
        media_facts: whether `Sample.frames` is counted, which reads each media file.
        needs_files: whether the target reads media at all; without, none is copied or cut.
        limit_tokens: tokens of text that the target sees of a row; 0: no limit.
    """

    version: ClassVar[int] = 1
    units: ClassVar[tuple[Unit, ...]] = ("video", "section", "sentence", "window")
    spans: ClassVar[tuple[Spans, ...]] = ("text", "cut")
    media: ClassVar[tuple[Media, ...]] = ("path", "copy", "link")
    needs_windows: ClassVar[bool] = False
    media_facts: ClassVar[bool] = False
    needs_files: ClassVar[bool] = True

    @property
    def limit_tokens(self) -> int:
        return 0

    @property
    def reads_table(self) -> str:
        """A further table of the output whose rows of the video are handed over as `Sample.beside`; "": none."""
        return ""

    @abstractmethod
    def rows(self, sample: Sample) -> Sequence[Row]:
        """The rows of one sample; pure. Raises `Unfit` for what the target would not read as it is meant."""

    @abstractmethod
    def write(self, rows: Iterable[tuple[Sample, Row]], shard: Shard) -> list[str]:
        """Write one shard as a stream; returns the paths of its files in the folder."""

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:  # noqa: ARG002  # may do nothing
        """Write what belongs to the whole export; returns the paths.

        Args:
            shards: split -> files that `write` returned, in order.
        """
        return []

    @abstractmethod
    def check(self, folder: Folder) -> Iterator[Problem]:
        """Read the files of a folder as the target's loader does, and say what it would reject, drop or misread.

        It needs nothing but the folder, so that files of any origin can be checked.
        """

    def text_of(self, row: Row) -> str:
        """The text of a row whose length counts against `limit_tokens`."""
        return str(row)

    def media_tokens(self, sample: Sample) -> int:  # noqa: ARG002  # most targets count text alone
        """Tokens that the media of a sample take of the same limit."""
        return 0

    def media_path(self, sample_key: str, split: str, suffix: str) -> str:  # noqa: ARG002
        """Where a media file lies that is copied or cut; `suffix` with its dot."""
        return f"videos/{sample_key}{suffix}"

    def use(self, folder: Folder) -> list[str]:  # noqa: ARG002
        """Lines that say how the target is told of the export."""
        return []
