"""Training: `Trainer.train()` yields after every step what there is to tell; files, processes and screens are others' business.

Shapes: B batch, S cells.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from hrm_model.act import Carry, act_step, initial_carry
from hrm_model.device import pick_device, pick_dtype, pick_training_dtype
from hrm_model.loss import act_loss
from hrm_model.model import HRM
from trainer.config import RunConfig
from trainer.dataset import Batches, Grids
from trainer.evaluate import evaluate
from trainer.events import Event, event
from trainer.optim import EMA, AdamATan2, MuonAdamW, SignSGD, learning_rate


class Diverged(RuntimeError):
    """The loss is no number any more."""


class Trainer:
    """All that changes while a model is trained. `state_dict` and `load_state_dict` carry every bit of it."""

    def __init__(self, config: RunConfig, batches: Batches, sets: dict[str, tuple[Grids, Grids]] | None = None) -> None:
        """`sets`: puzzles and solutions to be judged by, by name."""
        self.config, self.batches, self.sets = config, batches, sets or {}
        self.device = pick_device(config.device)
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.step = self.phase = 0
        self.running_accuracy = 0.0
        self.seconds = 0.0  # computing time, pauses left out
        self.done = False  # an evaluation was good enough
        self.window: dict[str, Tensor] = {}  # sums since the last metrics event
        self.window_steps = 0
        dtype = pick_training_dtype(self.device) if config.dtype == "auto" else config.dtype
        self.model = HRM(config.model.model_copy(update={"forward_dtype": dtype})).to(self.device)
        self._enter_phase(0)
        if config.compile:
            self.model.segment = torch.compile(self.model.segment)  # type: ignore[method-assign]
        self.optimizer = _optimizer(config, self.model)
        table = self.model.puzzle_emb
        self.sign_sgd = SignSGD(table, config.puzzle_emb_weight_decay) if table is not None and config.puzzle_emb_lr else None
        self.ema = EMA(self.model, config.ema) if config.ema else None
        self.carry: Carry = initial_carry(self.model, self._batch(0))

    def _batch(self, step: int) -> dict[str, Tensor]:
        return {name: tensor.to(self.device) for name, tensor in self.batches(step).items()}

    def _enter_phase(self, phase: int) -> None:
        depth = self.config.depth(phase)
        self.phase = phase
        # Weights do not depend on depth: only the order of calls changes.
        self.model.config = self.model.config.model_copy(
            update={"H_cycles": depth.H_cycles, "L_cycles": depth.L_cycles, "gradient": depth.gradient}
        )

    def _phase_is_over(self) -> bool:
        if self.phase >= len(self.config.phases) - 1:
            return False
        depth = self.config.phases[self.phase]
        learned = depth.until_accuracy is not None and self.running_accuracy >= depth.until_accuracy
        return learned or (depth.until_step is not None and self.step >= depth.until_step)

    def train_step(self) -> dict[str, Tensor]:
        """One segment for every row and one optimizer step. Returns sums over the batch as tensors, so that CUDA need not wait."""
        config = self.config
        self.model.train()
        self.carry, outputs = act_step(self.model, self.carry, self._batch(self.step), config.q_continue)
        # A model that has learned to halt early otherwise never sees what more segments do to its answer, and loses it there.
        staying = round(config.full_length * config.batch_size)
        self.carry.halted[:staying] = self.carry.steps[:staying] >= self.model.config.halt_max_steps
        loss, metrics = act_loss(self.carry, outputs, config.q_continue, config.loss, config.loss_cells)
        (loss / config.batch_size).backward()
        if config.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        factor = config.depth(self.phase).lr_factor
        schedule = {"warmup_steps": config.warmup_steps, "total_steps": config.steps, "min_ratio": config.lr_min_ratio}
        lr = factor * learning_rate(self.step, lr=config.lr, **schedule)  # type: ignore[arg-type]
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.sign_sgd:
            self.sign_sgd.step(factor * learning_rate(self.step, lr=config.puzzle_emb_lr, **schedule))  # type: ignore[arg-type]
        if self.ema:
            self.ema.update()
        self.step += 1
        return {"loss": loss.detach(), "lr": torch.tensor(lr), **metrics}

    def train(self) -> Iterator[list[Event]]:
        """Train to the end, yielding once a step its metrics and evaluation events (often none).

        Between two yields a step is whole: `state_dict` then holds all that the rest of the run depends on. Raises Diverged where the
        loss stops being a number.
        """
        while not self.done and self.step < self.config.steps and not self._out_of_time():
            if self._phase_is_over():
                self._enter_phase(self.phase + 1)
            begin = time.perf_counter()
            for name, value in self.train_step().items():
                self.window[name] = self.window[name] + value if name in self.window else value
            self.window_steps += 1
            self.seconds += time.perf_counter() - begin
            events = []
            if self.step % self.config.log_every == 0:
                events.append(self._metrics())
            if self.step % self.config.evaluate_every == 0:
                events.append(self.evaluation_event())
                self.done = self._good_enough(events[-1])
            yield events
        if self.step % self.config.evaluate_every:
            yield [self.evaluation_event()]

    def _out_of_time(self) -> bool:
        return self.config.minutes is not None and self.seconds >= 60 * self.config.minutes

    def _good_enough(self, result: Event) -> bool:
        wanted = self.config.stop_at_exact
        return wanted is not None and bool(result["sets"]) and all(s["exact"] >= wanted for s in result["sets"].values())

    def _metrics(self) -> Event:
        """Means since the last time, under the published names: losses over all examples, the others over those that just ended."""
        value = {name: float(total) for name, total in self.window.items()}
        taken = self.window_steps
        self.window, self.window_steps = {}, 0
        examples = taken * self.config.batch_size
        ended = value.pop("count")
        means: dict[str, Any] = {"lr": value.pop("lr") / taken}
        for name, total in value.items():
            count = examples if name.endswith("loss") else ended
            means[name] = total / count if count else None
        if not means["loss"] < float("inf"):
            raise Diverged(f"the loss is {means['loss']} at step {self.step}")
        if ended:
            # Weighted by how many ended: with few of them a window says little.
            weight = min(1.0, ended / 500)
            self.running_accuracy += weight * (means["accuracy"] - self.running_accuracy)
        return event(
            "metrics",
            self.step,
            values=means,
            phase=self.phase,
            examples=self.step * self.config.batch_size,
            seconds=round(self.seconds, 2),
        )

    def averaged_model(self) -> HRM:
        """A copy with the averaged weights (the trained ones where no average is kept), ready to reason."""
        generator_state = torch.get_rng_state()  # a new model draws random weights; training must not notice
        copy = HRM(self.model.config.model_copy(update={"forward_dtype": pick_dtype(self.device)})).to(self.device)
        torch.set_rng_state(generator_state)
        copy.load_state_dict(self.model.state_dict() | (self.ema.shadow if self.ema else {}))
        return copy.eval()

    def evaluation_event(self) -> Event:
        """The averaged model on every evaluation set; `exact_accuracy` and `accuracy` are means over the sets."""
        model = self.averaged_model()
        sets: dict[str, Any] = {}
        for name, (puzzles, solutions) in self.sets.items():
            found = evaluate(model, puzzles, solutions, segments=self.config.evaluation_segments, q_continue=self.config.q_continue)
            sets[name] = {
                "puzzles": found.puzzles, "exact": found.exact, "low": found.interval[0], "high": found.interval[1], "cells": found.cells,
                "mean_segments": found.mean_segments, "exact_by_segment": list(found.exact_by_segment), "q_halt_accuracy": found.q_halt_accuracy,
            }  # fmt: skip
        values = {}
        if sets:
            values = {"exact_accuracy": _mean(s["exact"] for s in sets.values()), "accuracy": _mean(s["cells"] for s in sets.values())}
        return event(
            "evaluation", self.step, values=values, sets=sets, segments=self.config.evaluation_segments, seconds=round(self.seconds, 2)
        )

    # State -----------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and text only, so that it can be read without unpickling anything else."""
        return {
            "step": self.step, "phase": self.phase, "dtype": self.model.config.forward_dtype, "running_accuracy": self.running_accuracy, "seconds": self.seconds,
            "done": self.done, "window": self.window, "window_steps": self.window_steps,
            "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "carry": self.carry.state(),
            "ema": self.ema and {"shadow": self.ema.shadow, "updates": self.ema.updates},
            "rng": torch.get_rng_state(), "cuda_rng": torch.cuda.get_rng_state_all() if self.device.type == "cuda" else [],
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step, self.running_accuracy, self.seconds = state["step"], state["running_accuracy"], state["seconds"]
        self.done, self.window_steps = state["done"], state["window_steps"]
        self.window = {name: tensor.to(self.device) for name, tensor in state["window"].items()}
        # The run goes on in what it began with, on whatever machine. States of before version 0.1's bfloat16 say nothing.
        self.model.config = self.model.config.model_copy(update={"forward_dtype": state.get("dtype", "float32")})
        self._enter_phase(state["phase"])
        self.model.load_state_dict(state["model"])
        self.optimizer = _optimizer(self.config, self.model)  # Muon computes in the model's dtype
        self.optimizer.load_state_dict(state["optimizer"])
        self.carry = Carry(**{name: tensor.to(self.device) for name, tensor in state["carry"].items()})
        if self.ema and state["ema"]:
            self.ema.updates = state["ema"]["updates"]
            for name, tensor in state["ema"]["shadow"].items():
                self.ema.shadow[name].copy_(tensor)
        torch.set_rng_state(state["rng"].cpu())
        if self.device.type == "cuda" and state["cuda_rng"]:
            torch.cuda.set_rng_state_all([s.cpu() for s in state["cuda_rng"]])


def _optimizer(config: RunConfig, model: HRM) -> torch.optim.Optimizer | MuonAdamW:
    hyper: dict[str, Any] = {"lr": config.lr, "betas": config.betas, "weight_decay": config.weight_decay}
    if config.optimizer == "muon":
        return MuonAdamW(model, dtype=model.config.forward_dtype, **hyper)
    if config.optimizer == "adam_atan2":
        return AdamATan2(model.parameters(), **hyper)
    return torch.optim.AdamW(model.parameters(), fused=True, **hyper)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
