"""`longcap verify`: checks that an output is complete and consistent, and lists all problems.

Complete means that every planned video is in the dataset, in filtered or in failures, exactly once; every segment is
captioned or has a failure; and the windows are those of the plan. Consistent means that every file can be read, every
content hash matches its row, every long caption covers exactly the captioned segments and satisfies the filter, and
there are no stray files.
"""

from __future__ import annotations

import io
import secrets
import time

import pyarrow as pa
import pyarrow.parquet as pq

from operators.core.base import Row
from operators.core.storage import file_system
from operators.core.uploads import Upload, abort, uploads
from operators.store.own_files import DATA_FILE, Unswept
from operators.store.store import Store
from pipeline.output.copied import Copies
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
from pipeline.output.unfinished import last_runs
from pipeline.output.upstream import Upstream
from pipeline.planning.origin import makers_of, makers_text
from pipeline.terminal.errors import UsageError
from pipeline.terminal.printing import echo

_TABLES = {"videos", "segments", "dataset", "filtered", "failures", "annotations"}
_AROUND = {*_TABLES, "runs", "README.md", "report.html", "report.json", MARKER}
_INDEX = "index"  # written by `longcap index`
_IN_INDEX = {"passages.lance", "runs"}
STRAY = "the table no longer needs this file"
_FOREIGN = "Longcap did not write it, so it is kept"
_UPLOAD_AGE_S = 3600.0  # age from which an upload of an unknown writer is left over


def verify(output: Output) -> Verdict:
    """Check the whole output without changing it."""
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
            pass  # read only to check that the file is readable
    _check_copies(store, found)
    known = set(store.videos.read(["video_id"])["video_id"].to_pylist())
    for video_id, plan in planned.items():
        if plan["key"] is None and video_id not in known:  # a row of a manifest that was corrected since
            continue
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
        begun = f"an upload that was begun {upload.begun} and has not ended"
        if _is_left(store, upload, unswept):
            found.add("upload", upload.key, begun)
        else:
            found.add("foreign", upload.key, f"{begun}; it may be of another program or in progress, so it is kept")
    return found


def tidy(output: Output) -> None:
    """Remove stray files and incomplete uploads."""
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
        unswept = store.unswept(opened)
        for upload in uploads(output.uri):
            if _is_left(store, upload, unswept):
                abort(output.uri, upload.key, upload.upload_id)


def _is_left(store: Store, upload: Upload, unswept: Unswept | None) -> bool:
    """Return whether a writer of this output left an upload: of a data file, and old or begun by a known writer."""
    folder, _, name = upload.key.rpartition("/")
    tables = {file_system(table.uri)[1].partition("/")[2] for table in store.tables}
    if folder not in tables or DATA_FILE.fullmatch(name) is None:
        return False
    begun = upload.begun.timestamp()
    return begun < time.time() - _UPLOAD_AGE_S or (unswept is not None and begun >= unswept.since)


# -- the parts ---------------------------------------------------------------------------------------------------------


def _planned(store: Store, found: Verdict) -> tuple[dict[str, Row], dict[str, list[Row]]]:
    """Return each video's row in the newest plan of a run that captions it, and its differing rows in earlier plans."""
    planned: dict[str, Row] = {}
    earlier: dict[str, list[Row]] = {}

    def damaged(path: str) -> None:
        found.add("unreadable", path, "is not a record of this run")

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
    for run in last_runs(asked):
        report = ended.get(run["run_id"])
        if report is None or report.get("status") != "done":
            how = "did not end" if report is None else f"was {report.get('status')}"
            found.findings.append(
                Finding(
                    kind="unfinished", what=f"run {run['run_id']}", why=f"{how}: run the same command again to resume"
                )
            )
    return planned, earlier


def _check_copies(store: Store, found: Verdict) -> None:
    """Find rows whose uri or metadata is not that of their video, which has moved or has another line in a manifest."""
    videos = store.videos.read(["video_id", "uri", "metadata"])
    damaged = {f.what.rpartition("/")[0] for f in found.findings if f.kind == "unreadable"}
    for copies in Copies.of(store):
        if copies.table.uri in damaged:
            continue
        differ: dict[str, str] = {}
        for some in copies.outdated(videos):
            differ |= zip(some["video_id"].to_pylist(), some["uri"].to_pylist(), strict=True)
        name = copies.table.uri.rsplit("/", 1)[-1]
        for video_id, uri in differ.items():
            why = f"{uri}: {' or '.join(copies.columns)} differs from the table videos: run the same command again"
            found.add("content", f"{name} of {video_id}", why)


def _rows(plan: bytes | None, path: str, found: Verdict) -> list[Row]:
    """Return the rows of a run's plan; none if the run made none, or if the file is damaged."""
    try:
        return pq.read_table(io.BytesIO(plan)).to_pylist() if plan is not None else []
    except (pa.ArrowException, OSError):
        found.add("unreadable", path, "is not a Parquet file")
        return []


def _around(store: Store) -> list[str]:
    """Return visible entries beside the tables, and in the index, that Longcap did not write."""
    known = {*_AROUND, *store.derived}
    found = _listed(store.uri)
    foreign = [path for name, path in found.items() if name not in known and name != _INDEX]
    if _INDEX in found:
        foreign += [path for name, path in _listed(f"{store.uri}/{_INDEX}").items() if name not in _IN_INDEX]
    return sorted(foreign)


def _listed(uri: str) -> dict[str, str]:
    """Return name -> path of the visible entries of a folder; of a file, the file itself."""
    files, folder = file_system(uri)
    files.invalidate_cache()
    paths = (p.rstrip("/") for p in files.ls(folder, detail=False))
    names = {p.rsplit("/", 1)[-1]: p for p in paths if p != folder.rstrip("/") or files.isfile(folder)}
    return {name: path for name, path in names.items() if not name.startswith(".")}
