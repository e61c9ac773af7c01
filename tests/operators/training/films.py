"""Finished videos for tests: sections of sentences that rest on windows, with texts that differ."""

from __future__ import annotations

from typing import Any

from tests.support import rows

_WORDS = (
    "anchor",
    "bottle",
    "candle",
    "donkey",
    "engine",
    "feather",
    "garden",
    "hammer",
    "island",
    "jacket",
    "kettle",
    "ladder",
    "mirror",
    "needle",
    "orange",
)


def row(
    count: int = 30, *, apart: bool = True, alike: bool = False, lines: int = 0, support: float | None = 0.5
) -> dict[str, Any]:
    """A video of `count` windows, 10 s each.

    Args:
        apart: windows follow each other; else each begins 5 s after the one before.
        alike: all sentences say the same.
        lines: of speech, one for each of the first windows.
    """
    stride = 10.0 if apart else 5.0
    windows = [
        {"window_index": k, "start_s": k * stride, "end_s": k * stride + 10, "text": text_of(k, alike), "valid": True}
        for k in range(count)
    ]
    sections = []
    for start in range(0, count, 5):
        own = windows[start : start + 5]
        scored = None if support is None else {"support": support}
        said = [{"text": w["text"], "windows": [w["window_index"]], "grounding": scored} for w in own]
        sections.append(
            {
                **rows.section(section_index=len(sections), start_s=own[0]["start_s"], end_s=own[-1]["end_s"]),
                "text": " ".join(s["text"] for s in said),
                "sentences": said,
                "windows": [w["window_index"] for w in own],
                "topic": f"Part {len(sections)}",
            }
        )
    opening = "A film of things."
    return {
        "video_id": "v",
        "duration_s": windows[-1]["end_s"],
        "captioned": [{"windows": windows}],
        "sections": sections,
        "opening": {"text": opening},
        "caption": "\n\n".join([opening, *(s["text"] for s in sections)]),
        "speech": [
            {"start_s": k * stride + 2, "end_s": k * stride + 4, "text": f"My {_WORDS[k % 15]} is number {k}."}
            for k in range(lines)
        ],
    }


def text_of(k: int, alike: bool = False) -> str:
    """What window `k` says: words and a number that no other window has together."""
    if alike:
        return "A man waits at the door."
    return f"{_WORDS[k % 15].capitalize()} {k} meets the {_WORDS[(k + k // 15 * 4 + 7) % 15]}."
