"""Causes of storage failures: maps an exception of a storage client to a known cause and a remedy.

Clients report the same cause differently: the operating system by number, botocore and Arrow by the store's code,
delta-rs in a coloured tree with the server's answer at its end. A cause that is not in the table is reported in the
client's words.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from operators.core.addresses import redacted_text

_MOST = 300  # characters of a client's own words


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A known cause of a failure.

    Attributes:
        what: what is wrong.
        remedy: what the user can do.
        lasting: whether a retry would fail in the same way.
    """

    what: str
    remedy: str
    lasting: bool = True


_AGAIN = "then run the same command again"
_KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
_FULL = Cause(what="the disk is full", remedy=f"free space there, {_AGAIN}")
_QUOTA = Cause(what="the disk quota is used up", remedy=f"free space or raise the quota, {_AGAIN}")
_READ_ONLY = Cause(
    what="the file system is read-only", remedy="mount it writable, or choose a place that can be written to"
)
_LARGE = Cause(
    what="a file is larger than may be written",
    remedy=f"raise the limit (ulimit -f), or choose a place with another file system, {_AGAIN}",
)
_LOCKED = Cause(
    what="permission denied", remedy="give this user the right to read and write there, or choose another place"
)
_FILES = Cause(what="too many files are open", remedy="raise the limit (ulimit -n 65536)")
_SLOW = Cause(what="the store is overloaded", remedy="wait, then run the same command again", lasting=False)
_SILENT = Cause(
    what="there is no answer",
    remedy="check the endpoint (AWS_ENDPOINT_URL for S3), the network and any proxy",
    lasting=False,
)
_TLS = Cause(
    what="the encrypted connection (TLS) fails",
    remedy="check that the endpoint speaks https, and set AWS_CA_BUNDLE to the certificate of its authority",
)
_NO_KEYS = Cause(what="no credentials for the store were found", remedy=f"set {_KEYS}")
_WRONG_KEYS = Cause(what="the store does not accept the credentials", remedy=f"check {_KEYS}")
_EXPIRED = Cause(what="the credentials have expired", remedy=f"renew them (such as aws sso login), {_AGAIN}")
_PROFILE = Cause(
    what="there is no such profile", remedy="set AWS_PROFILE to a profile of ~/.aws/config, or do not set it"
)
_DENIED = Cause(
    what="the store denies access",
    remedy=f"grant these credentials the right to list, read, write and delete there, or check {_KEYS}",
)
_BUCKET = Cause(what="there is no such bucket", remedy="create it, or correct its name")
_BUCKET_NAME = Cause(what="this is no valid name of a bucket", remedy="correct the name")
_REGION = Cause(what="the bucket lies in another region", remedy="set AWS_REGION to the region of the bucket")
_CLOCK = Cause(
    what="the clocks of this machine and of the store are too far apart", remedy="set the clock of this machine"
)
_CLIENT = Cause(
    what="the client of this store is not installed",
    remedy="pip install 'longcap[gcs]' for gs://, 'longcap[azure]' for az://, else the package that is named",
)

_BY_ERRNO = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _QUOTA,
    errno.EROFS: _READ_ONLY,
    errno.EFBIG: _LARGE,
    errno.EACCES: _LOCKED,
    errno.EPERM: _LOCKED,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOTDIR: Cause(what="a file stands where a folder has to be", remedy="remove it, or choose another place"),
    errno.EISDIR: Cause(what="this is a folder, and a file is needed", remedy="name a file"),
    errno.ENAMETOOLONG: Cause(what="the name is too long", remedy="choose a shorter one"),
    errno.ELOOP: Cause(what="symbolic links lead in a circle", remedy="correct them"),
    errno.EIO: Cause(what="the disk reports an input/output error", remedy="look at the disk (dmesg)", lasting=False),
    errno.ESTALE: Cause(what="the network file system was remounted", remedy=_AGAIN[5:], lasting=False),
    errno.ECONNREFUSED: _SILENT,
    errno.ETIMEDOUT: _SILENT,
    errno.EHOSTUNREACH: _SILENT,
    errno.ENETUNREACH: _SILENT,
}

_BY_CODE = {
    code: cause
    for codes, cause in (
        ("InvalidAccessKeyId SignatureDoesNotMatch AuthFailure UnrecognizedClientException", _WRONG_KEYS),
        ("InvalidClientTokenId AuthenticationFailed INVALID_ACCESS_KEY_ID SIGNATURE_DOES_NOT_MATCH", _WRONG_KEYS),
        ("ExpiredToken ExpiredTokenException InvalidToken TokenRefreshRequired RequestExpired EXPIRED_TOKEN", _EXPIRED),
        ("AccessDenied AllAccessDisabled AccountProblem Forbidden 403 ACCESS_DENIED", _DENIED),
        ("AuthorizationPermissionMismatch AuthorizationFailure", _DENIED),
        ("NoSuchBucket NO_SUCH_BUCKET ContainerNotFound", _BUCKET),
        ("InvalidBucketName", _BUCKET_NAME),
        ("PermanentRedirect TemporaryRedirect 301 AuthorizationHeaderMalformed", _REGION),
        ("IllegalLocationConstraintException", _REGION),
        ("RequestTimeTooSkewed REQUEST_TIME_TOO_SKEWED", _CLOCK),
        ("QuotaExceeded QuotaExceededException InsufficientStorage XMinioStorageFull 507", _QUOTA),
        ("SlowDown ServiceUnavailable 503 Throttling ThrottlingException SLOW_DOWN", _SLOW),
    )
    for code in codes.split()
}

_BY_CLASS = {
    name: cause
    for names, cause in (
        ("NoCredentialsError PartialCredentialsError CredentialRetrievalError", _NO_KEYS),
        ("DefaultCredentialsError CredentialUnavailableError ClientAuthenticationError", _NO_KEYS),
        ("ProfileNotFound", _PROFILE),
        ("SSOTokenLoadError UnauthorizedSSOTokenError TokenRetrievalError RefreshError", _EXPIRED),
        ("SSLError SSLCertVerificationError SSLZeroReturnError ClientConnectorSSLError", _TLS),
        ("ClientConnectorCertificateError", _TLS),
        ("EndpointConnectionError ConnectTimeoutError ReadTimeoutError ConnectionClosedError", _SILENT),
        ("ClientConnectorError ClientConnectorDNSError ServerTimeoutError gaierror TimeoutError", _SILENT),
        ("ConnectionError ProxyConnectionError", _SILENT),
        ("ModuleNotFoundError ImportError", _CLIENT),
    )
    for name in names.split()
}

_IN_WORDS = (
    (r"no space left on device", _FULL),
    (r"quota exceeded", _QUOTA),
    (r"read-only file system", _READ_ONLY),
    (r"file too large", _LARGE),
    (r"169\.254\.169\.254|latest/api/token|metadata\.google|unable to locate credentials", _NO_KEYS),
    (r"missing (secret)?accesskey|missing (access|secret)|partial credentials", _NO_KEYS),
    (r"\[ssl|ssl validation|ssl connect|tls connect|certificate|corrupt message of type", _TLS),
    (r"could not connect|cannot connect|tcp connect|connection refused|dns error|network_connection", _SILENT),
    (r"could not resolve|name or service not known|error sending request|timed out|time-?out", _SILENT),
    (r"permission denied", _LOCKED),
    (r"access ?denied|403 forbidden", _DENIED),
)

_CODE = re.compile(r"<Code>([^<]*)</Code>|AWS Error (\w+) during|An error occurred \((\w+)\)")
_NUMBER = re.compile(r"\(os error (\d+)\)|\[Errno (\d+)\]|Os \{ code: (\d+)")
_RIGHT_REGION = re.compile(r"expecting '([a-z0-9-]+)'|<Region>([a-z0-9-]+)</Region>")
_ANSWER = re.compile(r"<Code>([^<]*)</Code>.*?<Message>([^<]*)</Message>", re.DOTALL)  # S3's error document

_RESTORE = "restore it from a backup; without one, write to a new output"
_BACKUP = "restore it from a backup; without one"
_REPAIR = "deltalake.DeltaTable(TABLE).repair() forgets it, and the same command makes its rows again"
_CHECKPOINT = Cause(
    what="a checkpoint in _delta_log of the table is damaged",
    remedy="if all its .json files are there, remove _delta_log/*.checkpoint.parquet and _delta_log/_last_checkpoint; "
    "else restore it from a backup",
)
_DAMAGED_CHECKPOINT = (
    r"Kernel error: (External: )?(Arrow error|Parquet error|Invalid Checkpoint)|\.checkpoint[\w.-]*\.parquet"
)
_DAMAGED_LOG = r"Json error|whil(e|st) parsing (an )?object|InvalidJson|EOF while|expected value at"
_DAMAGED_DATA = (
    r"Parquet magic bytes|Could not open Parquet input|Corrupt(ed)? (footer|file)|Parquet error|not a parquet file"
    r"|deserialize thrift|Parquet file size is|range starting at \d+, but object was only"
)
_LOG_FILE = re.compile(r"(\d{20})(?:\.checkpoint[\w.-]*?)?\.(?:json|parquet)")
_DATA_FILE = re.compile(r"part-[\w-]+?(?:\.[a-z0-9]+)*\.parquet")


def cause_of(error: BaseException) -> Cause | None:
    """The known cause of `error` or of an exception in its chain; None if the table has none."""
    chain = [(one, one_line(one, most=100_000)) for one in _chain(error)]
    found = next((cause for _, said in chain if (cause := _of_a_table(said))), None)
    found = found or next((cause for one, said in chain if (cause := _of_a_store(one, said))), None)
    return found or next((cause for one, said in chain if (cause := _of_a_system(one, said))), None)


def no_room(error: BaseException) -> bool:
    """Whether the place that was written to takes no more, whatever is written: nothing is wrong with the item."""
    return cause_of(error) in (_FULL, _QUOTA, _READ_ONLY, _LARGE)


def name_place(error: BaseException, path: str) -> None:
    """Have an error of a place that takes no more name it: writing to an open file names none, moving one names two."""
    named = isinstance(error, OSError) and error.filename is not None and error.filename2 is None
    if isinstance(error, OSError) and error.errno is not None and not named and no_room(error):
        error.filename = path
        del error.filename2  # set to None, it is printed as a name


def explained(error: BaseException) -> str:
    """Cause and remedy on one line; if the cause is not known, the client's own message."""
    cause = cause_of(error)
    if cause is None:
        said = one_line(error)
        return f"{type(error).__name__}: {said}" if said else type(error).__name__
    return f"{cause.what} ({_sign(error)}); {cause.remedy}"


def one_line(error: BaseException | None, *, most: int = _MOST) -> str:
    """The message of `error` as one line of at most `most` characters, without the stacks of delta-rs and LanceDB."""
    raw = re.sub(r"\x1b\[[0-9;]*m|, \S+\.rs:\d+:\d+", "", str(error))
    said = " ".join(re.sub(r"\n *0: .*", "", raw, flags=re.DOTALL).split())
    if answer := _ANSWER.search(said):
        said = ": ".join(answer.groups())
    return shortened(redacted_text(said), most)


def shortened(text: str, most: int = _MOST) -> str:
    """`text`, cut between two words if it is longer than `most` characters."""
    if len(text) <= most:
        return text
    head = text[: most - 1]
    kept = head.rpartition(" ")[0] if " " in head[most // 2 :] else head
    return f"{kept.rstrip(' ,;:(')}…"


# -- the parts ---------------------------------------------------------------------------------------------------------


def _chain(error: BaseException) -> Iterator[BaseException]:
    """`error` and what it was raised from, the outermost first."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__


def _of_a_table(said: str) -> Cause | None:
    """The cause of a failure in a Delta table's own files."""
    return _of_a_log(said) or _of_a_data_file(said)


def _of_a_log(said: str) -> Cause | None:
    if "Expected contiguous commit files" in said:
        versions = sorted({int(v) for v in re.findall(r"(\d{20})\.json", said)})
        missing = [v for a, b in pairwise(versions) for v in range(a + 1, b)]
        name = f"_delta_log/{missing[0]:020d}.json" if missing else "a commit file of _delta_log"
        return Cause(what=f"{name} is missing from the table", remedy=_RESTORE)
    if re.search("No table metadata or protocol found|No protocol found|No metadata found", said):
        return Cause(what="the first commit of the table (in _delta_log) is missing", remedy=_RESTORE)
    if re.search(
        r"Kernel error: (External: )?(Arrow error|Parquet error|Invalid Checkpoint)|\.checkpoint[\w.-]*\.parquet", said
    ):
        return _CHECKPOINT
    if re.search(_DAMAGED_LOG, said):
        found = _LOG_FILE.search(said)
        name = f"_delta_log/{found[0]}" if found else "a commit file in _delta_log of the table"
        return Cause(what=f"{name} is damaged", remedy=_RESTORE)
    return None


def _of_a_data_file(said: str) -> Cause | None:
    found = _DATA_FILE.search(said)
    name = f"the data file {found[0]}" if found else "a data file of the table"
    if re.search(_DAMAGED_DATA, said):
        return Cause(what=f"{name} is damaged", remedy=f"{_BACKUP}, remove it, {_REPAIR}")
    if found and re.search(r"not found|No such file|does not exist|NoSuchKey|404", said):
        return Cause(what=f"{name} is missing", remedy=f"{_BACKUP}, {_REPAIR}", lasting=False)
    return None


def _of_a_store(error: BaseException, said: str) -> Cause | None:
    """The cause that an object store's answer names, or why there was no answer."""
    code = _code(error)
    cause = _BY_CODE.get(code) if code else None
    if cause is _REGION and (region := _RIGHT_REGION.search(str(error))):
        return Cause(what=_REGION.what, remedy=f"set AWS_REGION={region[1] or region[2]}")
    if cause is None and re.search(r"169\.254\.169\.254|latest/api/token", said):
        return _NO_KEYS
    return cause


def _of_a_system(error: BaseException, said: str) -> Cause | None:
    """The cause of an error of the operating system or network, by number, by class, by message."""
    number = getattr(error, "errno", None)
    if not isinstance(number, int) or number not in _BY_ERRNO:
        found = _NUMBER.search(said)
        number = int(next(filter(None, found.groups()))) if found else None
    by_number = _BY_ERRNO.get(number) if number is not None else None
    by_class = next((_BY_CLASS[k.__name__] for k in type(error).__mro__ if k.__name__ in _BY_CLASS), None)
    if by_class is _TLS or by_number is None:
        by_number = by_class
    if by_number is not None:
        return by_number
    return next((cause for words, cause in _IN_WORDS if re.search(words, said, re.IGNORECASE)), None)


def _code(error: BaseException) -> str | None:
    """The store's code for what is wrong."""
    response = getattr(error, "response", None)
    if isinstance(response, dict) and isinstance(response.get("Error"), dict):
        return str(response["Error"].get("Code"))
    found = _CODE.search(str(error))
    return next((group for group in found.groups() if group), None) if found else None


def _sign(error: BaseException) -> str:
    """A searchable identifier of the error: the store's code, else the innermost message."""
    codes = [code for one in _chain(error) if (code := _code(one)) in _BY_CODE]
    return str(codes[0]) if codes else one_line(error, most=160) or type(error).__name__
