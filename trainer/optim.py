"""Optimizers and schedules.

AdamATan2: arXiv 2407.05872. It has atan2 in place of a division, so it needs no epsilon and does not depend on the scale of gradients.
SignSGD: arXiv 1802.04434. Here it moves the few rows of the puzzle table that a batch uses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from hrm_model.model import HRM, PuzzleTable
from trainer.config import RunConfig


class AdamATan2(torch.optim.Optimizer):
    """Adam whose step is lr / (1 − β1^t) · atan2(m, √(v / (1 − β2^t))), with decoupled weight decay. lr may be 0."""

    def __init__(
        self, params: Iterable[Tensor], lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.95), weight_decay: float = 1.0
    ) -> None:
        if lr < 0 or weight_decay < 0 or not all(0 <= b < 1 for b in betas):
            raise ValueError(f"lr {lr} and weight_decay {weight_decay} must be at least 0, betas {betas} in [0, 1)")
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            grads = [p.grad for p in params]
            for p in params:
                if not self.state[p]:
                    self.state[p] = {"step": torch.zeros(()), "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
                self.state[p]["step"] += 1
            t = float(self.state[params[0]]["step"])
            means = [self.state[p]["exp_avg"] for p in params]
            squares = [self.state[p]["exp_avg_sq"] for p in params]
            (beta1, beta2), lr = group["betas"], group["lr"]
            torch._foreach_mul_(params, 1 - lr * group["weight_decay"])
            torch._foreach_lerp_(means, grads, 1 - beta1)
            torch._foreach_lerp_(squares, torch._foreach_mul(grads, grads), 1 - beta2)
            roots = torch._foreach_sqrt(squares)
            torch._foreach_div_(roots, math.sqrt(1 - beta2**t))
            moves = [m.atan2(r) for m, r in zip(means, roots, strict=True)]
            torch._foreach_add_(params, moves, alpha=-lr / (1 - beta1**t))
        return loss


def orthogonalised(matrices: Tensor, dtype: torch.dtype, steps: int = 5) -> Tensor:
    """Matrices (N, rows, columns) with singular values near 1, by Newton-Schulz iterations of x ↦ ax + bx³ + cx⁵.

    The coefficients (Keller Jordan, 2024) trade accuracy for speed: after five iterations the values lie between about 0.7 and 1.2.
    """
    a, b, c = 3.4445, -4.775, 2.0315
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).to(dtype)
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return (x.mT if tall else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum, for matrices. Equal to torch.optim.Muon with Nesterov momentum and adjust_lr_fn 'match_rms_adamw'.

    torch's own always computes in bfloat16, which most CPUs only emulate; this one can compute in float32, and takes all matrices of a
    shape at once. Its steps are as large as AdamW's, so that both can use one learning rate. Source: Keller Jordan, 2024; scale:
    arXiv 2502.16982.

    `plain`: a step is an orthogonal matrix times lr instead, and times √(inputs / outputs) if that is above 1.
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float, weight_decay: float, momentum: float = 0.95, dtype: str = "float32", plain: bool = False
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.dtype, self.plain = getattr(torch, dtype), plain

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    by_shape.setdefault(p.shape, []).append(p)
            for shape, params in by_shape.items():
                for p in params:
                    if "momentum_buffer" not in self.state[p]:
                        self.state[p]["momentum_buffer"] = torch.zeros_like(p)
                buffers = [self.state[p]["momentum_buffer"] for p in params]
                grads = [p.grad for p in params if p.grad is not None]
                torch._foreach_lerp_(buffers, grads, 1 - group["momentum"])
                moves = orthogonalised(torch.stack(torch._foreach_lerp(grads, buffers, group["momentum"])), self.dtype)
                torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
                outputs, inputs = shape
                size = math.sqrt(max(1, inputs / outputs)) if self.plain else 0.2 * math.sqrt(max(shape))
                torch._foreach_add_(params, list(moves.unbind()), alpha=-group["lr"] * size)
        return loss


class MuonAdamW:
    """Muon for the modules' matrices and AdamW for the rest (embeddings, heads), with the interface of one optimizer."""

    def __init__(
        self, model: nn.Module, lr: float, betas: tuple[float, float], weight_decay: float, dtype: str = "float32", plain: bool = False
    ) -> None:
        """`plain`: of Muon's steps; call `set_muon_lr` then, as they are not of AdamW's size."""
        inside = {name for name, p in model.named_parameters() if p.ndim == 2 and "_level.layers" in name}
        matrices = [p for name, p in model.named_parameters() if name in inside]
        rest = [p for name, p in model.named_parameters() if name not in inside]
        muon = Muon(matrices, lr=lr, weight_decay=weight_decay, dtype=dtype, plain=plain)
        self.parts = (muon, torch.optim.AdamW(rest, lr=lr, betas=betas, weight_decay=weight_decay, fused=True))

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts for group in part.param_groups]

    def set_muon_lr(self, lr: float) -> None:
        for group in self.parts[0].param_groups:
            group["lr"] = lr

    def step(self) -> None:
        for part in self.parts:
            part.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none=set_to_none)

    def state_dict(self) -> dict[str, Any]:
        return {"muon": self.parts[0].state_dict(), "adamw": self.parts[1].state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.parts[0].load_state_dict(state["muon"])
        self.parts[1].load_state_dict(state["adamw"])


class SignSGD:
    """Moves the rows of a puzzle table that a batch used: w ← w · (1 − lr · weight_decay) − lr · sign(Σ gradients of the row)."""

    def __init__(self, table: PuzzleTable, weight_decay: float) -> None:
        self.table, self.weight_decay = table, weight_decay
        self._ids: list[Tensor] = []
        self._grads: list[Tensor] = []

    def collect(self) -> None:
        """Collect the gradient of the last backward. A batch may come in several parts."""
        local, ids = self.table.local, self.table.local_ids
        if local is not None and ids is not None and local.grad is not None:
            self._ids.append(ids)
            self._grads.append(local.grad)
        self.table.local = self.table.local_ids = None

    def collected(self) -> tuple[list[Tensor], list[Tensor]]:
        """Ids and gradients of the rows collected since the last step; `put` sets them."""
        return self._ids, self._grads

    def put(self, ids: list[Tensor], grads: list[Tensor]) -> None:
        """Set what `collected` returns."""
        self._ids, self._grads = list(ids), list(grads)

    def forget(self) -> None:
        """Drop what was collected, without a step."""
        self._ids, self._grads = [], []

    @torch.no_grad()
    def step(self, lr: float, gather: Callable[[Tensor], Tensor] = lambda rows: rows) -> None:
        """Take one step with everything collected. `gather` appends the rows of other processes."""
        self.collect()
        if not self._ids:
            return
        ids, grads = gather(torch.cat(self._ids)), gather(torch.cat(self._grads))
        self.forget()
        rows, where = torch.unique(ids, return_inverse=True)
        total = torch.zeros(len(rows), grads.shape[1], device=grads.device).index_add_(0, where, grads)
        self.table.weights[rows] = self.table.weights[rows] * (1 - lr * self.weight_decay) - lr * total.sign()


def drop_gradients(parameters: Iterable[nn.Parameter], table: SignSGD | None) -> None:
    """Drop all gradients: of parameters, and of the rows of a puzzle table."""
    for parameter in parameters:
        parameter.grad = None
    if table:
        table.collect()
        table.forget()


class EMA:
    """An exponential moving average of a model's parameters. At first it forgets faster: its decay is min(decay, (1 + t) / (10 + t))."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.params = dict(model.named_parameters())
        self.shadow = {name: p.detach().clone() for name, p in self.params.items()}

    @torch.no_grad()
    def update(self) -> None:
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(list(self.shadow.values()), [p.detach() for p in self.params.values()], 1 - decay)


def learning_rate(step: int, *, lr: float, warmup_steps: int, total_steps: int, min_ratio: float) -> float:
    """Linear warm-up to `lr`, then a cosine down to lr · min_ratio at total_steps. The first step is 0."""
    if step < warmup_steps:
        return lr * (step + 1) / warmup_steps
    progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
    return lr * (min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(math.pi * progress)))


def hyperparameters(config: RunConfig) -> dict[str, Any]:
    """The optimizer's settings in a run's configuration."""
    return {"lr": config.lr, "betas": config.betas, "weight_decay": config.weight_decay}


def optimizer_for(config: RunConfig, model: HRM) -> torch.optim.Optimizer | MuonAdamW:
    """The optimizer that a run asks for."""
    if config.optimizer == "muon":
        return MuonAdamW(model, dtype=model.config.forward_dtype, plain=config.muon_lr is not None, **hyperparameters(config))
    if config.optimizer == "adam_atan2":
        return AdamATan2(model.parameters(), **hyperparameters(config))
    return torch.optim.AdamW(model.parameters(), fused=True, **hyperparameters(config))
