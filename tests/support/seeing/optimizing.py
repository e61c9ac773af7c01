"""The training loop: learning rate by CPU time, optimizers, processes that train together, a log."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn


class Clock:
    """Progress of a stage in CPU time, and its learning rate: a short warm-up, then a cosine to a twentieth."""

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
    """Muon for the matrices of layers, AdamW for embeddings, norms and heads: about half the steps of AdamW alone."""

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


class Said:
    """Recent means of the metrics of a stage."""

    def __init__(self) -> None:
        self.means: dict[str, float] = {}

    def hear(self, **now: float) -> None:
        for name, value in now.items():
            if not math.isnan(value):
                self.means[name] = 0.95 * self.means.get(name, value) + 0.05 * value

    def hear_answer(self, what: str, loss: Any, logits: torch.Tensor, wanted: torch.Tensor) -> None:
        right = (logits.argmax(-1) == wanted).float().mean().item()
        self.hear(**{f"{what} loss": loss.item(), f"{what} tokens": right})

    def __str__(self) -> str:
        return str({name: round(value, 4) for name, value in self.means.items()})


class Together:
    """Several processes that train one model: every few steps all average their weights."""

    def __init__(self, work: Path, rank: int, ranks: int, parameters: Any) -> None:
        self.ranks, self.parameters, self.step = ranks, parameters, 0
        if ranks > 1:
            meeting = f"file://{(work / 'meeting').absolute()}"  # removed by `end`
            torch.distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=ranks)

    def over(self, done: bool) -> bool:
        """Return whether to stop: all processes stop when one is done."""
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

    def end(self) -> None:
        if self.ranks > 1:
            torch.distributed.destroy_process_group()
