"""The contract of an export: it turns samples into rows of one target, and checks files as the target reads them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from pipeline.export.folder import Folder

Unit = Literal["video", "section", "sentence", "window"]
Spans = Literal["text", "cut"]
Media = Literal["path", "copy", "link"]
Seen = Literal["whole", "clip", "part"]
"""What a loader shows of a row with a span; see `Export.shows`."""
ITEMS = "items"
"""The list column of a further table; each of its items counts as a row of the table."""


class Unfit(ValueError):
    """A sample that the target would drop, change or fail on; the message is one line with the reason."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A text about one span.

    Attributes:
        start_s, end_s: seconds of what the sample's loader shows, `[start_s, end_s)`.
        spans: the parts of a span with gaps, such as the windows that support one sentence; else empty.
        topic: a short title; None if the outline has none.
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
        split: the split, such as "train".
        media: what the target reads: a path relative to the export's folder, an absolute path, or a URI.
        duration_s: length of what the loader shows.
        span: part of what the loader shows that `text` describes, in seconds; None: all of it.
        clip: part of the media file that the loader itself reads and shows, in seconds; None: the whole file.
        text: the caption.
        parts: `text` in pieces with times: the sections of a video or the sentences of a section; for a smaller unit,
            the unit itself.
        opening: first paragraph of a long caption, which belongs to no section; "" for smaller units.
        windows: window captions inside the span, if the export `needs_windows`, else empty.
        row: the row of `rows.LONG_CAPTION`, corrections applied.
        beside: the video's rows in the table that the export `reads_table`, in order; else empty.
        replaced: the model's text that a person's correction replaced; None: not corrected.
        frames: frames of the media file; None unless the export has `media_facts`.
        fps: average frame rate of the media file; 0: unknown.
        width_px, height_px: size of the media file.
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
    clip: tuple[float, float] | None = None
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
    """Where the rows of one shard are written; `name` is such as "train-00003".

    Attributes:
        left_out: `write` appends what it could not write, such as a row whose media file cannot be read.
        joined: `write` appends the key of each row that it merged into the line of another one.
    """

    folder: Folder
    split: str
    name: str
    left_out: list[Problem] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)


Row: TypeAlias = Any
"""A row as `rows` makes it and `write` writes it; a dict in most exports."""


@dataclass(frozen=True, kw_only=True)
class Export(ABC):
    """One target, as a frozen dataclass. Its fields are the options that a user can set.

    Class attributes:
        units, spans, media: what the target supports; the first is the default.
        needs_windows: whether to fill `Sample.windows`, which reads the segments.
        media_facts: whether to count `Sample.frames` and measure rate and size, which reads each media file.
        needs_files: whether the target reads media; if not, none is copied or cut.
        limit_tokens: maximum tokens of a row that the target reads; 0: no limit.
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
    def shows(self) -> Seen:
        """What the loader shows of a row whose span is not cut out.

        "whole": the whole video, so that the prompt has to name the span; "clip": only the span, whose times begin at
        0; "part": only the span, with the times of the video.
        """
        return "whole"

    @property
    def clip_fps(self) -> float:
        """Constant frame rate at which clips are cut; 0: the frames of the source with their times."""
        return 0.0

    @property
    def reads_table(self) -> str:
        """The further table whose rows of the video are passed as `Sample.beside`; "": none."""
        return ""

    @abstractmethod
    def rows(self, sample: Sample) -> Sequence[Row]:
        """Make the rows of one sample, without side effects. Raises `Unfit` if the target would misread the sample."""

    @abstractmethod
    def write(self, rows: Iterable[tuple[Sample, Row]], shard: Shard) -> list[str]:
        """Write one shard as a stream; returns the paths of its files, relative to the folder."""

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:  # noqa: ARG002  # may do nothing
        """Write the files of the export as a whole; returns their paths.

        Args:
            shards: split -> paths that `write` returned, in order.
        """
        return []

    @abstractmethod
    def check(self, folder: Folder) -> Iterator[Problem]:
        """Read the files of a folder as the target's loader does, and report what it would reject, drop or misread.

        Only the folder is read, so that files from anywhere can be checked.
        """

    def text_of(self, row: Row) -> str:
        """Return the text of a row that counts towards `limit_tokens`."""
        return str(row)

    def media_tokens(self, sample: Sample) -> int:  # noqa: ARG002  # most targets count text alone
        """Return how many tokens the media of a sample take of the same limit."""
        return 0

    def media_path(self, sample_key: str, split: str, suffix: str) -> str:  # noqa: ARG002
        """Return the path of a media file that is copied or cut; `suffix` includes its dot."""
        return f"videos/{sample_key}{suffix}"

    def use(self, folder: Folder) -> list[str]:  # noqa: ARG002
        """Return lines that say how to load the export in the target."""
        return []
