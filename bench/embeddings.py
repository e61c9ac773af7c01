"""Measure what embeddings of images that were computed before would save; see `python -m bench.engine embeddings`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

from bench.throughput import Work, cpu_seconds, fresh, ready


def against_embeddings(work: Work, rounds: int) -> None:
    """Print CPU seconds of captioning from pixels and from embeddings that were computed before, in turns."""
    work = replace(work, shown="images", temperature=0.0)
    for _ in range(rounds):
        pixels, ready = fresh("inside", work), fresh("embedded", work, "bench.embeddings")
        equal = sum(a == b for a, b in zip(pixels["answers"], ready["answers"], strict=True))
        print(
            f"pixels {pixels['cpu_s']:.1f} CPU s, embeddings {ready['cpu_s']:.1f} after {ready['encode_s']:.1f} to "
            f"make them; {ready['embedding_bytes'] / 1e3:.1f} kB a frame, a JPEG {ready['jpeg_bytes'] / 1e3:.1f}; "
            f"equal answers {equal} of {len(pixels['answers'])}",
            flush=True,
        )


def embedded(work: Work) -> dict[str, Any]:
    """Caption images from embeddings that were computed once, in place of pixels (Qwen3-VL).

    The vision encoder of the checkpoint runs in transformers. Returns CPU seconds of encoding each image once and of
    generating, the mean size of an embedding and of a JPEG in bytes, and the answers.
    """
    import torch
    from transformers import AutoImageProcessor, Qwen3VLForConditionalGeneration
    from vllm import LLM

    model = LLM(**{**work.spec().arguments(), "enable_mm_embeds": True})
    prompts, parameters = ready(work, model.get_tokenizer(), str(model.llm_engine.model_config.hf_config.model_type))
    model.generate({"prompt": "Say yes."}, parameters[0], use_tqdm=False)
    encoder = Qwen3VLForConditionalGeneration.from_pretrained(work.model, dtype=torch.bfloat16).model.visual.eval()
    processor = AutoImageProcessor.from_pretrained(work.model)
    known: dict[str, tuple[Any, Any]] = {}
    began = cpu_seconds()
    for prompt in prompts:
        ids = prompt["multi_modal_uuids"]["image"]
        for name, image in zip(ids, prompt["multi_modal_data"]["image"], strict=True):
            if name not in known:
                pixels = processor(images=[image], return_tensors="pt")
                with torch.inference_mode():
                    seen = encoder(pixels["pixel_values"].to(torch.bfloat16), grid_thw=pixels["image_grid_thw"])
                known[name] = torch.cat([seen.pooler_output, *seen.deepstack_features], 1), pixels["image_grid_thw"]
        embeddings, grids = zip(*(known[name] for name in ids), strict=True)
        data = {"image_embeds": torch.cat(embeddings), "image_grid_thw": torch.cat(grids)}
        prompt["multi_modal_data"] = {"image": data}
    encode_s = cpu_seconds() - began
    began = cpu_seconds()
    outputs = model.generate(prompts, parameters, use_tqdm=False)
    jpegs = {p.jpeg for request in work.asked() for p in request.images}
    return {
        "encode_s": encode_s,
        "cpu_s": cpu_seconds() - began,
        "embedding_bytes": sum(e.nbytes for e, _ in known.values()) / len(known),
        "jpeg_bytes": sum(map(len, jpegs)) / len(jpegs),
        "answers": [o.outputs[0].text for o in outputs],
    }


if __name__ == "__main__":  # `embedded` and the work, as `fresh` starts it
    print(json.dumps(embedded(Work(**json.loads(sys.argv[2])))))
