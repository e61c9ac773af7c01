"""Redaction of secrets in URLs, for storing, logging and printing. Imports nothing else of Longcap.

`redacted` removes passwords, signatures and tokens from a URL. Its result also identifies the URL: two URLs that differ
only in their secrets name the same resource, so ids stay the same when a signature is renewed. A URI without secrets is
returned unchanged.

Secrets are the parameters of known signature schemes, parameters with names such as `token` and `api_key`, and values
that look like keys. A value that only might be a secret is replaced by a short hash, so that different values stay
different.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

HIDDEN = "[redacted]"
"""The replacement for secrets in texts and configs."""

_STORES = frozenset(  # their keys and paths may hold any character: `?` begins no query there
    {"file", "memory", "s3", "s3a", "s3n", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "cos", "obs", "hdfs"}
    | {"sftp", "ssh", "smb"}
)
_WEB = frozenset({"http", "https", "ftp", "ftps", "rtsp", "rtmp"})
_EXACT = frozenset(
    {"auth", "authorization", "bearer", "expires", "gda", "hdnea", "hdntl", "hdnts", "hmac", "jsessionid", "jwt", "key"}
    | {"lsig", "otp", "pass", "passphrase", "passwd", "phpsessid", "pw", "pwd", "sas", "sessid", "sig", "sign"}
    | {"accesscode", "authz", "cred", "creds", "csrf", "passcode", "passkey", "pin", "resourcekey", "verify"}
    | {"wmsauthsign"}
    | {"accesskeyid", "awsaccesskeyid", "googleaccessid", "keypairid", "ossaccesskeyid", "qak"}
)
_WEAK = frozenset(
    {"code", "k", "session", "sid", "st", "ticket", "tk"}
)  # secret only with a long value: `session=3` may be a lecture
_ENDINGS = (
    *("token", "tokens", "secret", "signature", "password", "passwd", "credential", "credentials", "hmac", "sessionid"),
    *("apikey", "authkey", "accesskey", "secretkey", "privatekey", "sharedkey", "signingkey", "subscriptionkey"),
)
_BEGINNINGS = ("xamz", "xgoog", "qsign", "qkeytime", "qheaderlist", "qurlparam", "xoss", "xobs", "wowzatoken")
_KEPT = frozenset({"xossprocess", "xobsprocess", "nexttoken", "pagetoken", "continuationtoken"})
_AZURE = frozenset(
    {"se", "sp", "sr", "srt", "ss", "st", "sv", "spr", "sip", "si", "sdd", "scid", "saoid", "suoid"}
    | {"ske", "skoid", "sks", "skt", "sktid", "skv"}
)
_FAMILIES: tuple[tuple[frozenset[str], frozenset[str]], ...] = (  # names that are all there -> names that go with them
    (frozenset({"sig", "sv"}), _AZURE),
    (frozenset({"sig", "se"}), _AZURE),
    (frozenset({"keyname", "signature"}), frozenset({"urlprefix"})),  # Google's CDN
    (frozenset({"md5", "expires"}), frozenset()),  # nginx
    (frozenset({"hash", "expires"}), frozenset()),
    (frozenset({"sign", "t"}), frozenset({"t", "us"})),  # Tencent, Aliyun
    (frozenset({"txsecret", "txtime"}), frozenset({"txtime"})),
    (frozenset({"wssecret", "wstime"}), frozenset({"wstime"})),
    (frozenset({"ex", "is", "hm"}), frozenset({"ex", "is", "hm"})),  # Discord
    (frozenset({"oh", "oe"}), frozenset({"oh", "oe"})),  # Meta
)
_COMPANIONS = frozenset(
    {"e", "exp", "expiration", "expire", "expiry", "nonce", "policy", "timestamp", "tokenpath", "ts", "xid"}
)
"""Removed beside a signature: they change with it."""

_NAMING = frozenset(
    {"id", "v", "vid", "video", "videoid", "file", "fileid", "filename", "name", "path", "object", "uuid", "guid"}
    | {"hash", "md5", "sha", "sha1", "sha256", "checksum", "etag", "version", "versionid", "generation", "rev", "asset"}
)
"""Parameters whose long values name a thing."""

_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:eyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*)?|(?:sk|pk|rk)[-_](?:[A-Za-z0-9]+[-_]){0,3}[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|github_pat_\w{20,}|glpat-[\w-]{15,}|hf_[A-Za-z0-9]{20,}|xox[abeprs]-[\w-]{10,}|AIza[\w-]{30,}|ya29\.[\w-]{16,}"
    r"|bot\d{6,}:[\w-]{30,}|nvapi-[\w-]{16,}|gsk_[A-Za-z0-9]{20,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
)
"""JSON Web Tokens, and keys of vendors that give them a prefix."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://(?:[^\s/?#@]*@)*[^\s\"'<>`|\\^]*")
_NEXT_URL = re.compile(r"::(?=[A-Za-z][A-Za-z0-9+.\-]*://)")
_PAIR = re.compile(r"(?<=[?&;])([\w.%\-]{1,64})=([^&\s\"'<>;]+)")
# in a message of a server or a log: `X-Api-Key: ...`, `"api_key": "..."`, `AWS_SECRET_ACCESS_KEY=...`
_NAMED = re.compile(
    r"""((?:api[-_]?key|secret[-_]?key|secret[-_]?access[-_]?key|access[-_]?token|auth[-_]?token"""
    r"""|client[-_]?secret|cookie)["']?\s?[:=]\s?["']?|(?:password|passwd|secret|token)=["']?)[^\s"',;&}]{6,}""",
    re.IGNORECASE,
)
_HEADER = re.compile(r"(authorization[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|token)\s+)?)[^\s\"',;}]+", re.IGNORECASE)
_TRAILING = re.compile(r"[.,;:!)\]}…]+\Z")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_PATH_TOKEN = re.compile(r"/[\w~%\-]*=[^?#]*?~hmac=[0-9A-Fa-f]+(?=/|\Z)")  # Akamai's, as a folder of the path
_RANDOM = re.compile(r"[A-Za-z0-9+/=_.~\-]{32,}\Z")
_RANDOM_BITS = 3.3  # entropy of a character: hexadecimal has up to 4, English words about 4 but they are shorter
_FILE = re.compile(r"/|\.[A-Za-z0-9]{2,5}\Z")
_USER_TOKEN_CHARACTERS = 20


def redacted(uri: str) -> str:
    """Remove passwords, signatures and tokens from `uri`; a string without any is returned unchanged. Idempotent.

    The user name is kept unless it is itself a token. Local paths are returned unchanged.
    """
    if "://" not in uri:
        return uri
    return "::".join(_one(part) if "://" in part else part for part in _NEXT_URL.split(uri))


def redacted_text(text: str) -> str:
    """Redact every URL in `text`, and replace tokens and secret parameters outside of URLs by `HIDDEN`."""
    if "://" in text:
        text = _URL.sub(_in_text, text)
    if "=" in text:
        text = _PAIR.sub(lambda m: f"{m[1]}={HIDDEN}" if _is_secret(m[1], m[2]) else m[0], text)
    if "uthorization" in text or "UTHORIZATION" in text:
        text = _HEADER.sub(rf"\g<1>{HIDDEN}", text)
    if "=" in text or ":" in text:
        text = _NAMED.sub(lambda m: m[0] if m[0].endswith(HIDDEN) else m[1] + HIDDEN, text)
    return _TOKEN.sub(HIDDEN, text)


def redacted_value(value: Any) -> Any:
    """Apply `redacted_text` to every string of a JSON value, and hide the values of keys that name a secret."""
    if isinstance(value, str):
        return redacted_text(value)
    if isinstance(value, Mapping):
        return {k: HIDDEN if _holds_key(k, v) else redacted_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_value(item) for item in value]
    return value


def _holds_key(name: Any, value: Any) -> bool:
    if not isinstance(name, str) or not isinstance(value, str) or not value:
        return False
    return _is_secret(name, value) and (_looks_random(value) or len(value) >= _USER_TOKEN_CHARACTERS)


def _in_text(match: re.Match[str]) -> str:
    found = match[0]
    tail = _TRAILING.search(found)
    end = tail.start() if tail else len(found)
    return redacted(found[:end]) + found[end:]


# -- one URL -----------------------------------------------------------------------------------------------------------


def _one(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    if rest.startswith(("/", "\\")) and scheme.lower() in _WEB:  # mistyped, as in https:///user:password@host
        slashes = len(rest) - len(rest.lstrip("/\\"))
        return f"{scheme}://{rest[:slashes]}{_one(f'{scheme}://{rest[slashes:]}').partition('://')[2]}"
    cut = re.search(r"[/?#]", rest)
    authority, tail = (rest[: cut.start()], rest[cut.start() :]) if cut else (rest, "")
    port = authority.rpartition("]")[2].partition(":")[2]
    if "@" not in authority and "@" in tail and port and not port.isdigit():  # no port: a password with a slash in it
        authority, _, tail = rest.rpartition("@")
        cut = re.search(r"[/?#]", tail)
        host, tail = (tail[: cut.start()], tail[cut.start() :]) if cut else (tail, "")
        authority = f"{authority}@{host}"
    where = f"{scheme}://{_authority(authority)}"
    if scheme.lower() in _STORES:
        return where + tail
    path, hash_, fragment = tail.partition("#")
    path, mark, query = path.partition("?")
    return f"{where}{_path(path)}{_parameters(mark, query)}{_parameters(hash_, fragment)}"


def _authority(authority: str) -> str:
    user_info, at, host = authority.rpartition("@")
    if not at:
        return authority
    user, colon, password = re.sub("%3a", ":", user_info, flags=re.IGNORECASE).partition(":")
    is_token = _TOKEN.search(user) or (len(user) >= _USER_TOKEN_CHARACTERS and re.search(r"\d", user))
    if not user or is_token or (colon and password in ("", "x", "x-oauth-basic")):
        return host
    return f"{user}@{host}"


def _path(path: str) -> str:
    path = _PATH_TOKEN.sub("", path)
    if _TOKEN.search(path):
        path = _TOKEN.sub("redacted", path)
    if ";" in path:
        path = re.sub(r";([\w.\-]+)=([^/;]*)", lambda m: "" if _is_secret(m[1], m[2]) else m[0], path)
    return path


def _parameters(mark: str, query: str) -> str:
    """A query or fragment without its secrets, preceded by `mark`."""
    if not query or ("=" not in query and not _TOKEN.search(query)):
        return mark + query
    pieces = re.split(r"(&|;(?=[\w.%\-]+=))", query)
    separators = ["", *pieces[1::2]]
    pairs = [piece.partition("=") for piece in pieces[::2]]
    names = [_plain(name) for name, _, _ in pairs]
    gone = {i for i, (name, equals, value) in enumerate(pairs) if equals and _is_secret(name, value)}
    gone |= {i for i, (_, _, value) in enumerate(pairs) if _TOKEN.search(unquote(value))}
    gone |= {i for i, (name, equals, _) in enumerate(pairs) if not equals and _TOKEN.search(unquote(name))}
    for present, beside in _FAMILIES:
        if present <= set(names):
            gone |= {i for i, name in enumerate(names) if name in present | beside}
    if gone:
        gone |= {i for i, name in enumerate(names) if name in _COMPANIONS or name.startswith("response")}
    kept = ""
    for i, (name, equals, value) in enumerate(pairs):
        if i not in gone:
            kept += (separators[i] if kept else "") + name + equals + _value(names[i], value)
    return mark + kept if kept else ""


def _value(name: str, value: str) -> str:
    """The value of a parameter: a URL is redacted, a value that looks like a key is replaced by its hash."""
    if len(value) < 8:  # shorter than any URL or key
        return value
    plain = unquote(value)
    if "://" in plain:
        clean = redacted(plain)
        return value if clean == plain else quote(clean, safe="/:")
    if name not in _NAMING and _looks_random(plain):
        return f"redacted-{hashlib.sha256(plain.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
    return value


def _is_secret(name: str, value: str) -> bool:
    plain = _plain(name)
    if plain in _KEPT or not plain:
        return False
    if plain == "key":  # also what stores call the name of an object
        return not _FILE.search(unquote(value))
    if plain in _WEAK:
        return len(unquote(value)) >= 12
    return plain in _EXACT or plain.endswith(_ENDINGS) or plain.startswith(_BEGINNINGS)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", unquote(name).lower())


def _looks_random(value: str) -> bool:
    if not _RANDOM.match(value) or _UUID.match(value) or value.startswith("redacted-"):
        return False
    if not (re.search(r"\d", value) and re.search(r"[A-Za-z]", value)):
        return False
    counts = Counter(value)
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return bits >= _RANDOM_BITS
