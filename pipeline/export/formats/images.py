"""Rows with images: frames for trainers that do not read video (TRL), and long captions as page images (T2Vid)."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from operators.core.base import ItemError
from pipeline.export.base import Media, Problem, Row, Sample, Shard, Spans, Unfit, Unit
from pipeline.export.folder import Folder
from pipeline.export.formats.conversation import Conversation, order_faults, safe
from pipeline.export.formats.lines import PARTS
from pipeline.output.filmstrip import Filmstrip, spread


@dataclass(frozen=True, kw_only=True)
class WithImages(Conversation):
    """`messages` whose user turn has an `{"type": "image"}` part per path in `images`, then a text, as in TRL."""

    spans: ClassVar[tuple[Spans, ...]] = ("text",)
    media: ClassVar[tuple[Media, ...]] = ("path",)
    needs_files: ClassVar[bool] = False

    def row(self, key: str, images: Sequence[str], asked: str, said: str) -> Row:
        """Return one row; images are numbered by their position in the list."""
        user = [*({"type": "image"} for _ in images), {"type": "text", "text": asked}]
        turns = [
            {"role": "user", "content": user},
            {"role": "assistant", "content": [{"type": "text", "text": said}]},
        ]
        return {"messages": turns, "images": list(images), "id": key}

    def text_of(self, row: Row) -> str:
        return "\n".join(p["text"] for turn in row["messages"] for p in turn["content"] if p["type"] == "text")

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        return super().finish(folder, {s: [f for f in files if f.startswith(PARTS)] for s, files in shards.items()})

    def key_of(self, row: Row) -> str | None:
        return str(row.get("id"))

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        images, turns = row.get("images"), row.get("messages")
        if not isinstance(images, list) or not images or not isinstance(turns, list) or not turns:
            yield "it has no images, or no messages"
            return
        parts = [p for t in turns if isinstance(t, dict) and isinstance(t.get("content"), list) for p in t["content"]]
        marks = sum(1 for part in parts if isinstance(part, dict) and part.get("type") == "image")
        if marks != len(images):
            yield f"it has {marks} image parts and {len(images)} images; the trainer fails"
        if any(isinstance(p, dict) and p.get("type") not in ("image", "text") for p in parts):
            yield "it has a part that is neither image nor text, which the trainer does not support"
        yield from order_faults([(str(t.get("role")), "") for t in turns if isinstance(t, dict)])
        for path in images:
            if why := _image_fault(folder, path):
                yield why

    def use(self, folder: Folder) -> list[str]:
        return [f"TRL, from the folder {folder.uri}: load_dataset('json', data_files='train.jsonl')"]


@dataclass(frozen=True, kw_only=True)
class Frames(WithImages):
    """Evenly spaced frames of a video, with their times in the prompt, for trainers that read images but not video.

    Args:
        frames: number of frames in a sample.
        short_side_px: short side of the JPEGs.
    """

    frames: Annotated[int, Field(ge=1, le=512)] = 16
    short_side_px: Annotated[int, Field(ge=16)] = 336

    def rows(self, sample: Sample) -> Sequence[Row]:
        start_s, end_s = sample.span or (0.0, sample.duration_s)
        times = [start_s + t for t in spread(end_s - start_s, self.frames)]
        return [{"id": key, "times": times, "asked": a, "said": s} for key, a, s in self.pairs(sample)]

    def text_of(self, row: Row) -> str:
        return super().text_of(row) if "messages" in row else f"{row['asked']}\n{row['said']}"

    def write(self, rows: Iterable[tuple[Sample, Row]], shard: Shard) -> list[str]:
        path, files = f"{PARTS}/{shard.name}{self.suffix}", []
        with (
            shard.folder.writing(path) as file,
            Filmstrip(short_side_px=self.short_side_px, quality=90) as strip,
        ):
            for sample, row in rows:
                try:
                    stills = strip.at(sample.row, row["times"])
                except ItemError as error:
                    shard.left_out.append(Problem(row["id"], f"its frames cannot be read: {error}"))
                    continue
                images = [f"images/{row['id']}/{k:04d}.jpg" for k in range(len(stills))]
                for name, still in zip(images, stills, strict=True):
                    files.append(shard.folder.write(name, still.jpeg))
                when = ", ".join(self.time(still.time_s) for still in stills)
                asked = f"The images are frames of a video, at {when}. {row['asked']}"
                file.write(f"{self.line(self.row(row['id'], images, asked, row['said']))}\n".encode())
        return [path, *files]


@dataclass(frozen=True, kw_only=True)
class Pages(WithImages):
    """A long caption as an ordered list of page images, with a question and answer per section: text that trains models
    on long sequences of images.

    Args:
        page_prompt: the question; `{start}` and `{end}` are replaced by the times of a section.
        columns, lines: characters per line and lines per page.
    """

    units: ClassVar[tuple[Unit, ...]] = ("video",)

    page_prompt: str = "The images are pages of a text about a video. What does it say about {start} to {end}?"
    columns: Annotated[int, Field(ge=20, le=200)] = 60
    lines: Annotated[int, Field(ge=4, le=100)] = 24

    def rows(self, sample: Sample) -> Sequence[Row]:
        pages = pages_of(sample.text, self.columns, self.lines)
        parts = [p for p in sample.parts if p.text]
        if not parts or not pages:
            raise Unfit("it has no section with a text")
        if not _drawable(sample.text):
            raise Unfit("its text has letters that the font lacks")
        images = [f"images/{sample.key}/{k:04d}.png" for k in range(len(pages))]
        found = []
        for k, part in enumerate(parts):
            asked = self.page_prompt.replace("{start}", self.time(part.start_s)).replace("{end}", self.time(part.end_s))
            found.append((self.row(f"{sample.key}-s{k:04d}", images, asked, safe(part.text)), pages if not k else ()))
        return found

    def text_of(self, row: Row) -> str:
        return super().text_of(row[0])

    def write(self, rows: Iterable[tuple[Sample, Row]], shard: Shard) -> list[str]:
        path, files = f"{PARTS}/{shard.name}{self.suffix}", []
        with shard.folder.writing(path) as file:
            for _, (row, pages) in rows:
                for name, page in zip(row["images"], pages, strict=False):
                    files.append(shard.folder.write(name, drawn(page, self.columns, self.lines)))
                file.write(f"{self.line(row)}\n".encode())
        return [path, *files]


def pages_of(text: str, columns: int, lines: int) -> list[str]:
    """Split a text into pages of wrapped lines; joined by line breaks, they hold all its words in order."""
    wrapped: list[str] = []
    for paragraph in text.splitlines():
        wrapped += textwrap.wrap(paragraph, columns) or [""]
    return ["\n".join(wrapped[k : k + lines]) for k in range(0, len(wrapped), lines)]


def drawn(page: str, columns: int, lines: int) -> bytes:
    """Draw a page, black on white; returns a PNG."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(20)
    image = Image.new("L", (columns * 12 + 40, lines * 28 + 40), 255)
    ImageDraw.Draw(image).multiline_text((20, 20), page, fill=0, font=font, spacing=8)
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def _drawable(text: str) -> bool:
    """Whether the font that Pillow ships has all letters of a text; it covers Latin scripts."""
    return all(ord(c) < 0x250 or 0x2010 <= ord(c) <= 0x2026 for c in text)


def _image_fault(folder: Folder, path: Any) -> str | None:
    from PIL import Image, UnidentifiedImageError

    data = folder.read(path) if isinstance(path, str) and path else None
    if data is None:
        return f"there is no file {path}"
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.verify()
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        return f"{path} cannot be opened: {error}"
    return None
