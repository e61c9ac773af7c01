"""A dataset repository of the Hugging Face hub: Parquet files, a card, and videos for `load_dataset`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from operators.core.fingerprint import hash_of
from operators.core.storage import open_binary
from pipeline.export.base import Export, Media, Problem, Row, Sample, Shard, Spans, Unfit, Unit
from pipeline.export.folder import Folder
from pipeline.export.formats.tables import row_of
from pipeline.export.media import fault_of
from pipeline.export.plan import STATE

VIDEO_SUFFIXES = (".mkv", ".mp4", ".avi", ".mpeg", ".mov")
"""Suffixes that the builder `videofolder` accepts as videos; .webm, .m4v and .ts are not among them."""

_ROW_GROUP = 100  # rows; the hub's viewer reads pages of 100
_FIRST_ROWS_BYTES = 1_000_000  # the viewer's limit for its first rows
_ENTRIES = 10_000  # files of one folder; the hub refuses more
_FILES = 100_000  # files of one repository; the hub advises against more
_EMBEDDED_BYTES = 1 * 2**30  # bytes of one video in a cell; larger ones make row groups that readers refuse
_SEGMENTS = pa.list_(
    pa.struct(
        [
            pa.field("start_s", pa.float64()),
            pa.field("end_s", pa.float64()),
            pa.field("topic", pa.string()),
            pa.field("text", pa.string()),
        ]
    )
)
_TYPES = {
    "words": pa.int32(),
    "width_px": pa.int32(),
    "height_px": pa.int32(),
    "shots": pa.int32(),
    "has_audio": pa.bool_(),
    "integrity": pa.bool_(),
    "segments": _SEGMENTS,
    **dict.fromkeys(
        (
            *("start_s", "end_s", "duration_s", "fps", "coverage", "motion", "moving_camera", "still", "duplicate"),
            "text_share",
        ),
        pa.float64(),
    ),
}
_VIDEO = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
_LONG = ("caption", "segments", "metadata")  # written last, since the viewer truncates late columns


@dataclass(frozen=True, kw_only=True)
class Hub(Export):
    """A folder to upload unchanged, or to load with `datasets.load_dataset`.

    Args:
        layout: "videofolder": `SPLIT/` with the videos and `metadata.parquet`, loaded as a `Video` column;
            "embedded": parquet files that contain the videos, as `push_to_hub` makes them; "paths": parquet files with
            the paths or URIs of the videos as text.
        pretty_name, license, language: fields of the card.
    """

    units: ClassVar[tuple[Unit, ...]] = ("video", "section", "window", "sentence")
    spans: ClassVar[tuple[Spans, ...]] = ("cut", "text")
    media: ClassVar[tuple[Media, ...]] = ("copy", "path", "link")

    layout: Literal["videofolder", "embedded", "paths"] = "videofolder"
    pretty_name: Annotated[str, Field(min_length=1)] = "Long captions"
    license: str = "other"
    language: tuple[str, ...] = ("en",)

    def media_path(self, sample_key: str, split: str, suffix: str) -> str:
        if self.layout == "videofolder":
            return f"{split}/{hash_of(sample_key, 2)}/{sample_key}{suffix}"
        return f"videos/{hash_of(sample_key, 2)}/{sample_key}{suffix}"

    def rows(self, sample: Sample) -> Sequence[Row]:
        if not sample.text.strip():
            raise Unfit("its text is empty")
        row = row_of(sample)
        place = str(row.pop("video"))
        if self.layout == "videofolder":
            if not place.lower().endswith(VIDEO_SUFFIXES):
                raise Unfit(f"videofolder accepts only {', '.join(VIDEO_SUFFIXES)}; use layout=embedded or --spans cut")
            if not sample.relative:
                raise Unfit("a videofolder must contain its videos; use --media copy")
            if sample.span is not None:
                raise Unfit("each row of a videofolder needs its own video; use --spans cut")
            return [{"file_name": place.split("/", 1)[1], **row}]
        return [{"video": place, **row}]

    def text_of(self, row: Row) -> str:
        return str(row["caption"])

    def write(self, rows: Iterable[tuple[Sample, Row]], shard: Shard) -> list[str]:
        folder = shard.folder
        path = f"{STATE}/parts/{shard.name}.parquet" if self.layout == "videofolder" else f"data/{shard.name}.parquet"
        schema = self.schema
        with (
            folder.writing(path) as file,
            pq.ParquetWriter(file, schema, compression="zstd", write_page_index=True) as out,
        ):
            batch: list[Row] = []
            size = 0
            for sample, row in rows:
                if self.layout == "embedded":
                    try:
                        data = _bytes_of(folder, sample)
                    except (FileNotFoundError, ValueError) as error:
                        shard.left_out.append(Problem(sample.key, f"its video cannot be embedded: {error}"))
                        continue
                    row = {**row, "video": {"bytes": data, "path": PurePosixPath(sample.media).name}}  # noqa: PLW2901
                    size += len(data)
                batch.append(row)
                if len(batch) >= _ROW_GROUP or size > 2**27:
                    out.write_table(pa.Table.from_pylist(batch, schema=schema))
                    batch, size = [], 0
            out.write_table(pa.Table.from_pylist(batch, schema=schema))
        return [path]

    @property
    def schema(self) -> pa.Schema:
        """Return the columns, short ones first; an embedded video has the type `Video` of datasets."""
        first = pa.field("file_name" if self.layout == "videofolder" else "video", pa.string())
        if self.layout == "embedded":
            first = pa.field("video", _VIDEO)
        short = [name for name in _COLUMNS if name not in _LONG]
        fields = [first, *(pa.field(name, _TYPES.get(name, pa.string())) for name in (*short, *_LONG))]
        if self.layout != "embedded":
            return pa.schema(fields)
        kinds = {"video": {"_type": "Video"}} | {f.name: _feature(f.type) for f in fields[1:]}
        return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": kinds}})})

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        files = []
        if self.layout == "videofolder":
            for split, parts in shards.items():
                if parts:
                    files.append(_joined(folder, parts, f"{split}/metadata.parquet", self.schema))
        counts = {name: sum(_rows_in(folder, part) for part in parts) for name, parts in shards.items()}
        return [*files, folder.write("README.md", self._card(counts))]

    def _card(self, counts: Mapping[str, int]) -> str:
        import yaml

        total = sum(counts.values())
        sizes = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
        head: dict[str, Any] = {
            "pretty_name": self.pretty_name,
            "language": list(self.language),
            "license": self.license,
            "task_categories": ["video-text-to-text", "text-to-video"],
            "size_categories": [next((word for most, word in sizes if total < most), "1M<n<10M")],
            "tags": ["video", "text", "long-captions"],
        }
        where = "{}/**" if self.layout == "videofolder" else "data/{}-*.parquet"
        data = [{"split": name, "path": where.format(name)} for name, count in counts.items() if count]
        head["configs"] = [{"config_name": "default", "data_files": data}]
        front = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
        rows = "\n".join(f"| {name} | {count:,} |" for name, count in counts.items())
        return (
            f"---\n{front}---\n\n# {self.pretty_name}\n\nCaptions of videos, made by Longcap. Times are "
            f"seconds from the first presented frame.\n\n| split | rows |\n|---|---|\n{rows}\n"
        )

    def check(self, folder: Folder) -> Iterator[Problem]:
        if folder.read("README.md") is None:
            yield Problem("README.md", "there is no card; without it the hub guesses splits and modality")
        files = [path for path in folder.files() if not path.startswith(f"{STATE}/")]
        yield from _count_faults(files)
        tables = [path for path in files if path.endswith(".parquet")]
        if not tables:
            yield Problem(folder.uri, "there is no parquet file")
        named: set[str] = set()
        for path in tables:
            try:
                yield from self._table_faults(folder, path, named)
            except pa.ArrowException as error:
                yield Problem(path, f"it cannot be read: {error}")
        if self.layout == "videofolder":
            for path in files:
                if path.lower().endswith(VIDEO_SUFFIXES) and path not in named:
                    yield Problem(path, "no metadata.parquet names it; the loader fails")

    def _table_faults(self, folder: Folder, path: str, named: set[str]) -> Iterator[Problem]:
        base = str(PurePosixPath(path).parent)
        with folder.open(path) as file:
            table = pq.ParquetFile(file)
            key = "file_name" if path.endswith("metadata.parquet") else "video"
            if key not in table.schema_arrow.names:
                yield Problem(path, f"it has no column {key}")
                return
            number = shown = 0
            for batch in table.iter_batches(batch_size=_ROW_GROUP):
                for row in batch.to_pylist():
                    where = f"{path}[{number}]"
                    number += 1
                    place = row[key]
                    if number <= _ROW_GROUP:
                        shown += len(json.dumps({k: v for k, v in row.items() if k != key}, default=str))
                    if not row.get("caption", "x"):
                        yield Problem(where, "it has no caption")
                    if isinstance(place, dict):
                        if not place.get("bytes"):
                            yield Problem(where, "its video has no bytes")
                        continue
                    if key == "file_name":
                        full = str(PurePosixPath(base, place))
                        if full in named:
                            yield Problem(where, f"{place} appears twice")
                        named.add(full)
                        if not place.lower().endswith(VIDEO_SUFFIXES):
                            yield Problem(
                                where, f"{place} is not a video for the loader, which accepts {VIDEO_SUFFIXES}"
                            )
                        place = full
                    if why := fault_of(folder, place):
                        yield Problem(where, why)
            if shown > _FIRST_ROWS_BYTES:
                yield Problem(
                    path, f"its first {min(number, _ROW_GROUP)} rows have {shown:,} bytes; the viewer shows 1 MB"
                )

    def use(self, folder: Folder) -> list[str]:
        return [f"datasets: load_dataset({folder.at('').rstrip('/')!r})"]


_COLUMNS = (
    *("id", "video_id", "words", "start_s", "end_s", "duration_s", "source", "split", "width_px", "height_px", "fps"),
    *("codec", "has_audio", "coverage", "integrity", "motion", "moving_camera", "still", "duplicate", "text_share"),
    *("shots", "engine", "model", "caption", "segments", "metadata"),
)


def _feature(kind: pa.DataType) -> Any:
    """Return a type as datasets writes it into the schema of a Parquet file."""
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    word = {"double": "float64"}.get(str(kind), str(kind))
    return {"dtype": word, "_type": "Value"}


def _bytes_of(folder: Folder, sample: Sample) -> bytes:
    with open_binary(folder.at(sample.media) if sample.relative else sample.media) as file:
        data = bytes(file.read(_EMBEDDED_BYTES + 1))
    if len(data) > _EMBEDDED_BYTES:
        raise ValueError(f"{sample.uri} is larger than 1 GiB; use layout=videofolder, which keeps videos as files")
    return data


def _joined(folder: Folder, parts: Sequence[str], path: str, schema: pa.Schema) -> str:
    with folder.writing(path) as file, pq.ParquetWriter(file, schema, compression="zstd", write_page_index=True) as out:
        for part in parts:
            with folder.open(part) as source:
                for batch in pq.ParquetFile(source).iter_batches(batch_size=_ROW_GROUP):
                    out.write_batch(batch)
    return path


def _rows_in(folder: Folder, path: str) -> int:
    with folder.open(path) as file:
        return int(pq.ParquetFile(file).metadata.num_rows)


def _count_faults(files: Sequence[str]) -> Iterator[Problem]:
    if len(files) >= _FILES:
        why = f"it has {len(files):,} files; the hub advises fewer than {_FILES:,}: use layout=embedded"
        yield Problem("README.md", why)
    counts: dict[str, int] = {}
    for path in files:
        parent = str(PurePosixPath(path).parent)
        counts[parent] = counts.get(parent, 0) + 1
    for parent, count in counts.items():
        if count > _ENTRIES:
            yield Problem(parent, f"it has {count:,} files; the hub accepts {_ENTRIES:,} in one folder")
