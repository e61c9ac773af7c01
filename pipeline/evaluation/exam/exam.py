"""The exam: render stories, caption them in every way, parse the long captions, and mark them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from operators.core.base import Row
from operators.core.grid import Grid
from operators.narrate.narrate import Narrate
from pipeline.config.load import load_config
from pipeline.config.types import Config
from pipeline.evaluation.exam import PROMPTS, heard, wording
from pipeline.evaluation.exam.frames import write_video
from pipeline.evaluation.exam.human import GROUNDINGS, Chain, as_written, groundings, narrated, row_of
from pipeline.evaluation.exam.marks import Marks, mark
from pipeline.evaluation.exam.perfect import narration
from pipeline.evaluation.exam.reading import MEASURED, Sentences, read
from pipeline.evaluation.exam.spoiling import SPOILS
from pipeline.evaluation.exam.story import Story, write_story
from pipeline.execution.api import Result
from pipeline.execution.api import run as run_job
from pipeline.terminal.errors import RunFailed

BUCKETS: dict[int, int] = {30: 24, 120: 6, 300: 2, 600: 2, 1800: 1}
"""Length of the stories in seconds -> number of stories, so that short ones have enough events in total."""

CHAINS = ("none", "segment", "video")
HUMAN = ("human, as written", *(f"human, {g}" for g in GROUNDINGS))
WAYS = (
    *("script", "heard", "measure"),
    *(f"{how}, chain {chain}" for chain in CHAINS for how in ("seeing", "both levels")),
    *HUMAN,
)
"""`script`: perfect captions, narrated by the built-in narrator. `heard`: perfect captions of three events in four; the
fourth is only spoken, and a scripted narrator repeats its prompts. `measure`: the default recipe. `seeing`: the small
model captions, the built-in narrator narrates. `both levels`: the small model also narrates. `human`: a scripted model
captions and narrates in words that people use, with defects and falsehoods; `as written`: without cleaning and
grounding."""

Say = Callable[[str], None]
MOST_LOST = 0.05
"""Allowed loss of recall and order between the shortest stories and longer ones. A larger loss counts unless chance
explains it, since longer stories are other stories, with tens or hundreds of events."""

_SURE = 1.64  # standard errors; exceeded once in twenty times by chance


@dataclass(frozen=True)
class Sheet:
    """The marks of one way of captioning at one length."""

    way: str
    seconds: int
    marks: Marks


@dataclass(frozen=True, kw_only=True)
class Exam:
    """An exam and its settings.

    Attributes:
        folder: folder of videos and outputs; existing ones are not made again.
        buckets: length in s -> number of stories.
        model: a folder with the small model; None: only the ways without a model.
        chains: names from `CHAINS`.
        seed: seed of the stories.
        chain: counts of cleaning and gates in `sit_human`.
    """

    folder: Path
    buckets: dict[int, int]
    model: Path | None = None
    chains: Sequence[str] = CHAINS
    seed: int = 1
    say: Say = print
    chain: Chain = field(default_factory=Chain)

    @cached_property
    def stories(self) -> dict[str, Story]:
        """Stories by the name of their files."""
        return {
            f"story-{seconds}-{k}": write_story(float(seconds), self.seed * 1_000_000 + seconds * 100 + k)
            for seconds, count in self.buckets.items()
            for k in range(count)
        }

    def sit(self) -> list[Sheet]:
        """Run the exam; returns sheets in the order of `WAYS` and of the lengths."""
        self.say(f"rendering {len(self.stories)} stories, {sum(s.seconds for s in self.stories.values()) / 60:.0f} min")
        self._render()
        sheets = self._marked("script", self._narrated())
        sheets += self._marked("heard", heard.predicted(self.stories, _grid))
        self.say("measure, end to end")
        sheets += self._marked("measure", self._run("measure", self.measured()), MEASURED)
        for chain in self.chains if self.model else ():
            self.say(f"the small model, chain {chain}")
            for how, narrator in (("seeing", "measure"), ("both levels", self._engine(320))):
                rows = self._run(chain, self.seeing(chain, narrator))
                sheets += self._marked(f"{how}, chain {chain}", rows)
        return sheets

    def sit_human(self) -> list[Sheet]:
        """Run the exam in human wording, without frames: as the scripted model writes, and through the chain."""
        rows = {name: row_of(story, _grid(story), self.chain) for name, story in self.stories.items()}
        sheets = self._marked(HUMAN[0], as_written(rows), sentences=wording.read)
        for grounding in groundings():
            self.say(f"human wording, grounding {grounding}")
            made = narrated(rows, grounding, self.chain)
            sheets += self._marked(f"human, {grounding}", made, sentences=wording.read)
        return sheets

    # -- ways to caption -------------------------------------------------------------------------------------------

    def measured(self) -> Config:
        return load_config("measure", ["run.max_failed=0"])

    def seeing(self, chain: str, narrator: str) -> Config:
        """The recipe in which the small model captions; `narrator` is `measure`, or an engine as JSON."""
        return load_config(
            "measure",
            [
                "recipe.segment=[decode,measure,caption]",
                "decode.signals_fps=0",
                "decode.short_side_px=96",
                f"caption.engine={self._engine(128)}",
                f"caption.window_prompt={PROMPTS / 'window.j2'}",
                f"caption.chain={chain}",
                "caption.frames=false",
                "caption.concurrency=8",
                f"narrate.engine={narrator}",
                "narrate.section_s=30",
                "narrate.concurrency=8",
                "narrate.repair=false",  # the small model knows only the exam's prompts
                *(f"narrate.{k}_prompt={PROMPTS / f'{k}.j2'}" for k in ("section", "video", "digest")),
                "run.max_failed=0",
                "run.schedule=phased",
            ],
        )

    def _engine(self, tokens: int) -> str:
        sizes = {"max_model_len": 1024, "max_tokens": tokens, "max_num_seqs": 16}
        return json.dumps({"kind": "vllm", "model": str(self.model), **sizes})

    # -- doing it --------------------------------------------------------------------------------------------------

    @property
    def _videos(self) -> Path:
        return self.folder / "videos"

    def _render(self) -> None:
        self._videos.mkdir(parents=True, exist_ok=True)
        for name, story in self.stories.items():
            path = self._videos / f"{name}.mp4"
            mark_ = self._videos / f"{name}.seed"
            if mark_.exists() and mark_.read_text() == str(story.seed):
                continue
            write_video(story, path)
            mark_.write_text(str(story.seed))

    def _narrated(self) -> list[tuple[str, Row]]:
        with Narrate().open() as narrate:
            return [(name, narrate(narration(s, _grid(s)))) for name, s in self.stories.items()]

    def _run(self, out: str, config: Config) -> list[tuple[str, Row]]:
        files = [str(self._videos / f"{name}.mp4") for name in self.stories]
        result: Result = run_job(
            files, str(self.folder / out), config, quiet=True, replace=True
        )  # the narrator may differ
        rows = {Path(row["uri"]).stem: row for row in result.to_arrow().to_pylist()}
        if missing := sorted(set(self.stories) - set(rows)):
            why = [f["message"] for f in result.failures()]
            raise RunFailed(f"{', '.join(missing)}: no long caption was made: {why[0] if why else 'see the report'}")
        return [(name, rows[name]) for name in self.stories]

    def _marked(
        self,
        way: str,
        rows: Iterable[tuple[str, Row]],
        kinds: frozenset[str] | None = None,
        sentences: Sentences | None = None,
    ) -> list[Sheet]:
        of: dict[int, Marks] = {}
        for name, row in rows:
            story = self.stories[name]
            seconds = round(story.seconds)
            of[seconds] = of.get(seconds, Marks()) + mark(read(row, _grid(story), sentences), story.events, kinds)
        return [Sheet(way, seconds, marks) for seconds, marks in sorted(of.items())]

    def spoiled(self) -> dict[str, tuple[str, Marks, Marks]]:
        """Return the marks of perfect captions made worse: change -> (the mark that moves, before, after)."""
        name = max(self.stories, key=lambda n: self.stories[n].seconds)
        story, row = self.stories[name], dict(self._narrated())[name]
        predicted = read(row, _grid(story))
        whole = mark(predicted, story.events)
        found = {done: (what, whole, mark(spoil(predicted), story.events)) for done, (spoil, what) in SPOILS.items()}
        return found | self._of_speech(name)

    def _of_speech(self, name: str) -> dict[str, tuple[str, Marks, Marks]]:
        """The same for speech; lines at wrong times are lost, or late if the story is too short for that."""
        story = self.stories[name]
        said = heard.said(story)
        names = {e.what for e in said}
        listened, without, moved = (
            read(row, _grid(story))
            for spoken in (list, heard.left_out, heard.shuffled)
            for _, row in heard.predicted({name: story}, _grid, spoken)
        )
        before, behind = (
            mark([t for t in predicted if t.event.what in names], said) for predicted in (listened, moved)
        )
        what = "recall" if caught("recall", before, behind) else "time_error_s"
        return {
            "speech left out": ("recall", mark(listened, story.events), mark(without, story.events)),
            "speech shuffled in time": (what, before, behind),
        }


def verdict(sheets: Sequence[Sheet], spoiled: dict[str, tuple[str, Marks, Marks]]) -> list[str]:
    """Return what is wrong, one line each; empty: passed."""
    wrong = []
    for sheet in sheets:
        m = sheet.marks
        if sheet.way == "script" and (m.predicted != m.events or m.invented or m.order < 1):
            wrong.append(
                f"script, {sheet.seconds} s: perfect captions in, and recall {m.recall:.3f}, order {m.order:.3f}"
            )
    written = {s.seconds: s.marks for s in sheets if s.way == HUMAN[0]}
    for sheet in sheets:
        if sheet.way in HUMAN[1:] and sheet.marks.invented >= written[sheet.seconds].invented > 0:
            wrong.append(f"{sheet.way}, {sheet.seconds} s: no falsehood was removed")
    for way in dict.fromkeys(s.way for s in sheets):
        own = sorted((s for s in sheets if s.way == way), key=lambda s: s.seconds)
        for sheet in own[1:]:
            for what in ("recall", "order"):
                first, now = getattr(own[0].marks, what), getattr(sheet.marks, what)
                if first - now > MOST_LOST + _SURE * _error(own[0].marks, sheet.marks, what):
                    wrong.append(f"{way}: {what} {first:.3f} at {own[0].seconds} s and {now:.3f} at {sheet.seconds} s")
    for done, (what, before, behind) in spoiled.items():
        if not caught(what, before, behind):
            wrong.append(f"{done}, but {what} did not change")
    return wrong


def _error(a: Marks, b: Marks, what: str) -> float:
    """Return the standard error of the difference of two shares."""
    counts = [(getattr(m, what), m.events if what == "recall" else m.pairs) for m in (a, b)]
    return math.sqrt(sum(p * (1 - p) / n for p, n in counts if n))


def caught(what: str, before: Marks, behind: Marks) -> bool:
    """Whether a mark has become worse: a share by more than a fiftieth, a time by more than 5 s."""
    a, b = getattr(before, what), getattr(behind, what)
    return bool(b - a > 5) if what == "time_error_s" else bool(a - b > 0.02)


def _grid(story: Story) -> Grid:
    return Grid(story.seconds, 10.0, 5.0)


def as_json(sheets: Sequence[Sheet], spoiled: dict[str, tuple[str, Marks, Marks]]) -> dict[str, Any]:
    return {
        "ways": [{"way": s.way, "seconds": s.seconds, **s.marks.row()} for s in sheets],
        "spoiled": {
            done: {"mark": what, "before": getattr(a, what), "behind": getattr(b, what), "caught": caught(what, a, b)}
            for done, (what, a, b) in spoiled.items()
        },
        "wrong": verdict(sheets, spoiled),
    }
