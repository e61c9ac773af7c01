"""Conversations: a user turn with a video and a prompt, an assistant turn with the caption."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from pipeline.export.base import Sample, Unfit
from pipeline.export.folder import Folder
from pipeline.export.formats.lines import Lines
from pipeline.export.further import items_of
from pipeline.export.media import fault_of

TAGS = ("<video>", "<image>", "<audio>", "<bbox>", "<ref-object>")
"""Media tags of loaders. A tag in a text is replaced by a medium or makes the loader fail."""

_TAG = re.compile(r"<(video|image|audio|bbox|ref-object|img|vid)>", re.IGNORECASE)
_SPECIAL = re.compile(r"<\|([A-Za-z0-9_]{1,40})\|>|</?s>")
_REPEATED = 0.4  # InternVL's limit of repeated sequences of 10 words
_WORDS = 10


@dataclass(frozen=True, kw_only=True)
class Conversation(Lines):
    """The options that all conversational targets share.

    Args:
        prompt: prompt for a whole video or a clip.
        span_prompt: prompt for a part of a video that is not cut out; `{start}` and `{end}` are replaced by its times.
        timeline_prompt: prompt for a whole video or a clip whose sections or sentences are the answer.
        span_timeline_prompt: the same for a part of a video that is not cut out; `{start}` and `{end}` as above.
        answer: "caption": the text; "timeline": one line per section or sentence, with its times.
        times: format of times, "seconds" (83.5) or "clock" (1:23).
        table: a further table whose rows are the turns, such as questions and answers; "": the captions.
        question, reply: columns of the table.
        items: a list column of the table whose items count as its rows.
    """

    lists: ClassVar[bool] = True
    tag: ClassVar[str] = "<video>"

    prompt: Annotated[str, Field(description="user turn of a video or clip")] = "Describe this video in detail."
    span_prompt: Annotated[str, Field(description="user turn of a span that is not cut out")] = (
        "Describe in detail what happens in this video from {start} to {end}."
    )
    timeline_prompt: Annotated[str, Field(description="user turn that asks for a timeline")] = (
        "List what happens in this video, each event with its start and end time."
    )
    span_timeline_prompt: Annotated[str, Field(description="user turn that asks for a timeline of a span")] = (
        "List what happens in this video from {start} to {end}, each event with its start and end time."
    )
    answer: Literal["caption", "timeline"] = "caption"
    times: Literal["seconds", "clock"] = "seconds"
    table: str = ""
    question: str = "question"
    reply: str = "answer"
    items: str = "items"

    def __post_init__(self) -> None:
        for name in ("prompt", "span_prompt", "timeline_prompt", "span_timeline_prompt"):
            text = getattr(self, name)
            if any(tag in text for tag in TAGS) or not text.strip():
                raise ValueError(f"{name} is {text!r}; it must not be empty or contain a media tag; tags are added")
            if name.startswith("span_") and not ("{start}" in text and "{end}" in text):
                raise ValueError(f"{name} is {text!r}; it must contain {{start}} and {{end}}")

    @property
    def reads_table(self) -> str:
        return self.table

    def pairs(self, sample: Sample) -> Iterator[tuple[str, str, str]]:
        """Yield, for each row that a sample makes, its key, the user turn without its tag, and the assistant turn."""
        if not self.table:
            yield (sample.key, *self.turns(sample))
        for k, row in enumerate(items_of(sample, self.table, self.items) if self.table else ()):
            asked, said = (row.get(name) for name in (self.question, self.reply))
            if not (isinstance(asked, str) and asked.strip() and isinstance(said, str) and said.strip()):
                raise Unfit(f"table {self.table} has no {self.question} and {self.reply} in row {k} of the video")
            yield f"{sample.key}-q{k:04d}", safe(asked).strip(), safe(said).strip()

    def turns(self, sample: Sample) -> tuple[str, str]:
        """Return the user turn without its tag, and the assistant turn."""
        said = safe(self._answer(sample)).strip()
        if not said:
            raise Unfit("its text is empty")
        timeline = self.answer == "timeline"
        if sample.span is None:
            return self.timeline_prompt if timeline else self.prompt, said
        start, end = (self.time(t) for t in sample.span)
        asked = self.span_timeline_prompt if timeline else self.span_prompt
        return asked.replace("{start}", start).replace("{end}", end), said

    def _answer(self, sample: Sample) -> str:
        if self.answer == "caption":
            return sample.text
        parts = [p for p in sample.parts if p.text]
        if not parts:
            raise Unfit("it has no sections to make a timeline of")
        lines = (f"{self.time(p.start_s)} - {self.time(p.end_s)}: {' '.join(p.text.split())}" for p in parts)
        return "\n".join(lines)

    def time(self, seconds: float) -> str:
        """Format a time as in prompts and answers."""
        if self.times == "seconds":
            return f"{seconds:.1f} s"
        whole = int(seconds + 0.5)
        clock = f"{whole // 60 % 60:02d}:{whole % 60:02d}" if whole >= 3600 else f"{whole // 60}:{whole % 60:02d}"
        return f"{whole // 3600}:{clock}" if whole >= 3600 else clock


def safe(text: str) -> str:
    """Neutralise tags that loaders take for media or tokenizers for control tokens: `<video>` becomes `[video]`."""
    return _SPECIAL.sub(lambda m: f"[{m[1] or 's'}]", _TAG.sub(lambda m: f"[{m[1]}]", text))


def tags_in(turns: Sequence[str]) -> Counter[str]:
    """Count each media tag in some turns."""
    return Counter(tag for turn in turns for tag in TAGS for _ in range(turn.count(tag)))


def repeated_share(text: str) -> float:
    """Return the share of 10-word sequences that occur more than once; InternVL drops rows above 0.4."""
    words = text.split()
    grams = [tuple(words[k : k + _WORDS]) for k in range(len(words) - _WORDS + 1)]
    counts = Counter(grams)
    return sum(n for n in counts.values() if n > 1) / len(grams) if grams else 0.0


def media_list(value: Any, key: str, faults: list[str]) -> list[str]:
    """Return the media that a row names as the value of `key`: one path, or a list of paths or of lists of frame
    paths."""
    if not value:
        return []
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(
        isinstance(i, str) or (isinstance(i, list) and i and all(isinstance(f, str) for f in i)) for i in items
    ):
        faults.append(f"{key} is {value!r:.60}; it must be a path or a list of paths")
        return []
    return ["\x00".join(i) if isinstance(i, list) else i for i in items]


def media_faults(paths: Sequence[str], folder: Folder, root: str) -> Iterator[str]:
    """Yield what is wrong with media files that rows name relative to `root`, a folder inside `folder`."""
    for path in paths:
        for one in path.split("\x00"):
            whole = f"{root}/{one}" if root and not one.startswith("/") and "://" not in one else one
            if "://" in one:
                yield f"{one} is a URI, which the loader cannot open; export with --media copy"
            elif "\x00" in path:
                if folder.size(whole) is None and not one.startswith("/"):
                    yield f"there is no file {whole}"
            elif why := fault_of(folder, whole):
                yield why


def turn_faults(turns: Any, names: tuple[str, str], roles: dict[str, str], faults: list[str]) -> list[tuple[str, str]]:
    """Return turns as pairs of role and text; what makes them unreadable is added to `faults`.

    Args:
        names: names of the two keys of a turn.
        roles: the target's word -> "user", "assistant" or "system".
    """
    if not isinstance(turns, list) or not turns:
        faults.append("it has no turns")
        return []
    found = []
    for k, turn in enumerate(turns):
        if not isinstance(turn, dict) or names[0] not in turn or names[1] not in turn:
            faults.append(f"turn {k} is not an object with {names[0]} and {names[1]}")
            return []
        role, text = turn[names[0]], turn[names[1]]
        if not isinstance(role, str) or role not in roles:
            faults.append(f"turn {k} has the role {role!r}; allowed are {', '.join(roles)}")
            return []
        if not isinstance(text, str) or not text.strip():
            faults.append(f"turn {k} has no text")
            return []
        found.append((roles[role], text))
    return found


def order_faults(turns: Sequence[tuple[str, str]], *, odd: bool = False) -> Iterator[str]:
    """Yield where user and assistant do not alternate after an optional system turn.

    Args:
        odd: whether the last turn is a user turn, as in preference pairs.
    """
    rest = [role for role, _ in turns]
    if rest[:1] == ["system"]:
        rest = rest[1:]
    for k, role in enumerate(rest):
        if role != ("user", "assistant")[k % 2]:
            yield f"user and assistant do not alternate: turn {k} is {role}; the loader drops the row"
            return
    if rest and len(rest) % 2 != int(odd):
        yield f"it has {len(rest)} turns; the loader drops rows with an {'even' if odd else 'odd'} number of them"
