"""`longcap verify`: proves that an output is complete and sound, or lists what is not.

Complete: every planned video is in the dataset or in failures, never twice; every segment is captioned or has its
failure; the windows are the grid's. Sound: every file reads, every content hash is that of its row, every long caption
tells just the segments that are there, and nothing lies about that belongs to no table.
"""

from __future__ import annotations

import io
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq

from operators import rows
from operators.base import Row
from operators.grid import Grid
from operators.keys import video_key
from operators.storage import file_system
from operators.store.content import content_hash
from operators.store.store import Store, narration_failure_key
from operators.store.table import Table
from pipeline.errors import UsageError
from pipeline.lease import ALL, Lease
from pipeline.output import Output

_AROUND = {"videos", "segments", "dataset", "failures", "runs", "README.md"}
_SHOWN = 50
_BATCH = 256  # rows with their texts at a time


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: missing, twice, unaccounted, windows, unreadable, content, stray, upload, unfinished.
        what: the video, segment or file.
        why: one plain line.
    """

    kind: str
    what: str
    why: str


@dataclass(kw_only=True)
class Verdict:
    """What verifying found, and how much it looked at."""

    videos: int = 0
    captioned: int = 0
    failed: int = 0
    segments: int = 0
    files: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, kind: str, what: str, why: str) -> None:
        """Note one thing that is wrong."""
        self.findings.append(Finding(kind=kind, what=what, why=why))

    @property
    def ok(self) -> bool:
        return not self.findings


def verify_command(*, out: str, clean: bool = False, as_json: bool = False) -> int:
    """Print the verdict; 0 if nothing is wrong, else 1."""
    output = Output(out)
    if clean:
        tidy(output)
    found = verify(output)
    if as_json:
        click.echo(json.dumps({"ok": found.ok, **asdict(found)}, indent=2, ensure_ascii=False))
        return 0 if found.ok else 1
    for finding in found.findings[:_SHOWN]:
        click.echo(f"{finding.kind}: {finding.what}: {finding.why}")
    if len(found.findings) > _SHOWN:
        click.echo(f"… and {len(found.findings) - _SHOWN} more findings")
    click.echo(
        f"{found.videos} planned videos: {found.captioned} in the dataset, {found.failed} in failures; "
        f"{found.segments} segments; {found.files} files read: {'all is well' if found.ok else 'not sound'}"
    )
    if any(f.kind in ("stray", "upload") for f in found.findings) and not clean:
        click.echo(f"strays and uploads go with: longcap verify {out} --clean")
    return 0 if found.ok else 1


def verify(output: Output) -> Verdict:
    """Look at everything; nothing is changed."""
    store, found = output.store, Verdict()
    planned = _planned(store, found)
    captioned = _segments(store, planned, found)
    told = _dataset(store, planned, captioned, found)
    failed = _failures(store, planned, captioned, found)
    for _ in _rows(store.videos, found):
        pass  # read, to see that they can be
    for video_id, plan in planned.items():
        have = captioned.get(plan["key"], set())
        _account(plan, have, video_id in told, failed.get(video_id, set()), found)
    for table in store.tables:
        found.findings += [Finding(kind="stray", what=p, why="no table names this file") for p in _lying(table)]
    found.findings += [Finding(kind="stray", what=p, why="is no part of an output") for p in _around(store)]
    for upload in uploads(store.uri):
        found.add("upload", upload["Key"], f"begun {upload['Initiated']}, not ended")
    return found


def tidy(output: Output) -> None:
    """Remove stray files and uploads that never ended."""
    run_id = f"verify-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
    with Lease(output.uri, ALL, run_id, lambda text: click.echo(text, err=True)).held():
        for table in output.store.tables:
            table.tidy()
        files, path = file_system(output.uri)
        bucket = path.partition("/")[0]
        for upload in uploads(output.uri):
            files.call_s3("abort_multipart_upload", Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])


def uploads(uri: str) -> list[dict[str, Any]]:
    """Multipart uploads below an S3 prefix that were begun and never ended; a writer that is at work has some, too."""
    if not uri.startswith("s3://"):
        return []
    files, path = file_system(uri)
    bucket, _, prefix = path.partition("/")
    found: list[dict[str, Any]] = []
    where: dict[str, str] = {}
    while True:
        page = files.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=f"{prefix.rstrip('/')}/", **where)
        found += page.get("Uploads") or []
        if not page.get("IsTruncated"):
            return found
        where = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}


# -- the parts ---------------------------------------------------------------------------------------------------------


def _planned(store: Store, found: Verdict) -> dict[str, Row]:
    """Every video that a run was to caption, as the last such run planned it."""
    planned: dict[str, Row] = {}
    ended = {report["run_id"]: report for report in map(json.loads, store.run_files("report.json"))}
    asked = [json.loads(text) for text in store.run_files("asked.json")]
    if not asked:
        raise UsageError(f"no run has begun in {store.uri}, so there is nothing to verify")
    for run in asked:
        plan = store.read_file(f"runs/{run['run_id']}/videos.parquet")
        if plan is not None:
            planned.update((row["video_id"], row) for row in pq.read_table(io.BytesIO(plan)).to_pylist())
    for run in _last(asked):
        report = ended.get(run["run_id"])
        if report is None or report["status"] != "done":
            how = "did not end" if report is None else f"was {report['status']}"
            found.findings.append(
                Finding(
                    kind="unfinished", what=f"run {run['run_id']}", why=f"{how}: the same command goes on from there"
                )
            )
    return planned


def _last(asked: list[Row]) -> list[Row]:
    """The last run on each share of the output, less those whose work later runs took over."""
    last: dict[str, Row] = {}
    for run in asked:
        if run["share"] == ALL:
            last.clear()
        last[run["share"]] = run
        count = int(run["share"].rsplit("-of-", 1)[-1]) if run["share"] != ALL else 0
        if count and all(f"{i}-of-{count}" in last for i in range(1, count + 1)):
            last.pop(ALL, None)
    return list(last.values())


def _segments(store: Store, planned: dict[str, Row], found: Verdict) -> dict[str, set[int]]:
    """Check every captioned segment; key -> the indices that are there."""
    there: dict[str, set[int]] = {}
    current = {plan["key"]: plan for plan in planned.values() if plan["key"]}
    for row in _rows(store.segments, found):
        what = f"segment {row['segment_index']} of {row['video_id']}"
        if row["segment_index"] in there.setdefault(row["key"], set()):
            found.add("twice", what, f"stands twice under key {row['key']}")
        there[row["key"]].add(row["segment_index"])
        found.segments += 1
        _check_hash(row, rows.CAPTIONED_SEGMENT, what, found)
        plan = current.get(row["key"])
        if plan is None:
            found.add("stray", what, f"no plan has its key {row['key']}")
        elif why := _off_grid(row, plan):
            found.add("windows", what, why)
    return there


def _off_grid(row: Row, plan: Row) -> str | None:
    """Why a segment is not the grid's, or its windows are not those that it owns."""
    grid = Grid(plan["duration_s"], plan["window_s"], plan["stride_s"])
    spans = grid.segments(plan["segment_s"])
    if not 0 <= row["segment_index"] < len(spans):
        return f"the video has {len(spans)} segments"
    span = spans[row["segment_index"]]
    if (row["start_s"], row["end_s"]) != (span.start_s, span.end_s):
        return (
            f"lies at {row['start_s']:g} s to {row['end_s']:g} s; the grid says {span.start_s:g} s to {span.end_s:g} s"
        )
    owned = list(grid.windows_of(span))
    have = [w["window_index"] for w in row["windows"]]
    if have != owned:
        return f"has the windows {have}; it owns {owned}"
    for window in row["windows"]:
        is_, should = (window["start_s"], window["end_s"]), grid.window(window["window_index"])
        if is_ != (should.start_s, should.end_s):
            return f"window {window['window_index']} lies at {is_}; the grid says {(should.start_s, should.end_s)}"
    return None


def _dataset(store: Store, planned: dict[str, Row], captioned: dict[str, set[int]], found: Verdict) -> set[str]:
    """Check every long caption; the ids of those that are there."""
    told: set[str] = set()
    for row in _rows(store.dataset, found):
        what = f"long caption of {row['video_id']}"
        if row["video_id"] in told:
            found.add("twice", what, "stands twice in the dataset")
        told.add(row["video_id"])
        _check_hash(row, rows.LONG_CAPTION, what, found)
        plan = planned.get(row["video_id"])
        if plan is None or plan["key"] is None:
            found.add("stray", what, "no plan has this video")
            continue
        have = captioned.get(plan["key"], set())
        if row["key"] != video_key(plan["key"], have, plan["narrator"]):
            found.add("content", what, "tells other segments than are there, or by another narrator")
        elif (row["segments"], row["segments_captioned"]) != (plan["segment_count"], len(have)):
            found.findings.append(
                Finding(
                    kind="content", what=what, why=f"counts {row['segments_captioned']} of {row['segments']} segments"
                )
            )
    return told


def _failures(
    store: Store, planned: dict[str, Row], captioned: dict[str, set[int]], found: Verdict
) -> dict[str, set[int | None]]:
    """video_id -> which of its segments have failed and still stand, None for the video as a whole."""
    failed: dict[str, set[int | None]] = {}
    for event in _rows(store.failures, found):
        plan, index = planned.get(event["video_id"]), event["segment_index"]
        if plan is None:
            continue
        if index is not None:
            stands = event["key"] == plan["key"] and index not in captioned.get(plan["key"], ())
        else:
            stands = plan["key"] is None or event["key"] == narration_failure_key(plan["key"], plan["narrator"])
        if stands:
            failed.setdefault(event["video_id"], set()).add(index)
    return failed


def _account(plan: Row, have: set[int], is_told: bool, failed: set[int | None], found: Verdict) -> None:
    """The video in the dataset or in failures, each of its segments captioned or failed."""
    video_id = plan["video_id"]
    found.videos += 1
    found.captioned += is_told
    lost = sorted(i for i in failed if i is not None)
    if plan["key"] is not None:
        for index in range(plan["segment_count"]):
            if index not in have and index not in failed:
                found.findings.append(
                    Finding(
                        kind="unaccounted", what=f"segment {index} of {video_id}", why="has neither row nor failure"
                    )
                )
    if is_told:
        if lost and plan["strict"]:
            found.add("content", f"long caption of {video_id}", f"segments {lost} of it failed")
        return
    if failed:
        found.failed += 1
    else:
        found.findings.append(
            Finding(
                kind="missing", what=f"video {video_id}", why=f"{plan['uri']} is neither in the dataset nor in failures"
            )
        )


def _rows(table: Table, found: Verdict) -> Iterator[Row]:
    """Every row of a table, file by file, so that one that cannot be read is named."""
    for fragment in table.fragments():
        found.files += 1
        try:
            for batch in fragment.to_batches(columns=table.schema.names, batch_size=_BATCH, batch_readahead=1):
                yield from batch.to_pylist()
        except (OSError, pa.ArrowException) as error:
            why = " ".join(str(error).split())[:200]
            found.add("unreadable", fragment.path, why)


def _check_hash(row: Row, schema: pa.Schema, what: str, found: Verdict) -> None:
    if row["content_hash"] != content_hash(row, schema):
        found.add("content", what, "its content_hash is not that of its row")


def _lying(table: Table) -> list[str]:
    """Files in a table's folder that its newest version does not name."""
    needed = {uri.rsplit("/", 1)[-1] for uri in table.file_uris()}
    return [p for p in table.lying() if p.rsplit("/", 1)[-1] not in needed]


def _around(store: Store) -> list[str]:
    """What lies beside the tables and is not ours."""
    files, folder = file_system(store.uri)
    names = {p.rstrip("/"): p.rstrip("/").rsplit("/", 1)[-1] for p in files.ls(folder, detail=False)}
    return sorted(p for p, name in names.items() if name not in _AROUND and p != folder.rstrip("/"))
