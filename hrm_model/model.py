"""The Hierarchical Reasoning Model: a slow module H and a fast module L over the same positions.

Shapes: B batch, T positions (puzzle slots, then S cells), D width, V vocabulary.
Source: arXiv 2506.21734. Parameter names are the published ones, so a published checkpoint fits as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn

from hrm_model.config import Gradient, ModelConfig
from hrm_model.errors import MismatchError
from hrm_model.layers import CastLinear, Embedding, ReasoningModule, rotary_tables, truncated_normal_

Level = Literal["L", "H"]


@dataclass(frozen=True)
class Call:
    """One module call of a segment: its place, and whether training sends gradient through it."""

    h_cycle: int
    l_step: int  # -1 for an H step
    level: Level
    carries_gradient: bool


@cache
def segment_calls(H_cycles: int, L_cycles: int, gradient: Gradient) -> tuple[Call, ...]:
    """The calls of one segment in order: for each H-cycle L_cycles L steps, then one H step."""
    calls = []
    for h in range(H_cycles):
        last_cycle = h == H_cycles - 1
        for step in (*range(L_cycles), -1):
            last_of_level = last_cycle and step in (L_cycles - 1, -1)
            carries = {"step": last_of_level, "cycle": last_cycle, "all": True}[gradient]
            calls.append(Call(h, step, "H" if step == -1 else "L", carries))
    return tuple(calls)


class GridPositions(nn.Module):
    """One learned vector for each row, column and box, added up for a cell: learns Sudoku much faster than one vector per cell."""

    rows: Tensor
    columns: Tensor
    boxes: Tensor

    def __init__(self, config: ModelConfig, std: float) -> None:
        super().__init__()
        side, cell = config.side, torch.arange(config.seq_len, device="cpu")
        row, column = cell // side, cell % side
        self.row = nn.Parameter(truncated_normal_(torch.empty(side, config.hidden_size), std=std))
        self.column = nn.Parameter(truncated_normal_(torch.empty(side, config.hidden_size), std=std))
        self.register_buffer("rows", row, persistent=False)
        self.register_buffer("columns", column, persistent=False)
        if config.box_height:
            boxes_across = side // config.box_width
            self.register_buffer("boxes", row // config.box_height * boxes_across + column // config.box_width, persistent=False)
            count = config.seq_len // (config.box_height * config.box_width)
            self.box = nn.Parameter(truncated_normal_(torch.empty(count, config.hidden_size), std=std))

    def forward(self) -> Tensor:
        """(S, D)."""
        vectors = self.row[self.rows] + self.column[self.columns]
        return vectors + self.box[self.boxes] if hasattr(self, "box") else vectors


class PuzzleTable(nn.Module):
    """Each puzzle's own vector. A buffer, not a parameter: a batch touches few rows, which sparse SignSGD moves itself.

    In training `forward` hands out a leaf copy (`local`, (B, width)) that collects the gradient of the rows in use (`local_ids`).
    With `on_disk` the weights are a mapped file of which a run reads only its rows: they stay there when the model moves.
    """

    weights: Tensor

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.register_buffer("weights", torch.zeros(rows, width))
        self.on_disk = False
        self.local: Tensor | None = None
        self.local_ids: Tensor | None = None

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> PuzzleTable:
        return self if self.on_disk else super()._apply(fn, recurse)

    def forward(self, ids: Tensor) -> Tensor:
        rows = self.weights[ids.to(self.weights.device)].to(ids.device)
        if self.training and torch.is_grad_enabled():
            self.local, self.local_ids = rows.detach().clone().requires_grad_(), ids
            return self.local
        return rows


class HRM(nn.Module):
    """The model of one segment. What decides how many segments follow each other is in `act.py` and `reasoning.py`."""

    H_init: Tensor
    L_init: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self._make(config)
        # Q values start near sigmoid(-5): at first no row halts, and the value of continuing is near 0.
        with torch.no_grad():
            self.q_head.weight.zero_()
            assert self.q_head.bias is not None
            self.q_head.bias.fill_(-5)

    def _make(self, config: ModelConfig) -> None:
        """The parts of this kind of model."""
        width = config.hidden_size
        self.embed_scale = math.sqrt(width)
        std = 1 / self.embed_scale
        self.embed_tokens = Embedding(config.vocab_size, width, std)
        self.lm_head = CastLinear(width, config.vocab_size)
        self.q_head = CastLinear(width, 2, bias=True)
        self.puzzle_emb = PuzzleTable(config.num_puzzle_identifiers, config.puzzle_emb_ndim) if config.puzzle_emb_ndim else None
        self.embed_pos: nn.Module | None = None
        if config.pos_encodings == "learned":
            self.embed_pos = Embedding(config.positions, width, std)
        elif config.pos_encodings == "grid":
            self.embed_pos = GridPositions(config, std)
        if not config.shared:
            self.H_level = ReasoningModule(config, config.H_layers)
        self.L_level = ReasoningModule(config, config.L_layers)
        if config.shared:
            # One module under two names, registered once: its tensors are saved and trained as L_level's.
            object.__setattr__(self, "H_level", self.L_level)
        # Both start from a fixed random state, the same for every position and puzzle.
        self.register_buffer("H_init", truncated_normal_(torch.empty(width), std=1))
        self.register_buffer("L_init", truncated_normal_(torch.empty(width), std=1))
        rotary = rotary_tables(config)
        self.register_buffer("rotary_cos", rotary and rotary[0], persistent=False)
        self.register_buffer("rotary_sin", rotary and rotary[1], persistent=False)

    @property
    def device(self) -> torch.device:
        return self.H_init.device

    @property
    def dtype(self) -> torch.dtype:
        """dtype of states and activations (parameters stay float32)."""
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[self.config.forward_dtype]

    def initial_state(self, batch: int, cells: int | None = None) -> tuple[Tensor, Tensor]:
        """z_H and z_L before the first segment, each (B, T, D). `cells`: of the boards, for a model that reads several sizes."""
        shape = (batch, self.config.positions, self.config.hidden_size)
        return self.H_init.to(self.dtype).expand(shape), self.L_init.to(self.dtype).expand(shape)

    def vocabulary(self, cells: int) -> int:
        """V, tokens that a board of so many cells can hold. MismatchError if the model does not read such boards."""
        if cells != self.config.seq_len:
            raise MismatchError(f"this model reads boards of {self.config.seq_len} cells; the puzzle has {cells}")
        return self.config.vocab_size

    def embed(self, inputs: Tensor, puzzle_ids: Tensor) -> Tensor:
        """What is injected into L at every step. inputs (B, S) tokens, puzzle_ids (B,) → x (B, T, D)."""
        return self.embed_with(inputs, None if self.puzzle_emb is None else self.puzzle_emb(puzzle_ids))

    def embed_with(self, inputs: Tensor, puzzle: Tensor | None) -> Tensor:
        """`embed` with the puzzles' own vectors given, (B, width) each; None for a model without."""
        config = self.config
        x = self.embed_tokens(inputs, self.dtype)
        if isinstance(self.embed_pos, GridPositions):
            # Four vectors of equal size are added up; halving the sum keeps the variance of one.
            x = 0.5 * (x + self.embed_pos().to(self.dtype))
        if puzzle is not None:
            padding = config.puzzle_emb_len * config.hidden_size - config.puzzle_emb_ndim
            puzzle = nn.functional.pad(puzzle, (0, padding)).to(self.dtype)
            x = torch.cat([puzzle.unflatten(-1, (config.puzzle_emb_len, config.hidden_size)), x], dim=1)
        if isinstance(self.embed_pos, Embedding):
            x = math.sqrt(0.5) * (x + self.embed_pos.embedding_weight.to(self.dtype))
        return self.embed_scale * x

    def call(self, level: Level, z_H: Tensor, z_L: Tensor, x: Tensor) -> Tensor:
        """One module call: the new z_L for 'L' (z_H + x injected), the new z_H for 'H' (z_L injected). All (B, T, D)."""
        rotary = None if self.rotary_cos is None else (self.rotary_cos, self.rotary_sin)
        if level == "L":
            return self.L_level(z_L, z_H + x, rotary)
        return self.H_level(z_H, z_L, rotary)

    def logits(self, z_H: Tensor, x: Tensor) -> Tensor:
        """The answer that z_H holds: (B, T, D) → (B, S, V). `x` (B, T, D): what is injected, for answers that repeat what was given."""
        return self.lm_head(z_H)[:, self.config.puzzle_emb_len :]

    def q_logits(self, z_H: Tensor) -> Tensor:
        """q_halt and q_continue, from position 0: (B, T, D) → (B, 2) float32."""
        return self.q_head(z_H[:, 0]).float()

    def on(self, task: str) -> HRM:
        """This model, for boards of this task: itself, or one with the same weights where more than the number of cells tells boards apart."""
        return self

    def calls(self) -> tuple[Call, ...]:
        """The module calls of one segment of this model, in order."""
        return segment_calls(self.config.H_cycles, self.config.L_cycles, self.config.gradient)

    def segment(self, z_H: Tensor, z_L: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One segment. Returns z_H, z_L (B, T, D, not detached), logits (B, S, V) and Q logits (B, 2)."""
        z_H, z_L = self.run_calls(z_H, z_L, lambda level, h, low: self.call(level, h, low, x))
        return z_H, z_L, self.logits(z_H, x), self.q_logits(z_H)

    def run_calls(self, z_H: Tensor, z_L: Tensor, call: Callable[[Level, Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """The module calls of one segment, each through `call`: the new z_H and z_L."""
        grad = torch.is_grad_enabled()
        for each in self.calls():
            with torch.set_grad_enabled(grad and each.carries_gradient):
                z = call(each.level, z_H, z_L)
            if each.level == "L":
                z_L = z
            else:
                z_H = z
        return z_H, z_L

    def compile_segment(self) -> None:
        """From now on, compute segments by what torch.compile makes of `segment`."""
        self.segment = torch.compile(self.segment)  # type: ignore[method-assign]

    def forward(self, inputs: Tensor, puzzle_ids: Tensor, z_H: Tensor, z_L: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """`embed` and one `segment`: z_H, z_L, logits, Q logits, and the x that was injected."""
        x = self.embed(inputs, puzzle_ids)
        return (*self.segment(z_H, z_L, x), x)
