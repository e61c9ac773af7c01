"""An output, opened: exact at every moment, also while a run writes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from operators import rows
from operators.base import Row
from operators.storage import arrow_files
from pipeline.output.known import Durable, opened, wanted
from pipeline.output.ownership import state_of
from pipeline.sources.location import output_uri
from pipeline.terminal.errors import UsageError, nearest

if TYPE_CHECKING:
    import pandas as pd
    import ray.data


class Output:
    """What lies under one output location.

    Args:
        uri: local folder or a remote prefix.

    Raises:
        UsageError: there is no output.
    """

    def __init__(self, uri: str) -> None:
        self.uri = output_uri(uri)
        self.store = opened(self.uri)
        if state_of(self.uri) in ("empty", "foreign") or not self.store.exists():
            raise UsageError(
                f"there is no output at {uri}: it has none of the tables videos, segments, dataset, filtered, failures"
            )

    def to_arrow(self) -> pa.Table:
        """The long captions: `rows.LONG_CAPTION`, ordered by uri."""
        return self.store.dataset.read().sort_by([("uri", "ascending"), ("video_id", "ascending")])

    def table(self, name: str) -> pa.Table:
        """The rows of one table: `dataset`, `segments`, `videos`, or one that the recipe added.

        Raises:
            UsageError: there is no such table.
        """
        known = {table.uri.rsplit("/", 1)[-1]: table for table in self.store.tables}
        if name not in known:
            raise UsageError(f"no table {name!r} in {self.uri}{nearest(name, known)} Known: {', '.join(known)}")
        return known[name].read()

    def to_pandas(self) -> pd.DataFrame:
        """The long captions as a pandas frame."""
        frame: pd.DataFrame = self.to_arrow().to_pandas()
        return frame

    def to_ray(self) -> ray.data.Dataset:
        """The long captions as a Ray Dataset over exactly the files of the newest snapshot."""
        import ray.data

        uris = self.store.dataset.file_uris()
        if not uris:
            return ray.data.from_arrow(rows.LONG_CAPTION.empty_table())
        files, paths = arrow_files(uris)  # given as URIs, Ray would decode `%20` and cut at `#`
        return ray.data.read_parquet(paths, filesystem=files, schema=rows.LONG_CAPTION)

    def segments(self, video_id: str) -> list[Row]:
        """Frame and window captions of one video: rows of `rows.CAPTIONED_SEGMENT`, in order; the newest captions."""
        found = self.store.segments.read(["run_id", "key"], pc.field("video_id") == video_id).to_pylist()
        return self.store.captioned(max(found, key=lambda row: str(row["run_id"]))["key"]) if found else []

    def filtered(self) -> pa.Table:
        """What the filter left out, and why: `rows.FILTERED`, ordered by uri."""
        return self.store.filtered.read().sort_by([("uri", "ascending"), ("video_id", "ascending")])

    def failures(self) -> list[Row]:
        """What failed and has not been cured since: rows of `rows.FAILED`, the newest for each item."""
        captioned = self.store.done_segments()
        told = {*self.store.done_videos(), *self.store.filtered_videos()}
        newest: dict[tuple[str, str, int | None], Row] = {}
        for row in self.store.failures.read().sort_by("time").to_pylist():  # a table has no order of its own
            newest[row["key"], row["stage"], row["segment_index"]] = row
        derived = {name: {row["key"] for row in wanted(self.store, name)} for name in self.store.derived}
        durable = Durable(self.store, derived)
        current = set(self.store.videos.read(["video_id"])["video_id"].to_pylist())
        return sorted(
            (
                row
                for row in newest.values()
                if (durable.knows(row["key"]) and not durable.has(row["key"], row["segment_index"]))
                or (
                    not durable.knows(row["key"])
                    and row["video_id"] in current
                    and row["segment_index"] not in captioned.get(row["key"], set())
                    and not (row["segment_index"] is None and row["video_id"] in told)
                )
            ),
            key=lambda row: (row["uri"], -1 if row["segment_index"] is None else row["segment_index"]),
        )

    def find(self, name: str) -> Row:
        """One row of `rows.VIDEO` by id, a unique beginning of an id, the uri, or the file's name.

        Raises:
            UsageError: none, or several.
        """
        videos = self.store.videos.read(["video_id", "uri", "duration_s"]).to_pylist()
        for fits in (
            [v for v in videos if v["video_id"] == name or v["uri"] == name],
            [v for v in videos if v["uri"].rsplit("/", 1)[-1] == name],
            [v for v in videos if name and v["video_id"].startswith(name)],
        ):
            if len(fits) == 1:
                return dict(fits[0])
            if fits:
                raise UsageError(f"{name!r} fits {len(fits)} videos: {', '.join(v['video_id'] for v in fits[:5])}")
        known = [v["video_id"] for v in videos] + [v["uri"].rsplit("/", 1)[-1] for v in videos]
        raise UsageError(f"no video {name!r} in {self.uri}{nearest(name, known)}".rstrip("."))

    def runs(self) -> list[dict[str, Any]]:
        """The reports of the runs that ended, oldest first."""
        return self.store.run_records("report.json")
