"""The published recipe against an independent version of it: its formulas (arXiv 2506.21734, sapientinc/HRM), in float32 and as simple as possible.

That version takes only the first weights and the examples of each step from the trainer and the model.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.paths import PUBLISHED_DATA
from trainer.config import RunConfig
from trainer.data.batches import training_batches
from trainer.data.published import fit_to_dataset
from trainer.loop import Trainer
from trainer.presets import preset

STEPS = 20


def recipe(**changes: Any) -> RunConfig:
    """sudoku-extreme-1k on the published dataset, narrower, with a warm-up that ends within the steps compared."""
    published = preset("sudoku-extreme-1k")
    small = {
        "hidden_size": 32,
        "num_heads": 2,
        "H_layers": 2,
        "L_layers": 2,
        "puzzle_emb_ndim": 32,
        "halt_max_steps": 4,
        "halt_exploration_prob": 0.4,
    }
    values = published.model_dump() | {
        "model": published.model.model_dump() | small, "batch_size": 6, "lr": 1e-3, "puzzle_emb_lr": 1e-2, "warmup_steps": 12, "augment": False,
        "dtype": "float32", "threads": 1, "evaluation": (), "log_every": 1, "evaluate_every": 1000, "compile": "off", "dataset_test": 0, "device": "cpu",
    }  # fmt: skip
    return fit_to_dataset(RunConfig.model_validate(values | changes), PUBLISHED_DATA / "sudoku")


class Plain:
    """One model and its training, in formulas."""

    def __init__(self, config: RunConfig, weights: dict[str, Tensor]) -> None:
        self.config, self.model = config, config.model
        buffers = {"H_init", "L_init", "puzzle_emb.weights"}
        self.fixed = {name: weights[name].clone() for name in buffers}
        self.w = {name: tensor.clone().requires_grad_() for name, tensor in weights.items() if name not in buffers}
        self.m = {name: torch.zeros_like(p) for name, p in self.w.items()}
        self.v = {name: torch.zeros_like(p) for name, p in self.w.items()}
        self.rows: list[dict[str, Any] | None] = [None] * config.batch_size

    def norm(self, x: Tensor) -> Tensor:
        return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()

    def rope(self, x: Tensor) -> Tensor:
        """x (A, T, K)."""
        half = x.shape[-1] // 2
        angle = torch.arange(x.shape[1])[:, None] * 10000.0 ** (-torch.arange(half) / half)
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)

    def module(self, level: str, state: Tensor, injected: Tensor) -> Tensor:
        """(T, D) of one example."""
        x = state + injected
        heads, width = self.model.num_heads, self.model.hidden_size
        for layer in range(2):
            at = f"{level}_level.layers.{layer}."
            q, k, v = (
                (x @ part.T).view(-1, heads, width // heads).transpose(0, 1) for part in self.w[at + "self_attn.qkv_proj.weight"].chunk(3)
            )
            weight = (self.rope(q) @ self.rope(k).transpose(1, 2) / math.sqrt(width // heads)).softmax(-1)
            x = self.norm(x + (weight @ v).transpose(0, 1).reshape(-1, width) @ self.w[at + "self_attn.o_proj.weight"].T)
            gate, up = (x @ self.w[at + "mlp.gate_up_proj.weight"].T).chunk(2, -1)
            x = self.norm(x + (F.silu(gate) * up) @ self.w[at + "mlp.down_proj.weight"].T)
        return x

    def segment(self, z_H: Tensor, z_L: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Two H-cycles of two L steps; the last L step and the last H step carry gradient."""
        with torch.no_grad():
            z_L = self.module("L", z_L, z_H + x)
            z_L = self.module("L", z_L, z_H + x)
            z_H = self.module("H", z_H, z_L)
            z_L = self.module("L", z_L, z_H + x)
        z_L = self.module("L", z_L, z_H + x)
        return self.module("H", z_H, z_L), z_L

    def step(self, number: int, batch: dict[str, Tensor]) -> float:
        config, model = self.config, self.model
        loss, table = torch.zeros((), dtype=torch.float64), {}
        for i, row in enumerate(self.rows):
            if row is None:
                positions = model.positions
                row = {"z_H": self.fixed["H_init"].expand(positions, -1), "z_L": self.fixed["L_init"].expand(positions, -1), "steps": 0}
                row |= {name: batch[name][i] for name in ("inputs", "labels", "puzzle_identifiers")}
            puzzle = self.fixed["puzzle_emb.weights"][row["puzzle_identifiers"]].clone().requires_grad_()
            table.setdefault(int(row["puzzle_identifiers"]), []).append(puzzle)
            x = math.sqrt(model.hidden_size) * torch.cat([puzzle[None], self.w["embed_tokens.embedding_weight"][row["inputs"]]])
            z_H, z_L = self.segment(row["z_H"], row["z_L"], x)
            logits, (halt, go_on) = (z_H @ self.w["lm_head.weight"].T)[1:], z_H[0] @ self.w["q_head.weight"].T + self.w["q_head.bias"]
            steps, last = row["steps"] + 1, row["steps"] + 1 >= model.halt_max_steps
            with torch.no_grad():
                after, _ = self.segment(z_H, z_L, x)
                next_halt, next_go_on = after[0] @ self.w["q_head.weight"].T + self.w["q_head.bias"]
                target = torch.sigmoid(next_halt if last else torch.maximum(next_halt, next_go_on))
            s = torch.where(logits.double() >= 0, logits.double() + 1, 1 / (1 - logits.double()))
            asked = row["labels"] != -100
            chance = (s / s.sum(-1, keepdim=True))[asked].gather(-1, row["labels"][asked][:, None])
            right = bool((logits.argmax(-1) == row["labels"])[asked].all())
            q_loss = -F.logsigmoid(halt if right else -halt) - target * F.logsigmoid(go_on) - (1 - target) * F.logsigmoid(-go_on)
            loss = loss - chance.log().mean() + 0.5 * q_loss
            halted = last or (bool(halt > go_on) and steps >= int(batch["least_segments"][i]))
            self.rows[i] = None if halted else row | {"z_H": z_H.detach(), "z_L": z_L.detach(), "steps": steps}
        (loss / config.batch_size).backward()
        self.adam_atan2(number)
        lr = self.rate(number, config.puzzle_emb_lr)
        for identifier, vectors in table.items():
            gradient = sum(v.grad for v in vectors if v.grad is not None)
            old = self.fixed["puzzle_emb.weights"][identifier]
            self.fixed["puzzle_emb.weights"][identifier] = old * (1 - lr * config.puzzle_emb_weight_decay) - lr * torch.sign(
                torch.as_tensor(gradient)
            )
        return float(loss.detach()) / config.batch_size

    def rate(self, number: int, lr: float) -> float:
        return lr * min(1.0, (number + 1) / self.config.warmup_steps)

    @torch.no_grad()
    def adam_atan2(self, number: int) -> None:
        t, lr = number + 1, self.rate(number, self.config.lr)
        for name, p in self.w.items():
            assert p.grad is not None
            self.m[name] = 0.9 * self.m[name] + 0.1 * p.grad
            self.v[name] = 0.95 * self.v[name] + 0.05 * p.grad**2
            p -= lr * self.config.weight_decay * p
            p -= lr / (1 - 0.9**t) * torch.atan2(self.m[name], (self.v[name] / (1 - 0.95**t)).sqrt())
            p.grad = None


def test_the_first_twenty_losses_are_those_of_the_formulas(tmp_path: Path) -> None:
    config = recipe(steps=STEPS)
    trainer = Trainer(config, training_batches(config, tmp_path / "pool.npz"))
    plain = Plain(config, {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()})
    batches = [trainer._make_batch(step) for step in range(STEPS)]
    ours = [e["values"]["loss"] for entries in trainer.train() for e in entries if e["type"] == "metrics"]
    assert len(ours) == STEPS
    theirs = [plain.step(number, batch) for number, batch in enumerate(batches)]
    assert ours == pytest.approx(theirs, rel=1e-4)
    assert max(theirs) > 1.1 * min(theirs)  # it learned something meanwhile
    assert trainer.carry.halted.tolist() == [row is None for row in plain.rows]
    assert all(row is None or int(steps) == row["steps"] for steps, row in zip(trainer.carry.steps, plain.rows, strict=True))
    assert any(int(b["least_segments"].max()) > 1 for b in batches)
    moved = trainer.model.state_dict()["puzzle_emb.weights"]
    torch.testing.assert_close(moved, plain.fixed["puzzle_emb.weights"], rtol=0, atol=1e-5)
    assert moved.abs().max() > 1e-3


def test_the_preset_is_the_published_recipe() -> None:
    """Figures from arXiv 2506.21734 and the README of its code, for one laptop card."""
    config = preset("sudoku-extreme-1k")
    assert (config.batch_size, config.lr, config.puzzle_emb_lr, config.weight_decay, config.betas) == (384, 7e-5, 7e-5, 1.0, (0.9, 0.95))
    assert (config.warmup_steps, config.loss, config.q_continue, config.optimizer, config.ema, config.clip) == (
        2000,
        "stablemax",
        True,
        "adam_atan2",
        0,
        0,
    )
    assert config.steps == pytest.approx(20_000 * 1000 / 384, rel=0.01)
    model = config.model
    assert (model.hidden_size, model.num_heads, model.H_layers, model.L_layers, model.halt_max_steps) == (512, 8, 4, 4, 16)
    assert (model.H_cycles, model.L_cycles, model.gradient, model.pos_encodings, model.halt_exploration_prob) == (2, 2, "step", "rope", 0.1)
    maze = preset("maze-30x30-hard")
    assert maze.steps == pytest.approx(20_000 * 1000 / maze.batch_size, rel=0.01)


@pytest.mark.parametrize("task", ["sudoku", "maze", "arc"])
def test_published_dataset_folders_train_unchanged(tmp_path: Path, task: str) -> None:
    name = {"sudoku": "sudoku-extreme-1k", "maze": "maze-30x30-hard", "arc": "arc-agi-1"}[task]
    values = preset(name)
    small = {"hidden_size": 32, "num_heads": 2, "H_layers": 1, "L_layers": 1, "puzzle_emb_ndim": 32}
    config = fit_to_dataset(values.model_copy(update={"model": values.model.model_copy(update=small)}), PUBLISHED_DATA / task)
    config = config.model_copy(update={"batch_size": 3, "steps": 3, "log_every": 1, "evaluate_every": 100, "lr": 1e-3, "warmup_steps": 0})
    trainer = Trainer(config, training_batches(config, tmp_path / "pool.npz"))
    losses = [e["values"]["loss"] for entries in trainer.train() for e in entries if e["type"] == "metrics"]
    assert len(losses) == 3
    assert all(0 < loss < 20 for loss in losses)
    assert trainer.model.puzzle_emb is not None
    assert trainer.model.puzzle_emb.weights.abs().sum() > 0
