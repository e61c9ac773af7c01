"""`longcap push`: upload parts of an output to a dataset repository, in the layout that the hub's viewer reads.

Only the card, the table `dataset` and the named extras are uploaded, nothing else of the output's folder. Tables become
visible in one commit: the files are sent first; the last commit adds them and the card, and removes parts of the same
tables that an earlier push left.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from operators.core.base import ItemError, Row
from operators.core.fingerprint import digest
from operators.core.storage import open_binary
from operators.core.uris import local_path
from operators.video.version import check_video
from pipeline.output.output import Output
from pipeline.reporting.card import CardTable, card_tables, card_text, is_card
from pipeline.reporting.files import HTML
from pipeline.terminal.errors import RunFailed, UsageError

_TABLES = ("segments", "filtered", "failures")
EXTRAS = (*_TABLES, "report", "videos")
"""Parts that are sent only if they are named; `videos` are the files themselves, not the table of that name."""

_REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_DATA_FILE = re.compile(rf"(dataset|{'|'.join(_TABLES)})/part-[^/]+\.parquet|videos/(\d{{4}}/)?[^/]+|{re.escape(HTML)}")
_PER_COMMIT = 50  # hubs advise less than a hundred files
_PER_FOLDER = 5000  # hubs refuse ten thousand


@dataclass(frozen=True, kw_only=True)
class Part:
    """One file to send: its path in the repository, and its location."""

    path: str
    uri: str
    size_bytes: int
    version: str | None = None  # of a video, which is sent only if it still has this version


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """The parts that a push sent or would send."""

    repo: str
    url: str
    private: bool
    files: list[str]
    size_bytes: int
    removed: list[str]
    left_out: dict[str, str]


def push(
    output: Output,
    repo: str,
    *,
    extras: Sequence[str] = (),
    public: bool = False,
    revision: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    say: Callable[[str], None] = lambda _: None,
    api: Any = None,
) -> Pushed:
    """Send the card, the table `dataset` and `extras` to the dataset repository `repo` (OWNER/NAME).

    Args:
        extras: names from `EXTRAS`.
        public: create a new repository as public, or confirm that an existing one is; by default a new one is private.
        revision: branch; None: the main branch.
        force: replace a README.md that Longcap did not write.
        dry_run: send nothing and do not contact the hub.
        say: called with one line of progress at a time.
        api: a `huggingface_hub.HfApi`; None: use the endpoint and token of the environment.

    Raises:
        UsageError: an unknown name, nothing to send, a public repository without `public`, access refused by the hub,
            or the extra `hub` is not installed.
        RunFailed: the hub or storage failed.
    """
    if _REPO.fullmatch(repo) is None:
        raise UsageError(f"{repo!r} is not of the form OWNER/NAME, such as me/harbour-captions")
    wanted = ["dataset", *(name for name in _TABLES if name in extras)]
    tables = card_tables(output.store, wanted)
    if not any(table.name == "dataset" for table in tables):
        raise UsageError(f"{output.shown_uri} has no long captions yet, so there is nothing to push")
    parts = [part for table in tables for part in _parts(output, table)]
    if "report" in extras:
        parts.append(_report(output))
    videos, rows = _videos(output) if "videos" in extras else ([], [])
    if videos:
        tables.append(_video_table(len(videos)))
    card = card_text(output.store, tables).encode()
    size = sum(part.size_bytes for part in (*parts, *videos)) + len(card)
    names = ["README.md", *(part.path for part in (*parts, *videos)), *(["videos/metadata.parquet"] if videos else [])]
    planned = Pushed(repo=repo, url="", private=not public, files=names, size_bytes=size, removed=[], left_out={})
    if dry_run:
        return planned
    with _hub_errors(repo), ExitStack() as stack:
        api = api or _api()
        url, private = _make(api, repo, public=public)
        if not force:
            _check_readme(api, repo, revision)
        left_out = _send_videos(api, repo, revision, videos, say)
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        adds = [CommitOperationAdd(part.path, stack.enter_context(_readable(part))) for part in parts]
        if videos:
            sent = [row for row in rows if f"videos/{row['file_name']}" not in left_out]
            adds.append(CommitOperationAdd("videos/metadata.parquet", _parquet(sent)))
        adds.append(CommitOperationAdd("README.md", card))
        stay = ({part.path for part in (*parts, *videos)} | {"videos/metadata.parquet"}) - left_out.keys()
        there = api.list_repo_files(repo, repo_type="dataset", revision=revision)
        gone = sorted(
            path
            for path in there
            if _DATA_FILE.fullmatch(path) and path not in stay and path.partition("/")[0] in {*wanted, *extras}
        )
        deletes = [CommitOperationDelete(path) for path in gone]
        say(f"sending {len(adds)} files, {size / 2**20:.1f} MiB with the videos, to {url}")
        api.create_commit(
            repo, [*adds, *deletes], commit_message="Update the captions", repo_type="dataset", revision=revision
        )
    files = [name for name in names if name not in left_out]
    return Pushed(repo=repo, url=url, private=private, files=files, size_bytes=size, removed=gone, left_out=left_out)


# -- what is sent ------------------------------------------------------------------------------------------------------


def _parts(output: Output, table: CardTable) -> Iterator[Part]:
    for uri in getattr(output.store, table.name).file_uris():
        yield Part(path=f"{table.name}/{uri.rsplit('/', 1)[-1]}", uri=uri, size_bytes=_size(uri))


def _report(output: Output) -> Part:
    uri = f"{output.uri}/{HTML}"
    try:
        return Part(path=HTML, uri=uri, size_bytes=_size(uri))
    except OSError as error:
        raise UsageError(f"{output.shown_uri} has no {HTML}; write it with: longcap report") from error


def _videos(output: Output) -> tuple[list[Part], list[Row]]:
    """Return the videos that have a long caption, and a row of metadata for each, as hubs read folders of videos."""
    columns = ["video_id", "uri", "duration_s", "caption", "words", "source_version"]
    known = output.store.videos.read(["video_id", "size_bytes"]).to_pylist()
    sizes = {row["video_id"]: row["size_bytes"] or 0 for row in known}
    parts, rows = [], []
    found = output.store.dataset.read(columns).sort_by([("uri", "ascending"), ("video_id", "ascending")]).to_pylist()
    for k, row in enumerate(found):
        folder = f"{k // _PER_FOLDER:04d}/" if len(found) > _PER_FOLDER else ""
        name = f"{folder}{_file_name(row)}"
        size, version = sizes.get(row["video_id"], 0), row["source_version"]
        parts.append(Part(path=f"videos/{name}", uri=row["uri"], size_bytes=size, version=version))
        rows.append({"file_name": name, **{c: row[c] for c in ("video_id", "duration_s", "words", "caption")}})
    return parts, rows


def _file_name(row: Row) -> str:
    """Return a file name that is safe for hubs, shells and URLs, stable between pushes, and unique to the video."""
    stem = re.sub(r"[^A-Za-z0-9_.-]", "_", row["video_id"]).strip(".")
    if stem != row["video_id"]:
        stem = f"{stem[:60]}-{digest([row['video_id']])[:8]}"
    suffix = Path(row["uri"]).suffix.lower()
    return stem + (suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else "")


def _video_table(count: int) -> CardTable:
    return CardTable(
        name="videos",
        rows=count,
        about="one row per video: the file itself, with its long caption",
        front={"data_dir": "videos", "drop_labels": True},
        features=None,
    )


def _parquet(rows: Sequence[Row]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), sink, row_group_size=100, write_page_index=True)
    return sink.getvalue()


def _size(uri: str) -> int:
    with open_binary(uri) as file:
        return int(file.seek(0, io.SEEK_END))


@contextmanager
def _readable(part: Part) -> Iterator[str]:
    """Yield a local file with the part's bytes; a copy if the part is remote."""
    path = local_path(part.uri)
    check_video(part.uri, part.version)
    if path is not None:
        if not Path(path).is_file():
            raise FileNotFoundError(f"{path} no longer exists")
        yield path
        return
    with TemporaryDirectory(prefix="longcap-push-") as folder:
        copy = Path(folder) / Path(part.path).name
        with open_binary(part.uri) as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 2**22)
        yield str(copy)


# -- the hub -----------------------------------------------------------------------------------------------------------


def _api() -> Any:
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise UsageError("push needs the extra hub: pip install 'longcap[hub]'") from error
    return HfApi(library_name="longcap")


def _make(api: Any, repo: str, *, public: bool) -> tuple[str, bool]:
    """Create the repository if it does not exist; returns its URL and whether it is private."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        there = api.dataset_info(repo)
    except RepositoryNotFoundError:
        return str(api.create_repo(repo, repo_type="dataset", private=not public)), not public
    if not there.private and not public:
        raise UsageError(f"{repo} exists and is public; confirm with --public, or name another repository")
    return f"{api.endpoint}/datasets/{repo}", bool(there.private)


def _check_readme(api: Any, repo: str, revision: str | None) -> None:
    """Refuse to replace a README.md that a person wrote; the initial one of an empty repository may be replaced."""
    import huggingface_hub.utils
    from huggingface_hub.errors import HfHubHTTPError

    utils: Any = huggingface_hub.utils  # names that it exports without saying so
    url = f"{api.endpoint}/datasets/{repo}/raw/{revision or 'main'}/README.md"
    try:
        answer = utils.get_session().get(url, headers=utils.build_hf_headers(token=api.token, library_name="longcap"))
        utils.hf_raise_for_status(answer)
    except HfHubHTTPError as error:
        if error.response is not None and error.response.status_code == 404:
            return
        raise
    if answer.content.strip() and not is_card(answer.content):
        raise UsageError(f"{repo} has a README.md that Longcap did not write; replace it with --force")


def _send_videos(
    api: Any, repo: str, revision: str | None, videos: Sequence[Part], say: Callable[[str], None]
) -> dict[str, str]:
    """Send videos in separate commits; returns path -> reason for videos that were left out."""
    from huggingface_hub import CommitOperationAdd

    left_out: dict[str, str] = {}
    for start in range(0, len(videos), _PER_COMMIT):
        some = videos[start : start + _PER_COMMIT]
        with ExitStack() as stack:
            adds = []
            for part in some:
                try:
                    adds.append(CommitOperationAdd(part.path, stack.enter_context(_readable(part))))
                except (ItemError, OSError) as error:
                    left_out[part.path] = str(error)
            if adds:
                api.create_commit(repo, adds, commit_message="Add videos", repo_type="dataset", revision=revision)
        say(f"{start + len(some)} of {len(videos)} videos sent")
    return left_out


@contextmanager
def _hub_errors(repo: str) -> Iterator[None]:
    """Convert errors of the hub to one line."""
    try:
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError as error:
        raise UsageError("push needs the extra hub: pip install 'longcap[hub]'") from error
    hub: Any = huggingface_hub  # names that it exports without saying so
    shown = not hub.utils.are_progress_bars_disabled()
    if not sys.stderr.isatty():
        hub.utils.disable_progress_bars()
    try:
        yield
    except hub.errors.LocalTokenNotFoundError as error:
        raise UsageError("no token for the hub was found; log in with hf auth login, or set HF_TOKEN") from error
    except (
        hub.errors.HTTPError
    ) as error:  # of the client that huggingface_hub uses, which differs from version to version
        response = getattr(error, "response", None)
        code = response.status_code if response is not None else None
        if code in (401, 403):
            raise UsageError(
                f"the token may not write to {repo}; log in with hf auth login or set HF_TOKEN, and check "
                "the token's permissions"
            ) from error
        raise RunFailed(f"the hub did not take {repo}: {_line(error)}; the same command sends what is left") from error
    except ItemError as error:
        raise RunFailed(str(error)) from error
    except (OSError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise RunFailed(f"the push to {repo} failed: {_line(error)}; the same command sends what is left") from error
    finally:
        if shown:
            hub.utils.enable_progress_bars()


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:297]}..."
