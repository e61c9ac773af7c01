"""Each way in which a client says that storage failed, with its cause and its remedy."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from aiohttp import ServerTimeoutError
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
)
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from operators.core.base import ItemError
from operators.core.causes import cause_of, explained, one_line, shortened
from operators.store import patience
from operators.store.table import Table


def _system(number: int) -> OSError:
    return OSError(number, os.strerror(number), "/out/file")


def _aws(code: str, message: str = "No.") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "PutObject")


def _from_s3fs(error: Exception, outer: type[Exception] = PermissionError) -> Exception:
    raised = outer(str(error))
    raised.__cause__ = error
    return raised


def _rust(*said: str) -> OSError:
    """As delta-rs draws it."""
    return OSError("Kernel error -> Generic S3 error\n" + "".join(f"\x1b[31m↳\x1b[0m {line}\n" for line in said))


def _answer(code: str) -> OSError:
    return _rust("403 Forbidden", f"<?xml?><Error><Code>{code}</Code><Message>No.</Message><Key>x</Key></Error>")


TABLE: list[tuple[BaseException, str, str]] = [
    (_system(errno.ENOSPC), "the disk is full", "free space"),
    (OSError("Generic LocalFileSystem error: No space left on device (os error 28)"), "the disk is full", "free space"),
    (DeltaError("Failed to commit: No space left on device (os error 28)"), "the disk is full", "free space"),
    (pa.ArrowException("IOError: [Errno 28] Error writing bytes to file"), "the disk is full", "free space"),
    (_system(errno.EDQUOT), "quota", "raise the quota"),
    (_aws("QuotaExceeded"), "quota", "raise the quota"),
    (_system(errno.EROFS), "read-only", "mount it writable"),
    (OSError("Unable to create dir: Read-only file system (os error 30)"), "read-only", "mount it writable"),
    (_system(errno.EACCES), "permission denied", "the right to read and write"),
    (OSError("Generic error: Permission denied (os error 13)"), "permission denied", "the right to read and write"),
    (_system(errno.ENOTDIR), "a file stands where a folder", "choose another"),
    (_system(errno.ENAMETOOLONG), "name is too long", "shorter"),
    (_system(errno.EMFILE), "too many files", "ulimit -n"),
    (NoCredentialsError(), "no credentials", "AWS_ACCESS_KEY_ID"),
    (PartialCredentialsError(provider="env", cred_var="x"), "no credentials", "AWS_ACCESS_KEY_ID"),
    (
        _rust("Error performing PUT http://169.254.169.254/latest/api/token", "403 Forbidden"),
        "no credentials",
        "set AWS",
    ),
    (_rust("Missing SecretAccessKey"), "no credentials", "AWS_SECRET_ACCESS_KEY"),
    (ProfileNotFound(profile="x"), "no such profile", "AWS_PROFILE"),
    (_from_s3fs(_aws("InvalidAccessKeyId")), "does not accept the credentials", "check AWS_ACCESS_KEY_ID"),
    (_answer("InvalidAccessKeyId"), "does not accept the credentials", "check AWS_ACCESS_KEY_ID"),
    (_answer("SignatureDoesNotMatch"), "does not accept the credentials", "check AWS_ACCESS_KEY_ID"),
    (_from_s3fs(_aws("ExpiredToken")), "expired", "renew"),
    (_from_s3fs(_aws("AccessDenied", "Access Denied")), "denies access", "grant"),
    (_from_s3fs(_aws("403", "Forbidden")), "denies access", "grant"),
    (OSError("When getting 'x': AWS Error ACCESS_DENIED during HeadObject operation: No."), "denies access", "grant"),
    (_from_s3fs(_aws("NoSuchBucket"), FileNotFoundError), "no such bucket", "create it"),
    (_answer("NoSuchBucket"), "no such bucket", "create it"),
    (_aws("PermanentRedirect"), "another region", "set AWS_REGION to"),
    (
        _aws("AuthorizationHeaderMalformed", "wrong; expecting 'eu-west-1'"),
        "another region",
        "set AWS_REGION=eu-west-1",
    ),
    (_answer("RequestTimeTooSkewed"), "too far apart", "set the clock"),
    (EndpointConnectionError(endpoint_url="http://h:9"), "no answer", "AWS_ENDPOINT_URL"),
    (_rust("error sending request", "tcp connect error", "Connection refused (os error 111)"), "no answer", "endpoint"),
    (_rust("dns error", "failed to lookup address information"), "no answer", "endpoint"),
    (OSError("AWS Error NETWORK_CONNECTION during HeadObject operation: curlCode: 7"), "no answer", "endpoint"),
    (ServerTimeoutError("slow"), "no answer", "endpoint"),
    (socket.gaierror(-2, "Name or service not known"), "no answer", "endpoint"),
    (TimeoutError("timed out"), "no answer", "endpoint"),
    (SSLError(endpoint_url="https://h", error="[SSL: WRONG_VERSION_NUMBER]"), "(TLS)", "AWS_CA_BUNDLE"),
    (_rust("error sending request", "received corrupt message of type InvalidContentType"), "(TLS)", "AWS_CA_BUNDLE"),
    (_rust("error sending request", "invalid peer certificate: UnknownIssuer"), "(TLS)", "AWS_CA_BUNDLE"),
    (ModuleNotFoundError("No module named 'gcsfs'"), "not installed", "longcap[gcs]"),
    (IsADirectoryError(21, "Is a directory", "out"), "this is a folder", "name a file"),
    (OSError('Error: Os { code: 20, kind: NotADirectory, message: "Not a directory" }'), "a file stands", "remove it"),
]


@pytest.mark.parametrize(
    ("error", "what", "remedy"), TABLE, ids=lambda v: f"{v!r}"[:50] if not isinstance(v, str) else v
)
def test_a_failure_of_storage_has_a_cause_and_a_remedy(error: BaseException, what: str, remedy: str) -> None:
    cause = cause_of(error)
    assert cause is not None
    assert what in cause.what and remedy in cause.remedy
    line = explained(error)
    assert line.startswith(cause.what) and line.endswith(cause.remedy) and "\n" not in line and "\x1b" not in line


def test_what_is_not_known_is_said_in_the_clients_words_cut_at_a_word() -> None:
    assert cause_of(ValueError("odd")) is None
    assert explained(ValueError("odd\n thing")) == "ValueError: odd thing"
    assert explained(ValueError()) == "ValueError"
    assert one_line(ValueError("many words " * 50)).endswith(" words…")
    assert (
        shortened("abc def ghi", 9) == "abc def…" and shortened("abc", 3) == "abc" and shortened("x" * 9, 5) == "xxxx…"
    )


def test_only_what_waiting_may_cure_is_asked_for_again() -> None:
    causes = {str(error): cause_of(error) for error, _, _ in TABLE}
    again = {cause.what for cause in causes.values() if cause and not cause.lasting}
    assert again == {"there is no answer"}


# -- a table's own files -----------------------------------------------------------------------------------------------

SCHEMA = pa.schema([("key", pa.string())])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "table"
    table = Table(str(folder), SCHEMA)
    table.fence()
    for k in range(4):
        table.append(pa.table({"key": [f"k{k}"]}))
    return folder


def _data(folder: Path) -> Path:
    return min(folder.glob("*.parquet"))


def _log(folder: Path, version: int) -> Path:
    return folder / "_delta_log" / f"{version:020d}.json"


def _checkpoint(folder: Path, content: bytes | None) -> None:
    DeltaTable(str(folder)).create_checkpoint()
    (found,) = folder.glob("_delta_log/*.checkpoint.parquet")
    found.write_bytes(found.read_bytes()[:-200] if content is None else content)


DAMAGE: dict[str, tuple[Any, str]] = {
    "a data file is gone": (
        lambda f: _data(f).unlink(),
        r"the data file part-[\w.-]+\.parquet is missing .*repair\(\)",
    ),
    "a data file is cut": (
        lambda f: _data(f).write_bytes(_data(f).read_bytes()[:99]),
        r"part-.* is damaged .*repair\(\)",
    ),
    "a data file is empty": (lambda f: _data(f).write_bytes(b""), r"a data file of the table is damaged"),
    "the first commit is gone": (lambda f: _log(f, 0).unlink(), r"the first commit .* is missing .*new output"),
    "a commit is gone": (lambda f: _log(f, 2).unlink(), r"_delta_log/0{19}2\.json is missing .*new output"),
    "a commit is damaged": (lambda f: _log(f, 2).write_bytes(b"{no"), r"commit file .* is damaged .*new output"),
    "a checkpoint is damaged": (lambda f: _checkpoint(f, b"junk"), "a checkpoint in _delta_log .* is damaged"),
    "a checkpoint is cut": (lambda f: _checkpoint(f, None), "a checkpoint in _delta_log .* is damaged"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_to_a_table_is_said_at_once_with_the_way_out(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(patience, "_PAUSE_S", 0.001)
    folder = tmp_path / "table"
    shutil.copytree(whole, folder)
    break_it, says = DAMAGE[damage]
    break_it(folder)
    reads: list[Any] = [
        lambda t: t.read(),
        lambda t: t.lookup("key", "k1"),
        lambda t: t.news(["key"]),
        lambda t: list(t.batches(["key"])),
    ]
    for read in reads:
        with pytest.raises(ItemError, match=rf"^storage: {folder}: .*{says}"):
            read(Table(str(folder), SCHEMA))


def test_a_table_that_forgets_a_lost_file_is_read_and_written_again(whole: Path, tmp_path: Path) -> None:
    """What the remedy promises."""
    folder = tmp_path / "table"
    shutil.copytree(whole, folder)
    _data(folder).unlink()
    DeltaTable(str(folder)).repair()
    table = Table(str(folder), SCHEMA)
    assert table.read().num_rows == 3
    table.fence()
    table.append(pa.table({"key": ["new"]}))
    assert table.read().num_rows == 4
