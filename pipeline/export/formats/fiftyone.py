"""FiftyOne: temporal detections of videos, for `fiftyone.types.FiftyOneTemporalDetectionDataset`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar, Literal

from pipeline.export.base import Problem, Row, Sample, Spans, Unfit, Unit
from pipeline.export.folder import Folder
from pipeline.export.formats.activitynet import span_faults
from pipeline.export.formats.lines import Lines
from pipeline.export.media import fault_of
from pipeline.export.plan import STATE

_MAP = "data.json"  # maps names in `labels.json` to paths; a video named by its path needs no entry


@dataclass(frozen=True, kw_only=True)
class FiftyOne(Lines):
    """FiftyOne: `SPLIT/labels.json`, and with `--media copy` or `link` the videos in `SPLIT/data/`.

    A label is the text of a section or window with its times; the first label has the long caption in its attribute
    `caption`. Videos are named by their paths, or by their names in `data/`, where the importer looks them up. The
    importer fails if there is neither `data/` nor the file that `data_path` names, so an export of paths has an empty
    `SPLIT/data.json`.

    Args:
        events: labels to write, "section" or "window".
    """

    units: ClassVar[tuple[Unit, ...]] = ("video",)
    spans: ClassVar[tuple[Spans, ...]] = ("text",)
    form: ClassVar[Literal["jsonl", "list", "dict", "text"]] = "dict"
    suffix: ClassVar[str] = ".json"
    needs_windows: ClassVar[bool] = True

    events: Literal["section", "window"] = "section"

    def file_of(self, split: str) -> str:
        return f"{split}/labels.json"

    def head(self) -> bytes:
        return b'{"classes": null, "labels": {\n'

    def tail(self) -> bytes:
        return b"\n}}\n"

    def media_path(self, sample_key: str, split: str, suffix: str) -> str:
        return f"{split}/data/{sample_key}{suffix}"

    def rows(self, sample: Sample) -> Sequence[Row]:
        parts = [p for p in (sample.windows if self.events == "window" else sample.parts) if p.text]
        if not parts:
            raise Unfit(f"it has no {self.events} with a text")
        if "://" in sample.media:
            raise Unfit("the importer opens local files only; use --media copy")
        labels: list[dict[str, Any]] = [
            {"label": p.text, "timestamps": [round(p.start_s, 3), round(p.end_s, 3)], "attributes": {}} for p in parts
        ]
        labels[0]["attributes"] = {"caption": sample.text}
        key = str(PurePosixPath(sample.media).stem) if sample.relative else sample.media
        return [(key, labels)]

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        bare = [split for split in shards if not folder.files(f"{split}/data")]
        return [*super().finish(folder, shards), *(folder.write(f"{split}/{_MAP}", "{}\n") for split in bare)]

    def text_of(self, row: Row) -> str:
        return "\n".join(label["label"] for label in row[1])

    def data_files(self, folder: Folder) -> list[str]:
        return [f for f in folder.files() if f.rsplit("/", 1)[-1] == "labels.json" and not f.startswith(f"{STATE}/")]

    def read(self, folder: Folder, path: str) -> Iterator[tuple[str, Any]]:
        labels: dict[str, Any]
        try:
            labels = json.loads(folder.read(path) or b"")["labels"]
        except (ValueError, KeyError, TypeError) as error:
            yield path, Problem(path, f"it is not a JSON object with labels: {error!r}")
            return
        base = path.removesuffix("labels.json")
        names: dict[str, str] = {PurePosixPath(f).stem: f for f in folder.files() if f.startswith(f"{base}data/")}
        if not names and folder.size(f"{base}{_MAP}") is None:
            yield path, Problem(path, f"there is neither {base}data/ nor {base}{_MAP}; the importer fails")
        for key, value in labels.items() if isinstance(labels, dict) else ():
            where = f"{path}[{key!r}]"
            if not key.startswith("/") and key not in names:
                yield where, Problem(where, f"there is no video {base}data/{key}.*; the importer fails")
            elif why := fault_of(folder, names.get(key, key)):
                yield where, Problem(where, why)
            yield where, (key, value)

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        if not isinstance(row[1], list) or not row[1]:
            yield "it has no label; the importer shows nothing for it"
            return
        for k, label in enumerate(row[1]):
            if not isinstance(label, dict) or not str(label.get("label") or "").strip():
                yield f"label {k} has no text"
            elif "support" not in label:
                yield from (f"label {k}: {why}" for why in span_faults(label.get("timestamps"), 1e12))

    def use(self, folder: Folder) -> list[str]:
        where = folder.at("train")
        data = f', data_path="{_MAP}"' if folder.size(f"train/{_MAP}") is not None else ""
        return [
            f"FiftyOne: fo.Dataset.from_dir({where!r}{data}, label_field='captions', "
            "dataset_type=fo.types.FiftyOneTemporalDetectionDataset)"
        ]
