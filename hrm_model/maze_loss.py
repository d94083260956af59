"""What the cells of a maze are taught: not one long answer, but what each can check with its neighbours.

Three questions, of which each is asked only where the answer can be known after so many segments:

| question | loss of a segment | asked |
|---|---|---|
| which of the four neighbours are nearer to the goal ("arrows"; several may be) | 0.5 for each direction | within `reach · segments` moves of the goal |
| distance to the goal modulo 3, which is all that a wave has to carry | 0.5 for each of the three | there too |
| is the cell on the path | 1 | if the wave can have reached the start and come back to it |

The path is the one that prefers down, right, up, left: a rule that follows from the arrows, so that of several shortest paths none is picked
by chance. Shapes: B batch, R rows = columns, S cells = R².
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from hrm_model.tasks.maze.grid import OPEN, PATH, START

_WEIGHTS = (1.0, *[0.5] * 7)  # of the questions, in the order of maze_model.ANSWERS
_EXTRA = 8  # segments that a row may take beyond what its path needs


def cell_targets(distances: Tensor, labels: Tensor) -> Tensor:
    """(B, 2, S) moves to the goal and from the start, −1 if there is no way, and labels (B, S) → (B, S, 8) bool, the right answers."""
    to_goal = distances[:, 0].int()
    side = math.isqrt(to_goal.shape[1])
    rimmed = F.pad(to_goal.view(-1, side, side), (1, 1, 1, 1), value=-1)
    inner = slice(1, -1)
    around = torch.stack((rimmed[:, :-2, inner], rimmed[:, inner, :-2], rimmed[:, inner, 2:], rimmed[:, 2:, inner]), dim=-1).flatten(1, 2)
    nearer = (around >= 0) & (around == to_goal[..., None] - 1)
    phase = (to_goal % 3)[..., None] == torch.arange(3, device=to_goal.device)
    return torch.cat([(labels == PATH)[..., None], nearer, phase], dim=-1)


def asked_cells(distances: Tensor, inputs: Tensor, known: Tensor) -> Tensor:
    """(B, 2, S), (B, S) and moves that are `known` (B,) → (B, S, 2) bool: the cells asked about the path, and about goal and distance."""
    to_goal, from_start = distances.int().unbind(dim=1)
    far = known[:, None]
    about_goal = (to_goal >= 0) & (to_goal <= far)
    about_path = (inputs == OPEN) & (path_moves(distances, inputs)[:, None] + from_start.clamp(min=0) <= far)
    return torch.stack([about_path, about_goal], dim=-1)


def path_moves(distances: Tensor, inputs: Tensor) -> Tensor:
    """(B,) moves from start to goal."""
    return torch.where(inputs == START, distances[:, 0].int(), 0).amax(dim=-1)


def cell_losses(answers: Tensor, distances: Tensor, inputs: Tensor, labels: Tensor, segments: Tensor, reach: float) -> Tensor:
    """(B,) the loss of each row after `segments` (B,) segments; answers (B, S, 8) are logits."""
    targets = cell_targets(distances, labels)
    asked = asked_cells(distances, inputs, segments * reach)
    weights = torch.tensor(_WEIGHTS, device=answers.device)
    of_cells = F.binary_cross_entropy_with_logits(answers, targets.float(), reduction="none") * weights
    path = (of_cells[..., 0] * asked[..., 0]).sum(dim=-1) / asked[..., 0].sum(dim=-1).clamp(min=1)
    goal = (of_cells[..., 1:].sum(dim=-1) * asked[..., 1]).sum(dim=-1) / asked[..., 1].sum(dim=-1).clamp(min=1)
    return path + goal


def most_segments(distances: Tensor, inputs: Tensor, reach: float, most: int) -> Tensor:
    """(B,) segments after which a row ends: enough for a wave to the start and back, and some more."""
    return (torch.ceil(2 * path_moves(distances, inputs) / reach) + _EXTRA).clamp(max=most)
