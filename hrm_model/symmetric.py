"""A symmetric model for Sudoku: one state for each (digit, cell), and blocks that treat all digits, all rows and all cells of a box alike.

Relabelled digits, swapped rows, columns, bands and stacks, and transposed boards are the same puzzle to it by construction. Its weights do not
depend on the board's size, so one model reads Sudokus of every size.

Shapes: B batch, n digits, S cells, W width of one (digit, cell), U units (rows, columns, boxes), T positions = S, D = n · W, V tokens.
Inside, a state is (B, S, n, W); outside it is (B, T, D), as of every model.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hrm_model.config import ModelConfig
from hrm_model.errors import MismatchError
from hrm_model.layers import CastLinear, SwiGLU
from hrm_model.model import HRM, Level, ReasoningModule
from hrm_model.native import units as native
from hrm_model.tasks.sudoku.grid import VARIANTS, Variant, variant_of_task

_NEVER = -1e4  # logit of padding and of a blank, which are never answers
LINE, BOX = 0, 1  # kinds of units; rows and columns share their weights


@dataclass(frozen=True)
class Units:
    """The groups of cells that hold each digit once. Any groups of any size work."""

    digits: int
    means: Tensor  # (U, S): times a board it gives √n · the mean over each unit's cells
    member: Tensor  # (S, U): 1 if the cell belongs to the unit
    counts: tuple[int, ...]  # units of each kind: first the lines, then the boxes

    @staticmethod
    def of(digits: int, lines: Tensor, boxes: Tensor) -> Units:
        """From the cells of each unit: (units of the kind, cells of one) indices below digits²."""
        # Tensors that are made in inference mode cannot be trained with later.
        with torch.inference_mode(False):
            member = torch.cat([torch.zeros(len(cells), digits**2).scatter_(1, cells, 1) for cells in (lines, boxes)])
            means = member * (math.sqrt(digits) / member.sum(dim=1, keepdim=True))
            return Units(digits, means, member.mT.contiguous(), (len(lines), len(boxes)))

    @staticmethod
    def of_sudoku(size: Variant) -> Units:
        """Rows, columns, and boxes or regions."""
        units = torch.as_tensor(size.units)
        return Units.of(size.side, units[: 2 * size.side], units[2 * size.side :])


def usual_size(cells: int) -> Variant:
    """The Sudoku with so many cells and the usual boxes. MismatchError for another number of cells."""
    for size in VARIANTS:
        if size.cells == cells:
            return size
    raise MismatchError(f"This model reads Sudokus of {', '.join(v.title for v in VARIANTS)}, and jigsaws; this board has {cells} cells.")


@lru_cache(maxsize=64)
def _copied_units(size: Variant, device: torch.device, dtype: torch.dtype) -> Units:
    units = Units.of_sudoku(size)
    with torch.inference_mode(False):
        return replace(units, means=units.means.to(device, dtype), member=units.member.to(device, dtype))


def _units_on(size: Variant | None, cells: int, device: torch.device, dtype: torch.dtype) -> Units:
    """The units of a board on a model's device and in its dtype. Copied once."""
    return _copied_units(size or usual_size(cells), device, dtype)


@lru_cache(maxsize=64)
def _unit_arrays(size: Variant) -> native.UnitArrays:
    units = Units.of_sudoku(size)
    kinds = torch.repeat_interleave(torch.tensor([LINE, BOX]), torch.tensor(units.counts))
    return native.UnitArrays(units.digits, units.member, kinds)


class _AddNorm(torch.autograd.Function):
    """norm(h + update) as `rms_norm` computes it. Keeps only its result and one number per vector for the backward: these
    models are limited by memory bandwidth."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, update: Tensor, eps: float) -> Tensor:
        total = (h + update).float()
        scale = (torch.linalg.vector_norm(total, dim=-1, keepdim=True).square_() / total.shape[-1]).add_(eps).rsqrt_()
        result = total.mul_(scale).to(h.dtype)
        ctx.save_for_backward(result, scale)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        result, scale = ctx.saved_tensors
        (gradient,) = gradients
        along = (gradient * result).mean(dim=-1, keepdim=True, dtype=torch.float32)
        moved = torch.addcmul(gradient.float(), result.float(), along, value=-1).mul_(scale).to(gradient.dtype)
        return moved, moved, None


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

    def messages(self, h: Tensor, units: Units) -> tuple[Tensor, Tensor]:
        """Of each unit (B, U, n, W), lines first, and of the digits of each cell (B, S, 1, W)."""
        means = (units.means @ h.flatten(-2)).unflatten(-1, h.shape[-2:])
        sent = []
        for kind, mean in zip((LINE, BOX), means.split(units.counts, dim=1), strict=True):
            message = self.units[kind](mean)
            sent.append(self.unit_outs[kind](F.silu(message)) if hasattr(self, "unit_outs") else message)
        of_digits = self.digits(math.sqrt(units.digits) * h.mean(dim=2, keepdim=True))
        of_digits = self.digits_out(F.silu(of_digits)) if hasattr(self, "digits_out") else of_digits
        return torch.cat(sent, dim=1), of_digits

    def forward(self, h: Tensor, units: Units) -> Tensor:
        sent, of_digits = self.messages(h, units)
        total = (self.own(h) + of_digits).flatten(-2)
        total = torch.baddbmm(total, units.member.expand(len(h), -1, -1), sent.flatten(-2))
        return self.out(F.silu(total).view_as(h))


class UnitBlock(nn.Module):
    """norm(h + mixing), then norm(h + SwiGLU(h)), as in every block here. (B, T, D) → (B, T, D)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.eps, self.width = config.rms_norm_eps, config.hidden_size
        self.mixer = UnitMixer(config)
        self.mlp = SwiGLU(config.hidden_size, config.swiglu_size)

    def message_sizes(self, x: Tensor, size: Variant | None) -> MessageSizes:
        """Of the first board of x (B, T, D). `size` as of `forward`."""
        h = x.unflatten(-1, (-1, self.width))[:1]
        units = _units_on(size, h.shape[1], h.device, h.dtype)
        sent, of_digits = self.mixer.messages(h, units)
        own = self.mixer.own(h)
        total = own + of_digits + (units.member @ sent.flatten(-2)).view_as(h)
        own, of_digits, sent, total = (part[0].float().norm(dim=-1) for part in (own, of_digits, sent, total))
        return MessageSizes(own, of_digits[:, 0], sent, total)

    def forward(self, x: Tensor, size: Variant | None) -> Tensor:
        """`size`: which Sudoku it is; None: the one with so many cells and the usual boxes."""
        h = x.unflatten(-1, (-1, self.width))
        h = _AddNorm.apply(h, self.mixer(h, _units_on(size, h.shape[1], h.device, h.dtype)), self.eps)
        result: Tensor = _AddNorm.apply(h, self.mlp(h), self.eps).flatten(-2)
        return result


@dataclass(frozen=True)
class MessageSizes:
    """Lengths of the vectors that a block adds up for each (digit, cell) before its non-linearity. Float32, of one board."""

    own: Tensor  # (S, n) of what the (digit, cell) itself gives
    digits: Tensor  # (S,) of the message from the digits of a cell
    units: Tensor  # (U, n) of each unit's messages: rows, columns, boxes
    total: Tensor  # (S, n) of the sum


class SymmetricHRM(HRM):
    """An HRM whose modules are made of UnitBlocks. `config.mixer` is 'units'."""

    size: Variant | None = None  # which Sudoku it reads; None: those with the usual boxes, of any size

    # Whether segments are computed in C++, if `native.usable`. Only a trainer sets it: a reasoning that is watched must equal one that is
    # not, bit for bit, and only torch shows single steps.
    in_native_code = False

    def segment(self, z_H: Tensor, z_L: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        if not self.in_native_code or (torch.is_grad_enabled() and self.config.gradient != "all"):
            return super().segment(z_H, z_L, x)
        z_H, z_L = native.segment(self, _unit_arrays(self._size(x.shape[1])), z_H, z_L, x)
        return z_H, z_L, self.logits(z_H, x), self.q_logits(z_H)

    def compile_segment(self) -> None:
        global _units_on
        # Not where it is defined: this imports all of the compiler, which takes seconds.
        _units_on = torch.compiler.assume_constant_result(_units_on)
        super().compile_segment()

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

    def on(self, task: str) -> SymmetricHRM:
        size = variant_of_task(task)
        if not size.regions:
            return self
        jigsaw = copy(self)  # the same modules and parameters
        jigsaw.size = size
        return jigsaw

    def _size(self, cells: int) -> Variant:
        """Which Sudoku a board with so many cells is. MismatchError if the model does not read it."""
        if self.size is not None and self.size.cells != cells:
            raise MismatchError(f"This jigsaw has {self.size.cells} cells; the puzzle has {cells}.")
        return self.size or usual_size(cells)

    def vocabulary(self, cells: int) -> int:
        return self._size(cells).side + 2

    def call(self, level: Level, z_H: Tensor, z_L: Tensor, x: Tensor) -> Tensor:
        if level == "L":
            return self.L_level(z_L, z_H + x, self.size)  # type: ignore[no-any-return]
        return self.H_level(z_H, z_L, self.size)  # type: ignore[no-any-return]

    def initial_state(self, batch: int, cells: int | None = None) -> tuple[Tensor, Tensor]:
        cells = cells or self.config.seq_len
        shape, digits = (batch, cells, -1), self._size(cells).side
        z_H, z_L = (init.to(self.dtype).repeat(digits).expand(shape) for init in (self.H_init, self.L_init))
        return z_H, z_L

    def embed(self, inputs: Tensor, puzzle_ids: Tensor) -> Tensor:
        digits = torch.arange(1, self._size(inputs.shape[1]).side + 1, device=inputs.device)
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
