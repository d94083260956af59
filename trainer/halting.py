"""Which rows of a training batch halt after a segment, where the settings of a run overrule the Q head."""

from __future__ import annotations

from torch import Tensor

from hrm_model.act import Batch, Carry
from hrm_model.loss import IGNORE
from hrm_model.maze_loss import most_segments
from trainer.config import RunConfig


def overrule_halting(config: RunConfig, carry: Carry, outputs: Batch, batch: Batch, *, staying: int, most: int) -> None:
    """Change `carry.halted` as `end_when_right`, `full_length` and `wrong_go_on` ask.

    `batch`: the rows of the batch that the carry is of. `staying`: the first so many rows take all `most` segments.
    """
    at_limit = carry.steps >= (most_segments(carry.distances, carry.inputs, config.reach, most) if "cell_answers" in outputs else most)
    if config.end_when_right:
        carry.halted = (right(carry, outputs) & batch["may_end"]) | at_limit
    if staying > 0:
        # Without such rows, a model that halts early never sees what later segments do to its answer, and spoils it there.
        carry.halted[:staying] = at_limit[:staying]
    if config.wrong_go_on:
        # A row that takes its wrong answer for right would halt at once and never learn to leave such a state.
        carry.halted &= right(carry, outputs) | at_limit


def right(carry: Carry, outputs: Batch) -> Tensor:
    """(B,) bool: rows whose answers are right in every cell that is asked for."""
    return (outputs["logits"].detach().argmax(dim=-1) == carry.labels).logical_or(carry.labels == IGNORE).all(dim=-1)
