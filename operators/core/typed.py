"""Rows of `segments`, `dataset` and `failures` as type checkers see them; at run time they are plain dicts.

Written by `python -m tests.support.reference` from the schemas of `operators.core.rows`; what may be null there by its
comment is optional here.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict


class Usage(TypedDict):
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    engine_s: float
    cost_usd: float
    rejected: list[str]
    cleaned: list[str] | None


class FrameCaption(TypedDict):
    time_s: float
    pts_s: float
    text: str
    valid: bool
    prompt_hash: str
    sampling: str | None
    attempts: int
    problem: str | None
    usage: Usage


class WindowCaption(TypedDict):
    window_index: int
    start_s: float
    end_s: float
    text: str
    fields: str | None
    pts_s: list[float]
    previous_window: int | None
    valid: bool
    prompt_hash: str
    sampling: str | None
    attempts: int
    problem: str | None
    usage: Usage


class Span(TypedDict):
    start_s: float
    end_s: float


class DecodeFacts(TypedDict):
    backend: str
    attempts: int
    expected_s: float
    decoded_s: float
    missing: list[Span]
    damaged_packets: int
    pictures_decoded: int
    bytes_fetched: int


class Provenance(TypedDict):
    engine: str
    model: str
    revision: str
    prompts: str
    sampling: str


class CaptionedSegment(TypedDict):
    video_id: str
    segment_index: int
    segment_count: int
    key: str
    uri: str
    start_s: float
    end_s: float
    frames: list[FrameCaption]
    windows: list[WindowCaption]
    facts: str
    decode: DecodeFacts
    provenance: Provenance
    usage: Usage
    content_hash: str
    run_id: str
    host: str
    timings: str
    config: str | None


class Grounding(TypedDict):
    support: float
    lexical: float
    embedding: float
    entailment: float
    contradiction: float


class Sentence(TypedDict):
    text: str
    windows: list[int]
    grounding: Grounding | None


class Cut(TypedDict):
    text: str
    why: str


class Opening(TypedDict):
    text: str
    sentences: list[Sentence] | None
    cut: list[Cut]
    wanted_words: int


class Section(TypedDict):
    section_index: int
    start_s: float
    end_s: float
    text: str
    windows: list[int]
    sentences: list[Sentence]
    topic: str | None
    wanted_words: int | None
    length: str | None
    cut: list[Cut] | None
    prompt_hash: str
    sampling: str | None
    attempts: int
    problem: str | None
    usage: Usage


class Rename(TypedDict):
    window_index: int | None
    time_s: float
    start: int
    was: str
    now: str


class Name(TypedDict):
    name_id: str
    name: str
    aliases: list[str]
    windows: list[int]
    looks: list[str]
    renames: list[Rename]


class LongCaption(TypedDict):
    video_id: str
    uri: str
    duration_s: float
    caption: str
    words: int
    wanted_words: int | None
    repeated_sentences: int | None
    opening: Opening | None
    subtitles: str | None
    coverage: float
    integrity: bool
    sections: list[Section]
    names: list[Name] | None
    decoded_s: float
    damaged_packets: int
    segments: int
    segments_captioned: int
    windows: int
    windows_captioned: int
    motion: float | None
    moving_camera: float
    still: float
    duplicate: float
    text_share: float
    shots: int
    longest_shot_s: float
    speech_share: float | None
    silence_share: float
    music_share: float
    speech_language: str
    match_score: float | None
    rating: float | None
    container: str
    codec: str
    fps: float
    width_px: int
    height_px: int
    rotation_deg: int
    first_pts_s: float
    has_audio: bool
    keyframe_interval_s: float | None
    discontinuities: int
    incomplete: str | None
    source_version: str
    metadata: str
    provenance: Provenance
    usage: Usage
    key: str
    content_hash: str
    run_id: str
    host: str
    timings: str
    config: str | None


Failed = TypedDict(
    "Failed",
    {
        "stage": str,
        "video_id": str,
        "uri": str,
        "segment_index": int | None,
        "class": str,
        "message": str,
        "attempts": int,
        "passes": int,
        "replay": str,
        "key": str,
        "time": datetime,
        "run_id": str,
        "host": str,
    },
)
