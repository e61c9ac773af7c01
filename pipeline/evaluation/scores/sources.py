"""Sources of captions: an output of Longcap, or a file in one of the formats of `references`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from operators.core.text import nearest
from pipeline.evaluation.scores.captions import COLUMNS, Caption, names_of, of_row
from pipeline.evaluation.scores.reading import FILES
from pipeline.evaluation.scores.references import read_captions
from pipeline.output.output import Output
from pipeline.terminal.errors import UsageError


@dataclass(frozen=True)
class Captions:
    """Captions by video.

    Attributes:
        shown: location of the captions, without secrets.
        knows_videos: whether the source knows which videos should have captions, so that references of others are left
            out. A file does not, so that each reference without a caption counts 0.
    """

    shown: str
    knows_videos: bool
    output: Output | None
    of_file: tuple[Caption, ...] = ()

    def __iter__(self) -> Iterator[Caption]:
        """Yield all captions, then the videos without one."""
        if self.output is None:
            yield from self.of_file
            return
        store, predicted = self.output.store, set()
        for batch in store.dataset.batches(list(COLUMNS)):
            for row in batch.to_pylist():
                predicted.add(row["video_id"])
                yield of_row(row)
        left_out = {*store.filtered_videos()}
        for row in store.videos.read(["video_id", "uri", "duration_s"]).to_pylist():
            if row["video_id"] not in predicted and row["video_id"] not in left_out:
                names = names_of(row["video_id"], row["uri"])
                yield Caption(video_id=row["video_id"], aliases=names, duration_s=row["duration_s"], missing=True)

    def values(self, columns: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return column -> video_id -> value, for columns of the dataset, of its structs, or of the user's `metadata`.

        Raises:
            UsageError: a column does not exist.
        """
        found: dict[str, dict[str, Any]] = {name: {} for name in columns}
        if not columns:
            return found
        if self.output is None:
            raise UsageError("--by needs an output of Longcap; a file of captions has no columns")
        schema = self.output.store.dataset.schema
        for name in columns:
            if name.split(".")[0] not in schema.names:
                raise UsageError(
                    f"--by {name}: is not a column{nearest(name, schema.names)} Known: {', '.join(schema.names)}; "
                    "metadata.NAME is a column of your manifest"
                )
        read = list(dict.fromkeys(["video_id", *(name.split(".")[0] for name in columns)]))
        for batch in self.output.store.dataset.batches(read):
            for row in batch.to_pylist():
                for name in columns:
                    found[name][row["video_id"]] = _inside(row, name.split("."))
        return found


def open_captions(uri: str) -> Captions:
    """Open captions. Raises `UsageError` if there are none."""
    if uri.lower().endswith(FILES):
        return Captions(uri, False, None, tuple(read_captions(uri)))
    output = Output(uri)
    return Captions(output.shown_uri, True, output)


def _inside(row: dict[str, Any], path: Sequence[str]) -> Any:
    found: Any = row[path[0]]
    if path[0] == "metadata":
        found = json.loads(found or "{}")
    for name in path[1:]:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str | int | float | bool) or found is None else json.dumps(found)
