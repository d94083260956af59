"""What a run evaluates: a model with its averaged weights, on every evaluation set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from hrm_model.device import pick_dtype
from hrm_model.evaluation import evaluate
from hrm_model.make import make_model
from hrm_model.model import HRM
from hrm_model.symmetric import SymmetricHRM
from trainer.config import RunConfig
from trainer.metrics import set_figures
from trainer.optim import EMA


def averaged_model(model: HRM, ema: EMA | None, device: torch.device) -> HRM:
    """A copy of a model with its averaged weights (the trained ones without an average), ready to reason."""
    generator_state = torch.get_rng_state()  # a new model draws random weights; training must not notice
    dtype = pick_dtype(device, trained_in=model.config.forward_dtype)
    copy = make_model(model.config.model_copy(update={"forward_dtype": dtype})).to(device)
    if isinstance(copy, SymmetricHRM) and isinstance(model, SymmetricHRM):
        copy.in_native_code = model.in_native_code
    torch.set_rng_state(generator_state)
    copy.load_state_dict(model.state_dict() | (ema.shadow if ema else {}))
    return copy.eval()


def evaluate_sets(
    model: HRM, sets: dict[str, tuple[Any, ...]], config: RunConfig, after_batch: Callable[[int], None], batch: int = 128
) -> dict[str, Any]:
    """`values` (means over the sets), `sets` and `segments` of an evaluation event. `after_batch` is called after each `batch` with its number of puzzles."""
    found: dict[str, Any] = {}
    for name, puzzles in sets.items():
        result = evaluate(
            model, *puzzles, segments=config.evaluation_segments, q_continue=config.q_continue, batch=batch,
            keep_givens=config.loss_cells == "blanks",  # such a model never learned to repeat them
            after_batch=after_batch,
        )  # fmt: skip
        found[name] = set_figures(result)
    means = {"exact_accuracy": "exact", "accuracy": "cells"} if found else {}
    values = {name: sum(figures[key] for figures in found.values()) / len(found) for name, key in means.items()}
    return {"values": values, "sets": found, "segments": config.evaluation_segments}
