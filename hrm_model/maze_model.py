"""A model for mazes of every size: one state for each cell, and blocks in which a cell hears its four neighbours only.

The same weights work on every square board. What one segment can know grows with the distance that messages travel, so longer paths need more segments.

Shapes: B batch, R rows = columns, S cells = R², D width, T positions = S, V tokens.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hrm_model.config import ModelConfig
from hrm_model.errors import MismatchError
from hrm_model.layers import CastLinear, Rotary, SwiGLU, rms_norm
from hrm_model.model import HRM, ReasoningModule
from hrm_model.tasks.maze.grid import GOAL, LARGEST, OPEN, PATH, SMALLEST, START, VOCAB_SIZE, WALL

GIVEN = (WALL, OPEN, START, GOAL)  # what a cell of a puzzle can be
ANSWERS = 8  # of each cell: on the path; the neighbour above, left, right, below is nearer to the goal; its distance modulo 3 is 0, 1, 2
_SURE = 20.0  # logit of what was given


class NeighbourMixer(nn.Module):
    """A cell's own vector and those of its four neighbours, each through a matrix of its own. (B, S, D) → (B, S, D)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.own, self.above, self.left, self.right, self.below, self.out = (CastLinear(width, width) for _ in range(6))

    def forward(self, h: Tensor) -> Tensor:
        side = math.isqrt(h.shape[1])
        board = h.unflatten(1, (side, side))
        # No messages come from beyond the edge.
        around = F.pad(board, (0, 0, 1, 1, 1, 1))
        total = self.own(board) + self.above(around[:, :-2, 1:-1]) + self.left(around[:, 1:-1, :-2])
        total = total + self.right(around[:, 1:-1, 2:]) + self.below(around[:, 2:, 1:-1])
        return self.out(F.silu(total)).flatten(1, 2)


class NeighbourBlock(nn.Module):
    """norm(h + mixing), then norm(h + SwiGLU(h)), as in every block here. (B, T, D) → (B, T, D)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.eps = config.rms_norm_eps
        self.mixer = NeighbourMixer(config)
        self.mlp = SwiGLU(config.hidden_size, config.swiglu_size)

    def forward(self, x: Tensor, rotary: Rotary | None) -> Tensor:
        h = rms_norm(x + self.mixer(x), self.eps)
        return rms_norm(h + self.mlp(h), self.eps)


class MazeHRM(HRM):
    """An HRM whose modules are made of NeighbourBlocks. `config.mixer` is 'neighbours'."""

    def _make(self, config: ModelConfig) -> None:
        width = config.hidden_size
        self.roles = nn.Parameter(torch.randn(len(GIVEN), width))
        self.answer = nn.Linear(width, ANSWERS)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)
        self.q_head = CastLinear(width, 2, bias=True)
        self.puzzle_emb = None
        self.H_level = ReasoningModule(config, config.H_layers, NeighbourBlock)
        self.L_level = ReasoningModule(config, config.L_layers, NeighbourBlock)
        self.register_buffer("H_init", torch.randn(width))
        self.register_buffer("L_init", torch.randn(width))
        self.rotary_cos = self.rotary_sin = None

    def vocabulary(self, cells: int) -> int:
        side = math.isqrt(cells)
        if side * side != cells or not SMALLEST <= side <= LARGEST:
            raise MismatchError(f"This model reads square mazes; {cells} cells do not form a square.")
        return VOCAB_SIZE

    def initial_state(self, batch: int, cells: int | None = None) -> tuple[Tensor, Tensor]:
        shape = (batch, cells or self.config.seq_len, self.config.hidden_size)
        return self.H_init.to(self.dtype).expand(shape), self.L_init.to(self.dtype).expand(shape)

    def embed(self, inputs: Tensor, puzzle_ids: Tensor) -> Tensor:
        # A path that was drawn into the puzzle is an open cell.
        role = (torch.where(inputs == PATH, OPEN, inputs) - WALL).clamp(0, len(GIVEN) - 1)
        return self.roles.to(self.dtype)[role]

    def logits(self, z_H: Tensor, x: Tensor) -> Tensor:
        """(B, T, D) → (B, S, V). A wall, the start and the goal stay what they are; of an open cell it says open or path."""
        given = (x[..., None, :] == self.roles.to(x.dtype)).all(dim=-1)  # (B, S, 4): which of the four was injected
        on_path = F.linear(z_H, self.answer.weight[:1].to(z_H.dtype), self.answer.bias[:1].to(z_H.dtype))
        logits = torch.full((*given.shape[:2], VOCAB_SIZE), -_SURE, device=z_H.device, dtype=z_H.dtype)
        logits[..., WALL : GOAL + 1] = torch.where(given, _SURE, -_SURE)
        is_open = given[..., OPEN - WALL]
        logits[..., OPEN] = torch.where(is_open, 0.0, logits[..., OPEN])
        logits[..., PATH] = torch.where(is_open, on_path[..., 0], -_SURE)
        return logits

    def q_logits(self, z_H: Tensor) -> Tensor:
        """From the mean over cells: (B, T, D) → (B, 2) float32."""
        return self.q_head(z_H.mean(dim=1)).float()
