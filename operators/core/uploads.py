"""Multipart uploads on S3 that were begun and never ended, such as by a killed process.

No listing of objects shows them, and what they hold is stored and paid for. The server gives an id to each, which only
the process that began it knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from operators.core.storage import file_system


@dataclass(frozen=True)
class Upload:
    """An upload that has not ended.

    Attributes:
        key: of the object in its bucket.
        begun: by the server's clock, with its zone.
    """

    key: str
    upload_id: str
    begun: datetime


def uploads(uri: str) -> list[Upload]:
    """The uploads below an S3 prefix, those of writers that are at work, too; none on other storage.

    Raises:
        OSError: they cannot be listed.
    """
    if not uri.startswith("s3://"):
        return []
    files, path = file_system(uri)
    bucket, _, prefix = path.partition("/")
    found: list[Upload] = []
    where: dict[str, str] = {}
    while True:
        page = files.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=f"{prefix.rstrip('/')}/", **where)
        found += [Upload(u["Key"], u["UploadId"], u["Initiated"]) for u in page.get("Uploads") or []]
        if not page.get("IsTruncated"):
            return found
        where = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}


def abort(uri: str, key: str, upload_id: str) -> None:
    """Abort an upload; one that has ended is no error.

    Args:
        uri: any address in its bucket.

    Raises:
        OSError: it cannot be aborted, such as where the right to do so is missing.
    """
    files, path = file_system(uri)
    try:
        files.call_s3("abort_multipart_upload", Bucket=path.partition("/")[0], Key=key, UploadId=upload_id)
    except FileNotFoundError:
        return


def on_begin(file: Any, tell: Callable[[str, str], None]) -> None:
    """Call `tell(key, upload_id)` when an upload begins for a file opened for writing, before any part of it is sent.

    Small files are sent whole, and files on other storage have no such upload: nothing is called.
    """
    begin = getattr(file, "_initiate_upload", None)  # fsspec's hook for what it calls before the first part
    if begin is None or not hasattr(file, "mpu"):
        return

    def begun() -> None:
        begin()
        if file.mpu:
            tell(file.key, file.mpu["UploadId"])

    file._initiate_upload = begun
