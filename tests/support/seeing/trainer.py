"""The model in training: batches of windows and texts, and forward passes, written out where that is faster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
import transformers as t

from pipeline.evaluation.exam import language
from tests.support.seeing import build, clips
from tests.support.seeing.heads import PAIRS, Eyes, Happenings

PATCH = build.PATCH_PX


class Trainer:
    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.tok = build.tokenizer()
        config = build.config(self.tok)
        config._attn_implementation = "eager"
        self.model = t.Qwen3VLForConditionalGeneration(config)
        self.eyes = Eyes()
        self.happenings = Happenings()
        self.held: dict[int, torch.Tensor] = {}
        for layer in (Happenings.CELLS_LAYER, Happenings.LAYER):
            self.model.model.language_model.layers[layer].register_forward_hook(self._hold(layer))
        self.rng = np.random.default_rng(seed)
        self.video = self.tok.convert_tokens_to_ids("<|video_pad|>")
        visual = self.model.model.visual
        grid = torch.tensor([[1, build.GRID, build.GRID]])
        self.place, self.rope = _positions(visual, grid)
        count = lambda m: sum(p.numel() for p in m.parameters()) / 1e6  # noqa: E731
        print(
            f"{count(self.model):.2f} M parameters, {count(visual):.2f} M of them vision, {len(self.tok)} tokens",
            flush=True,
        )

    def _hold(self, layer: int) -> Any:
        def hook(_: Any, __: Any, out: Any) -> None:
            self.held[layer] = out if isinstance(out, torch.Tensor) else out[0]

        return hook

    # -- seeing ----------------------------------------------------------------------------------------------------

    def see(self, pairs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, 2, side, side, 3) uint8 -> tokens and deep features, each (n, cells, hidden)."""
        v = self.model.model.visual
        x = F.linear(patches(pairs), v.patch_embed.proj.weight.flatten(1), v.patch_embed.proj.bias)
        n = len(pairs)
        x = x.view(n, build.GRID**2, -1) + self._place_embedding()
        deep = None
        for k, block in enumerate(v.blocks):
            x = x + self._attend(block.attn, block.norm1(x))
            x = x + block.mlp(block.norm2(x))
            if k in v.deepstack_visual_indexes:
                deep = v.deepstack_merger_list[0](x.reshape(n * build.GRID**2, -1)).view(n, build.TOKENS, -1)
        assert deep is not None
        return v.merger(x.reshape(n * build.GRID**2, -1)).view(n, build.TOKENS, -1), deep

    def _place_embedding(self) -> torch.Tensor:
        indices, weights = self.place
        return (self.model.model.visual.pos_embed(indices) * weights[:, :, None]).sum(1)

    def _attend(self, attention: Any, x: torch.Tensor) -> torch.Tensor:
        n, length, _ = x.shape
        q, k, v = attention.qkv(x).view(n, length, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
        cos, sin = (r[None, None] for r in self.rope)
        turn = lambda a: a * cos + torch.cat([-a[..., a.shape[-1] // 2 :], a[..., : a.shape[-1] // 2]], -1) * sin  # noqa: E731
        # for so few patches a plain product is twice as fast in the backward pass as the fused kernel
        share = ((turn(q).to(v.dtype) * attention.scaling) @ turn(k).to(v.dtype).transpose(-1, -2)).softmax(-1)
        out = share.to(v.dtype) @ v
        return attention.proj(out.transpose(1, 2).reshape(n, length, -1))

    def check(self) -> None:
        """Check that the code written out here equals the library's."""
        pairs = self.rng.integers(0, 255, (3, 2, build.SIDE_PX, build.SIDE_PX, 3), dtype=np.uint8)
        real = build.processor(self.tok).video_processor(
            videos=[pairs.reshape(6, build.SIDE_PX, build.SIDE_PX, 3)], return_tensors="pt", do_sample_frames=False
        )
        assert torch.allclose(real["pixel_values_videos"], patches(pairs).reshape(-1, 6 * PATCH**2), atol=1e-4)
        with torch.no_grad():
            out = self.model.model.visual(real["pixel_values_videos"], grid_thw=real["video_grid_thw"])
            seen, deep = self.see(pairs)
        assert torch.allclose(out.pooler_output, seen.flatten(0, 1), atol=1e-4), "vision differs from the library's"
        assert torch.allclose(out.deepstack_features[0], deep.flatten(0, 1), atol=1e-4)

    def labels(self, reel: clips.Reel, at: Any) -> dict[str, torch.Tensor]:
        """Return the labels of the pairs that begin at `at`, (n,)."""
        two = np.stack([at, at + 1], 1)
        spread = lambda a: torch.from_numpy(a[two]).flatten(2, 3).transpose(1, 2)  # noqa: E731
        whole = torch.from_numpy(reel.whole[two])
        same = (whole[:, 0, 0] == whole[:, 1, 0])[:, None]
        move = (whole[:, 1, 2:4] - whole[:, 0, 2:4]) * torch.tensor([6.0, 6.0]) * same
        return {"cells": spread(reel.cells).long(), "places": spread(reel.places), "whole": whole, "move": move}

    def codes(self, reel: clips.Reel, at: Any, noise: float = 0.12) -> torch.Tensor:
        """Return the output of perfect vision for the pairs at `at`: (n, cells, hidden), to train language."""
        code = self._facts(self.labels(reel, at))
        return (code + noise * torch.randn_like(code)) @ self._axes().T

    def _facts(self, labels: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return the labels as numbers, (n, cells, facts)."""
        c, p, w = labels["cells"], labels["places"], labels["whole"]
        there = (c[..., :1] > 0).float()
        one = lambda a, n: F.one_hot(a.long(), n).float()  # noqa: E731
        own = torch.cat([one(c[..., 0], 9), one(c[..., 1], 4) * there, one(c[..., 2], 2) * there, p * there], -1)
        all_ = torch.cat([one(w[..., 0], 3), one(w[..., 4], 9), w[..., [1, 5]]], -1).flatten(1)
        all_ = torch.cat([all_, labels["move"]], -1)
        return torch.cat([own.flatten(2), all_[:, None].expand(-1, own.shape[1], -1)], -1)

    def _axes(self) -> torch.Tensor:
        """Return the fixed orthogonal directions of the facts in the hidden space."""
        draw = torch.randn(build.HIDDEN, 66, generator=torch.Generator().manual_seed(7))
        return torch.linalg.qr(draw)[0]

    def code_loss(self, seen: torch.Tensor, labels: dict[str, torch.Tensor]) -> tuple[Any, dict[str, float]]:
        """Return the distance of the eyes' output from the code, and the mean error per kind of fact."""
        facts, axes = self._facts(labels), self._axes()
        out = seen.float() @ axes
        there = (labels["cells"][..., 0] > 0).any(-1)
        off = (out - facts).abs()
        weight = torch.where(there[..., None], 1.0, 0.15)
        own, all_ = (off**2 * weight).split([36, facts.shape[-1] - 36], -1)
        beside = (seen.float() - out @ axes.T) ** 2
        said = {"own off": off[there][:, :36].mean().item(), "whole off": off[..., 36:].mean().item()}
        return 20 * own.mean() + 20 * (all_ / weight).mean() + 3 * beside.mean(), said

    def quiet_deepstack(self) -> None:
        """Initialise the eyes' output to follow the code; both parts extend it when they train together."""
        with torch.no_grad():
            for deep in self.model.model.visual.deepstack_merger_list:
                deep.linear_fc2.weight.zero_()
                deep.linear_fc2.bias.zero_()

    # -- telling ---------------------------------------------------------------------------------------------------

    def encode(self, text: str) -> list[int]:
        return self.tok.encode(text, add_special_tokens=False)

    def head(self, start_s: int) -> list[int]:
        """Return the prompt up to the end of a window's frames."""
        start, end = (self.tok.convert_tokens_to_ids(f"<|vision_{s}|>") for s in ("start", "end"))
        ids = [*self.encode("<|im_start|>user\n"), start]
        for k in range(PAIRS):
            ids += [*self.encode(f"<{start_s + 2 * k + 0.5:.1f} seconds>"), start, *[self.video] * build.TOKENS, end]
        return [*ids, end]

    def fill(self, head: list[int], pairs: list[tuple[str, str]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return token ids and labels, right-padded, of `head` + `behind` + answer."""
        rows = []
        for behind, answer in pairs:
            a = head + self.encode(f"{behind}<|im_end|>\n<|im_start|>assistant\n")
            b = self.encode(f"{answer}<|im_end|>")
            rows.append((a + b, [-100] * len(a) + b))
        width = max(len(r) for r, _ in rows)
        x = torch.tensor([r + [self.tok.pad_token_id] * (width - len(r)) for r, _ in rows])
        y = torch.tensor([r + [-100] * (width - len(r)) for _, r in rows])
        return x, y

    def tell(self, x: torch.Tensor, y: torch.Tensor, seen: Any = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits and labels of the answers' tokens."""
        core = self.model.model
        embedded = core.language_model.embed_tokens(x)
        mask = x == self.video
        kinds = torch.where(mask[:1], 2, 0).int()
        grid = torch.tensor([[PAIRS, build.GRID, build.GRID]]) if seen is not None else None
        positions, _ = core.get_rope_index(x[:1], kinds, video_grid_thw=grid)
        more = {}
        if seen is not None:
            tokens, deep = (s.reshape(-1, build.HIDDEN) for s in seen)
            embedded = embedded.masked_scatter(mask[..., None].expand_as(embedded), tokens.to(embedded.dtype))
            more = {"visual_pos_masks": mask, "deepstack_visual_embeds": [deep]}
        hidden = core.language_model(
            inputs_embeds=embedded, position_ids=positions.expand(3, *x.shape), use_cache=False, **more
        ).last_hidden_state[:, :-1]
        wanted = y[:, 1:] != -100
        return self.model.lm_head(hidden[wanted]).float(), y[:, 1:][wanted]

    def happened(self, x: torch.Tensor, reel: clips.Reel, at: Any, labels: torch.Tensor) -> tuple[Any, float, float]:
        """Return the loss of the heads in the last `tell`, and the shares right for events and actions."""
        ends = (x[0] == self.tok.convert_tokens_to_ids("<|vision_end|>")).nonzero().flatten()[:PAIRS]
        loss, right = self.happenings.loss(self.held[Happenings.LAYER][:, ends], labels)
        doing = torch.from_numpy(reel.doing[at + 1]).long().flatten()
        more, done = self.happenings.cells_loss(self.held[Happenings.CELLS_LAYER][x == self.video], doing)
        return loss + more, right, done

    def window_batch(self, reel: clips.Reel, size: int) -> tuple[Any, Any, Any, Any]:
        """Return first frame indices (size, pairs), ids, labels of caption tokens and of events."""
        base = int(self.rng.integers(0, 60 if self.rng.random() < 0.5 else 3000))
        first, told, happen = [], [], []
        for _ in range(size):
            k = int(self.rng.integers(len(reel.stories)))
            start = int(self.rng.integers(0, int(reel.stories[k].seconds) - clips.WINDOW_S + 1))
            first.append(reel.starts[k] + start)
            events = reel.window(k, start)
            happen.append(Happenings.labels(events, start))
            answer = language.caption(events)
            other = (
                int(self.rng.integers(0, int(reel.stories[k].seconds) - 20)) if self.rng.random() < 0.3 else start - 5
            )
            before = language.caption(reel.window(k, other)) if other >= 0 and self.rng.random() < 0.6 else ""
            told.append((f"\nBefore: {before}\nTell." if before else "\nTell.", answer))
        x, y = self.fill(self.head(base), told)
        at = np.array(first)[:, None] + 2 * np.arange(PAIRS)
        return at, x, y, torch.from_numpy(np.stack(happen))

    def text_batch(self, stories: Any, tokens: int, longest: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Return texts to narrate from texts, all of about equal length; `longest` in 0 to 1."""
        kind = self.rng.random()
        lines = 1 + int(self.rng.integers(0, 1 + max(1, int(9 * longest))))
        size = max(2, int(tokens / (70 * lines)))
        if kind < 0.7:
            tasks = [clips.section_task(self.rng, stories, lines) for _ in range(size)]
        else:
            name = "Opening" if kind < 0.87 else "Digest"
            tasks = [clips.opening_task(self.rng, stories, lines, name) for _ in range(size)]
        return self.fill(self.encode("<|im_start|>user\n"), tasks)

    # -- keeping ---------------------------------------------------------------------------------------------------

    def keep(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = {"model": self.model, "eyes": self.eyes, "happenings": self.happenings}
        torch.save({name: part.state_dict() for name, part in parts.items()}, path)

    def load(self, path: Path, begins: str = "") -> None:
        """Return the saved weights whose names begin so, and those of the heads."""
        saved = torch.load(path, weights_only=True)
        state = {k: v for k, v in saved["model"].items() if k.startswith(begins)}
        missing = self.model.load_state_dict(state, strict=False)
        assert not missing.unexpected_keys
        if "language" in begins or not begins:
            self.happenings.load_state_dict(saved["happenings"])
        if "visual" in begins or not begins:
            self.eyes.load_state_dict(saved["eyes"])


def exact(trainer: Trainer, reel: clips.Reel) -> tuple[float, float]:
    """Return the share of right captions, and of right tokens with teacher forcing."""
    right, tokens = [], []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for _ in range(2):
            at, x, y, _ = trainer.window_batch(reel, 48)
            flat = at.reshape(-1)
            logits, wanted = trainer.tell(x, y, trainer.see(reel.images[np.stack([flat, flat + 1], 1)]))
            good = (logits.argmax(-1) == wanted).numpy()
            tokens.append(good.mean())
            rows = (y[:, 1:] != -100).sum(1).tolist()
            right += [part.all() for part in np.split(good, np.cumsum(rows)[:-1])]
    return round(float(np.mean(right)), 3), round(float(np.mean(tokens)), 4)


def patches(pairs: Any) -> torch.Tensor:
    """Convert (n, 2, side, side, 3) uint8 to (n, patches, 3 * 2 * patch * patch), in the order of Qwen's processors."""
    x = torch.from_numpy(np.ascontiguousarray(pairs)).float().div_(127.5).sub_(1.0)
    n, _, h, w, _ = x.shape
    x = x.view(n, 2, h // PATCH // 2, 2, PATCH, w // PATCH // 2, 2, PATCH, 3)
    return x.permute(0, 2, 5, 3, 6, 8, 1, 4, 7).reshape(n, build.GRID**2, -1)


def _positions(visual: Any, grid: Any) -> tuple[Any, Any]:
    from transformers.models.qwen3_vl import modeling_qwen3_vl as m

    indices, weights = m.get_vision_interpolation_indices_and_weights(
        grid,
        num_grid_per_side=visual.num_grid_per_side,
        mode=visual.interpolation_mode,
        align_corners=visual.interpolation_align_corners,
        spatial_merge_size=2,
        kwargs={},
    )
    places = m.get_vision_position_ids(grid, 2, kwargs={})
    cos, sin = visual.rotary_pos_emb(torch.zeros(1), places)
    return (indices, weights), (cos, sin)
