"""From a request to what vLLM takes: the model's own chat format, and images with their times.

How a model is told when each image was seen differs. Qwen3-VL writes a mark before each pair of frames: the mean of
`frames_indices / fps`; indices in milliseconds at 1,000 fps make these marks right for any spacing. Qwen2.5-VL has no
marks and positions frames by a constant rate, so it gets the rate of the sampling. Without `do_sample_frames: False`
the processor would sample the frames a second time, and all times would be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from statistics import median
from typing import Any, Literal

from operators.engines.base import FrameImage, Request
from operators.engines.decoded import images, jpeg_id

Shown = Literal["images", "video", "halves"]
"""How the frames of a window enter its prompt: each as an image, all as one video, or as a video for each half of its
span. Where windows overlap by half, a half is an item of two prompts, and the encoder sees its frames once."""

_MARKS_TIMES = ("qwen3_vl", "qwen3_omni", "qwen3_5", "glm4v", "glm46v")  # in model_type: marks from indices and rate
_MS = 1000.0
_TEMPORAL_PATCH = 2  # frames that such models look at together


def content(request: Request, shown: Shown) -> list[dict[str, Any]]:
    """The user's message as parts: the prompt, the images where it wants them, and the rest of the prompt."""
    at = len(request.prompt) if request.images_at is None else request.images_at
    before, behind = request.prompt[:at].strip(), request.prompt[at:].strip()
    parts: list[dict[str, Any]] = [{"type": "text", "text": before}] if before else []
    if shown != "images" and request.images:
        parts += [{"type": "video"} for _ in videos(request, shown)]
    else:
        several = len(request.images) > 1
        for image in request.images:
            if several:
                parts.append({"type": "text", "text": f"\n{image.time_s:.1f} s:"})
            parts.append({"type": "image"})
    if behind:
        parts.append({"type": "text", "text": f"\n{behind}" if parts else behind})
    return parts


def videos(request: Request, shown: Shown) -> list[tuple[FrameImage, ...]]:
    """The frames of a request as those of one video or two.

    A half of fewer than two frames is no video of its own: models that look at pairs of frames would see it twice.
    """
    middle_s = (request.start_s + request.end_s) / 2
    halves = (
        tuple(p for p in request.images if p.time_s < middle_s),
        tuple(p for p in request.images if p.time_s >= middle_s),
    )
    if shown == "halves" and min(map(len, halves)) >= _TEMPORAL_PATCH:
        return list(halves)
    return [request.images]


def media(request: Request, shown: Shown, model_type: str) -> dict[str, Any]:
    """vLLM's `multi_modal_data` and `multi_modal_uuids` for the frames of a request, decoded.

    Equal frames, and equal videos, have equal ids in every prompt, so that what was computed of them is used again.
    """
    if not request.images:
        return {}
    if shown == "images":
        return {
            "multi_modal_data": {"image": images(request.images)},
            "multi_modal_uuids": {"image": [jpeg_id(p.jpeg) for p in request.images]},
        }
    import numpy as np

    data, ids = [], []
    for frames in videos(request, shown):
        facts = metadata([p.time_s for p in frames], model_type)
        data.append((np.stack([np.asarray(image) for image in images(frames)]), facts))
        ids.append(jpeg_id(repr(facts).encode() + b"".join(p.jpeg for p in frames)))
    return {"multi_modal_data": {"video": data}, "multi_modal_uuids": {"video": ids}}


def metadata(times_s: list[float], model_type: str) -> dict[str, Any]:
    """What vLLM is told of a video of these frames (shape of its `VideoMetadata`), so that their times come out right.

    Args:
        times_s: of each frame, seconds from the first presented frame, ascending; at least one.
        model_type: of the model's config.
    """
    if any(name in model_type for name in _MARKS_TIMES):
        indices = [round(t * _MS) for t in times_s]
        fps = _MS
        total = indices[-1] + 1
    else:
        gaps = [b - a for a, b in pairwise(times_s) if b > a]
        fps = 1 / median(gaps) if gaps else 1.0
        indices = list(range(len(times_s)))
        total = len(times_s)
    return {
        "fps": fps,
        "duration": total / fps,
        "total_num_frames": total,
        "frames_indices": indices,
        "video_backend": "opencv",
        "do_sample_frames": False,
    }


def render(tokenizer: Any, parts: list[dict[str, Any]], system: str | None, options: Mapping[str, Any]) -> str:
    """The prompt as the model's chat template writes it; without a template, the bare text.

    A template of a model without eyes takes text only, so a message of nothing but text is handed over as text.
    """
    text_only = all(part["type"] == "text" for part in parts)
    message: Any = "".join(part["text"] for part in parts) if text_only else parts
    if not getattr(tokenizer, "chat_template", None):
        return f"{system}\n\n{message}" if system else str(message)
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": message})
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **options))
