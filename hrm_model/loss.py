"""Losses and metrics of one segment.

Shapes: B batch, S cells, V vocabulary. Source: arXiv 2506.21734; stablemax: arXiv 2501.04697.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from hrm_model.act import Carry
from hrm_model.maze_loss import cell_losses

IGNORE = -100

LossType = Literal["stablemax", "softmax"]
LossCells = Literal["all", "blanks"]


def stablemax_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """−log of s(x) / Σ s(x), s(x) = x + 1 where x ≥ 0, else 1 / (1 − x); in float64. (…, V), (…) → (…), 0 if not asked for."""
    x = logits.double()
    # The clamps keep the branch that is not taken finite, so that no gradient becomes 0 · ∞.
    s = torch.where(x < 0, 1 / (1 - x.clamp(max=0)), x.clamp(min=0) + 1)
    log_p = s.log() - s.sum(dim=-1, keepdim=True).log()
    return _pick(log_p, labels)


def softmax_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The usual cross entropy, in float32. (…, V), (…) → (…), 0 if not asked for."""
    return _pick(F.log_softmax(logits.float(), dim=-1), labels)


def _pick(log_p: Tensor, labels: Tensor) -> Tensor:
    asked = labels != IGNORE
    picked = log_p.gather(-1, labels.clamp(min=0).long().unsqueeze(-1)).squeeze(-1)
    return torch.where(asked, -picked, 0)


def act_loss(
    carry: Carry,
    outputs: dict[str, Tensor],
    q_continue: bool = True,
    loss_type: LossType = "stablemax",
    cells: LossCells = "all",
    q_weight: float = 0.5,
    reach: float = 5.0,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss, summed over the batch, and metrics as detached sums over the rows that just halted (`count` of them).

    lm_loss is the mean over a row's labelled cells (givens count, as published; cells='blanks' asks for those only whose label is not
    what was given, here and in all that follows); q_halt learns whether the row is now wholly right; q_continue learns its target.
    loss = lm_loss + q_weight · (q_halt_loss + q_continue_loss). Of a maze model, lm_loss is that of `maze_loss.cell_losses` with `reach`.
    """
    logits = outputs["logits"]
    labels = carry.labels if cells == "all" else torch.where(carry.labels == carry.inputs, IGNORE, carry.labels)
    asked = labels != IGNORE
    cells_asked = asked.sum(dim=-1)
    with torch.no_grad():
        right = asked & (logits.argmax(dim=-1) == labels)
        solved = right.sum(dim=-1) == cells_asked
        valid = carry.halted & (cells_asked > 0)
        share = right.sum(dim=-1).float() / cells_asked.clamp(min=1)
        metrics = {
            "count": valid.sum(),
            "accuracy": torch.where(valid, share, 0).sum(),
            "exact_accuracy": (valid & solved).sum(),
            "q_halt_accuracy": (valid & ((outputs["q_halt_logits"] >= 0) == solved)).sum(),
            "steps": torch.where(valid, carry.steps, 0).sum(),
        }
    if "cell_answers" in outputs:
        lm_loss = cell_losses(outputs["cell_answers"], carry.distances, carry.inputs, labels, carry.steps, reach).sum()
    else:
        cross_entropy = stablemax_cross_entropy if loss_type == "stablemax" else softmax_cross_entropy
        lm_loss = (cross_entropy(logits, labels) / cells_asked.clamp(min=1).unsqueeze(-1)).sum()
    q_halt_loss = F.binary_cross_entropy_with_logits(outputs["q_halt_logits"], solved.float(), reduction="sum")
    loss = lm_loss + q_weight * q_halt_loss
    metrics |= {"lm_loss": lm_loss.detach(), "q_halt_loss": q_halt_loss.detach()}
    if q_continue and "target_q_continue" in outputs:
        q_continue_loss = F.binary_cross_entropy_with_logits(outputs["q_continue_logits"], outputs["target_q_continue"], reduction="sum")
        loss = loss + q_weight * q_continue_loss
        metrics["q_continue_loss"] = q_continue_loss.detach()
    return loss, metrics
