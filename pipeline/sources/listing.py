"""Turn inputs into a listing: one row per video, with a stable id and a version that changes with its size or time.

An input is a file, a folder, a glob, a prefix of any fsspec file system (`s3://bucket/prefix`), or a manifest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from glob import has_magic
from posixpath import basename

from operators.core.addresses import redacted
from operators.core.arrow import failure
from operators.core.base import Row
from operators.core.fingerprint import digest
from operators.core.storage import is_chain
from operators.core.text import printable
from operators.core.uris import foreign_host, local_path, lost_slash, scheme_of
from operators.core.web import WEB
from operators.video.version import File, version_of
from pipeline.config.types import SourceOptions
from pipeline.sources.files import (
    CHAINED,
    is_folder,
    last_suffix_of,
    look,
    matching,
    nearest_path,
    normalise,
    stem_of,
    suffix_of,
    tree,
    why_not,
)
from pipeline.sources.location import scratch_hint
from pipeline.sources.manifests import MANIFEST_SUFFIXES, Entry, read_manifest
from pipeline.sources.subtitles import SUBTITLE_SUFFIXES, subtitles_by_stem
from pipeline.terminal.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The videos of the inputs.

    Attributes:
        rows: one per video, ordered by uri: `video_id`, `uri`, `source_version`, `size_bytes` (None: missing),
                `subtitles_uri` (None: no subtitles), `metadata` (a JSON object), `access_uri` (a URL with its signature
                or password, used only for reading; None: the same as `uri`);
                if a row of a manifest is unusable, also `failure` (of `operators.core.structs.FAILURE`).
        ignored: files that are no videos: suffix -> count (also "hidden", "no suffix").
        manifests: uris of the manifests that were read.
    """

    rows: list[Row]
    ignored: dict[str, int]
    manifests: Sequence[str] = ()

    def dropped(self, video: Row) -> bool:
        """Whether a row of `rows.VIDEO` failed as a row of one of these manifests, which does not have it any more."""
        why = video["failure"]
        return (
            why is not None
            and why["stage"] == "list"
            and any(why["message"].startswith(f"{_said(uri)} row ") for uri in self.manifests)
            and video["video_id"] not in self._ids
        )

    @cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(row["video_id"] for row in self.rows)


@dataclass
class _Found:
    """Working state of the listing: the videos, every file that was seen, and the ignored files.

    `manifests` holds the manifests that were read, `rowless` those without a row.
    """

    options: SourceOptions
    wanted: list[Entry] = field(default_factory=list)
    files: dict[str, File] = field(default_factory=dict)
    ignored: set[str] = field(default_factory=set)
    manifests: list[str] = field(default_factory=list)
    rowless: list[str] = field(default_factory=list)

    def several(self, uris: Iterable[str]) -> None:
        """Add files of a folder or a prefix: those with the suffix of a video are listed."""
        for uri in uris:
            if not basename(uri).startswith(".") and suffix_of(uri) in self.options.suffixes:
                self.wanted.append(Entry(uri=uri))
            else:
                self.ignored.add(uri)

    def matched(self, pattern: str, uris: Iterable[str]) -> None:
        """Add files of a glob, and manifests if the glob asks for them, as in OUT/dataset/*.parquet."""
        if suffix_of(pattern) not in MANIFEST_SUFFIXES:
            self.several(uris)
            return
        for uri in uris:
            self.single(uri, uri)

    def single(self, uri: str, text: str) -> None:
        """Add a file that was named explicitly: a manifest or a video."""
        if suffix_of(uri) in MANIFEST_SUFFIXES:
            entries = read_manifest(uri, self.options)
            self.wanted.extend(entries)
            self.manifests.append(uri)
            if not entries:
                self.rowless.append(text)
        elif {suffix_of(uri), last_suffix_of(uri)} & {*self.options.suffixes}:
            self.wanted.append(Entry(uri=uri))
        else:
            raise UsageError(
                f"{printable(text)} is neither a video ({' '.join(self.options.suffixes)}; sources.suffixes sets them) "
                f"nor a manifest ({' '.join(MANIFEST_SUFFIXES)})"
            )


def list_sources(inputs: Sequence[str], options: SourceOptions) -> Listing:
    """List the videos of `inputs`.

    A video that a manifest names but that does not exist becomes a row with `size_bytes` None; probing will fail it. An
    unusable row of a manifest becomes a row with `failure` set.

    Raises:
        UsageError: a path, prefix or column does not exist or cannot be read; an id is invalid or belongs to two
                videos; there is no video at all.
    """
    found = _Found(options)
    for text in inputs:
        if not text.strip():
            raise UsageError("an input is an empty name; give a file, a folder, a glob, a prefix or a manifest")
        _list_one(text, found)
    refused = [entry for entry in found.wanted if entry.problem is not None]
    found.wanted = [entry for entry in found.wanted if entry.problem is None]
    found.files.update(look([e.uri for e in found.wanted if e.uri not in found.files], tolerant=True))
    subtitles = subtitles_by_stem(found.files, options.suffixes)
    with_id = {redacted(entry.uri) for entry in found.wanted if entry.video_id is not None}
    rows: dict[str, Row] = {}
    for entry in found.wanted:
        if entry.video_id is None and redacted(entry.uri) in with_id:
            continue  # a folder contains it too: the entry of the manifest has more columns
        row = _row(entry, found.files, subtitles)
        before = rows.get(row["video_id"])
        if before is not None and before["uri"] == row["uri"] and before["access_uri"] != row["access_uri"]:
            if row["size_bytes"] is None:
                continue  # such as an expired signature next to a valid one
            if before["size_bytes"] is None:
                before = None
            elif before["source_version"] != row["source_version"]:
                raise UsageError(_two_files(row["uri"], entry.where))
        if before is None or (before["uri"] == row["uri"] and before["metadata"] == "{}"):
            rows[row["video_id"]] = row
        elif before["uri"] != row["uri"] or row["metadata"] not in ("{}", before["metadata"]):
            raise UsageError(
                f"the id {row['video_id']!r} is used for two sources: {before['uri']} and {row['uri']}"
                f"{' with other metadata' if before['uri'] == row['uri'] else ''} ({entry.where})"
            )
    for entry in refused:
        row = _refused_row(entry, rows)
        rows[row["video_id"]] = row
    used = {row["subtitles_uri"] for row in rows.values()}
    ignored = Counter(_kind(uri) for uri in found.ignored - used)
    if not rows:
        raise UsageError(_nothing(inputs, found.rowless, ignored, options))
    return Listing(
        rows=sorted(rows.values(), key=lambda r: (r["uri"], r["video_id"])),
        ignored=dict(sorted(ignored.items())),
        manifests=found.manifests,
    )


def _list_one(text: str, found: _Found) -> None:
    uri = normalise(text)
    scheme = scheme_of(uri)
    if why := lost_slash(text) or foreign_host(uri):
        raise UsageError(f"{printable(text)} cannot be opened: {why}")
    if is_chain(uri):
        raise UsageError(f"{printable(text)} {CHAINED}")
    pattern = local_path(text) or text  # neither escapes of a file: URI nor the current folder's name are a glob
    if scheme not in WEB and has_magic(pattern) and uri not in look([uri]):  # a file of exactly this name is preferred
        _list_matching(uri, text, found)
        return
    if not scheme:
        if is_folder(uri):
            _list_below(uri, found)
        elif uri in look([uri]):
            found.single(uri, text)
        else:
            raise UsageError(f"there is no {printable(text)}{scratch_hint(text) or printable(nearest_path(uri))}")
    elif not uri.endswith("/") and (scheme in WEB or suffix_of(uri) in (*found.options.suffixes, *MANIFEST_SUFFIXES)):
        if uri not in look([uri]):
            raise UsageError(f"there is no {text}{why_not(uri) if scheme in WEB else ''}")
        found.single(uri, text)
    else:
        _list_below(uri, found)


def _list_matching(uri: str, text: str, found: _Found) -> None:
    matches = matching(text)
    found.matched(uri, matches)
    if matches:
        return
    if scheme_of(uri) or is_folder(uri):
        with suppress(UsageError):  # names of prefixes and folders may contain brackets
            _list_below(uri, found)
            return
    raise UsageError(f"no file matches {printable(text)}{scratch_hint(text)}")


def _list_below(uri: str, found: _Found) -> None:
    files = dict(tree(uri, recursive=found.options.recursive))
    if scheme_of(uri) in WEB:  # an index page says neither sizes nor times
        read = {*found.options.suffixes, *SUBTITLE_SUFFIXES}
        files.update(look([file for file in files if suffix_of(file) in read], tolerant=True))
    found.files.update(files)
    found.several(files)


# -- rows --------------------------------------------------------------------------------------------------------------


def _row(entry: Entry, files: dict[str, File], subtitles: dict[str, str]) -> Row:
    file = files.get(entry.uri, File())
    uri = redacted(entry.uri)
    beside = subtitles.get(stem_of(entry.uri)) if uri == entry.uri else None  # a signature is valid for one file
    return {
        "video_id": digest(uri) if entry.video_id is None else entry.video_id,
        "uri": uri,
        "source_version": version_of(file, (beside, files[beside]) if beside is not None else None),
        "size_bytes": file.size_bytes,
        "subtitles_uri": beside,
        "metadata": entry.metadata,
        "access_uri": entry.uri if uri != entry.uri else None,
    }


def _two_files(uri: str, where: str) -> str:
    return (
        f"{uri} names two files: URLs that differ only in a signature, password or token are the same video, but the "
        f"server reports different sizes or times{f' ({where})' if where else ''}; give each an id, in the "
        "column video_id of a manifest"
    )


def _refused_row(entry: Entry, taken: Container[str]) -> Row:
    """Return the row of an unusable entry, with its failure; a corrected manifest gives a new row."""
    uri = redacted(entry.uri)
    own = entry.video_id or digest(uri)
    return {
        "video_id": digest(["refused", entry.where]) if own in taken else own,
        "uri": uri,
        "source_version": digest(["refused", entry.problem]),
        "size_bytes": None,
        "subtitles_uri": None,
        "metadata": entry.metadata,
        "access_uri": None,
        "failure": failure("list", "invalid", f"{entry.where}: {entry.problem}"),
    }


def _said(where: str) -> str:
    """Return a place as it begins the message of a failure."""
    return str(failure("list", "invalid", where)["message"])


def _kind(uri: str) -> str:
    return "hidden" if basename(uri).startswith(".") else suffix_of(uri) or "no suffix"


def _nothing(inputs: Sequence[str], rowless: Sequence[str], ignored: Counter[str], options: SourceOptions) -> str:
    """Explain why there is no video, for each kind of input."""
    reasons = [f"the manifest {printable(text)} has no rows: add one row per video" for text in rowless]
    others = ", ".join(printable(text) for text in inputs if text not in rowless)
    known = f"known suffixes are {' '.join(options.suffixes)} (sources.suffixes sets them)"
    if ignored:
        there = ", ".join(f"{count} {printable(kind)}" for kind, count in ignored.most_common(8))
        reasons.append(f"no video in {others}: {ignored.total()} other files are there ({there}); {known}")
    elif others:
        below = "" if options.recursive else ", and its subfolders are not searched (sources.recursive is false)"
        reasons.append(f"no video in {others}: there are no files{below}")
    return "; ".join(reasons)
