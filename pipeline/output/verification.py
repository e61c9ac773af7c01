"""`longcap verify`: proves that an output is complete and sound, or lists what is not.

Complete: every planned video is in the dataset, in filtered or in failures, never twice; every segment is captioned or
has its failure; the windows are the grid's. Sound: every file reads, every content hash is that of its row, every long
caption tells just the segments that are there and keeps the filter, and no file lies about that belongs to no table.
"""

from __future__ import annotations

import io
import secrets
import time
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from operators.core.base import Row
from operators.core.storage import file_system
from operators.store.own_files import DATA_FILE, Unswept
from operators.store.store import Store
from pipeline.output.derived import check_derived
from pipeline.output.invariants import (
    Finding,
    Verdict,
    account,
    check_dataset,
    check_filtered,
    check_segments,
    check_superseded,
    read_rows,
    standing_failures,
)
from pipeline.output.lease import ALL, Lease
from pipeline.output.output import Output
from pipeline.output.ownership import MARKER, check_folders
from pipeline.output.upstream import Upstream
from pipeline.planning.origin import makers_of, makers_text
from pipeline.terminal.errors import UsageError
from pipeline.terminal.printing import echo

_TABLES = {"videos", "segments", "dataset", "filtered", "failures", "annotations"}
_AROUND = {*_TABLES, "runs", "README.md", "report.html", "report.json", MARKER}
STRAY = "the table does not need this file any more"
_FOREIGN = "Longcap did not write it, so it stays"
_UPLOAD_AGE_S = 3600.0  # of an upload that no known writer can have begun


def verify(output: Output) -> Verdict:
    """Look at everything; nothing is changed."""
    store, found = output.store, Verdict()
    planned, earlier = _planned(store, found)
    captioned = check_segments(store, planned, found, earlier)
    failed = standing_failures(store, planned, captioned, found)
    upstream = Upstream(store, planned)
    for video_id, indices in upstream.core().items():
        if video_id in planned and (lost := indices - captioned.get(planned[video_id]["key"], set())):
            failed.setdefault(video_id, set()).update(lost)
    narrated = check_dataset(store, planned, captioned, found, earlier=earlier, failed=failed)
    left_out = check_filtered(store, planned, captioned, narrated, found, earlier=earlier, failed=failed)
    check_superseded(planned, earlier, captioned, narrated | left_out, found)
    if len(found.configs) > 1:
        found.notes.append(Finding(kind="mixed", what="dataset", why=makers_text(makers_of(store))))
    for name in store.derived:
        check_derived(store, name, found, upstream.segments(name))
    for table in (store.videos, store.annotations):
        for _ in read_rows(table, found):
            pass  # read, to see that they can be
    for video_id, plan in planned.items():
        have = captioned.get(plan["key"], set())
        account(
            plan, have, failed.get(video_id, set()), found, narrated=video_id in narrated, left_out=video_id in left_out
        )
    unswept = store.unswept(store.opened())
    for table in store.tables:
        lying = table.lying(unswept)
        found.findings += [Finding(kind="stray", what=p, why=STRAY) for p in lying.own]
        found.findings += [Finding(kind="foreign", what=p, why=_FOREIGN) for p in lying.foreign]
    found.findings += [Finding(kind="foreign", what=p, why=_FOREIGN) for p in _around(store)]
    for upload in uploads(store.uri):
        begun = f"an upload that was begun {upload['Initiated']} and has not ended"
        if _is_left(store, upload, unswept):
            found.add("upload", upload["Key"], begun)
        else:
            found.add("foreign", upload["Key"], f"{begun}; it may be somebody else's or still under way, so it stays")
    return found


def tidy(output: Output) -> None:
    """Remove stray files and uploads that never ended."""
    check_folders(output.uri)
    store = output.store
    run_id = f"verify-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
    with Lease(output.uri, ALL, run_id, lambda text: echo(text, err=True)).held():
        opened = store.opened()
        store.open_for(run_id)
        for table in store.tables:
            table.compact()
        store.sweep(opened)
        store.close_for(run_id)
        files, path = file_system(output.uri)
        bucket = path.partition("/")[0]
        unswept = store.unswept(opened)
        for upload in uploads(output.uri):
            if not _is_left(store, upload, unswept):
                continue
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


def _is_left(store: Store, upload: Mapping[str, Any], unswept: Unswept | None) -> bool:
    """Whether a writer of this output has left an upload: of a data file, and old or begun by a known writer."""
    folder, _, name = str(upload["Key"]).rpartition("/")
    tables = {file_system(table.uri)[1].partition("/")[2] for table in store.tables}
    if folder not in tables or DATA_FILE.fullmatch(name) is None:
        return False
    begun = upload["Initiated"].timestamp()
    return begun < time.time() - _UPLOAD_AGE_S or (unswept is not None and begun >= unswept.since)


# -- the parts ---------------------------------------------------------------------------------------------------------


def _planned(store: Store, found: Verdict) -> tuple[dict[str, Row], dict[str, list[Row]]]:
    """Every video that a run was to caption, as the last such run planned it, and as those before it did otherwise."""
    planned: dict[str, Row] = {}
    earlier: dict[str, list[Row]] = {}

    def damaged(path: str) -> None:
        found.add("unreadable", path, "is no record of this run")

    ended = {report["run_id"]: report for report in store.run_records("report.json", damaged)}
    asked = store.run_records("asked.json", damaged)
    if not asked and not found.findings:
        raise UsageError(f"no run has begun in {store.uri}, so there is nothing to verify")
    for run in asked:
        plan = store.read_file(f"runs/{run['run_id']}/videos.parquet")
        for row in _rows(plan, f"{store.uri}/runs/{run['run_id']}/videos.parquet", found):
            before = planned.get(row["video_id"])
            if before is not None and (before["key"], before["narrator"]) != (row["key"], row["narrator"]):
                earlier.setdefault(row["video_id"], []).append(before)
            planned[row["video_id"]] = row
    for run in _last(asked):
        report = ended.get(run["run_id"])
        if report is None or report.get("status") != "done":
            how = "did not end" if report is None else f"was {report.get('status')}"
            found.findings.append(
                Finding(
                    kind="unfinished", what=f"run {run['run_id']}", why=f"{how}: the same command goes on from there"
                )
            )
    return planned, earlier


def _rows(plan: bytes | None, path: str, found: Verdict) -> list[Row]:
    """The rows of a run's plan; none where it made none, or where the file is damaged."""
    try:
        return pq.read_table(io.BytesIO(plan)).to_pylist() if plan is not None else []
    except (pa.ArrowException, OSError):
        found.add("unreadable", path, "is no parquet file")
        return []


def _last(asked: list[Row]) -> list[Row]:
    """The last run on each share of the output, less those whose work later runs took over."""
    last: dict[str, Row] = {}
    for run in asked:
        share = str(run.get("share") or ALL)
        if share == ALL:
            last.clear()
        last[share] = run
        count = int(share.rsplit("-of-", 1)[-1]) if share != ALL else 0
        if count and all(f"{i}-of-{count}" in last for i in range(1, count + 1)):
            last.pop(ALL, None)
    return list(last.values())


def _around(store: Store) -> list[str]:
    """What lies beside the tables and is not ours, hidden files left out."""
    files, folder = file_system(store.uri)
    files.invalidate_cache()
    names = {p.rstrip("/"): p.rstrip("/").rsplit("/", 1)[-1] for p in files.ls(folder, detail=False)}
    return sorted(
        p
        for p, name in names.items()
        if name not in _AROUND and name not in store.derived and not name.startswith(".") and p != folder.rstrip("/")
    )
