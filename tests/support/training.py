"""Losses of a trainer, whole or cut and gone on with."""

from __future__ import annotations

from collections.abc import Callable

from hrm_model.act import Batch
from trainer.config import RunConfig
from trainer.loop import Trainer


def losses(trainer: Trainer) -> list[float]:
    """Train to the end. The loss of each step whose metrics are told."""
    return [e["values"]["loss"] for events in trainer.train() for e in events if e["type"] == "metrics"]


def losses_after_a_cut(config: RunConfig, batches: Callable[[int], Batch], steps: int) -> list[float]:
    """The losses of a trainer that goes on from the state of another after `steps` steps."""
    cut = Trainer(config, batches)
    stream = cut.train()
    for _ in range(steps):
        next(stream)
    rest = Trainer(config, batches)
    rest.load_state_dict(cut.state_dict())
    return losses(rest)
