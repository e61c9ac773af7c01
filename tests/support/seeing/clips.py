"""Training data of the model: frames of stories with labels, and texts to narrate from texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from operators.core.text import clock
from pipeline.evaluation.exam import language
from pipeline.evaluation.exam.events import COLOURS, PLACES, SHAPES, SIDES, WAYS, WORDS, Event
from pipeline.evaluation.exam.frames import on_screen, render
from pipeline.evaluation.exam.story import Split, Story, write_story
from tests.support.seeing.build import GRID, SIDE_PX

CELLS = GRID // 2
DOING = (None, *((k, w) for k in ("enter", "leave") for w in SIDES), *(("move", w) for w in WAYS))
DOING += (("grow", None), ("shrink", None), ("meet", None))
_COLOURS, _PLACES = list(COLOURS), list(PLACES)
WINDOW_S = 10


@dataclass
class Reel:
    """Stories at one frame per second.

    Attributes:
        frames: uint8, shape (seconds, side, side, 3), stories end to end.
        starts: index of the first frame of each story.
        cells: int16, (seconds, CELLS, CELLS, 3): colour + 1 (0: no centre in this cell), shape, large.
        places: float32, (seconds, CELLS, CELLS, 3): x, y within the cell and radius of the shape with its centre here.
        doing: int16, (seconds, CELLS, CELLS): index into `DOING` of the shape with its centre here; until soon after.
        whole: float32, (seconds, 5): place, light, pan, zoom, word + 1; `black`: share of light removed by a fade.
    """

    stories: list[Story]
    starts: list[int]
    frames: Any
    cells: Any
    places: Any
    doing: Any
    whole: Any

    def window(self, story: int, start_s: int) -> list[Event]:
        return language.window_events(self.stories[story].events, start_s, start_s + WINDOW_S)


def reel(stories: int, seconds: int, seed: int, split: Split, *, drawn: bool = True) -> Reel:
    """Render at 192 px, and resize and compress to JPEG as the decoder does; or return only labels."""
    told = [write_story(seconds, seed + k, split) for k in range(stories)]
    count = stories * seconds
    out = Reel(
        stories=told,
        starts=[k * seconds for k in range(stories)],
        images=np.empty((count if drawn else 0, SIDE_PX, SIDE_PX, 3), np.uint8),
        cells=np.zeros((count, CELLS, CELLS, 3), np.int16),
        places=np.zeros((count, CELLS, CELLS, 3), np.float32),
        doing=np.zeros((count, CELLS, CELLS), np.int16),
        whole=np.zeros((count, 6), np.float32),
    )
    rng = np.random.default_rng(seed)
    for k, story in enumerate(told):
        for s in range(seconds):
            if drawn:
                _draw(out, k * seconds + s, story, float(s), rng)
            _label(out, k * seconds + s, story, float(s))
    return out


def _draw(out: Reel, at: int, story: Story, time_s: float, rng: np.random.Generator) -> None:
    large = render(story, time_s, 2 * SIDE_PX)
    small = cv2.resize(large, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    small = np.clip(small + rng.normal(0, rng.uniform(0, 3), small.shape), 0, 255).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    out.images[at] = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1]


def _label(out: Reel, at: int, story: Story, time_s: float) -> None:
    scene = next(s for s in reversed(story.scenes) if s.start_s <= time_s + 1e-9 or s is story.scenes[0])
    for actor in scene.actors:
        if not actor.keys[0][0] <= time_s < actor.end_s:
            continue
        x, y, r = on_screen(actor, scene, time_s)
        if 0 <= x < 1 and 0 <= y < 1:
            row, column = int(y * CELLS), int(x * CELLS)
            large_now = r / np.interp(time_s, *zip(*scene.zooms, strict=True)) > 0.087
            out.cells[at, row, column] = (_COLOURS.index(actor.colour) + 1, SHAPES.index(actor.shape), large_now)
            out.places[at, row, column] = (x * CELLS - column, y * CELLS - row, r * 4)
            out.doing[at, row, column] = _doing(story, actor.name, time_s)
    word = next((WORDS.index(w) + 1 for a, b, w in story.words if a <= time_s < b), 0)
    black = next((1 - abs(2 * (time_s - a) / (b - a) - 1) for a, b in story.fades if a < time_s < b), 0.0)
    light = np.interp(time_s, *zip(*story.light, strict=True))
    pan, zoom = (np.interp(time_s, *zip(*keys, strict=True)) for keys in (scene.pans, scene.zooms))
    out.whole[at] = (_PLACES.index(scene.place), light, pan, zoom, word, black)


def _doing(story: Story, name: str, time_s: float) -> int:
    for e in story.events:
        if e.who == name and e.start_s + 0.7 <= time_s < e.end_s + 1:
            return DOING.index((e.kind, None if e.kind == "meet" else e.where))
    return 0


def section_task(rng: np.random.Generator, stories: list[Story], lines: int) -> tuple[str, str]:
    """Return prompt and answer: the captions of some windows, and their section."""
    story = stories[rng.integers(len(stories))]
    nonsense = rng.random() < 0.4
    first = int(rng.integers(0, max(1, int(story.seconds / 5) - lines)))
    shift = int(rng.integers(0, 700)) * 5 if rng.random() < 0.5 else int(rng.integers(0, 60)) * 5
    told = []
    for k in range(first, first + lines):
        text = (
            _nonsense(rng)
            if nonsense
            else _spoilt(rng, language.caption(language.window_events(story.events, k * 5, k * 5 + 10)), stories)
        )
        a = k * 5 + shift
        told.append(f"From {clock(a)} to {clock(a + 10)}: {text}")
    return "Section:\n" + "\n".join(told), " ".join(told)


def opening_task(rng: np.random.Generator, stories: list[Story], lines: int, kind: str) -> tuple[str, str]:
    """Return prompt and answer: sections or notes, and the first and the last event in them."""
    told, sentences = [], []
    for _ in range(lines):
        parts = []
        for _ in range(int(rng.integers(1, 4))):
            events = _some(rng, stories, int(rng.integers(1, 4)))
            sentences += [language.sentence(e) for e in events]
            a = int(rng.integers(0, 700)) * 5
            head = f"From {clock(a)} to {clock(a + 10)}: " if rng.random() < 0.8 else ""
            parts.append(head + language.caption(events))
        told.append("- " + " ".join(parts))
    ends = (sentences[0], sentences[-1])
    answer = f"It begins so: {ends[0]} It ends so: {ends[1]}" if kind == "Opening" else " ".join(ends)
    return f"{kind}:\n" + "\n".join(told), answer


def _some(rng: np.random.Generator, stories: list[Story], count: int) -> list[Event]:
    events = stories[rng.integers(len(stories))].events
    at = int(rng.integers(0, max(1, len(events) - count)))
    return events[at : at + count]


_WORDS_OF_IT = sorted(
    {*COLOURS, *SHAPES, *PLACES, *WORDS, "small", "large", "enters", "leaves", "moves", "grows", "shrinks", "meets"}
    | {"camera", "scene", "Night", "Day", "falls", "pans", "zooms", "left", "right", "top", "bottom", "up", "down"}
)


def _nonsense(rng: np.random.Generator) -> str:
    """Return words in random order, from which the model learns copying fastest."""
    return "The " + " ".join(rng.choice(_WORDS_OF_IT, int(rng.integers(3, 12)))) + "."


def _spoilt(rng: np.random.Generator, text: str, stories: list[Story]) -> str:
    """Sometimes change the content, so that a narrator learns to follow the captions and not its expectation."""
    if rng.random() < 0.7:
        return text
    return language.caption(_some(rng, stories, int(rng.integers(0, 4))))
