"""`find_frames`: locate something in a long video, from coarse to fine, with a limited number of requests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from operators.cleaning.forms import read_form
from operators.core import structs
from operators.core.base import Apply, ItemError, Level, Row
from operators.core.fingerprint import digest
from operators.engines.ask import Usage, ask
from operators.engines.base import FrameImage, Request, RunningEngine
from operators.engines.gates import About, gates_of, malformed
from operators.engines.provenance import provenance
from operators.engines.registry import AnyEngine
from operators.engines.shared import shared
from operators.prompts import Prompt, load_prompt
from operators.selection.mosaic import tiled
from operators.video.isolation import DecodeChild
from operators.video.limits import Isolated
from operators.video.moments import READS, frames_at
from operators.video.size import Size

FOUND = pa.struct(
    [
        pa.field("start_s", pa.float64()),  # time of the first frame that shows it
        pa.field("end_s", pa.float64()),  # time of the next checked frame that does not show it
        pa.field("frames", pa.list_(pa.float64())),  # times of the frames that show it, s
    ]
)


class Cells(BaseModel):
    """An answer: numbers of cells, from 1."""

    model_config = ConfigDict(extra="forbid")
    yes: list[int] = Field(max_length=64)
    maybe: list[int] = Field(max_length=64)


@dataclass(frozen=True, kw_only=True)
class FindFrames(Isolated):
    """Shows a model grids of frames and asks in which cells something is visible; writes `found_spans`, `search_calls`
    and `search_unanswered`, the number of frames that were not decoded or for which there was no valid answer.

    The first frames are spread over the video; then frames around cells with the answer yes or maybe follow, at half
    the distance and so on down to `step_s`; if no cell is likely, the middles of the longest unchecked gaps. What is
    visible for longer than duration / (`calls` x `cells`) is in a cell within the budget. A frame without an answer
    counts as no; a video without any answer fails. Zooming over grids is from
    T* (arXiv 2504.02259), which uses a detector instead of a vision-language model.
    """

    name: ClassVar[str] = "find_frames"
    version: ClassVar[int] = 2  # 2: cells that the grid does not have are refused, spans end with the video
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "search"
    reads: ClassVar[frozenset[str]] = READS | {"video_id", "duration_s", "question"}
    writes: ClassVar[frozenset[str]] = frozenset(
        {"found_spans", "search_calls", "search_unanswered", "found_provenance", "usage"}
    )
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "found_spans": pa.list_(FOUND),
        "search_calls": pa.int32(),
        "search_unanswered": pa.int32(),
        "found_provenance": structs.PROVENANCE,
    }

    engine: Annotated[AnyEngine, Field(description="a vision-language model")]
    prompt: Annotated[str, Field(description="a prompt's name or a path to a .j2 file")] = "find_frames"
    calls: Annotated[int, Field(ge=1, le=1000, description="maximum number of requests per video")] = 24
    cells: Annotated[int, Field(ge=1, le=64, description="frames in a grid")] = 16
    columns: Annotated[int, Field(ge=1, le=8, description="frames in a row of a grid")] = 4
    step_s: Annotated[float, Field(ge=0.01, description="least distance of two frames, in s")] = 1.0
    short_side_px: Annotated[int, Field(ge=64, le=1080, description="short side of a cell in pixels")] = 168
    tries: Annotated[int, Field(ge=1, le=10, description="tries of a request before its cells count as no")] = 3

    def identity_extra(self) -> dict[str, Any]:
        """Return the text of the prompt, so that a changed prompt changes the key."""
        return {"prompts": [load_prompt(self.prompt).hash]}

    @contextmanager
    def open(self) -> Iterator[Apply]:
        """Yield the function, which raises `ItemError`: unreadable, changed, storage, or a failure of the decoder."""
        prompt = load_prompt(self.prompt)
        with self.child() as child, shared(self.engine) as engine:
            yield lambda row: {**row, **self._found(row, child, engine, prompt)}

    def _found(self, row: Row, child: DecodeChild, engine: RunningEngine, prompt: Prompt) -> Row:
        seen = _Seen(self, row, child, engine, prompt)
        times = Times(float(row["duration_s"]), self.step_s)
        calls = 0
        while calls < self.calls and (chosen := times.next(self.cells)):
            times.note(chosen, seen.look(chosen))
            calls += 1
        if seen.failed is not None and not seen.answered:
            raise seen.failed
        return {
            "found_spans": times.spans(),
            "search_calls": calls,
            "search_unanswered": seen.unanswered,
            "found_provenance": provenance(self.engine, [prompt], {"tries": self.tries, "calls": self.calls}),
            "usage": seen.usage.row(),
        }


@dataclass
class _Seen:
    """Asks about times of one video."""

    spec: FindFrames
    row: Row
    child: DecodeChild
    engine: RunningEngine
    prompt: Prompt
    usage: Usage = field(default_factory=Usage)
    answered: int = 0  # frames
    unanswered: int = 0
    failed: ItemError | None = None  # why the first of them has no answer

    def look(self, times_s: Sequence[float]) -> dict[float, str]:
        """Return yes, maybe or no for each time; those without an answer are left out."""
        spec, row = self.spec, self.row
        frames = frames_at(self.child, row, times_s, Size(short_side_px=spec.short_side_px))
        self.unanswered += len(times_s) - len(frames)
        if not frames:
            self.failed = self.failed or ItemError("undecodable", "no frame could be searched: none was decoded")
            return {}
        shown = [float(f["time_s"]) for f in frames]
        grid = tiled([f["jpeg"] for f in frames], spec.columns)
        rendered = self.prompt.render(
            question=row["question"], cells=len(frames), columns=spec.columns, times_s=[round(t, 1) for t in shown]
        )
        request = Request(
            kind="find",
            start_s=min(shown),
            end_s=max(shown) + spec.step_s,
            prompt=rendered.text,
            instructions=self.prompt.instructions,
            images=(FrameImage(time_s=shown[0], pts_s=frames[0]["pts_s"], jpeg=grid),),
            images_at=rendered.images_at,
            schema=json.dumps(Cells.model_json_schema(), sort_keys=True),
            seed=int(digest([row["video_id"], shown], hex_digits=8), 16),
        )
        gates = gates_of(spec.engine)
        about = About(form=Cells, parse=lambda text: _cells(text, len(shown)), prose=lambda _: "Yes.")
        asked = ask(
            self.engine,
            request,
            tries=spec.tries,
            gates=gates if malformed in gates else (*gates, malformed),
            about=about,
            clean=spec.engine.generative,
        )
        answer = asked.result().given(f"the frames from {shown[0]:g} s to {shown[-1]:g} s could not be searched")
        self.usage += answer.usage
        if not answer.valid:
            self.unanswered += len(shown)
            self.failed = self.failed or ItemError(
                answer.failure_class or "gate",
                f"no frame could be searched: {answer.problem}",
                attempts=max(1, answer.attempts),
            )
            return {}
        self.answered += len(shown)
        cells = _cells(answer.text, len(shown))
        said = {**dict.fromkeys(cells.maybe, "maybe"), **dict.fromkeys(cells.yes, "yes")}
        return {t: said.get(k, "no") for k, t in enumerate(shown, 1)}


def _cells(text: str, count: int) -> Cells:
    """Parse an answer about a grid of `count` cells; raise `ValueError` if it names another cell."""
    cells = read_form(text, Cells)
    wrong = [number for number in (*cells.yes, *cells.maybe) if not 1 <= number <= count]
    if wrong:
        raise ValueError(f"the grid has the cells 1 to {count}, and none with the number {wrong[0]}")
    return cells


class Times:
    """Chooses the next times of a video to check, on a grid of `step_s`."""

    def __init__(self, duration_s: float, step_s: float) -> None:
        self._duration_s, self._step_s = duration_s, step_s
        self._count = max(1, int(duration_s / step_s + 1e-6))
        self._said: dict[int, str] = {}

    def next(self, most: int) -> list[float]:
        """Return at most `most` unchecked times in order; empty if there are none."""
        if not self._said:
            wanted = min(most, self._count)
            cells = {int((k + 0.5) * self._count / wanted) for k in range(wanted)}
        else:
            cells = set(self._around(most))
            for low, high in sorted(self._gaps(), key=lambda gap: (gap[0] - gap[1], gap[0])):
                if len(cells) >= most:
                    break
                cells.add((low + high) // 2)
        return [k * self._step_s for k in sorted(cells)]

    def note(self, times_s: Sequence[float], said: Mapping[float, str]) -> None:
        """Record the answers for these times; one without an answer counts as no."""
        for time_s in times_s:
            self._said[round(time_s / self._step_s)] = said.get(time_s, "no")

    def _around(self, most: int) -> list[int]:
        """Return the middles between likely cells and their nearest checked neighbours, cells with yes first."""
        known = sorted(self._said)
        found: list[int] = []
        for word in ("yes", "maybe"):
            for k in (k for k in known if self._said[k] == word):
                at = known.index(k)
                low = known[at - 1] if at else -1
                high = known[at + 1] if at + 1 < len(known) else self._count
                for other, middle in ((low, (low + k) // 2 if k - low > 1 else None), (high, (k + high) // 2)):
                    inside = self._said.get(other) == word == "yes"  # both ends show it, so the span between does, too
                    if middle is not None and middle not in self._said and middle >= 0 and not inside:
                        found.append(middle)
        return list(dict.fromkeys(found))[:most]

    def _gaps(self) -> Iterator[tuple[int, int]]:
        """Yield the gaps `[low, high)` without a checked cell."""
        edges = [-1, *sorted(self._said), self._count]
        for a, b in pairwise(edges):
            if b - a > 1:
                yield a + 1, b

    def spans(self) -> list[Row]:
        """Return runs of cells that show it, without a cell between them that does not."""
        found: list[Row] = []
        known = sorted(self._said)
        before = None
        for at, k in enumerate(known):
            if self._said[k] == "yes":
                following = known[at + 1] if at + 1 < len(known) else self._count
                end_s = following * self._step_s if following < self._count else self._duration_s
                if before == "yes":
                    found[-1]["end_s"] = end_s
                    found[-1]["frames"].append(k * self._step_s)
                else:
                    found.append({"start_s": k * self._step_s, "end_s": end_s, "frames": [k * self._step_s]})
            before = self._said[k]
        return found
