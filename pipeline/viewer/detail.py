"""The contents of a video's page: paragraphs and sentences with their times, and the evidence for a sentence."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import pyarrow.compute as pc

from operators.core.base import Row
from operators.language.sentences import split_sentences
from operators.narrate.grounding.scorers import Lexical
from pipeline.output.annotations import OPENING, corrected, opening_of, standing, verdict_of
from pipeline.viewer import lanes
from pipeline.viewer.prompts import Shown, Whole, frame_prompt, read_config, section_prompt, window_prompt_of
from pipeline.viewer.reader import Found, Reader

MAX_CHARACTERS = 400_000
"""characters of a long caption on a page; hours of video take some 100,000; the whole text is one click away."""

_STORYBOARD = 48
_SENTENCE = 5000  # characters of a sentence that are searched for words
_KEPT = 4  # videos whose grounding is cached


def paragraphs(caption: Row, raw: Row, spans: dict[int, tuple[float, float]], said: Sequence[Row]) -> list[Row]:
    """Return the long caption as the page shows it: the opening, then the sections.

    Args:
        caption: the caption with its corrections; raw: without them.
        spans: window_index -> its span.
        said: the annotations that are in force.

    Returns:
        One row per paragraph: `section` (-1: the opening), `start_s`, `end_s`, `topic`, `problem`, `verdict`,
        `corrected`, `sentences`; each sentence has `id`, `text`, `spans`, `start_s` (None: it cites nothing),
        `windows`, `verdict`, `corrected`.
    """
    verdicts = {(r["section_index"], r["sentence_index"]): r["kind"] for r in said if r["kind"] in ("accept", "reject")}
    changed = {(r["section_index"], r["sentence_index"]) for r in said if r["kind"] in ("text", "times")}
    room = MAX_CHARACTERS
    opening = opening_of(caption)[:room]
    found: list[Row] = []
    if opening and opening_of(raw) != "".join(s["text"] for s in (raw["sections"] or ())[:1]):
        found.append(
            {
                "section": OPENING,
                "start_s": None,
                "end_s": None,
                "topic": None,
                "problem": None,
                "verdict": verdicts.get((OPENING, None)),
                "corrected": (OPENING, None) in changed,
                "sentences": [
                    {"id": f"o.{k}", "text": text, "spans": [], "start_s": None, "windows": [], "verdict": None,
                     "corrected": False}
                    for k, text in enumerate(split_sentences(opening))
                ],
            }
        )  # fmt: skip
        room -= len(opening)
    for section in caption["sections"] or ():
        number = section["section_index"]
        sentences = []
        for k, sentence in enumerate(section["sentences"] or ()):
            if room <= 0:
                break
            text = (sentence["text"] or "")[:room]
            room -= len(text)
            own = sentence.get("start_s") is not None
            cited = (
                [(sentence["start_s"], sentence["end_s"])]
                if own
                else lanes.cited_spans(sentence["windows"] or (), spans)
            )
            sentences.append(
                {
                    "id": f"{number}.{k}",
                    "text": text,
                    "spans": cited,
                    "start_s": cited[0][0] if cited else None,
                    "windows": list(sentence["windows"] or ()),
                    "verdict": verdicts.get((number, k)),
                    "corrected": (number, k) in changed,
                }
            )
        found.append(
            {
                "section": number,
                "start_s": section["start_s"],
                "end_s": section["end_s"],
                "topic": section["topic"],
                "problem": section["problem"],
                "verdict": verdicts.get((number, None)),
                "corrected": (number, None) in changed,
                "sentences": sentences,
            }
        )
    return found


@dataclass(frozen=True)
class Page:
    """Everything that a video's page shows, except the player.

    Attributes:
        caption: the caption with its corrections; None if the video has none or the filter left it out before it was
            narrated.
        cut: whether the caption is truncated on the page.
    """

    found: Found
    caption: Row | None
    raw: Row | None
    paragraphs: list[Row]
    lanes: list[Row]
    history: list[Row]
    verdict: str | None
    storyboard: list[float]
    cut: bool


def page(reader: Reader, found: Found) -> Page:
    """Collect what the page of a video shows."""
    raw = found.caption if found.caption and found.caption["caption"] is not None else None
    history = reader.annotations.history(found.video_id)
    said = standing(history, raw["content_hash"]) if raw else []
    caption = corrected(raw, said) if raw else None
    windows = lanes.windows_of(found.segments)
    spans = _spans(windows)
    duration_s = float(found.video.get("duration_s") or 0.0)
    return Page(
        found=found,
        caption=caption,
        raw=raw,
        paragraphs=paragraphs(caption, raw, spans, said) if caption and raw else [],
        lanes=lanes.lanes(
            duration_s=duration_s,
            caption=caption,
            segments=found.segments,
            facts=lanes.facts_of(found.segments),
            failures=found.failures,
            further=reader.further(found.video_id),
        ),
        history=history,
        verdict=verdict_of(said),
        storyboard=storyboard(found, duration_s),
        cut=bool(caption and len(caption["caption"]) > MAX_CHARACTERS),
    )


def storyboard(found: Found, duration_s: float) -> list[float]:
    """Return times of frames that represent the whole video: a uniform subset of those that the captioner saw."""
    times: list[float] = lanes.frames_of(found.segments)["time_s"].to_pylist()
    if len(times) < 2:
        count = max(1, min(_STORYBOARD, round(duration_s)))
        times = [round(k * duration_s / count, 3) for k in range(count)]
    step = -(-len(times) // _STORYBOARD)
    return [round(t, 3) for t in times[::step]]


# -- the evidence of a sentence or a window ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Evidence:
    """One window in the panel of evidence.

    Attributes:
        window: a value of `structs.WINDOW_CAPTION`.
        support: share of the sentence's words that its captions contain, 0 to 1; None without a sentence.
        frames: `time_s` and `pts_s` of each frame that the model saw.
        made: model, sampling and other provenance, as pairs of name and text.
    """

    window: Row
    support: float | None
    frames: list[Row]
    made: list[tuple[str, str]]
    prompt: Shown
    fields: Mapping[str, Any] | None
    captions: list[Row]


class _Words:
    """The words of windows, and the share of a text's words that each window contains."""

    def __init__(self, captions: Mapping[int, str]) -> None:
        self._windows = list(captions)
        self._scorer = Lexical(list(captions.values()))

    def support(self, text: str) -> dict[int, float]:
        """window_index -> share of the words of `text` that its captions contain, 0 to 1."""
        if not self._windows:
            return {}
        (shares,) = self._scorer.scores([text]).tolist()
        return dict(zip(self._windows, shares, strict=True))


class Evidencer:
    """Finds the evidence for sentences; caches the words of the videos viewed last."""

    def __init__(self) -> None:
        self._grounds: OrderedDict[tuple[str, str], _Words] = OrderedDict()
        self._lock = Lock()

    def of(self, reader: Reader, found: Found, windows: Sequence[int], sentence: str | None) -> list[Evidence]:
        """Return the evidence of some windows, in order of time, for a sentence that they may support."""
        first_pts_s = float(found.video.get("first_pts_s") or 0.0)
        facts = lanes.facts_of(found.segments)
        wanted = set(windows)
        shares = self._ground(found).support(sentence[:_SENTENCE]) if sentence else {}
        rows: list[tuple[Row, Row, list[Row]]] = []
        texts = dict(
            zip(*(lanes.windows_of(found.segments)[n].to_pylist() for n in ("window_index", "text")), strict=True)
        )
        there = found.segments.select(["run_id", "provenance", "windows", "frames"])
        for batch in there.to_batches(max_chunksize=1):
            indices = set(pc.struct_field(pc.list_flatten(batch["windows"]), "window_index").to_pylist())
            if not indices & wanted:
                continue
            segment = batch.to_pylist()[0]
            rows += [(w, segment, segment["frames"] or []) for w in segment["windows"] if w["window_index"] in wanted]
        configs: dict[str, Mapping[str, Any]] = {}
        shown = []
        for window, segment, frames in sorted(rows, key=lambda r: r[0]["start_s"]):
            run_id = str(segment["run_id"] or "")
            if run_id not in configs:
                configs[run_id] = read_config(reader.run_file(run_id, "config.yaml"))
            before = texts.get(window["previous_window"]) or "" if window["previous_window"] is not None else ""
            shown.append(
                Evidence(
                    window=window,
                    support=shares.get(window["window_index"], 0.0) if sentence else None,
                    frames=[{"time_s": round(p - first_pts_s, 3), "pts_s": p} for p in window["pts_s"] or ()],
                    made=made(window, segment["provenance"], "window"),
                    prompt=window_prompt_of(configs[run_id], window, before, facts),
                    fields=json_object(window["fields"]),
                    captions=[
                        {**f, "made": made(f, segment["provenance"], "frame"),
                         "prompt": frame_prompt(configs[run_id], f)}
                        for f in frames
                        if window["start_s"] - 1e-6 <= f["time_s"] < window["end_s"] - 1e-6
                    ],
                )
            )  # fmt: skip
        return shown

    def _ground(self, found: Found) -> _Words:
        """Return the words of all windows of a video and of the frames in them."""
        key = (found.video_id, str(lanes_key(found)))
        with self._lock:
            if key in self._grounds:
                self._grounds.move_to_end(key)
                return self._grounds[key]
        windows = lanes.windows_of(found.segments).to_pylist()
        texts: dict[int, list[str]] = {w["window_index"]: [w["text"] or ""] for w in windows if w["valid"]}
        starts = sorted((w["start_s"], w["window_index"]) for w in windows if w["valid"])
        at = 0
        for segment in found.segments["frames"].to_pylist():
            for frame in segment or ():
                while at + 1 < len(starts) and starts[at + 1][0] <= frame["time_s"] + 1e-6:
                    at += 1
                if starts:  # as in the narrator, a frame belongs to the window whose cell contains it
                    texts[starts[at][1]].append(frame["text"] or "")
        ground = _Words({k: " ".join(t) for k, t in texts.items()})
        with self._lock:
            self._grounds[key] = ground
            while len(self._grounds) > _KEPT:
                self._grounds.popitem(last=False)
        return ground


def lanes_key(found: Found) -> str:
    """Return a key that changes whenever the captions of a video do."""
    hashes = found.segments["content_hash"].to_pylist()
    return "-".join(str(h)[:8] for h in hashes)


def section_made(reader: Reader, found: Found, raw: Row, number: int) -> tuple[list[tuple[str, str]], Shown]:
    """Return the provenance of a section, and its prompt.

    Args:
        raw: the caption without corrections.
        number: index of the section in the caption.
    """
    config = read_config(reader.run_file(str(raw["run_id"] or ""), "config.yaml"))
    section = raw["sections"][number]
    whole = Whole(
        sections=raw["sections"],
        names=raw["names"] or (),
        segments=_segments_of(found, set(section["windows"] or ())),
        duration_s=float(found.video.get("duration_s") or 0.0),
        facts=lanes.facts_of(found.segments),
        heard=reader.heard(found.video_id),
    )
    return made(section, raw["provenance"], "section"), section_prompt(config, number, whole)


def _segments_of(found: Found, windows: set[int]) -> list[Row]:
    """Return the captioned segments that contain some windows."""
    held = []
    for batch in found.segments.to_batches(max_chunksize=1):
        indices = set(pc.struct_field(pc.list_flatten(batch["windows"]), "window_index").to_pylist())
        if indices & windows:
            held += batch.to_pylist()
    return held


def made(answer: Row, provenance: Row | None, kind: str) -> list[tuple[str, str]]:
    """Return the provenance of an answer, as pairs of name and text; unknown values are left out."""
    said = provenance or {}
    usage = answer.get("usage") or {}
    prompt = (json_object(said.get("prompts")) or {}).get(kind)
    seeds = json_object(answer.get("sampling")) or json_object(said.get("sampling")) or {}
    counted = {"in": "prompt_tokens", "cached": "cached_tokens", "out": "output_tokens"}
    tokens = [f"{usage[column]} {word}" for word, column in counted.items() if usage.get(column)]
    pairs: list[tuple[str, Any]] = [
        ("model", said.get("model")),
        ("revision", said.get("revision")),
        ("engine", said.get("engine")),
        (
            "template",
            f"version {prompt.get('version')}, hash {prompt.get('hash')}" if isinstance(prompt, dict) else None,
        ),
        ("prompt hash", answer.get("prompt_hash")),
        ("sampling", ", ".join(f"{k} {v}" for k, v in seeds.items())),
        ("attempts", answer.get("attempts")),
        ("gates that rejected", ", ".join(usage.get("rejected") or ()) or ("none" if usage else None)),
        ("problem", answer.get("problem")),
        ("tokens", ", ".join(tokens)),
        ("engine seconds", f"{usage['engine_s']:.2f}" if usage.get("engine_s") else None),
        ("cost", f"{usage['cost_usd']:.6f} USD" if usage.get("cost_usd") else None),
    ]
    return [(name, str(value)) for name, value in pairs if value not in (None, "")]


def _spans(windows: Any) -> dict[int, tuple[float, float]]:
    names = ("window_index", "start_s", "end_s")
    return {k: (a, b) for k, a, b in zip(*(windows[n].to_pylist() for n in names), strict=True)}


def spans_of(found: Found) -> dict[int, tuple[float, float]]:
    """window_index -> its span."""
    return _spans(lanes.windows_of(found.segments))


def json_object(text: str | None) -> Any:
    """Parse a JSON object; None if the text is not one."""
    try:
        value = json.loads(text) if text else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
