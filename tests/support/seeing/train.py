"""Trains the exam's model from nothing, on CPU, one thread a process.

    python -m tests.support.seeing.train all WORK --minutes 30     # all of it, about so many minutes of CPU
    python -m tests.support.seeing.train both WORK --minutes 10 --go-on     # better what is there

Four stages, each with what it leaves in WORK: `eyes` learn what is where in two pictures from dense labels (which shape
stands in which cell, how light it is, how the place moves), in which there is far more to learn from than in a caption.
`words`, which may run beside it, learn to copy, and to tell what eyes that see everything would see. Then the eyes'
last layer is fitted to that code by least squares, and `both --frozen` trains the words on what the eyes see, `both
--go-on` everything. Minutes are of CPU time, so that a busy machine trains longer, and not worse. A stage that is cut
off leaves what it had at its last look, a few hundred steps before.
"""

from __future__ import annotations

import argparse
import math
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
import transformers as t
from torch import nn

from pipeline.truth import language
from pipeline.truth.story import write_story
from tests.support.seeing import build, clips

PATCH = build.PATCH_PX
PAIRS = clips.WINDOW_S // 2


class Eyes(nn.Module):
    """Heads that read what was seen off the vision tokens; thrown away after training."""

    def __init__(self) -> None:
        super().__init__()
        h = build.HIDDEN
        self.cells = nn.Linear(2 * h, 2 * (9 + 4 + 2 + 3))
        self.whole = nn.Linear(2 * h, 3 + 2 * 9 + 2 * 2 + 2)

    def loss(
        self, seen: torch.Tensor, deep: torch.Tensor, labels: dict[str, torch.Tensor]
    ) -> tuple[Any, dict[str, float]]:
        """`seen`, `deep`: (pairs, cells, hidden)."""
        both = torch.cat([seen, deep], -1)
        out = self.cells(both).float().view(*both.shape[:2], 2, 18)
        colour, shape, large, where = out.split([9, 4, 2, 3], -1)
        c, p = labels["cells"], labels["places"]  # (pairs, cells, 2, 3)
        there = c[..., 0] > 0
        weight = torch.ones(9)
        weight[0] = 0.3
        losses = [
            F.cross_entropy(colour.reshape(-1, 9), c[..., 0].reshape(-1), weight=weight),
            F.cross_entropy(shape[there], c[..., 1][there]),
            F.cross_entropy(large[there], c[..., 2][there]),
            F.l1_loss(where[there], p[there]),
        ]
        place, word, light, move = self.whole(both.mean(1)).float().split([3, 18, 4, 2], -1)
        w = labels["whole"]  # (pairs, 2, 6)
        lit = w[:, 1, 5] < 0.8
        losses += [
            F.cross_entropy(place[lit], w[lit, 1, 0].long()),
            F.cross_entropy(word.reshape(-1, 9), w[..., 4].reshape(-1).long()),
            F.l1_loss(light.view(-1, 2, 2), w[..., [1, 5]]),
            F.l1_loss(move, labels["move"]),
        ]
        said = {
            "colour": (colour.argmax(-1) == c[..., 0])[there].float().mean().item(),
            "shape": (shape.argmax(-1) == c[..., 1])[there].float().mean().item(),
            "large": (large.argmax(-1) == c[..., 2])[there].float().mean().item(),
            "word": (word.view(-1, 2, 9).argmax(-1) == w[..., 4].long())[w[..., 4] > 0].float().mean().item(),
            "light": losses[6].item(),
            "move": losses[7].item(),
        }
        return sum(losses), said


class Trainer:
    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.tok = build.tokenizer()
        config = build.config(self.tok)
        config._attn_implementation = "eager"
        self.model = t.Qwen3VLForConditionalGeneration(config)
        self.eyes = Eyes()
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
        # of so few patches a plain product is twice as fast, backward, as the fused kernel
        share = ((turn(q).to(v.dtype) * attention.scaling) @ turn(k).to(v.dtype).transpose(-1, -2)).softmax(-1)
        out = share.to(v.dtype) @ v
        return attention.proj(out.transpose(1, 2).reshape(n, length, -1))

    def check(self) -> None:
        """What is written out here for speed is the library's own."""
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
        """Of the pairs that begin at `at`, (n,)."""
        two = np.stack([at, at + 1], 1)
        spread = lambda a: torch.from_numpy(a[two]).flatten(2, 3).transpose(1, 2)  # noqa: E731
        whole = torch.from_numpy(reel.whole[two])
        same = (whole[:, 0, 0] == whole[:, 1, 0])[:, None]
        move = (whole[:, 1, 2:4] - whole[:, 0, 2:4]) * torch.tensor([6.0, 6.0]) * same
        return {"cells": spread(reel.cells).long(), "places": spread(reel.places), "whole": whole, "move": move}

    def codes(self, reel: clips.Reel, at: Any, noise: float = 0.12) -> torch.Tensor:
        """What perfect eyes would say of the pairs that begin at `at`: (n, cells, hidden). Language learns from it."""
        code = self._facts(self.labels(reel, at))
        return (code + noise * torch.randn_like(code)) @ self._axes().T

    def _facts(self, labels: dict[str, torch.Tensor]) -> torch.Tensor:
        """The labels as numbers, (n, cells, facts)."""
        c, p, w = labels["cells"], labels["places"], labels["whole"]
        there = (c[..., :1] > 0).float()
        one = lambda a, n: F.one_hot(a.long(), n).float()  # noqa: E731
        own = torch.cat([one(c[..., 0], 9), one(c[..., 1], 4) * there, one(c[..., 2], 2) * there, p * there], -1)
        all_ = torch.cat([one(w[..., 0], 3), one(w[..., 4], 9), w[..., [1, 5]]], -1).flatten(1)
        all_ = torch.cat([all_, labels["move"]], -1)
        return torch.cat([own.flatten(2), all_[:, None].expand(-1, own.shape[1], -1)], -1)

    def _axes(self) -> torch.Tensor:
        """Directions of the facts among the hidden numbers, at right angles: always the same."""
        draw = torch.randn(build.HIDDEN, 66, generator=torch.Generator().manual_seed(7))
        return torch.linalg.qr(draw)[0]

    def join(self, reel: clips.Reel) -> None:
        """Let the eyes say what they see in the words' code: the last layer of the merger, by least squares."""
        merger, held = self.model.model.visual.merger, []
        hook = merger.linear_fc2.register_forward_hook(lambda _, given, __: held.append(given[0].detach().float()))
        wanted = []
        with torch.no_grad():
            for _ in range(20):
                at = self.rng.integers(0, len(reel.pictures) - 1, 96)
                self.see(reel.pictures[np.stack([at, at + 1], 1)])
                wanted.append(self._facts(self.labels(reel, at)).flatten(0, 1) @ self._axes().T)
            hook.remove()
            x, y = torch.cat([h.flatten(0, -2) for h in held]), torch.cat(wanted)
            x = torch.cat([x, torch.ones(len(x), 1)], 1)
            square = x.T @ x + 1e-3 * len(x) * torch.eye(x.shape[1])
            fit = torch.linalg.solve(square, x.T @ y)
            print(
                "the eyes explain",
                round(1 - ((x @ fit - y) ** 2).mean().item() / y.var(0).mean().item(), 3),
                flush=True,
            )
            merger.linear_fc2.weight.copy_(fit[:-1].T)
            merger.linear_fc2.bias.copy_(fit[-1])
            for deep in self.model.model.visual.deepstack_merger_list:
                deep.linear_fc2.weight.zero_()
                deep.linear_fc2.bias.zero_()

    # -- telling ---------------------------------------------------------------------------------------------------

    def encode(self, text: str) -> list[int]:
        return self.tok.encode(text, add_special_tokens=False)

    def head(self, start_s: int) -> list[int]:
        """The prompt up to the end of a window's pictures."""
        start, end = (self.tok.convert_tokens_to_ids(f"<|vision_{s}|>") for s in ("start", "end"))
        ids = [*self.encode("<|im_start|>user\n"), start]
        for k in range(PAIRS):
            ids += [*self.encode(f"<{start_s + 2 * k + 0.5:.1f} seconds>"), start, *[self.video] * build.TOKENS, end]
        return [*ids, end]

    def fill(self, head: list[int], pairs: list[tuple[str, str]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and labels, right-padded, of `head` + behind + answer."""
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
        """Logits and labels of the answers' tokens."""
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

    def window_batch(self, reel: clips.Reel, size: int) -> tuple[Any, Any, Any, list[str]]:
        """Pictures' first indices (size, pairs), ids, labels, and the captions."""
        base = int(self.rng.integers(0, 60 if self.rng.random() < 0.5 else 3000))
        first, told = [], []
        for _ in range(size):
            k = int(self.rng.integers(len(reel.stories)))
            start = int(self.rng.integers(0, int(reel.stories[k].seconds) - clips.WINDOW_S + 1))
            first.append(reel.starts[k] + start)
            answer = language.caption(reel.window(k, start))
            other = (
                int(self.rng.integers(0, int(reel.stories[k].seconds) - 20)) if self.rng.random() < 0.3 else start - 5
            )
            before = language.caption(reel.window(k, other)) if other >= 0 and self.rng.random() < 0.6 else ""
            told.append((f"\nBefore: {before}\nTell." if before else "\nTell.", answer))
        x, y = self.fill(self.head(base), told)
        at = np.array(first)[:, None] + 2 * np.arange(PAIRS)
        return at, x, y, [answer for _, answer in told]

    def text_batch(self, stories: Any, tokens: int, longest: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Texts to be told from texts, all of about one length; `longest` in 0 to 1."""
        kind = self.rng.random()
        lines = 1 + int(self.rng.integers(0, 1 + max(1, int(9 * longest))))
        size = max(2, int(tokens / (70 * lines)))
        if kind < 0.7:
            tasks = [clips.section_task(self.rng, stories, lines) for _ in range(size)]
        else:
            name = "Opening" if kind < 0.87 else "Digest"
            tasks = [clips.opening_task(self.rng, stories, lines, name) for _ in range(size)]
        return self.fill(self.encode("<|im_start|>user\n"), tasks)


def patches(pairs: Any) -> torch.Tensor:
    """(n, 2, side, side, 3) uint8 -> (n, patches, 3 * 2 * patch * patch), as Qwen's processors order them."""
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


class Clock:
    """How far a stage is in CPU time, and the learning rate there: a short rise, then a cosine to a twentieth."""

    def __init__(self, minutes: float, rate: float, optimizer: Any) -> None:
        self.begin, self.minutes, self.rate, self.optimizer, self.step = (
            time.process_time(),
            minutes,
            rate,
            optimizer,
            0,
        )

    @property
    def part(self) -> float:
        return (time.process_time() - self.begin) / 60 / self.minutes

    def tick(self, loss: Any, parameters: Any) -> None:
        rate = (
            self.rate * min(1, (self.step + 1) / 60) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1, self.part))))
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        self.optimizer.step()
        self.step += 1


class Both:
    """Muon for the layers' matrices, AdamW for embeddings, norms and heads: about half the steps of AdamW alone."""

    def __init__(self, module: nn.Module) -> None:
        matrices, rest = [], []
        for name, p in module.named_parameters():
            inside = p.dim() == 2 and not any(k in name for k in ("embed", "cells", "whole", "lm_head"))
            (matrices if inside else rest).append(p)
        self.parts = [
            torch.optim.Muon(matrices, lr=1e-3, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(rest, lr=1e-3, betas=(0.9, 0.98), weight_decay=0.0),
        ]
        self.param_groups = [g for part in self.parts for g in part.param_groups]

    def zero_grad(self) -> None:
        for part in self.parts:
            part.zero_grad()

    def step(self) -> None:
        for part in self.parts:
            part.step()


def train_eyes(work: Path, minutes: float, stories: int) -> None:
    trainer = Trainer(1)
    trainer.check()
    reel = _reel(work, stories)
    module = nn.ModuleList([trainer.model.model.visual, trainer.eyes])
    parameters = list(module.parameters())
    run = Clock(minutes, 3e-3, Both(module))
    last = np.array([*reel.starts[1:], len(reel.pictures)]) - 1
    good = np.setdiff1d(np.arange(len(reel.pictures)), last)
    while run.part < 1:
        at = trainer.rng.choice(good, 96)
        with torch.autocast("cpu", torch.bfloat16):
            seen, deep = trainer.see(reel.pictures[np.stack([at, at + 1], 1)])
            loss, said = trainer.eyes.loss(seen, deep, trainer.labels(reel, at))
        run.tick(loss, parameters)
        if run.step in (5, 20) or run.step % 100 == 0:
            print(
                run.step,
                f"{run.part:.2f} loss {loss.item():.3f}",
                {k: round(v, 3) for k, v in said.items()},
                flush=True,
            )
        if run.step % 500 == 0:
            _keep(trainer, work / "eyes.pt")
    _keep(trainer, work / "eyes.pt")


def train_words(work: Path, minutes: float, *, go_on: bool) -> None:
    trainer = Trainer(2)
    if go_on:
        _load(trainer, work / "words.pt", "model.language_model.")
    stories = [write_story(300, 50_000 + k, "any") for k in range(200)]
    reel = clips.reel(200, 300, 30_000, "train", drawn=False)
    module = trainer.model.model.language_model
    parameters = list(module.parameters())
    run = Clock(minutes, 3e-3, Both(module))
    said = {}
    while run.part < 1:
        text = run.step % 2 == 0
        if text:
            x, y = trainer.text_batch(stories, 1600, min(1.0, 1.6 * run.part))
            seen = None
        else:
            at, x, y, _ = trainer.window_batch(reel, 12)
            codes = trainer.codes(reel, at.reshape(-1))
            seen = (codes, torch.zeros_like(codes))
        with torch.autocast("cpu", torch.bfloat16):
            logits, wanted = trainer.tell(x, y, seen)
        loss = F.cross_entropy(logits, wanted)
        run.tick(loss, parameters)
        right = (logits.argmax(-1) == wanted).float().mean().item()
        old = said.get(text, (loss.item(), right))
        said[text] = (0.9 * old[0] + 0.1 * loss.item(), 0.9 * old[1] + 0.1 * right)
        if run.step in (6, 20) or run.step % 50 == 0:
            print(run.step, f"{run.part:.2f}", {k: [round(a, 4) for a in v] for k, v in said.items()}, flush=True)
        if run.step % 100 == 0:
            _keep(trainer, work / "words.pt")
    _keep(trainer, work / "words.pt")


def train_both(
    work: Path, minutes: float, stories: int, out: Path, *, go_on: bool, frozen: bool, rank: int, ranks: int
) -> None:
    trainer = Trainer(3)
    trainer.rng = np.random.default_rng([3, rank, int(go_on), int(time.time())])
    reel = _reel(work, stories)
    tests = {split: clips.reel(4, 120, 900_000, split) for split in ("any", "heldout")} if rank == 0 else {}
    told = [write_story(300, 50_000 + k, "any") for k in range(200)]
    if go_on:
        _load(trainer, work / "both.pt", "")
    else:
        _load(trainer, work / "words.pt", "model.language_model.")
        _load(trainer, work / "eyes.pt", "model.visual.")
        trainer.join(reel)
    module = trainer.model.model.language_model if frozen else nn.ModuleList([trainer.model, trainer.eyes])
    parameters = list(module.parameters())
    together = Together(work, rank, ranks, parameters)
    run = Clock(minutes, 3e-3 if frozen else 1e-3, Both(module))
    said: dict[bool, tuple[float, float]] = {}
    while not together.over(run.part >= 1):
        text = run.step % 3 == 2
        dense: Any = 0.0
        with torch.autocast("cpu", torch.bfloat16):
            if text:
                x, y = trainer.text_batch(told, 2000, 1.0)
                seen = None
            else:
                at, x, y, _ = trainer.window_batch(reel, 16)
                flat = at.reshape(-1)
                with torch.set_grad_enabled(not frozen):
                    seen = trainer.see(reel.pictures[np.stack([flat, flat + 1], 1)])
                if not frozen:
                    dense = 0.05 * trainer.eyes.loss(*seen, trainer.labels(reel, flat))[0]
            logits, wanted = trainer.tell(x, y, seen)
        loss = F.cross_entropy(logits, wanted)
        run.tick(loss + dense, parameters)
        right = (logits.argmax(-1) == wanted).float().mean().item()
        old = said.get(text, (loss.item(), right))
        said[text] = (0.95 * old[0] + 0.05 * loss.item(), 0.95 * old[1] + 0.05 * right)
        if run.step in (6, 20) or run.step % 50 == 0:
            print(run.step, f"{run.part:.2f}", {k: [round(a, 4) for a in v] for k, v in said.items()}, flush=True)
        if run.step % 200 == 0 and rank == 0:
            print("exact", {name: exact(trainer, test) for name, test in tests.items()}, flush=True)
            _keep(trainer, work / "both.pt")
            build.save(trainer.model, trainer.tok, out)
    if rank == 0:
        print("exact", {name: exact(trainer, test) for name, test in tests.items()}, flush=True)
        _keep(trainer, work / "both.pt")
        build.save(trainer.model, trainer.tok, out)


class Together:
    """Several processes that train one model: every few steps all take the mean of their weights."""

    def __init__(self, work: Path, rank: int, ranks: int, parameters: Any) -> None:
        self.ranks, self.parameters, self.step = ranks, parameters, 0
        if ranks > 1:
            meeting = f"file://{(work / 'meeting').absolute()}"
            torch.distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=ranks)

    def over(self, done: bool) -> bool:
        """Whether to stop: all do, once one of them is done."""
        self.step += 1
        if self.ranks == 1:
            return done
        if self.step % 4:
            return False
        with torch.no_grad():
            flat = torch.cat([*(p.flatten() for p in self.parameters), torch.tensor([float(done)])])
            torch.distributed.all_reduce(flat)
            flat /= self.ranks
            at = 0
            for p in self.parameters:
                p.copy_(flat[at : at + p.numel()].view_as(p))
                at += p.numel()
        return bool(flat[-1] > 0)


def exact(trainer: Trainer, reel: clips.Reel) -> tuple[float, float]:
    """Share of captions, and of tokens, that are right, each word given those before it."""
    right, tokens = [], []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for _ in range(2):
            at, x, y, _ = trainer.window_batch(reel, 48)
            flat = at.reshape(-1)
            logits, wanted = trainer.tell(x, y, trainer.see(reel.pictures[np.stack([flat, flat + 1], 1)]))
            good = (logits.argmax(-1) == wanted).numpy()
            tokens.append(good.mean())
            rows = (y[:, 1:] != -100).sum(1).tolist()
            right += [part.all() for part in np.split(good, np.cumsum(rows)[:-1])]
    return round(float(np.mean(right)), 3), round(float(np.mean(tokens)), 4)


def _reel(work: Path, stories: int) -> clips.Reel:
    """The training stories; rendered once a folder."""
    path = work / f"reel-{stories}.pkl"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(f".{os.getpid()}")
        scratch.write_bytes(pickle.dumps(clips.reel(stories, 300, 10_000, "train")))
        scratch.rename(path)
    reel: clips.Reel = pickle.loads(path.read_bytes())
    print("pictures:", len(reel.pictures), flush=True)
    return reel


def _keep(trainer: Trainer, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model": trainer.model.state_dict(), "eyes": trainer.eyes.state_dict()}, path)


def _load(trainer: Trainer, path: Path, begins: str) -> None:
    saved = torch.load(path, weights_only=True)
    state = {k: v for k, v in saved["model"].items() if k.startswith(begins)}
    missing = trainer.model.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys
    if not begins or "visual" in begins:
        trainer.eyes.load_state_dict(saved["eyes"])


def train_all(work: Path, minutes: float, stories: int, out: Path) -> None:
    """Every stage, each in a process of its own; the shares of the time were found by trying."""
    work.mkdir(parents=True, exist_ok=True)

    def stage(name: str, share: float, *more: str) -> subprocess.Popen[bytes]:
        options = ["--minutes", str(minutes * share), "--stories", str(stories), "--out", str(out), *more]
        return subprocess.Popen([sys.executable, "-m", __spec__.name, name, str(work), *options])

    steps = ([("eyes", 0.12), ("words", 0.3)], [("both", 0.3, "--frozen")], [("both", 0.28, "--go-on")])
    for side_by_side in steps:
        running = [stage(*one) for one in side_by_side]
        if any(process.wait() for process in running):
            raise SystemExit(f"a stage failed: {side_by_side}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the exam's model.")
    parser.add_argument("stage", choices=["all", "eyes", "words", "both"])
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, required=True, help="of CPU time")
    parser.add_argument("--stories", type=int, default=60, help="of five minutes each")
    parser.add_argument("--out", type=Path, default=Path("pipeline/truth/checkpoint"))
    parser.add_argument("--frozen", action="store_true", help="both: train language alone on what the eyes see")
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--ranks", type=int, default=1, help="both: processes that train together, one rank each")
    parser.add_argument("--go-on", action="store_true", help="from what a `both` before has left")
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if args.stage == "all":
        train_all(args.work, args.minutes, args.stories, args.out)
    elif args.stage == "eyes":
        train_eyes(args.work, args.minutes, args.stories)
    elif args.stage == "words":
        train_words(args.work, args.minutes, go_on=args.go_on)
    else:
        how = {"go_on": args.go_on, "frozen": args.frozen, "rank": args.rank, "ranks": args.ranks}
        train_both(args.work, args.minutes, args.stories, args.out, **how)


if __name__ == "__main__":
    main()
