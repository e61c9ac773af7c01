"""Build the exam's model: a small Qwen3-VL with its own vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from operators.prompts import load_prompt
from pipeline.evaluation.exam import PROMPTS, events, language
from pipeline.evaluation.exam.story import write_story
from tests.support import models

SIDE_PX, PATCH_PX = 96, 12
"""Short side of its frames, and of a patch: 8 x 8 patches, merged to 4 x 4 tokens for two frames."""

GRID = SIDE_PX // PATCH_PX
TOKENS = (GRID // 2) ** 2
POSITIONS = 2048
HIDDEN, LAYERS = 192, 6


def corpus() -> Iterator[str]:
    """Return the training text of the tokenizer: every word of the language, every number of a clock."""
    for seed in range(40):
        for event in write_story(300, seed).events:
            yield language.sentence(event)
    yield from [language.NOTHING, *(f"The word {w} appears." for w in events.WORDS)] * 20
    for k in range(100):
        yield from [f"From {k % 60}:{k % 60:02d} to {k % 60}:{k % 60:02d}: A"] * 3
        yield from [f"<{k}.5 seconds><{k}.0 seconds>"] * 3
    for name in ("window", "section", "video", "digest"):
        yield from [load_prompt(str(PROMPTS / f"{name}.j2")).text.rstrip()] * 20
    yield from ["It begins so: A small red circle. It ends so: The day.", "user\n", "assistant\n", "system\n"] * 20


def tokenizer() -> Any:
    return models.tokenizer(corpus(), rarest=2, positions=POSITIONS)


def config(tok: Any) -> Any:
    import transformers as t

    rope = {"rope_type": "default", "mrope_section": [6, 5, 5], "mrope_interleaved": True, "rope_theta": 10_000.0}
    text = {
        "vocab_size": (len(tok) + 63) // 64 * 64,
        "hidden_size": HIDDEN,
        "intermediate_size": 512,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "max_position_embeddings": POSITIONS,
        "tie_word_embeddings": True,
        "bos_token_id": tok.pad_token_id,
        "eos_token_id": tok.eos_token_id,
        "pad_token_id": tok.pad_token_id,
        "rope_parameters": rope,
    }
    vision = {
        "depth": 4,
        "hidden_size": 128,
        "out_hidden_size": HIDDEN,
        "num_heads": 4,
        "intermediate_size": 384,
        "patch_size": PATCH_PX,
        "num_position_embeddings": GRID**2,
        "deepstack_visual_indexes": [2],
    }
    return t.Qwen3VLConfig(
        text_config=text, vision_config=vision, tie_word_embeddings=True, **models.vision_tokens(tok)
    )


def processor(tok: Any) -> Any:
    """Return a processor that resizes frames to SIDE_PX squares."""
    import transformers as t

    # vLLM normalises video frames by the settings of the image processor: both must agree
    sizes: dict[str, Any] = {"patch_size": PATCH_PX, "merge_size": 2, "temporal_patch_size": 2}
    sizes |= {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    area = SIDE_PX**2
    return t.Qwen3VLProcessor(
        image_processor=t.Qwen2VLImageProcessor(size={"shortest_edge": area, "longest_edge": area}, **sizes),
        video_processor=t.Qwen3VLVideoProcessor(size={"shortest_edge": 2 * area, "longest_edge": 64 * area}, **sizes),
        tokenizer=tok,
        chat_template=models.CHAT_TEMPLATE,
    )


def save(model: Any, tok: Any, out: Path) -> None:
    """Write a folder that vLLM can serve, with weights in bfloat16."""
    import torch
    import transformers as t

    copy = t.Qwen3VLForConditionalGeneration(config(tok))
    copy.load_state_dict(model.state_dict())
    copy.generation_config.eos_token_id = [tok.eos_token_id, tok.pad_token_id]
    copy.generation_config.pad_token_id = tok.pad_token_id
    copy.generation_config.do_sample = False
    copy.to(torch.bfloat16).save_pretrained(out)
    processor(tok).save_pretrained(out)
