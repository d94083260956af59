"""Adaptive computation time: which rows continue with another segment, and the targets that halting learns.

Shapes: B batch, S cells, T positions, D width. Source: arXiv 2506.21734, "Adaptive computational time".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from hrm_model.maze_model import MazeHRM
from hrm_model.model import HRM

# inputs (B, S), labels (B, S; -100: not scored), puzzle_identifiers (B,); optional `least_segments` (B,) instead of random exploration.
# For maze models also distances (B, 2, S): moves to the goal and from the start, -1 if there is no way.
Batch = dict[str, Tensor]


@dataclass
class Carry:
    """What one segment hands to the next, row by row."""

    z_H: Tensor  # (B, T, D), detached
    z_L: Tensor  # (B, T, D), detached
    steps: Tensor  # (B,) int32, segments taken
    halted: Tensor  # (B,) bool: this row's example is done; the next segment replaces it
    inputs: Tensor  # (B, S)
    labels: Tensor  # (B, S)
    puzzle_identifiers: Tensor  # (B,)
    distances: Tensor = field(default_factory=lambda: torch.zeros(0))  # (B, 2, S) int16 of maze models, else (0,)

    def state(self) -> dict[str, Tensor]:
        """The carry as a flat dict, for a checkpoint; `Carry(**state)` reads it back."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def rows(self, start: int, end: int) -> Carry:
        """A range of its rows, as views."""
        return Carry(**{name: tensor[start:end] for name, tensor in self.state().items()})

    def room_for(self, count: int) -> Carry:
        """A carry of so many rows like these, to be filled with `put`."""
        return Carry(**{name: tensor.new_empty((count, *tensor.shape[1:])) for name, tensor in self.state().items()})

    def put(self, start: int, part: Carry) -> None:
        """Overwrite the rows from `start` on."""
        for name, tensor in part.state().items():
            getattr(self, name)[start : start + len(tensor)] = tensor


def initial_carry(model: HRM, batch: Batch) -> Carry:
    """A carry whose rows are all halted, so that the first segment takes its examples from the batch."""
    count = batch["inputs"].shape[0]
    z_H, z_L = (z.clone() for z in model.initial_state(count, batch["inputs"].shape[1]))
    return Carry(
        z_H=z_H,
        z_L=z_L,
        steps=torch.zeros(count, dtype=torch.int32, device=model.device),
        halted=torch.ones(count, dtype=torch.bool, device=model.device),
        inputs=torch.zeros_like(batch["inputs"]),
        labels=torch.zeros_like(batch["labels"]),
        puzzle_identifiers=torch.zeros_like(batch["puzzle_identifiers"]),
        distances=torch.zeros_like(batch["distances"]) if "distances" in batch else torch.zeros(0, device=model.device),
    )


def _refilled(model: HRM, carry: Carry, batch: Batch) -> Carry:
    """Halted rows start over with an example of the batch and fresh states."""
    halted = carry.halted
    z_H, z_L = model.initial_state(halted.shape[0], carry.inputs.shape[1])
    row, state = halted[:, None], halted[:, None, None]
    return Carry(
        z_H=torch.where(state, z_H, carry.z_H),
        z_L=torch.where(state, z_L, carry.z_L),
        steps=torch.where(halted, 0, carry.steps),
        halted=halted,
        inputs=torch.where(row, batch["inputs"], carry.inputs),
        labels=torch.where(row, batch["labels"], carry.labels),
        puzzle_identifiers=torch.where(halted, batch["puzzle_identifiers"], carry.puzzle_identifiers),
        distances=torch.where(state, batch["distances"], carry.distances) if "distances" in batch else carry.distances,
    )


def act_step(
    model: HRM, carry: Carry, batch: Batch, q_continue: bool = True, through: Callable[..., tuple[Tensor, ...]] | None = None
) -> tuple[Carry, Batch]:
    """One segment for every row. Returns the new carry and logits (B, S, V), q_halt_logits, q_continue_logits (B,), and of a maze
    model cell_answers (B, S, 8).

    In training a row halts when q_halt > q_continue, unless exploration asks for more segments (the batch's `least_segments` (B,),
    else drawn here), and at halt_max_steps in any case; in evaluation only at halt_max_steps. `through`: called instead of the model's
    `forward`, if something is wrapped around the model. With `q_continue` the outputs hold target_q_continue (B,), which costs a second forward;
    without it halting compares q_halt with 0, as the continue value then learns nothing.
    """
    config = model.config
    carry = _refilled(model, carry, batch)
    z_H, z_L, logits, q, x = (through or model)(carry.inputs, carry.puzzle_identifiers, carry.z_H, carry.z_L)
    outputs = {"logits": logits, "q_halt_logits": q[:, 0], "q_continue_logits": q[:, 1]}
    if isinstance(model, MazeHRM):
        outputs["cell_answers"] = model.cell_answers(z_H)
    z_H, z_L = z_H.detach(), z_L.detach()

    with torch.no_grad():
        steps = carry.steps + 1
        at_limit = steps >= config.halt_max_steps
        halted = at_limit
        if model.training and config.halt_max_steps > 1:
            halted = at_limit | (q[:, 0] > (q[:, 1] if q_continue else 0))
            # Exploration: a row may have to take a random minimum number of segments.
            least = batch.get("least_segments")
            if least is None:
                explores = torch.rand_like(q[:, 0]) < config.halt_exploration_prob
                least = torch.randint_like(steps, low=2, high=config.halt_max_steps + 1) * explores
            halted = halted & (steps >= least)
            if q_continue:
                # The value of continuing is that of the next segment: its better choice, or halting if it is the last.
                next_q = model.segment(z_H, z_L, x)[3]
                next_value = torch.where(at_limit, next_q[:, 0], next_q.amax(dim=-1))
                outputs["target_q_continue"] = next_value.sigmoid()
    done = Carry(z_H, z_L, steps, halted, carry.inputs, carry.labels, carry.puzzle_identifiers, carry.distances)
    return done, outputs
