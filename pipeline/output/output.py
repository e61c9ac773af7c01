"""Read access to an output, consistent at any time, also while a run writes to it."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from operators.analysis.filter import reason_of
from operators.core.addresses import redacted
from operators.core.base import Row
from operators.core.storage import arrow_files
from operators.core.text import nearest
from operators.core.typed import Failed
from operators.store.store import ASKED
from pipeline.output.captions import Captions, caption_rows
from pipeline.output.current import current_keys
from pipeline.output.known import Durable, opened, wanted
from pipeline.output.notebook import SHOWN_COLUMNS, Records, output_html
from pipeline.output.ownership import state_of
from pipeline.sources.files import normalise
from pipeline.sources.location import output_uri
from pipeline.terminal.errors import RunFailed, UsageError

if TYPE_CHECKING:
    import pandas as pd
    import ray.data


_NAMES = 20_000  # an unknown name is compared with at most this many names
_RENAMED = {"videos_told": "videos_narrated"}  # keys in the reports of earlier versions


class Output:
    """An output.

    `output["talk.mp4"]` returns the captions of one video.

    Args:
        uri: a local folder or a remote prefix.

    Raises:
        UsageError: there is no output at `uri`.
    """

    def __init__(self, uri: str | PathLike[str]) -> None:
        uri = fspath(uri)
        self.uri = output_uri(uri)
        self.store = opened(self.uri)
        if state_of(self.uri) in ("empty", "foreign") or not self.store.exists():
            raise UsageError(
                f"there is no output at {uri}: it has none of the tables videos, segments, dataset, filtered, failures"
            )

    @property
    def shown_uri(self) -> str:
        """`uri` without its secrets."""
        return redacted(self.uri)

    def __repr__(self) -> str:
        return f"<longcap output {self.shown_uri}: {len(self)} long captions>"

    def _repr_html_(self) -> str:
        return output_html(self.shown_uri, self.store.dataset.read(list(SHOWN_COLUMNS)))

    def __len__(self) -> int:
        """Number of long captions."""
        return int(self.store.dataset.read(["video_id"]).num_rows)

    def __bool__(self) -> bool:
        """Return True, also for an output without captions."""
        return True

    def __getitem__(self, video: str | PathLike[str]) -> Captions:
        """Return the captions of one video, named as for `find`."""
        video_id = self.find(video)["video_id"]
        facts, row = self.rows_of(video_id)
        return Captions(facts, row, lambda: self.captioned(video_id), self._why_not)

    def rows_of(self, video_id: str) -> tuple[Row, Row | None]:
        """Return the rows of `rows.VIDEO` and `rows.LONG_CAPTION` of the video with this id.

        For other videos only the ids are read.
        """
        facts, narrated = (t.lookup("video_id", video_id).to_pylist() for t in (self.store.videos, self.store.dataset))
        return facts[0], next(iter(narrated), None)

    def to_arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the long captions with the schema `rows.LONG_CAPTION`, ordered by uri.

        Args:
            columns: columns to read, which must include `uri` and `video_id`; None for all.
        """
        return self.store.dataset.read(columns).sort_by([("uri", "ascending"), ("video_id", "ascending")])

    def table(self, name: str) -> pa.Table:
        """Return the rows of one table: `dataset`, `segments`, `videos`, or one that the recipe added.

        Raises:
            UsageError: there is no such table.
        """
        known = {table.uri.rsplit("/", 1)[-1]: table for table in self.store.tables}
        if name not in known:
            raise UsageError(f"no table {name!r} in {self.uri}{nearest(name, known)} Known: {', '.join(known)}")
        return known[name].read()

    def vectors(self, name: str) -> pa.Table:
        """Return the vectors of a table that `embed` or `embed_text` wrote, one per row.

        Args:
            name: name of the table.

        Returns:
            `video_id`, `segment_index` (null for texts), the columns of `operators.embedding.vectors.FRAME_VECTOR` or
            `TEXT_VECTOR` with `vector` as a fixed-size list of float16, and `embedder`, the model; ordered by
            video and time.

        Raises:
            UsageError: there is no such table, it holds no vectors, or they are of several models.
        """
        from pipeline.output.vectors import vectors_of

        return vectors_of(self.table(name), name)

    def to_pandas(self) -> pd.DataFrame:
        """Return the long captions as a pandas DataFrame."""
        frame: pd.DataFrame = self.to_arrow().to_pandas()
        return frame

    def to_ray(self) -> ray.data.Dataset:
        """Return the long captions as a Ray Dataset over the files of the newest snapshot.

        Uses the Ray connection of this process, else the cluster of RAY_ADDRESS, else starts a local one. It does not
        join another cluster that runs on this machine.
        """
        import ray.data

        from cluster.connect import connect

        try:
            connect()
        except ConnectionError as error:
            raise RunFailed(str(error)) from error
        uris = self.store.dataset.file_uris()
        if not uris:
            return ray.data.from_arrow(self.store.dataset.schema.empty_table())
        files, paths = arrow_files(uris)  # with URIs, Ray would decode `%20` and truncate at `#`
        return ray.data.read_parquet(paths, filesystem=files, schema=self.store.dataset.schema)

    def segments(self, video: str | PathLike[str]) -> pd.DataFrame:
        """Return the frame and window captions of one video, one per row, ordered by time.

        Args:
            video: as for `find`.

        Returns:
            Columns `level` (frame or window), `segment_index`, `window_index`, `start_s`, `end_s` (null for a frame),
            `pts_s` (of its frames), `text`, `valid`, `problem`, `attempts`, `fields`,
            `prompt_hash`, `sampling`.

        Raises:
            UsageError: the video does not exist (similar names are listed), or it has no captions, with the reason.
        """
        import pandas as pd

        found = self.find(video)
        segments = self.captioned(found["video_id"])
        if not segments:
            raise UsageError(f"{found['uri']} has no captions: {self._why_not(found['video_id'])}")
        return pd.DataFrame(caption_rows(segments))

    def captioned(self, video_id: str) -> list[Row]:
        """Return rows of `rows.CAPTIONED_SEGMENT` of the video with this id, in order; [] if there are none.

        They are those that its long caption was made from; without one, those of the newest run.
        """
        found = self.store.segments.read(["run_id", "key"], pc.field("video_id") == video_id).to_pylist()
        key = current_keys(self.store, {video_id: {(row["run_id"], row["key"]) for row in found}}).get(video_id)
        return self.store.captioned(key) if key is not None else []

    def _why_not(self, video_id: str) -> str:
        """Return in one line why a known video has no long caption or no captions at all."""
        left_out = self.store.filtered.read(["filtered"], pc.field("video_id") == video_id).to_pylist()
        if left_out:
            return f"the filter excluded it: {reason_of(left_out[0]['filtered'])}"
        failed = [event["message"] for event in self.failures() if event["video_id"] == video_id]
        return failed[0] if failed else "it is not done yet; run again"

    def filtered(self) -> pa.Table:
        """Return the videos excluded by the filter, with reasons: `rows.FILTERED`, ordered by uri."""
        return self.store.filtered.read().sort_by([("uri", "ascending"), ("video_id", "ascending")])

    def failures(self) -> list[Failed]:
        """Return the current failures: rows of `rows.FAILED`, the newest of each item."""
        captioned = self.store.done_segments()
        narrated: dict[str, str] = {}  # the run that made its row
        for table in (self.store.filtered, self.store.dataset):
            rows = table.read(["video_id", "run_id"])
            narrated |= zip(rows["video_id"].to_pylist(), map(str, rows["run_id"].to_pylist()), strict=True)
        newest: dict[tuple[str, str, int | None], Failed] = {}
        for row in self.store.failures.read().sort_by("time").to_pylist():  # the table is not ordered
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
                    and not (row["segment_index"] is None and narrated.get(row["video_id"], "") >= row["run_id"])
                )
            ),
            key=lambda row: (row["uri"], -1 if row["segment_index"] is None else row["segment_index"]),
        )

    def retries(self) -> list[Failed]:
        """Return the failures that a `longcap retry` asked for which has not ended, also those resolved since."""
        return [row for row in self.store.failures.read().to_pylist() if row["passes"] == ASKED]

    def find(self, name: str | PathLike[str]) -> Row:
        """Return the row of `rows.VIDEO` with this id, uri, path, file name, or unique prefix of an id.

        Raises:
            UsageError: no video has this name (similar names are listed), or several have.
        """
        name = fspath(name)
        videos = self.store.videos.read(["video_id", "uri", "duration_s"])
        ids, uris = videos["video_id"], videos["uri"]
        uri = normalise(name) if "/" in name else name
        same = pc.or_(pc.equal(ids, name), pc.is_in(uris, pa.array([name, uri])))
        called = same if "/" in name else pc.ends_with(uris, f"/{name}")
        for fits in (same, called, pc.starts_with(ids, name)):
            found = videos.filter(fits) if name else videos.slice(0, 0)
            if found.num_rows == 1:
                return dict(found.to_pylist()[0])
            if found.num_rows:
                listed = ", ".join(found["video_id"][:5].to_pylist())
                raise UsageError(f"{name!r} matches {found.num_rows} videos: {listed}")
        some = videos.slice(0, _NAMES).to_pylist()
        known = [v["video_id"] for v in some] + [v["uri"].rsplit("/", 1)[-1] for v in some]
        raise UsageError(f"no video {name!r} in {self.shown_uri}{nearest(name, known, most=3)}".rstrip("."))

    def runs(self) -> Records:
        """Return the reports of finished runs, oldest first, as a list that a notebook displays as a table."""
        records = self.store.run_records("report.json")
        for record in records:
            for old, new in _RENAMED.items():
                if old in record:
                    record.setdefault(new, record.pop(old))
        return Records(records)
