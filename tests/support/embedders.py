"""Embedders for tests: one that records its inputs, and tiny models of transformers with random weights."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from PIL import Image

from operators.core.base import SIZING
from operators.embedding.embedders.base import EmbedderSpec, Modality, RunningEmbedder
from operators.embedding.vectors import Vectors, unit


@dataclass(frozen=True, kw_only=True)
class Counting(EmbedderSpec):
    """Embeds frames by mean colours of a grid and texts by letters; writes a file to `log` for each input."""

    version: ClassVar[int] = 1
    modalities: ClassVar[frozenset[Modality]] = frozenset({"frames", "texts"})

    log: Annotated[str, SIZING] = ""
    side: int = 4

    @property
    def model_id(self) -> str:
        return f"counting {self.side}"

    @contextmanager
    def open(self) -> Iterator[RunningEmbedder]:
        yield _Counting(self)


class _Counting(RunningEmbedder):
    def __init__(self, spec: Counting) -> None:
        self._spec = spec

    def texts(self, texts: Sequence[str]) -> Vectors:
        self._note(len(texts))
        made = np.zeros((len(texts), 26), np.float32)
        for row, text in zip(made, texts, strict=True):
            for letter in text.lower():
                if "a" <= letter <= "z":
                    row[ord(letter) - ord("a")] += 1
        return unit(made)

    def frames(self, jpegs: Sequence[bytes]) -> Vectors:
        self._note(len(jpegs))
        side = (self._spec.side, self._spec.side)
        small = [np.asarray(Image.open(BytesIO(j)).convert("RGB").resize(side), np.float32).ravel() for j in jpegs]
        return unit(np.stack(small) - 127.0) if small else np.zeros((0, 0), np.float32)

    def _note(self, count: int) -> None:
        for _ in range(count if self._spec.log else 0):
            Path(self._spec.log, f"embedded-{os.getpid()}-{uuid.uuid4().hex}").touch()


def _words(folder: Path, **special: str) -> Any:
    """Return a tokenizer of single letters."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {t: k for k, t in enumerate(["<pad>", "<s>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz"])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", vocabulary["<s>"]), ("</s>", vocabulary["</s>"])]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>", **special
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def tiny_clip(folder: Path) -> Path:
    """Write a CLIP of two layers: frames of 32 px and texts of 32 tokens, 16 dimensions."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    torch.manual_seed(0)
    _words(folder)
    small = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = {**small, "vocab_size": 30, "max_position_embeddings": 32, "eos_token_id": 2, "bos_token_id": 1}
    vision = {**small, "image_size": 32, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    CLIPImageProcessor(size=size, crop_size=size, do_center_crop=False).save_pretrained(folder)
    return folder


def tiny_siglip(folder: Path) -> Path:
    """Write a SigLIP of two layers: frames of 32 px and texts of 16 tokens, 32 dimensions."""
    import torch
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    torch.manual_seed(0)
    _words(folder)
    small = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = {**small, "vocab_size": 30, "max_position_embeddings": 16, "projection_size": 32}
    vision = {**small, "image_size": 32, "patch_size": 8}
    SiglipModel(SiglipConfig(text_config=text, vision_config=vision)).save_pretrained(folder)
    SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def tiny_bert(folder: Path) -> Path:
    """Write a text encoder of two layers, 64 dimensions; vLLM on a CPU needs heads of at least 32."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    _words(folder)
    config = BertConfig(
        vocab_size=30,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder
