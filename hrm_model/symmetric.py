"""A symmetric model for Sudoku: one state for each (digit, cell), and blocks that treat all digits, all rows and all cells of a box alike.

Relabelled digits, swapped rows, columns, bands and stacks, and transposed boards are the same puzzle to it by construction. Its weights do not
depend on the board's size, so one model reads Sudokus of every size.

Shapes: B batch, n digits, S cells, W width of one (digit, cell), U units (rows, columns, boxes), T positions = S, D = n · W, V tokens.
Inside, a state is (B, S, n, W); outside it is (B, T, D), as of every model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hrm_model.config import ModelConfig
from hrm_model.errors import MismatchError
from hrm_model.layers import CastLinear, Rotary, SwiGLU, rms_norm
from hrm_model.model import HRM, ReasoningModule
from hrm_model.tasks.sudoku.grid import VARIANTS

_NEVER = -1e4  # logit of padding and of a blank, which are never answers
LINE, BOX = 0, 1  # kinds of units; rows and columns share their weights


@dataclass(frozen=True)
class Units:
    """The groups of cells that hold each digit once. They are data: any groups of any size will do."""

    digits: int
    member: Tensor  # (U, S) 1 where the cell belongs to the unit
    kind: tuple[int, ...]  # (U,) LINE or BOX

    def of_kind(self, kind: int) -> Tensor:
        """(units of this kind, S) membership."""
        return self.member[[k == kind for k in self.kind]]


@cache
def standard_units(cells: int) -> Units:
    """Rows, columns and boxes of a Sudoku with so many cells. MismatchError for another number."""
    for size in VARIANTS:
        if size.cells == cells:
            member = torch.zeros(len(size.units), cells)
            member.scatter_(1, torch.as_tensor(size.units), 1)
            return Units(size.side, member, (LINE,) * (2 * size.side) + (BOX,) * size.side)
    raise MismatchError(f"This model reads Sudokus; a board of {cells} cells is not one that is known here.")


class UnitMixer(nn.Module):
    """What a (digit, cell) learns from its row, column, box and from the other digits of its cell. (B, S, n, W) → (B, S, n, W).

    Each unit sends one message for each digit, made from the mean over its cells, and each cell one from the mean over its digits. The means are
    scaled by √n, so that what one cell adds to them does not shrink as boards grow.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.hidden_size

        def matrix() -> CastLinear:
            return CastLinear(width, width)

        self.own, self.digits, self.out = matrix(), matrix(), matrix()
        self.units = nn.ModuleList(matrix() for _ in (LINE, BOX))
        if config.unit_mlp:
            self.unit_outs = nn.ModuleList(matrix() for _ in (LINE, BOX))
            self.digits_out = matrix()

    def messages(self, h: Tensor, units: Units) -> tuple[list[Tensor], Tensor]:
        """Of each kind of unit (B, units of the kind, n, W), and of the digits (B, S, 1, W)."""
        scale, sent = math.sqrt(units.digits), []
        for kind in (LINE, BOX):
            member = units.of_kind(kind).to(h)
            mean = torch.einsum("us,bsnw->bunw", member * (scale / member.sum(dim=1, keepdim=True)), h)
            message = self.units[kind](mean)
            sent.append(self.unit_outs[kind](F.silu(message)) if hasattr(self, "unit_outs") else message)
        of_digits = self.digits(scale * h.mean(dim=2, keepdim=True))
        return sent, self.digits_out(F.silu(of_digits)) if hasattr(self, "digits_out") else of_digits

    def forward(self, h: Tensor, units: Units) -> Tensor:
        sent, of_digits = self.messages(h, units)
        total = self.own(h) + of_digits
        for kind, message in zip((LINE, BOX), sent, strict=True):
            total = total + torch.einsum("us,bunw->bsnw", units.of_kind(kind).to(h), message)
        return self.out(F.silu(total))


class UnitBlock(nn.Module):
    """norm(h + mixing), then norm(h + SwiGLU(h)), as in every block here. (B, T, D) → (B, T, D)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.eps, self.width = config.rms_norm_eps, config.hidden_size
        self.mixer = UnitMixer(config)
        self.mlp = SwiGLU(config.hidden_size, config.swiglu_size)

    def forward(self, x: Tensor, rotary: Rotary | None) -> Tensor:
        h = x.unflatten(-1, (-1, self.width))
        h = rms_norm(h + self.mixer(h, standard_units(h.shape[1])), self.eps)
        return rms_norm(h + self.mlp(h), self.eps).flatten(-2)


class SymmetricHRM(HRM):
    """An HRM whose modules are made of UnitBlocks. `config.mixer` is 'units'."""

    def _make(self, config: ModelConfig) -> None:
        width = config.hidden_size
        # What is injected into L: one of three vectors. The cell is blank, holds this digit, or holds another one.
        self.roles = nn.Parameter(torch.randn(3, width))
        self.answer = nn.Parameter(torch.zeros(width))
        self.q_head = CastLinear(width, 2, bias=True)
        self.puzzle_emb = None
        self.H_level = ReasoningModule(config, config.H_layers, UnitBlock)
        self.L_level = ReasoningModule(config, config.L_layers, UnitBlock)
        self.register_buffer("H_init", torch.randn(width))
        self.register_buffer("L_init", torch.randn(width))
        self.rotary_cos = self.rotary_sin = None

    def vocabulary(self, cells: int) -> int:
        return standard_units(cells).digits + 2

    def initial_state(self, batch: int, cells: int | None = None) -> tuple[Tensor, Tensor]:
        cells = cells or self.config.seq_len
        shape, digits = (batch, cells, -1), standard_units(cells).digits
        z_H, z_L = (init.to(self.dtype).repeat(digits).expand(shape) for init in (self.H_init, self.L_init))
        return z_H, z_L

    def embed(self, inputs: Tensor, puzzle_ids: Tensor) -> Tensor:
        digits = torch.arange(1, standard_units(inputs.shape[1]).digits + 1, device=inputs.device)
        given = (inputs - 1).clamp(min=0)[..., None]  # (B, S, 1); 0 for a blank
        role = torch.where(given == 0, 0, torch.where(given == digits, 1, 2))
        return self.roles.to(self.dtype)[role].flatten(-2)

    def logits(self, z_H: Tensor, x: Tensor) -> Tensor:
        """(B, T, D) → (B, S, V): tokens of padding, blank, then the digits of this board."""
        of_digits = z_H.unflatten(-1, (-1, self.config.hidden_size)) @ self.answer.to(z_H.dtype)
        return F.pad(of_digits, (2, 0), value=_NEVER)

    def q_logits(self, z_H: Tensor) -> Tensor:
        """From the mean over digits and cells: (B, T, D) → (B, 2) float32."""
        return self.q_head(z_H.unflatten(-1, (-1, self.config.hidden_size)).mean(dim=(1, 2))).float()
