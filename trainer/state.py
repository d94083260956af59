"""All of a training's state as plain data, and back: what a checkpoint needs so that a run goes on as if it had never stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from hrm_model.act import Carry, initial_carry
from trainer.optim import MuonAdamW, hyper, optimizer_for

if TYPE_CHECKING:
    from trainer.loop import Trainer


def state_of(trainer: Trainer) -> dict[str, Any]:
    """Tensors, numbers and text only, so that it can be read without unpickling anything else. All processes ask for it together."""
    t = trainer
    carry = {name: t.world.all_rows(tensor) for name, tensor in t.carry.state().items()}
    window = {name: tensor.clone() for name, tensor in t.window.items()}
    t.world.add(total for name, total in window.items() if name not in ("lr", "grad_norm"))
    return {
        "step": t.step, "phase": t.phase, "dtype": t.model.config.forward_dtype, "running_accuracy": t.running_accuracy, "seconds": t.seconds,
        "done": t.done, "reason": t.reason, "best": t.best, "since_best": t.since_best, "window": window,
        "window_steps": t.window_steps, "micro_batch": t.micro_batch, "optimizer_name": t.config.optimizer,
        "model": t.model.state_dict(), "optimizer": t.optimizer.state_dict(), "carry": carry,
        "ema": t.ema and {"shadow": t.ema.shadow, "updates": t.ema.updates},
        "rng": torch.get_rng_state(), "cuda_rng": torch.cuda.get_rng_state_all() if t.device.type == "cuda" else [],
    }  # fmt: skip


def restore(trainer: Trainer, state: dict[str, Any]) -> None:
    """Put a trainer into a state that `state_of` gave, on whatever device and in whatever number of processes."""
    t = trainer
    t.step, t.running_accuracy, t.seconds = state["step"], state["running_accuracy"], state["seconds"]
    t.done, t.window_steps = state["done"], state["window_steps"]
    # States of before these were kept say nothing of them.
    t.reason, t.best, t.since_best = state.get("reason", ""), state.get("best", -1.0), state.get("since_best", 0)
    t.window = {name: tensor.to(t.device) for name, tensor in state["window"].items()}
    if t.window and "grad_norm" not in t.window:
        t.window, t.window_steps = {}, 0
    if not t.world.first:
        t.window = {name: tensor if name in ("lr", "grad_norm") else tensor * 0 for name, tensor in t.window.items()}
    # The run goes on in what it began with, on whatever machine. States of before version 0.1's bfloat16 say nothing.
    t.model.config = t.model.config.model_copy(update={"forward_dtype": state.get("dtype", "float32")})
    t.enter_phase(state["phase"])
    t.model.load_state_dict(state["model"])
    t.optimizer = optimizer_for(t.config, t.model)  # Muon computes in the model's dtype
    if state.get("optimizer_name", t.config.optimizer) == t.config.optimizer:
        t.optimizer.load_state_dict(state["optimizer"])
        for group in t.optimizer.param_groups:
            # Read from the state are those of the run that wrote it; a continued one may ask for others.
            group.update({name: value for name, value in hyper(t.config).items() if name in group})
    whole = Carry(**{name: tensor.to(t.device, copy=True) for name, tensor in state["carry"].items()})
    if len(whole.steps) == t.config.batch_size:
        t.carry = whole.rows(t.first_row, t.end_row)
    else:  # another batch size: every row begins with a new example
        t.carry = initial_carry(t.model, t.batch(t.step))
    if t.world.size == 1:
        t.micro_batch = min(state.get("micro_batch", t.micro_batch), t.config.batch_size)
    t.rate_from_here()
    if t.ema:
        # A run that was continued from one without an average begins its own with the weights that are there.
        kept = state["ema"] or {"updates": 0, "shadow": {name: p.detach() for name, p in t.ema.params.items()}}
        t.ema.updates = kept["updates"]
        for name, tensor in kept["shadow"].items():
            t.ema.shadow[name].copy_(tensor)
    torch.set_rng_state(state["rng"].cpu())
    if t.device.type == "cuda":
        # A machine with fewer cards takes up what others began.
        for card, generator in enumerate(state["cuda_rng"][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(generator.cpu(), card)


def begin_anew(trainer: Trainer, micro_batch: int) -> None:
    """Take the state that was just restored for the beginning of a run with a configuration of its own."""
    t = trainer
    t.done, t.reason, t.best, t.since_best, t.seconds, t.judged = False, "", -1.0, 0, 0.0, t.step
    t.window, t.window_steps = {}, 0
    t.enter_phase(min(t.phase, max(0, len(t.config.phases) - 1)))
    t.model.config = t.model.config.model_copy(update={"forward_dtype": t.dtype})
    t.carry.z_H, t.carry.z_L = t.carry.z_H.to(t.model.dtype), t.carry.z_L.to(t.model.dtype)
    if isinstance(t.optimizer, MuonAdamW):
        t.optimizer.parts[0].dtype = t.model.dtype
    t.micro_batch = min(micro_batch, t.end_row - t.first_row)
    t.rate_from_here()
