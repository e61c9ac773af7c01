"""LLaMA-Factory's `dataset_info.json`: the file of each dataset, and the names of its columns and roles."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.export.base import Problem, Row
from pipeline.export.folder import Folder
from pipeline.export.formats.lines import Lines

INFO = "dataset_info.json"
_ELSEWHERE = ("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name")
_MEDIA = ("videos", "images", "audios")
_MUST = ("role_tag", "content_tag", "user_tag", "assistant_tag")
_ROLES = {  # tag -> the role that takes its place in the alternation
    "user_tag": "user",
    "observation_tag": "user",
    "assistant_tag": "assistant",
    "function_tag": "assistant",
    "system_tag": "system",
}
_OPENAI_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}
_DEFAULT_TAGS = {  # where an entry has no tags
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}


@dataclass(frozen=True)
class Entry:
    """One dataset as the loader reads it.

    Attributes:
        columns: the loader's name of a column -> its name in the rows; without those that the loader treats as absent.
        tags: the loader's name of a tag -> key of a turn, or the word for a role; without those that it does not know.
    """

    columns: Mapping[str, str]
    tags: Mapping[str, str]

    def get(self, row: Row, column: str) -> Any:
        """Return the value of a column; None if the loader treats it as absent."""
        return row.get(self.columns[column]) if column in self.columns else None

    @property
    def names(self) -> tuple[str, str]:
        """The keys of a turn: of its role and of its text."""
        return self.tags["role_tag"], self.tags["content_tag"]

    @property
    def roles(self) -> dict[str, str]:
        """The file's word for a role -> "user", "assistant" or "system"."""
        return {self.tags[tag]: role for tag, role in _ROLES.items() if tag in self.tags}

    def unlisted(self, row: Row) -> Iterator[str]:
        """Yield what a row has and the loader ignores, because the entry does not list it."""
        turns = self.get(row, "messages")
        said = [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
        for column in _MEDIA:
            tag = f"<{column.removesuffix('s')}>"
            if column not in self.columns and (row.get(column) or any(tag in str(t.get(self.names[1])) for t in said)):
                yield f"columns does not list {column}, so the loader treats it as absent"
        roles = [turn.get(self.names[0]) for turn in said]
        for tag in _ROLES:
            if tag not in self.tags and _DEFAULT_TAGS[tag] in roles:
                yield f"tags does not list {tag}, so the loader drops rows that have it"


OPENAI = Entry({"messages": "messages", **{c: c for c in _MEDIA}}, _OPENAI_TAGS)
"""Rows of `messages` with role and content."""
SHAREGPT = Entry({"messages": "conversations", **{c: c for c in _MEDIA}}, _DEFAULT_TAGS)
"""Rows of `conversations` with from and value."""


def described(file: str, columns: Sequence[str], **more: Any) -> dict[str, Any]:
    """Return the entry of a file whose rows have `messages` with role and content, and some columns."""
    return {
        "file_name": file,
        "formatting": "sharegpt",
        **more,
        "columns": {name: name for name in columns},
        "tags": _OPENAI_TAGS,
    }


def dataset_faults(
    export: Lines,
    folder: Folder,
    faults: Callable[[Row, Folder, Entry], Iterator[str]],
    *,
    needs: Sequence[str] = ("messages",),
    ranking: bool = False,
) -> Iterator[Problem]:
    """Yield what is wrong with the datasets of `dataset_info.json` in a folder, and with the rows of their files.

    Datasets whose files are elsewhere, such as on a hub, are not read.

    Args:
        faults: what the loader would reject, drop or misread in a row of a dataset.
        needs: columns that a dataset must list.
        ranking: whether these are preference pairs.
    """
    data = folder.read(INFO)
    if data is None:
        yield Problem(INFO, "the file is missing; LLaMA-Factory finds no dataset without it")
        return
    try:
        info: Any = json.loads(data)
    except ValueError as error:
        yield Problem(INFO, f"it is not valid JSON: {error}")
        return
    if not isinstance(info, dict) or not info:
        yield Problem(INFO, "it is not a JSON object with a dataset")
        return
    every = folder.files()
    for dataset, value in info.items():
        where = f"{INFO}: {dataset}"
        if isinstance(value, dict) and any(place in value for place in _ELSEWHERE):
            continue
        if not isinstance(value, dict) or not isinstance(value.get("file_name"), str):
            yield Problem(where, "it has no file_name")
            continue
        yield from (Problem(where, why) for why in _entry_faults(value, needs, ranking=ranking))
        name = value["file_name"]
        files = [path for path in every if path == name or path.startswith(f"{name.rstrip('/')}/")]
        if not files:
            yield Problem(where, f"there is no file {name}")
        entry = _entry(value)
        if entry is None:
            continue
        ignored: dict[str, None] = {}

        def row_faults(row: Row, folder: Folder, entry: Entry = entry, to: dict[str, None] = ignored) -> Iterator[str]:
            to.update(dict.fromkeys(entry.unlisted(row)))
            yield from faults(row, folder, entry)

        for path in files:
            if path.endswith((".json", ".jsonl")):
                yield from export.file_faults(folder, path, row_faults, set())
            else:
                yield Problem(path, "its rows are not checked; only json and jsonl files are")
        yield from (Problem(where, why) for why in ignored)


def _entry_faults(entry: Mapping[str, Any], needs: Sequence[str], *, ranking: bool) -> Iterator[str]:
    """Yield what is wrong with an entry, whatever its rows are."""
    columns, tags = entry.get("columns"), entry.get("tags")
    if entry.get("formatting") not in ("sharegpt", "openai"):
        yield f"formatting is {entry.get('formatting', 'alpaca')!r}; rows of messages need sharegpt"
    if ranking and not entry.get("ranking"):
        yield "ranking is not true; the trainer fails in a preference stage"
    if isinstance(columns, dict) and "video" in columns:
        yield "columns lists video; the loader reads videos only and finds none"
    for key in needs:
        if key not in (columns if isinstance(columns, dict) else ("messages",)):
            yield f"columns does not list {key}, so the loader treats it as absent"
    if isinstance(tags, dict) and (missing := [tag for tag in _MUST if tag not in tags]):
        yield f"tags does not list {', '.join(missing)}, so the loader drops rows that have them"


def _entry(value: Mapping[str, Any]) -> Entry | None:
    """Return what the loader makes of an entry; None if it can read no row with it."""
    columns, tags = value.get("columns", {"messages": "conversations"}), value.get("tags", _DEFAULT_TAGS)
    if value.get("formatting") not in ("sharegpt", "openai") or not (
        isinstance(columns, dict) and "messages" in columns
    ):
        return None
    if not isinstance(tags, dict) or any(tag not in tags for tag in _MUST):
        return None
    return Entry({k: v for k, v in columns.items() if v}, {k: v for k, v in tags.items() if v})
