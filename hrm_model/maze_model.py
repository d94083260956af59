"""A model for mazes of every size: one state for each cell, and blocks in which a cell hears its four neighbours only.

The same weights work on every square and every rectangle. What one segment can know grows with the distance that messages travel, so
longer ways need more segments.

A rectangle lies in the square of its longer side; the cells beyond it hold OUTSIDE and have no states (zeros). All cells of a batch that
do exist are computed as one list, so that boards of different sizes go together and nothing is computed for what is not there.

Shapes: B batch, R rows = columns of the square, S cells = R², N cells that exist in the whole batch, D width, T positions = S, V tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hrm_model.config import ModelConfig
from hrm_model.errors import MismatchError
from hrm_model.layers import CastLinear, SwiGLU, rms_norm
from hrm_model.model import HRM, Level, ReasoningModule
from hrm_model.tasks.maze.grid import GOAL, LARGEST, OPEN, OUTSIDE, PATH, SMALLEST, START, VOCAB_SIZE, WALL

GIVEN = (WALL, OPEN, START, GOAL)  # what a cell of a puzzle can be
ANSWERS = 8  # of each cell: on the path; the neighbour above, left, right, below is nearer to the goal; its distance modulo 3 is 0, 1, 2
_SURE = 20.0  # logit of what was given
_TELLING = 4  # numbers of a vector that tell which role it is, or whether it is one: comparing them all took a tenth of a training step


@dataclass(frozen=True)
class Cells:
    """The cells of a batch that exist, in one list."""

    shape: tuple[int, int]  # B, S
    places: Tensor | None  # (N,) where each is in the batch's B · S cells; None: all exist
    around: Tensor  # (N, 5) places in the list of itself and the neighbours above, left, right, below; N: there is none

    @staticmethod
    def of(there: Tensor) -> Cells:
        """`there`: (B, S) bool, which cells exist."""
        batch, cells = there.shape
        whole = bool(there.all())
        if whole:
            return _whole(batch, cells, there.device)
        places = there.flatten().nonzero()[:, 0]
        numbers = torch.full((batch * cells,), len(places), device=there.device)
        numbers[places] = torch.arange(len(places), device=there.device)
        return Cells((batch, cells), places, _around(numbers.view(batch, cells), len(places)).flatten(0, 1)[places].contiguous())

    def listed(self, boards: Tensor) -> Tensor:
        """(B, S, D) → (N, D)."""
        flat = boards.flatten(0, 1)
        return flat if self.places is None else flat.index_select(0, self.places)

    def boards(self, listed: Tensor) -> Tensor:
        """(N, D) → (B, S, D), zeros where there is no cell."""
        if self.places is None:
            return listed.unflatten(0, self.shape)
        empty = listed.new_zeros(self.shape[0] * self.shape[1], listed.shape[1])
        return empty.index_copy(0, self.places, listed).unflatten(0, self.shape)


def _around(numbers: Tensor, beyond: int) -> Tensor:
    """(B, S) numbers of cells → (B, S, 5) those of each cell and its neighbours; `beyond` the edge."""
    side = math.isqrt(numbers.shape[1])
    rimmed = F.pad(numbers.view(-1, side, side), (1, 1, 1, 1), value=beyond)
    inner = slice(1, -1)
    five = (rimmed[:, inner, inner], rimmed[:, :-2, inner], rimmed[:, inner, :-2], rimmed[:, inner, 2:], rimmed[:, 2:, inner])
    return torch.stack(five, dim=-1).flatten(1, 2)


@lru_cache(maxsize=4)
def _whole(batch: int, cells: int, device: torch.device) -> Cells:
    # Tensors that are made in inference mode cannot be trained with later.
    with torch.inference_mode(False):
        numbers = torch.arange(batch * cells, device=device).view(batch, cells)
        return Cells((batch, cells), None, _around(numbers, batch * cells).flatten(0, 1).contiguous())


def _gathered(h: Tensor, around: Tensor) -> Tensor:
    """(N, D) → (N, 5 · D): each cell's own vector and its neighbours'; nothing (0) beyond the edge."""
    return torch.cat([h, h.new_zeros(1, h.shape[1])]).index_select(0, around.flatten()).view(len(h), 5 * h.shape[1])


class _FromAround(torch.autograd.Function):
    """`_gathered(h) @ weights`, one product for all five directions. The backward gathers too, as the cell above hears this one as the one
    below: adding up by index would take longer than all else."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, weights: Tensor, around: Tensor) -> Tensor:
        ctx.save_for_backward(h, weights, around)
        return _gathered(h, around) @ weights

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        h, weights, around = ctx.saved_tensors
        (gradient,) = gradients
        width = h.shape[1]
        opposite = weights.view(5, width, width)[[0, 4, 3, 2, 1]].mT.reshape(5 * width, width)
        return _gathered(gradient, around) @ opposite, _gathered(h, around).mT @ gradient, None


def from_around(h: Tensor, weights: Tensor, around: Tensor) -> Tensor:
    """(N, D), (5 · D, D) and places (N, 5) → (N, D): the sum of what each cell hears from itself and its neighbours."""
    result: Tensor = _FromAround.apply(h, weights, around)
    return result


class NeighbourMixer(nn.Module):
    """A cell's own vector and those of its four neighbours, each through a matrix of its own. (N, D) → (N, D)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.own, self.above, self.left, self.right, self.below, self.out = (CastLinear(width, width) for _ in range(6))

    def forward(self, h: Tensor, around: Tensor) -> Tensor:
        five = [each.weight.mT for each in (self.own, self.above, self.left, self.right, self.below)]
        return self.out(F.silu(from_around(h, torch.cat(five).to(h.dtype), around)))


class NeighbourBlock(nn.Module):
    """norm(h + mixing), then norm(h + SwiGLU(h)), as in every block here. (N, D) → (N, D)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.eps = config.rms_norm_eps
        self.mixer = NeighbourMixer(config)
        self.mlp = SwiGLU(config.hidden_size, config.swiglu_size)

    def forward(self, x: Tensor, around: Tensor) -> Tensor:
        h = rms_norm(x + self.mixer(x, around), self.eps)
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
            raise MismatchError(f"This model reads mazes; {cells} cells are not a square with a maze in it.")
        return VOCAB_SIZE

    def initial_state(self, batch: int, cells: int | None = None) -> tuple[Tensor, Tensor]:
        shape = (batch, cells or self.config.seq_len, self.config.hidden_size)
        return self.H_init.to(self.dtype).expand(shape), self.L_init.to(self.dtype).expand(shape)

    def embed(self, inputs: Tensor, puzzle_ids: Tensor) -> Tensor:
        # A path that was drawn into the puzzle is an open cell; outside there is nothing.
        vectors = F.pad(self.roles, (0, 0, 1, 0)).to(self.dtype)
        return F.embedding(torch.where(inputs == PATH, OPEN, inputs), vectors)

    def call(self, level: Level, z_H: Tensor, z_L: Tensor, x: Tensor) -> Tensor:
        cells = Cells.of(_there(x))
        return cells.boards(self._call(level, cells.listed(z_H), cells.listed(z_L), cells.listed(x), cells.around))

    def _call(self, level: Level, z_H: Tensor, z_L: Tensor, x: Tensor, around: Tensor) -> Tensor:
        """`call` on lists of cells, (N, D) each."""
        return self.L_level(z_L, z_H + x, around) if level == "L" else self.H_level(z_H, z_L, around)  # type: ignore[no-any-return]

    def segment(self, z_H: Tensor, z_L: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        cells = Cells.of(_there(x))
        h, low, given = (cells.listed(boards) for boards in (z_H, z_L, x))
        h, low = self.run_calls(h, low, lambda level, h, low: self._call(level, h, low, given, cells.around))
        z_H, z_L = cells.boards(h), cells.boards(low)
        return z_H, z_L, self.logits(z_H, x), self.q_logits(z_H)

    def cell_answers(self, z_H: Tensor) -> Tensor:
        """(B, S, D) → (B, S, 8) float32 logits of what each cell is taught (ANSWERS)."""
        return F.linear(z_H.float(), self.answer.weight, self.answer.bias)

    def logits(self, z_H: Tensor, x: Tensor) -> Tensor:
        """(B, T, D) → (B, S, V). A wall, the start and the goal stay what they are; of an open cell it says open or path."""
        kinds = F.pad(self.roles, (0, 0, 1, 0)).to(x.dtype)  # OUTSIDE, then GIVEN, in the order of the tokens
        given = (x[..., None, :_TELLING] == kinds[:, :_TELLING]).all(dim=-1)  # (B, S, 5)
        on_path = F.linear(z_H, self.answer.weight[:1].to(z_H.dtype), self.answer.bias[:1].to(z_H.dtype))
        is_open = given[..., OPEN]
        logits = torch.full((*given.shape[:2], VOCAB_SIZE), -_SURE, device=z_H.device, dtype=z_H.dtype)
        logits[..., OUTSIDE : GOAL + 1] = torch.where(given, _SURE, -_SURE)
        logits[..., OPEN] = torch.where(is_open, 0.0, logits[..., OPEN])
        logits[..., PATH] = torch.where(is_open, on_path[..., 0], -_SURE)
        return logits

    def q_logits(self, z_H: Tensor) -> Tensor:
        """From the mean over the cells that exist, whose states are never 0: (B, T, D) → (B, 2) float32."""
        cells = _there(z_H).sum(dim=1, keepdim=True).clamp(min=1)
        return self.q_head(z_H.sum(dim=1) / cells.to(z_H.dtype)).float()


def _there(vectors: Tensor) -> Tensor:
    """(B, S, D) → (B, S) bool: which cells exist. The others have only zeros."""
    return (vectors[..., :_TELLING] != 0).any(dim=-1)
